"""The time offset of a detector, measured on recordings held out of training."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import mir_eval
import numpy as np
from numpy.typing import NDArray

from softloc_core.errors import ConfigError
from softloc_core.events import EventList

if TYPE_CHECKING:
    from softloc_core.options import OptionValue
    from softloc_core.tasks import TaskData

__all__ = ["calibrated_offset_s", "require_validation"]

_WINDOW_S = 0.25
_REFINEMENTS = 3


def calibrated_offset_s(
    pairs: Iterable[tuple[EventList, EventList]], *, tolerance_s: float, window_s: float = _WINDOW_S
) -> float:
    """What must be added to estimated times so that they fall on the reference, in seconds.

    First the shift under which most pairs of a reference and an estimated event are within the tolerance of
    each other, then the mean residual of the events that match after it. So a bias beyond the tolerance,
    where hardly anything matches, is found as well. Classes are never mixed, and share one offset.

    Args:
        pairs: (reference, estimated) of each recording.
        tolerance_s: Largest accepted time difference of the score, in seconds, > 0.
        window_s: Largest shift that is looked for, in seconds. Half the time between two events of a class is
            the most that can be told from an event missed and one too many.

    Returns:
        The offset in seconds; 0 where no estimated event is within the window of a reference event.
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
            [np.empty(0), *(_residuals(r, e + offset_s, tolerance_s=tolerance_s) for r, e in lists)]
        )
        offset_s -= float(error_s.mean()) if len(error_s) else 0.0
    return offset_s


def require_validation(options: Mapping[str, OptionValue], data: TaskData) -> None:
    """Refuse a calibration where there is nothing to calibrate on.

    Raises:
        ConfigError: The options ask for it, and the split holds no recording to validate on.
    """
    if options.get("calibrate_offset") and not data.validation:
        raise ConfigError(
            "`decoding_options: calibrate_offset` needs a split with validation recordings, but got one of "
            f"{data.task} on {data.source} with {len(data.train)} to train, none to validate, "
            f"{len(data.test)} to score"
        )


def _differences(
    reference_s: NDArray[np.float64], estimated_s: NDArray[np.float64], *, window_s: float
) -> NDArray[np.float64]:
    """Reference minus estimated time of every pair within the window, in seconds."""
    first = np.searchsorted(reference_s, estimated_s - window_s, side="left")
    last = np.searchsorted(reference_s, estimated_s + window_s, side="right")
    pairs = [reference_s[a:b] - time_s for a, b, time_s in zip(first, last, estimated_s, strict=True)]
    return np.concatenate([np.empty(0), *pairs])


def _residuals(
    reference_s: NDArray[np.float64], estimated_s: NDArray[np.float64], *, tolerance_s: float
) -> NDArray[np.float64]:
    """Estimated minus reference time of each matched pair, in seconds."""
    if not len(reference_s) or not len(estimated_s):
        return np.empty(0)
    pair = np.asarray(mir_eval.util.match_events(reference_s, estimated_s, tolerance_s), dtype=np.int64)
    pair = pair.reshape(-1, 2)
    return estimated_s[pair[:, 1]] - reference_s[pair[:, 0]]


def _fullest(difference_s: NDArray[np.float64], *, width_s: float) -> float:
    """Median difference in the window of that width that holds most; among equals the one nearest 0."""
    if not len(difference_s):
        return 0.0
    last = np.searchsorted(difference_s, difference_s + width_s, side="right")
    n_within = last - np.arange(len(difference_s))
    medians = [
        float(np.median(difference_s[start : last[start]]))
        for start in np.flatnonzero(n_within == n_within.max())
    ]
    return min(medians, key=abs)
