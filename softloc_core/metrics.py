"""Matching estimated to reference events, and what follows from it: F-measure and timing error."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["Scores"]


@dataclass(frozen=True)
class Scores:
    """How well estimated events match the reference, pooled over recordings and classes.

    Attributes:
        f1: Harmonic mean of precision and recall, in [0, 1].
        precision: Share of the estimated events that are matched.
        recall: Share of the reference events that are matched.
        n_reference: Number of reference events.
        n_estimated: Number of estimated events.
        n_matched: Number of matched pairs.
        f1_per_class: F1 of each class by name.
        timing_mean_s: Mean of estimated minus reference time over the matched pairs; NaN where there are none.
        timing_sd_s: Its standard deviation (n - 1); NaN where there are fewer than two.
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
