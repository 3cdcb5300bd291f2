"""Baselines for SoftLoc: losses that trust the time of each label, or blur it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

from softloc_core.errors import ConfigError
from softloc_core.losses.inputs import (
    full_lengths,
    in_full_precision,
    only_valid,
    require_same_shape,
    valid_frames,
)
from softloc_core.losses.reductions import reduce_frames
from softloc_core.losses.smoothing import smooth

if TYPE_CHECKING:
    from jaxtyping import Float

__all__ = [
    "bootstrap_hard_loss",
    "bootstrap_soft_loss",
    "cross_entropy_loss",
    "extended_label",
    "one_sided_smoothing_loss",
]


@in_full_precision
def cross_entropy_loss(
    event_logit: Float[Tensor, "*batch channel frame"],
    label: Float[Tensor, "*batch channel frame"],
    *,
    event_weight: float | Tensor = 1.0,
    exclusive: bool = False,
    lengths: Tensor | None = None,
    mask: Tensor | None = None,
    reduction: str = "frame_mean",
) -> Tensor:
    """Return the binary cross entropy of each frame, or the cross entropy over the classes of each frame.

    Args:
        event_logit: Log odds of an event in each frame.
        label: Events in each frame, in [0, 1]; several events in one frame count as one.
        event_weight: Weight of frames with an event relative to frames without one, > 0; a number, or a
            tensor of shape [channel, 1] with one weight per channel.
        exclusive: Whether the classes exclude each other, in which case the loss is -log p of the labelled
            class only. Use it with networks whose probabilities sum to one over the channels (see
            `softloc_core.networks.layers.exclusive_logit`). Other networks could set all probabilities to
            one at no cost.
        lengths: Number of valid frames, [batch] or one per sequence.
        mask: True where a frame counts.
        reduction: One of `softloc_core.losses.REDUCTIONS`.

    Raises:
        ConfigError: The reduction is unknown.
        DataError: Shapes, lengths or masks do not match.

    Source: SoftLoc paper, eq. 5. The golf code weights frames with and without an event 1/8 to 1/35.
    """
    require_same_shape(event_logit, label)
    valid = valid_frames(event_logit, lengths=lengths, mask=mask)
    target = only_valid(label, valid).clamp(0, 1).to(event_logit.dtype)
    weight = torch.as_tensor(event_weight, dtype=event_logit.dtype, device=event_logit.device)
    logit = only_valid(event_logit, valid)
    if exclusive:
        loss = weight * target * functional.softplus(-logit)
    else:
        loss = functional.binary_cross_entropy_with_logits(logit, target, pos_weight=weight, reduction="none")
    return _summed(loss, valid, lengths=lengths, reduction=reduction)


@in_full_precision
def one_sided_smoothing_loss(
    event_prob: Float[Tensor, "*batch channel frame"],
    label: Float[Tensor, "*batch channel frame"],
    *,
    softness_frames: float,
    lengths: Tensor | None = None,
    mask: Tensor | None = None,
    reduction: str = "balanced",
) -> Tensor:
    """Return the squared difference between the raw prediction and the smoothed label.

    The network learns to predict a bump around each event.

    Args:
        event_prob: Probability of an event in each frame.
        label: Events in each frame.
        softness_frames: Standard deviation of the Gaussian in frames, >= 0.
        lengths: Number of valid frames, [batch] or one per sequence.
        mask: True where a frame counts.
        reduction: One of `softloc_core.losses.REDUCTIONS`.

    Raises:
        ConfigError: The softness is negative, or the reduction is unknown.
        DataError: Shapes, lengths or masks do not match.

    Source: SoftLoc paper, section 3 ("classical heuristic").
    """
    require_same_shape(event_prob, label)
    valid = valid_frames(event_prob, lengths=lengths, mask=mask)
    target = smooth(only_valid(label, valid).to(event_prob.dtype), softness_frames=softness_frames)
    loss = (only_valid(event_prob, valid) - target).square()
    return _summed(loss, valid, lengths=lengths, reduction=reduction)


@in_full_precision
def bootstrap_soft_loss(
    event_logit: Float[Tensor, "*batch channel frame"],
    label: Float[Tensor, "*batch channel frame"],
    *,
    beta: float = 0.95,
    lengths: Tensor | None = None,
    mask: Tensor | None = None,
    reduction: str = "frame_mean",
) -> Tensor:
    """Return the cross entropy against a mixture of the label and the network's own prediction.

    Args:
        event_logit: Log odds of an event in each frame.
        label: Events in each frame, in [0, 1].
        beta: Weight of the label, in [0, 1]. The prediction has weight 1 - beta, and the gradient flows
            through it.
        lengths: Number of valid frames, [batch] or one per sequence.
        mask: True where a frame counts.
        reduction: One of `softloc_core.losses.REDUCTIONS`.

    Raises:
        ConfigError: `beta` is out of range, or the reduction is unknown.
        DataError: Shapes, lengths or masks do not match.

    Source: Reed et al. 2014, eq. 6 (their beta is 0.95).
    """
    return _bootstrap(
        event_logit,
        label,
        torch.sigmoid,
        beta=beta,
        lengths=lengths,
        mask=mask,
        reduction=reduction,
    )


@in_full_precision
def bootstrap_hard_loss(
    event_logit: Float[Tensor, "*batch channel frame"],
    label: Float[Tensor, "*batch channel frame"],
    *,
    beta: float = 0.8,
    lengths: Tensor | None = None,
    mask: Tensor | None = None,
    reduction: str = "frame_mean",
) -> Tensor:
    """Return the cross entropy against a mixture of the label and the network's own decision at 0.5.

    Arguments and errors are those of `bootstrap_soft_loss`. The decision has weight 1 - beta, and no gradient
    flows through it.

    Source: Reed et al. 2014, eq. 7 (their beta is 0.8).
    """
    return _bootstrap(
        event_logit, label, _decision, beta=beta, lengths=lengths, mask=mask, reduction=reduction
    )


def extended_label(
    label: Float[Tensor, "*batch frame"], *, extension_frames: int
) -> Float[Tensor, "*batch frame"]:
    """Extend each event to `extension_frames` frames from its onset; overlapping events merge.

    Args:
        label: Events in each frame.
        extension_frames: Length of an extended event, >= 1. With 1, the only change is that several events
            in one frame become one.

    Raises:
        ConfigError: The extension is below one frame.

    Source: Hawthorne et al. 2017, as described in the SoftLoc paper, section 5.1.1 (onsets extended to
    96 ms).
    """
    if extension_frames < 1:
        raise ConfigError(f"`extension_frames` must be at least 1, but got {extension_frames}")
    event = (label > 0).to(label.dtype)
    seen = functional.pad(event.cumsum(dim=-1), (extension_frames, 0))
    return (seen[..., extension_frames:] > seen[..., : label.shape[-1]]).to(label.dtype)


def _decision(event_logit: Tensor) -> Tensor:
    """Return 1 where an event is more likely than not, 0 elsewhere."""
    return (event_logit > 0).to(event_logit.dtype)


def _bootstrap(
    event_logit: Tensor,
    label: Tensor,
    own: Callable[[Tensor], Tensor],
    *,
    beta: float,
    lengths: Tensor | None,
    mask: Tensor | None,
    reduction: str,
) -> Tensor:
    """Return the cross entropy against beta x label + (1 - beta) x own(logit)."""
    if not 0 <= beta <= 1:
        raise ConfigError(f"`beta` must be between 0 and 1, but got {beta}")
    require_same_shape(event_logit, label)
    valid = valid_frames(event_logit, lengths=lengths, mask=mask)
    logit = only_valid(event_logit, valid)
    event = only_valid(label, valid).clamp(0, 1).to(logit.dtype)
    target = beta * event + (1 - beta) * own(logit)
    loss = -(target * functional.logsigmoid(logit) + (1 - target) * functional.logsigmoid(-logit))
    return _summed(loss, valid, lengths=lengths, reduction=reduction)


def _summed(loss: Tensor, valid: Tensor | None, *, lengths: Tensor | None, reduction: str) -> Tensor:
    """Sum the loss over the valid frames, then reduce it."""
    n_frames = full_lengths(loss, lengths) if valid is None else valid.sum(dim=-1)
    return reduce_frames(only_valid(loss, valid).sum(dim=-1), n_frames=n_frames, reduction=reduction)
