"""A curve through the means of a few levels, for grids with replicates."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from analysis.arrays import Array
from analysis.errors import AnalysisError
from analysis.regression.base import Grid, coordinates, is_averaged, over_nodes

__all__ = ["LevelMeans", "fit_level_means", "has_levels"]

_MOST_LEVELS = 12


def has_levels(points: Array) -> bool:
    """Return whether one parameter has at most twelve levels, with two or more trials at each.

    Args:
        points: [trial, dimension].
    """
    if points.shape[1] != 1:
        return False
    _, counts = np.unique(points, return_counts=True)
    return len(counts) <= _MOST_LEVELS and counts.min() >= 2


def fit_level_means(points: Array, values: Array, weights: Array) -> LevelMeans:
    """Fit the means of the levels, joined by lines.

    Args:
        points: [trial, 1].
        values: [trial].
        weights: [trial], > 0, inversely proportional to the trials' noise variances.

    Raises:
        AnalysisError: More than one parameter, more than twelve levels, or a level with one trial.
    """
    if not has_levels(points):
        raise AnalysisError(
            f"`level_means` needs one parameter with at most {_MOST_LEVELS} levels "
            "and two or more trials at each"
        )
    return LevelMeans(points, values, weights)


@dataclass(frozen=True, eq=False)
class LevelMeans:
    """Level means joined by lines, which is a least-squares linear spline with its knots at the levels.

    A smooth estimator must guess how fast a metric falls between two levels. It oscillates if the metric
    falls fast between the first two levels and is flat afterwards. Here the curve passes through the mean of
    every level, is linear in between, and is constant beyond the last level. The standard error is that of
    the means, with one noise variance for all levels. It ignores that the truth may bend between levels.

    Attributes:
        points: [trial, 1].
        values: [trial].
        weights: [trial], > 0, inversely proportional to the trials' noise variances.
    """

    points: Array
    values: Array
    weights: Array

    def predict(self, at: Array | Grid) -> Array:
        """Return the estimated mean."""
        return np.asarray(self.smoother(at) @ self.values)

    def standard_error(self, at: Array | Grid) -> Array:
        """Return the standard error of the estimated mean, from the spread within the levels."""
        return np.asarray(self.noise_sd * np.sqrt((self.smoother(at) ** 2 / self.weights).sum(axis=1)))

    def support(self, at: Array | Grid) -> Array:
        """Return Kish's effective number of trials."""
        return np.asarray(1.0 / (self.smoother(at) ** 2).sum(axis=1))

    def smoother(self, at: Array | Grid) -> Array:
        """Return the weight of each trial's value in each estimate, [point, trial]."""
        if is_averaged(at):
            return over_nodes(self.smoother, at)
        levels, _ = self._levels
        place = coordinates(at)[:, 0]
        hats = [np.interp(place, levels, hat) for hat in np.eye(len(levels))]
        return np.asarray(np.stack(hats, axis=1) @ self._shares)

    def samples(self, at: Array | Grid, *, n: int, rng: np.random.Generator) -> Array:
        """Return estimates from `n` studies with new noise, [sample, point] (parametric bootstrap)."""
        noise = self.noise_sd / np.sqrt(self.weights) * rng.standard_normal((n, len(self.values)))
        return np.asarray(self.predict(at) + noise @ self.smoother(at).T)

    def with_points(self, points: Array, values: Array, weights: Array) -> LevelMeans:
        """Return the level means of other trials."""
        return LevelMeans(points, values, weights)

    @property
    def noise_sd(self) -> float:
        """The standard deviation of a trial of weight 1 around the mean of its level."""
        levels, index = self._levels
        residual = self.values - (self._shares @ self.values)[index]
        left = len(self.values) - len(levels)
        return float(np.sqrt((self.weights * residual**2).sum() / max(left, 1)))

    @cached_property
    def _levels(self) -> tuple[Array, NDArray[np.int64]]:
        """The levels in ascending order, [level], and the index of each trial's level, [trial]."""
        levels, index = np.unique(self.points[:, 0], return_inverse=True)
        return levels, index.astype(np.int64)

    @cached_property
    def _shares(self) -> Array:
        """The weight of each trial in the mean of each level, [level, trial]."""
        levels, index = self._levels
        member = (np.arange(len(levels))[:, None] == index) * self.weights
        return np.asarray(member / member.sum(axis=1, keepdims=True))
