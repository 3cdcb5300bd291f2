"""The soft localization loss in continuous time, where label times are not rounded to frames."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from softloc_core.errors import ConfigError, DataError
from softloc_core.losses.inputs import full_lengths, in_full_precision, only_valid, valid_frames
from softloc_core.losses.reductions import reduce_frames

if TYPE_CHECKING:
    from jaxtyping import Float, Int

__all__ = ["continuous_soft_localization_loss"]


@in_full_precision
def continuous_soft_localization_loss(
    event_prob: Float[Tensor, "*batch frame"],
    event_time_frames: Float[Tensor, "*batch event"],
    n_events: Int[Tensor, "*batch"],
    *,
    softness_frames: float,
    frame_time_frames: Float[Tensor, " frame"] | None = None,
    lengths: Tensor | None = None,
    reduction: str = "balanced",
) -> Tensor:
    """Return the integrated squared difference of the two smoothed processes, in closed form.

    Prediction and label are sums of point masses. Smoothed, they become sums of Gaussians. The integral of
    their squared difference is then a sum over pairs of point masses, in which each pair contributes the
    density of a Gaussian with sqrt(2) times the softness. Time is measured in frames, so that the value is
    the limit of the discrete loss for fine frames. For labels on whole frames, the two losses agree up to
    rounding at a softness of two frames or more, except near the ends of the recording.

    Args:
        event_prob: Probability of an event in each frame.
        event_time_frames: Label times divided by the hop, not rounded; the padding of a row may hold any
            value.
        n_events: Number of labels of each sequence.
        softness_frames: Standard deviation of the Gaussian in frames, > 0; at infinity the loss is 0.
        frame_time_frames: Instant of each frame; by default frame k is at k. Use it for frames that are not
            equidistant, or whose analysis windows are centred elsewhere.
        lengths: Number of valid frames, [batch] or one per sequence.
        reduction: One of `softloc_core.losses.REDUCTIONS`.

    Raises:
        ConfigError: The softness is not above 0 (the square of a point mass has no integral), or the
            reduction is unknown.
        DataError: Shapes or lengths do not match, or `n_events` exceeds the number of given times.

    Source: SoftLoc paper, section 4.2 ("continuous setting", which the paper leaves open). Deliberate
    difference from the discrete loss: the integral runs over all time, so that no mass is lost at the ends.
    """
    if not softness_frames > 0:
        raise ConfigError(f"`softness_frames` must be above 0 in continuous time, but got {softness_frames}")
    _validate(event_prob, event_time_frames, n_events)
    lengths = full_lengths(event_prob, lengths)
    prob = only_valid(event_prob, valid_frames(event_prob, lengths=lengths))
    present = torch.arange(event_time_frames.shape[-1], device=prob.device) < n_events.unsqueeze(-1)
    event_time = event_time_frames.to(prob.dtype).masked_fill(~present, 0)
    weight = present.to(prob.dtype)
    frame_time = torch.arange(prob.shape[-1]) if frame_time_frames is None else frame_time_frames
    frame_time = frame_time.to(prob)

    def pairs(first: Tensor, second: Tensor) -> Tensor:
        return _pair_density(first.unsqueeze(-1) - second.unsqueeze(-2), softness_frames=softness_frames)

    predicted = ((prob @ pairs(frame_time, frame_time)) * prob).sum(dim=-1)
    crossed = ((pairs(event_time, frame_time) @ prob.unsqueeze(-1)).squeeze(-1) * weight).sum(dim=-1)
    labelled = ((pairs(event_time, event_time) @ weight.unsqueeze(-1)).squeeze(-1) * weight).sum(dim=-1)
    return reduce_frames(predicted - 2 * crossed + labelled, n_frames=lengths, reduction=reduction)


def _pair_density(distance: Tensor, *, softness_frames: float) -> Tensor:
    """Return the integral of the product of two unit-mass Gaussians whose centres are `distance` apart."""
    variance = 2 * softness_frames**2
    if math.isinf(variance):
        return torch.zeros_like(distance)
    return torch.exp(-distance.square() / (2 * variance)) / math.sqrt(2 * math.pi * variance)


def _validate(event_prob: Tensor, event_time_frames: Tensor, n_events: Tensor) -> None:
    """Raise if the shapes do not match, or if there are more events than times."""
    batch = event_prob.shape[:-1]
    if event_time_frames.shape[:-1] != batch or n_events.shape != batch:
        raise DataError(
            f"`event_time_frames` and `n_events` must have the prediction's leading axes {list(batch)}, "
            f"but got {list(event_time_frames.shape[:-1])} and {list(n_events.shape)}"
        )
    if n_events.numel() and int(n_events.max()) > event_time_frames.shape[-1]:
        raise DataError(
            f"`n_events` must be at most {event_time_frames.shape[-1]}, the number of given times, "
            f"but got {int(n_events.max())}"
        )
