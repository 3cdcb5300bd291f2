"""How a loss per sequence becomes one number: the papers' normalisations, by name.

The balance between soft localization and count follows from it, and the published code has five of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import Tensor

from softloc_core.errors import ConfigError

__all__ = ["REDUCTIONS", "Reduction", "reduce_counts", "reduce_frames"]

# Batch size of the drum experiment: what its sum over the batch amounts to.
_DRUMS_BATCH = 32
# The puffs code averages over its count bins too.
_PUFFS_BINS = 50
_GOLF_PEAK = 5 * math.sqrt(2 * math.pi)


@dataclass(frozen=True)
class Reduction:
    """A normalisation.

    Attributes:
        frames: From the loss summed over each sequence's valid frames, [batch, channel], and the number of
            valid frames.
        counts: From the count loss of each sequence, [batch, channel].
        description: What it amounts to.
    """

    frames: Callable[[Tensor, Tensor], Tensor]
    counts: Callable[[Tensor], Tensor]
    description: str


def _channels(loss: Tensor) -> int:
    """Size of the channel axis; sequences without one count as one channel."""
    return loss.shape[-1] if loss.ndim > 1 else 1


def _batch(loss: Tensor) -> int:
    """Number of recordings: sequences less the channel axis."""
    return loss.numel() // _channels(loss)


def _sum(loss: Tensor, n_frames: Tensor | None = None) -> Tensor:
    return loss.sum()


def _mean(loss: Tensor, n_frames: Tensor | None = None) -> Tensor:
    return loss.mean()


REDUCTIONS: Mapping[str, Reduction] = {
    "balanced": Reduction(
        lambda loss, n_frames: loss.mean() * _DRUMS_BATCH,
        _mean,
        "the drums paper's balance at its batch of 32, whatever the batch: 32 x mean over batch and channel "
        "of the sum over frames; counts: mean over batch and channel",
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
        lambda loss, n_frames: loss, lambda loss: loss, "one value a sequence, [batch, channel]"
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
        # A kernel rescaled to peak 1 multiplies squared differences by the square of 5 sqrt(2 pi).
        lambda loss, n_frames: loss.sum() * _GOLF_PEAK / _batch(loss),
        _sum,
        "golf code: its kernel has peak 1, its sum is divided by batch and 5 sqrt(2 pi); counts: plain sum",
    ),
}


def _reduction(name: str) -> Reduction:
    """The reduction of that name."""
    if name not in REDUCTIONS:
        raise ConfigError(f"`reduction` must be one of {', '.join(REDUCTIONS)}, but got {name}")
    return REDUCTIONS[name]


def reduce_frames(loss: Tensor, *, n_frames: Tensor, reduction: str) -> Tensor:
    """Reduce a loss summed over the `n_frames` valid frames of each sequence.

    Raises:
        ConfigError: An unknown reduction.
    """
    rule = _reduction(reduction)
    return rule.frames(loss, n_frames) if loss.numel() else loss.sum()


def reduce_counts(loss: Tensor, *, reduction: str) -> Tensor:
    """Reduce the count loss of each sequence.

    Raises:
        ConfigError: An unknown reduction.
    """
    rule = _reduction(reduction)
    return rule.counts(loss) if loss.numel() else loss.sum()
