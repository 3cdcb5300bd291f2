"""Pieces that several networks share."""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["Exclusive", "event_output", "exclusive_logit", "with_difference"]


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


def exclusive_logit(score: Tensor) -> Tensor:
    """Log odds of each class under a softmax over the channels, [batch, channel, frame].

    Their sigmoids are the softmax probabilities. So every loss, which takes log odds of each class, also
    trains a network whose classes exclude each other: smoothed predictions sum to one over the classes, and
    the count loss counts the frames of each class.

    The log odds of class c are its score less the log-sum-exp of all others, taken as such: a difference of
    logarithms of probabilities would lose those near one.
    """
    n_channels = score.shape[1]
    others = ~torch.eye(n_channels, dtype=torch.bool, device=score.device)[None, :, :, None]
    rivals = score[:, None].masked_fill(~others, -torch.inf)
    return score - torch.logsumexp(rivals, dim=2)


class Exclusive(nn.Module):
    """Another network with a softmax over its channels, given as log odds of each class."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, features: Tensor) -> Tensor:
        """Event logits [batch, channel, frame] whose sigmoids sum to one over the channels."""
        return exclusive_logit(self.network(features))
