"""Scores of objects detected in pictures: counts, classes and positions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from softloc_core.metrics.events import Scores, pooled_scores
from softloc_core.metrics.matching import SLACK

__all__ = ["Objects", "score_pictures"]

_FAR = 1e6
Places = NDArray[np.float64]
Classes = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Objects:
    """Objects in one picture.

    Attributes:
        channel: [object] class of each object.
        place_px: [object, (row, column)] centre of each object in pixels.
        step: [object] position of each object along the curve, in steps.
    """

    channel: Classes
    place_px: Places
    step: NDArray[np.float64]


def _distance(true: Objects, found: Objects) -> NDArray[np.float64]:
    """Return Euclidean distances in pixels, [true, found]."""
    return np.asarray(np.linalg.norm(true.place_px[:, None] - found.place_px[None], axis=2))


def _pairs(cost: NDArray[np.float64], allowed: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return as many allowed pairs as possible with the least total cost, [pair, (row, column)]."""
    if not cost.size:
        return np.empty((0, 2), dtype=np.int64)
    pair = np.stack(linear_sum_assignment(np.where(allowed, cost, _FAR)), axis=1)
    return np.asarray(pair[allowed[pair[:, 0], pair[:, 1]]], dtype=np.int64)


def score_pictures(
    pairs: Iterable[tuple[Objects, Objects]], *, channel_names: Sequence[str], reach_px: float
) -> Scores:
    """Score the objects estimated in each picture.

    For F1, precision and recall, objects and estimates of one class are matched one to one if they are
    within `reach_px` in row and column. Counts are pooled over pictures and classes. Timing errors are
    differences along the curve, in steps, of the matched pairs.

    Further measures:

    * `count_accuracy`: share of pictures in which the count of every class is correct.
    * `class_count_accuracy`: share of correct counts over pictures and classes (most counts are 0).
    * `single_digit_accuracy`: `count_accuracy` of the pictures with one object; 0 without such pictures.
    * `recognition_accuracy`: share of correct classes among objects with an estimate of any class in reach.
    * `centre_distance_px`: mean distance between the centres of objects and estimates of the same class,
      paired so that the total distance is least, without a limit; -1 without pairs.

    Args:
        pairs: (reference, estimated) objects of each picture.
        channel_names: Name of each class.
        reach_px: Largest difference in each coordinate in pixels, inclusive.

    Source: LoCo paper, section 8.3, which names single-digit recognition accuracy and the mean distance of
    box centres but does not state how estimates are paired with digits.
    """
    tally = _Tally(len(channel_names), reach_px)
    for true, found in pairs:
        tally.add(true, found)
    counts = np.array(tally.counts, dtype=np.int64).reshape(-1, len(channel_names), 3)
    scores = pooled_scores(counts, np.concatenate([np.empty(0), *tally.errors]), channel_names)
    return replace(scores, measures=tally.measures())


class _Tally:
    """Running totals from which the measures are computed."""

    def __init__(self, n_channels: int, reach_px: float) -> None:
        self.counts: list[NDArray[np.int64]] = []
        self.errors: list[NDArray[np.float64]] = []
        self._n_channels, self._reach_px = n_channels, reach_px
        self._distances: list[NDArray[np.float64]] = []
        self._right_class: list[NDArray[np.bool_]] = []
        self._right_counts: list[NDArray[np.bool_]] = []
        self._single: list[bool] = []

    def add(self, true: Objects, found: Objects) -> None:
        """Add one picture."""
        distance = _distance(true, found)
        same = true.channel[:, None] == found.channel[None]
        gap = np.abs(true.place_px[:, None] - found.place_px[None]).max(axis=2)
        near = gap <= self._reach_px + SLACK
        matched, anywhere, any_class = (_pairs(distance, rule) for rule in (same & near, same, near))
        number = [np.bincount(part.channel, minlength=self._n_channels) for part in (true, found)]
        of_class = np.bincount(true.channel[matched[:, 0]], minlength=self._n_channels)
        self.counts.append(np.stack([*number, of_class], axis=1))
        self.errors.append(found.step[matched[:, 1]] - true.step[matched[:, 0]])
        self._distances.append(distance[anywhere[:, 0], anywhere[:, 1]])
        self._right_class.append(same[any_class[:, 0], any_class[:, 1]])
        self._right_counts.append(number[0] == number[1])
        self._single.append(len(true.channel) == 1)

    def measures(self) -> dict[str, float]:
        """Return the measures by name; see `score_pictures`."""
        right = np.array(self._right_counts).reshape(-1, self._n_channels)
        whole: NDArray[np.bool_] = np.asarray(right.all(axis=1))
        single = np.array(self._single, dtype=bool)
        return {
            "count_accuracy": _mean(whole, 0.0),
            "class_count_accuracy": _mean(right, 0.0),
            "single_digit_accuracy": _mean(whole[single], 0.0),
            "recognition_accuracy": _mean(np.concatenate([np.empty(0), *self._right_class]), 0.0),
            "centre_distance_px": _mean(np.concatenate([np.empty(0), *self._distances]), -1.0),
        }


def _mean(values: NDArray[np.bool_] | NDArray[np.float64], otherwise: float) -> float:
    """Return the mean, or `otherwise` if there are no values."""
    return float(values.mean()) if values.size else otherwise
