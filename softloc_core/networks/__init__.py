"""Networks: each maps features [batch, frame, band] to event logits [batch, channel, frame]."""

from __future__ import annotations

from functools import partial
from typing import Protocol

from torch import nn

from softloc_core.networks.chunked import ChunkedNetwork
from softloc_core.networks.compact import CompactNetwork
from softloc_core.networks.compact_tcn import CompactTcn
from softloc_core.networks.conv_lstm import (
    DrumConvLstm,
    PianoConvLstm,
    PianoConvLstmText,
    PianoCountConvLstm,
)
from softloc_core.networks.ed_tcn import EdTcn
from softloc_core.networks.harmonic import HarmonicNetwork
from softloc_core.networks.layers import Exclusive
from softloc_core.networks.onsets_frames import OnsetsNetwork
from softloc_core.networks.puff_lstm import PuffLstm
from softloc_core.networks.recurrent import REVIEWED_DRUM_NETWORKS
from softloc_core.networks.swingnet import SwingNet, SwingNetHead
from softloc_core.networks.window_lstm import CompactWindows, VggWindows

__all__ = [
    "REVIEWED_DRUM_NETWORKS",
    "ChunkedNetwork",
    "CompactNetwork",
    "CompactTcn",
    "CompactWindows",
    "DrumConvLstm",
    "EdTcn",
    "Exclusive",
    "HarmonicNetwork",
    "NetworkBuilder",
    "OnsetsNetwork",
    "PianoConvLstm",
    "PianoConvLstmText",
    "PianoCountConvLstm",
    "PuffLstm",
    "SwingNet",
    "SwingNetHead",
    "VggWindows",
    "network_version",
]


class NetworkBuilder(Protocol):
    """A function that creates a new network; each task lists its builders."""

    def __call__(self, *, n_bands: int, n_channels: int, initial_logit: float) -> nn.Module:
        """Return a network whose weights are drawn from torch's global generator.

        Args:
            n_bands: Number of feature bands per frame.
            n_channels: Number of event classes.
            initial_logit: Bias of the output layer, from `softloc_core.losses.initial_bias` (LoCo paper,
                eq. 15).
        """
        ...


def network_version(builder: NetworkBuilder) -> int:
    """Return the version of a builder's network: its attribute `version`, or 1 if it has none.

    Raise the attribute of a network's class whenever the network gives other results. It enters the identity
    of trials.
    """
    while isinstance(builder, partial):
        builder = builder.func
    return int(getattr(builder, "version", 1))
