"""The time offset of a detector, measured on recordings held out of training."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from softloc_core.events import EventList
from softloc_core.metrics import matched_errors

__all__ = ["calibrated_offset_s"]

_WINDOW_S = 0.25
_REFINEMENTS = 3


def calibrated_offset_s(
    pairs: Iterable[tuple[EventList, EventList]], *, tolerance_s: float, window_s: float = _WINDOW_S
) -> float:
    """Return the offset in seconds that must be added to estimated times to align them with the reference.

    The first estimate is the shift that brings most pairs of a reference and an estimated event within the
    tolerance. It is refined by the mean residual of the events that match after the shift. This finds a bias
    beyond the tolerance as well, where hardly any events match. Only events of the same class are compared;
    all classes share one offset.

    Args:
        pairs: (reference, estimated) of each recording.
        tolerance_s: Largest accepted time difference in scoring, in seconds, > 0.
        window_s: Largest shift considered, in seconds. A shift of more than half the time between two events
            of a class cannot be distinguished from one missed and one spurious event.

    Returns:
        The offset in seconds, or 0 if no estimated event is within the window of a reference event.
    """
    lists = [
        (reference.channel_time_s(channel), estimated.channel_time_s(channel))
        for reference, estimated in pairs
        for channel in np.unique(reference.channel)
    ]
    near_s = [_differences(reference_s, estimated_s, window_s=window_s) for reference_s, estimated_s in lists]
    offset_s = _fullest(np.sort(np.concatenate([np.empty(0), *near_s])), width_s=2 * tolerance_s)
    for _ in range(_REFINEMENTS):
        error_s = np.concatenate(
            [np.empty(0), *(matched_errors(r, e + offset_s, tolerance_s=tolerance_s) for r, e in lists)]
        )
        offset_s -= float(error_s.mean()) if len(error_s) else 0.0
    return offset_s


def _differences(
    reference_s: NDArray[np.float64], estimated_s: NDArray[np.float64], *, window_s: float
) -> NDArray[np.float64]:
    """Return reference minus estimated time in seconds of every pair within the window."""
    first = np.searchsorted(reference_s, estimated_s - window_s, side="left")
    last = np.searchsorted(reference_s, estimated_s + window_s, side="right")
    pairs = [reference_s[a:b] - time_s for a, b, time_s in zip(first, last, estimated_s, strict=True)]
    return np.concatenate([np.empty(0), *pairs])


def _fullest(difference_s: NDArray[np.float64], *, width_s: float) -> float:
    """Return the median difference in the fullest window of this width; on ties, the one closest to 0."""
    if not len(difference_s):
        return 0.0
    last = np.searchsorted(difference_s, difference_s + width_s, side="right")
    n_within = last - np.arange(len(difference_s))
    medians = [
        float(np.median(difference_s[start : last[start]]))
        for start in np.flatnonzero(n_within == n_within.max())
    ]
    return min(medians, key=abs)
