"""Reductions of a loss per sequence to one number: the papers' normalisations, by name.

The reduction decides the balance between the soft localization loss and the count loss. The published code
contains five different ones.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import Tensor

from softloc_core.errors import ConfigError

__all__ = ["REDUCTIONS", "Reduction", "reduce_counts", "reduce_frames"]

# Batch size of the drum experiment, whose code sums over the batch.
_DRUMS_BATCH = 32
# The puffs code also averages over its count bins.
_PUFFS_BINS = 50
_GOLF_PEAK = 5 * math.sqrt(2 * math.pi)


@dataclass(frozen=True)
class Reduction:
    """A normalisation.

    Attributes:
        frames: Function of the loss summed over each sequence's valid frames, [batch, channel], and the
            number of valid frames, [batch, channel].
        counts: Function of the count loss of each sequence, [batch, channel].
        description: The formula, as text.
    """

    frames: Callable[[Tensor, Tensor], Tensor]
    counts: Callable[[Tensor], Tensor]
    description: str


def _channels(loss: Tensor) -> int:
    """Return the size of the channel axis, or 1 if the loss has none."""
    return loss.shape[-1] if loss.ndim > 1 else 1


def _batch(loss: Tensor) -> int:
    """Return the number of recordings: the number of sequences divided by the number of channels."""
    return loss.numel() // _channels(loss)


def _sum(loss: Tensor, n_frames: Tensor | None = None) -> Tensor:
    return loss.sum()


def _mean(loss: Tensor, n_frames: Tensor | None = None) -> Tensor:
    return loss.mean()


REDUCTIONS: Mapping[str, Reduction] = {
    "balanced": Reduction(
        lambda loss, n_frames: loss.mean() * _DRUMS_BATCH,
        _mean,
        "the balance of the drums paper, whose batch is 32, for any batch size: 32 x mean over batch and "
        "channel of the sum over frames; counts: mean over batch and channel",
    ),
    "mean": Reduction(
        _mean, _mean, "mean over batch and channel of the sum over frames; counts: the same mean"
    ),
    "frame_mean": Reduction(
        lambda loss, n_frames: loss.sum() / n_frames.sum().clamp(min=1),
        _mean,
        "mean over all valid frames; counts: mean over batch and channel",
    ),
    "sum": Reduction(_sum, _sum, "sum over everything"),
    "none": Reduction(
        lambda loss, n_frames: loss, lambda loss: loss, "one value per sequence, [batch, channel]"
    ),
    "drums": Reduction(
        lambda loss, n_frames: loss.sum() / _channels(loss),
        _mean,
        "drums and piano code: sum over everything / channels; counts: mean over batch and channel",
    ),
    "puffs": Reduction(
        _sum,
        lambda loss: loss.mean() / _PUFFS_BINS,
        "puffs code: sum; counts: mean over batch, channel and 50 bins",
    ),
    "golf": Reduction(
        # Rescaling the kernel to a peak of 1 multiplies squared differences by the square of 5 sqrt(2 pi).
        lambda loss, n_frames: loss.sum() * _GOLF_PEAK / _batch(loss),
        _sum,
        "golf code: the kernel has peak 1, the sum is divided by batch and 5 sqrt(2 pi); counts: plain sum",
    ),
}


def _reduction(name: str) -> Reduction:
    """Return the reduction with this name."""
    if name not in REDUCTIONS:
        raise ConfigError(f"`reduction` must be one of {', '.join(REDUCTIONS)}, but got {name}")
    return REDUCTIONS[name]


def reduce_frames(loss: Tensor, *, n_frames: Tensor, reduction: str) -> Tensor:
    """Reduce a loss that is summed over the `n_frames` valid frames of each sequence.

    Raises:
        ConfigError: The reduction is unknown.
    """
    rule = _reduction(reduction)
    return rule.frames(loss, n_frames) if loss.numel() else loss.sum()


def reduce_counts(loss: Tensor, *, reduction: str) -> Tensor:
    """Reduce the count loss of each sequence.

    Raises:
        ConfigError: The reduction is unknown.
    """
    rule = _reduction(reduction)
    return rule.counts(loss) if loss.numel() else loss.sum()
