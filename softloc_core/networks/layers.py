"""Pieces that several networks share."""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["event_output", "with_difference"]


def with_difference(features: Tensor) -> Tensor:
    """Append the first difference over time, [batch, frame, band] -> [batch, frame, 2 band].

    The first frame's difference is zero. Taken here rather than in the front end, so that gains applied to
    the static bands stay consistent with it.
    """
    difference = torch.diff(features, dim=1, prepend=features[:, :1])
    return torch.cat([features, difference], dim=2)


def event_output(n_inputs: int, n_channels: int, *, initial_logit: float) -> nn.Linear:
    """The output layer, [*, n_inputs] -> [*, n_channels], with the bias of the LoCo paper, eq. 15."""
    layer = nn.Linear(n_inputs, n_channels)
    nn.init.constant_(layer.bias, initial_logit)
    return layer
