"""Scores of estimated events that are matched to reference events: F-measure and timing error."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from softloc_core.events import EventList
from softloc_core.metrics.matching import matched_errors

__all__ = ["Scores", "f_measure", "mean_over_recordings", "pooled_scores", "score_events"]


@dataclass(frozen=True, eq=False)
class Scores:
    """Scores of estimated events, pooled over recordings and classes.

    Attributes:
        f1: Harmonic mean of precision and recall, in [0, 1]; NaN without reference and estimated events.
        precision: Share of the estimated events that are matched; 0 without estimated events.
        recall: Share of the reference events that are matched; 0 without reference events.
        n_reference: Number of reference events.
        n_estimated: Number of estimated events.
        n_matched: Number of matched pairs.
        f1_per_class: F1 of each class by name; NaN for a class with neither reference nor estimated events.
        timing_mean_s: Mean of estimated minus reference time over the matched pairs in seconds; NaN without
            pairs.
        timing_sd_s: Standard deviation (n - 1) of the same difference; NaN for fewer than two pairs.
        measures: Further measures of a task by name, such as `edit_score`; most are in [0, 1].
        counts: [recording, channel, (reference, estimated, matched)] int64, read-only. The numbers of events,
            or of segments or objects, of each recording in the given order, counted by the rule of F1. Any
            resampling of recordings can be scored from them: `f1` is 2 matched / (reference + estimated) of
            their sum. Without recordings if whoever made the scores did not keep them.

    Two scores are equal if all fields are; an undefined value equals another one.
    """

    f1: float
    precision: float
    recall: float
    n_reference: int
    n_estimated: int
    n_matched: int
    f1_per_class: Mapping[str, float]
    timing_mean_s: float
    timing_sd_s: float
    measures: Mapping[str, float] = field(default_factory=dict)
    counts: NDArray[np.int64] = field(default_factory=lambda: np.zeros((0, 0, 3), dtype=np.int64))

    def __post_init__(self) -> None:
        counts = np.array(self.counts, dtype=np.int64)
        counts.setflags(write=False)
        object.__setattr__(self, "counts", counts)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Scores):
            return NotImplemented
        return all(_same(getattr(self, one.name), getattr(other, one.name)) for one in fields(self))

    __hash__ = None  # type: ignore[assignment]


def _same(one: Any, other: Any) -> bool:
    """Return whether two fields are equal, NaN included."""
    if isinstance(one, Mapping):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    return np.array_equal(one, other, equal_nan=True)


def f_measure(*, n_reference: int, n_estimated: int, n_matched: int) -> float:
    """Return 2 matched / (reference + estimated), or NaN if there are no events at all."""
    total = n_reference + n_estimated
    return 2 * n_matched / total if total else math.nan


def score_events(
    pairs: Iterable[tuple[EventList, EventList]],
    *,
    channel_names: Sequence[str],
    tolerance_s: float | Sequence[float],
) -> Scores:
    """Score estimated against reference events, matched one to one within each recording and class.

    `matched_errors` finds as many pairs as possible whose time difference is within the tolerance, and among
    these matchings the one with the least total difference. Counts are pooled over recordings and classes
    before the scores are computed. A recording without events of some class therefore only adds its false
    alarms to that class. A mean over recordings, as in the papers' scores, would have to count it as 0 or
    leave it out.

    Args:
        pairs: (reference, estimated) of each recording.
        channel_names: Name of each channel.
        tolerance_s: Largest accepted time difference in seconds, inclusive; one number, or one per recording.
            `SLACK` is added to it.
    """
    pairs = list(pairs)
    counts = np.zeros((len(pairs), len(channel_names), 3), dtype=np.int64)
    errors: list[NDArray[np.float64]] = []
    each_s = [tolerance_s] * len(pairs) if isinstance(tolerance_s, float | int) else tolerance_s
    for row, ((reference, estimated), allowed_s) in enumerate(zip(pairs, each_s, strict=True)):
        for channel in range(len(channel_names)):
            reference_s, estimated_s = reference.channel_time_s(channel), estimated.channel_time_s(channel)
            error_s = matched_errors(reference_s, estimated_s, tolerance_s=allowed_s)
            counts[row, channel] = (len(reference_s), len(estimated_s), len(error_s))
            errors.append(error_s)
    return pooled_scores(counts, np.concatenate([np.empty(0), *errors]), channel_names)


def pooled_scores(counts: NDArray[np.int64], error_s: NDArray[np.float64], names: Sequence[str]) -> Scores:
    """Compute scores from counts and timing errors.

    Args:
        counts: [recording, channel, (reference, estimated, matched)].
        error_s: [pair] estimated minus reference time of each matched pair.
        names: Name of each channel.
    """
    of_class = counts.sum(axis=0)
    n_reference, n_estimated, n_matched = (int(n) for n in of_class.sum(axis=0))
    per_class = {
        name: f_measure(n_reference=int(row[0]), n_estimated=int(row[1]), n_matched=int(row[2]))
        for name, row in zip(names, of_class, strict=True)
    }
    return Scores(
        f1=f_measure(n_reference=n_reference, n_estimated=n_estimated, n_matched=n_matched),
        precision=n_matched / n_estimated if n_estimated else 0.0,
        recall=n_matched / n_reference if n_reference else 0.0,
        n_reference=n_reference,
        n_estimated=n_estimated,
        n_matched=n_matched,
        f1_per_class=per_class,
        timing_mean_s=float(error_s.mean()) if len(error_s) else math.nan,
        timing_sd_s=float(error_s.std(ddof=1)) if len(error_s) > 1 else math.nan,
        counts=counts,
    )


def mean_over_recordings(
    pairs: Iterable[tuple[EventList, EventList]], *, channel_names: Sequence[str], tolerance_s: float
) -> dict[str, float]:
    """Return unweighted means of F1, precision and recall over recordings, as papers on music report them.

    A recording without any matched event counts as 0, as in the papers' scores.

    Args:
        pairs: (reference, estimated) of each recording, at least one.
        channel_names: Name of each channel.
        tolerance_s: Largest accepted time difference in seconds, inclusive.

    Returns:
        `f1_mean`, `precision_mean` and `recall_mean`, each in [0, 1].

    Source: `mir_eval.transcription.precision_recall_f1_overlap` without offsets, applied to each piece.
    Deliberate difference: time differences are not rounded; mir_eval rounds them to 0.1 ms first.
    """
    each = [score_events([pair], channel_names=channel_names, tolerance_s=tolerance_s) for pair in pairs]
    rows = [(s.f1, s.precision, s.recall) if s.n_matched else (0.0, 0.0, 0.0) for s in each]
    names = ("f1_mean", "precision_mean", "recall_mean")
    return {name: float(mean) for name, mean in zip(names, np.mean(rows, axis=0), strict=True)}
