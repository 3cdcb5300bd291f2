"""Networks by name: each maps features [batch, frame, band] to event logits [batch, channel, frame]."""

from __future__ import annotations

from collections.abc import Callable

import torch

from softloc_core.errors import ConfigError
from softloc_core.networks.compact import CompactNetwork
from softloc_core.networks.drum_conv_lstm import DrumConvLstm

__all__ = ["NETWORKS", "CompactNetwork", "DrumConvLstm", "build_network"]

NETWORKS: dict[str, Callable[..., torch.nn.Module]] = {"compact": CompactNetwork, "paper": DrumConvLstm}


def build_network(name: str, *, n_bands: int, n_channels: int, initial_logit: float) -> torch.nn.Module:
    """A fresh network of a registered architecture.

    Args:
        name: One of `NETWORKS`.
        n_bands: Static feature bands per frame.
        n_channels: Event classes.
        initial_logit: Bias of the output layer, from `softloc_core.losses.initial_bias` (LoCo paper, eq. 15).

    Raises:
        ConfigError: An unknown name.
    """
    if name not in NETWORKS:
        raise ConfigError(f"`network` must be one of {', '.join(NETWORKS)}, but got {name}")
    return NETWORKS[name](n_bands=n_bands, n_channels=n_channels, initial_logit=initial_logit)
