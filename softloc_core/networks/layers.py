"""Layers that several networks share."""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["Exclusive", "event_output", "exclusive_logit", "with_difference"]


def with_difference(features: Tensor) -> Tensor:
    """Append the first difference over time, [batch, frame, band] -> [batch, frame, 2 band].

    The first frame's difference is zero. The networks compute it, not the front end, so that it remains
    consistent with gains applied to the static bands.
    """
    difference = torch.diff(features, dim=1, prepend=features[:, :1])
    return torch.cat([features, difference], dim=2)


def event_output(n_inputs: int, n_channels: int, *, initial_logit: float) -> nn.Linear:
    """Return the output layer, [*, n_inputs] -> [*, n_channels], with the bias of the LoCo paper, eq. 15."""
    layer = nn.Linear(n_inputs, n_channels)
    nn.init.constant_(layer.bias, initial_logit)
    return layer


def exclusive_logit(score: Tensor) -> Tensor:
    """Return the log odds of each class under a softmax over the channels, [batch, channel, frame].

    The sigmoids of these log odds are the softmax probabilities. All losses expect log odds of each class, so
    that they can also train a network whose classes exclude each other. Smoothed predictions then sum to one
    over the classes, and the count loss counts the frames of each class.

    The log odds of class c are its score minus the log-sum-exp of all other scores. This form is used because
    a difference of logarithms of probabilities loses precision for probabilities near one.
    """
    n_channels = score.shape[1]
    others = ~torch.eye(n_channels, dtype=torch.bool, device=score.device)[None, :, :, None]
    rivals = score[:, None].masked_fill(~others, -torch.inf)
    return score - torch.logsumexp(rivals, dim=2)


class Exclusive(nn.Module):
    """A wrapper that adds a softmax over the channels to a network and returns the log odds of each class."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, features: Tensor) -> Tensor:
        """Return event logits [batch, channel, frame] whose sigmoids sum to one over the channels."""
        return exclusive_logit(self.network(features))
