"""A curve through the means of few levels: what a grid with replicates says, and no more between them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from analysis.arrays import Array
from analysis.errors import AnalysisError
from analysis.regression.kernel import Grid, coordinates, is_averaged, over_nodes

__all__ = ["LevelMeans", "fit_level_means", "has_levels"]

_MOST_LEVELS = 12


def has_levels(points: Array) -> bool:
    """Whether trials lie at few levels of one parameter, several at each.

    Args:
        points: [trial, dimension].
    """
    if points.shape[1] != 1:
        return False
    _, counts = np.unique(points, return_counts=True)
    return len(counts) <= _MOST_LEVELS and counts.min() >= 2


def fit_level_means(points: Array, values: Array, weights: Array) -> LevelMeans:
    """The means of the levels, joined by lines.

    Args:
        points: [trial, 1].
        values: [trial].
        weights: [trial], > 0, inversely proportional to the trials' noise variances.

    Raises:
        AnalysisError: More than one parameter, more than twelve levels, or a level with one trial.
    """
    if not has_levels(points):
        raise AnalysisError(
            f"`level_means` needs one parameter at up to {_MOST_LEVELS} levels, "
            "with two trials or more at each"
        )
    return LevelMeans(points, values, weights)


@dataclass(frozen=True, eq=False)
class LevelMeans:
    """Means of the levels, joined by lines: least squares with a linear spline that has its knots there.

    A smooth estimator has to guess how fast a metric falls between two levels, and waves where it falls fast
    between the first two and is flat after them. Here every level says what was measured there, a value
    between two levels is the weighted mean of both, and beyond the last one it stays. The standard error is
    that of these means, with one noise for all levels; that the truth may bend between them is not in it.

    Attributes:
        points: [trial, 1].
        values: [trial].
        weights: [trial], > 0, inversely proportional to the trials' noise variances.
    """

    points: Array
    values: Array
    weights: Array

    def predict(self, at: Array | Grid) -> Array:
        """Estimated mean value."""
        return np.asarray(self.smoother(at) @ self.values)

    def standard_error(self, at: Array | Grid) -> Array:
        """Standard error of the estimated mean, from the spread within the levels."""
        return np.asarray(self.noise_sd * np.sqrt((self.smoother(at) ** 2 / self.weights).sum(axis=1)))

    def support(self, at: Array | Grid) -> Array:
        """Kish's effective number of trials."""
        return np.asarray(1.0 / (self.smoother(at) ** 2).sum(axis=1))

    def smoother(self, at: Array | Grid) -> Array:
        """[point, trial]: the share of each trial's value in each estimate."""
        if is_averaged(at):
            return over_nodes(self.smoother, at)
        levels, _ = self._levels
        place = coordinates(at)[:, 0]
        hats = [np.interp(place, levels, hat) for hat in np.eye(len(levels))]
        return np.asarray(np.stack(hats, axis=1) @ self._shares)

    def draws(self, at: Array | Grid, *, n: int, rng: np.random.Generator) -> Array:
        """[draw, point]: the estimate of `n` studies with other noise (parametric bootstrap)."""
        noise = self.noise_sd / np.sqrt(self.weights) * rng.standard_normal((n, len(self.values)))
        return np.asarray(self.predict(at) + noise @ self.smoother(at).T)

    def with_points(self, points: Array, values: Array, weights: Array) -> LevelMeans:
        """The levels of other trials."""
        return LevelMeans(points, values, weights)

    @property
    def noise_sd(self) -> float:
        """Standard deviation of a trial of weight 1 around its level's mean."""
        levels, index = self._levels
        residual = self.values - (self._shares @ self.values)[index]
        left = len(self.values) - len(levels)
        return float(np.sqrt((self.weights * residual**2).sum() / max(left, 1)))

    @cached_property
    def _levels(self) -> tuple[Array, NDArray[np.int64]]:
        """[level], ascending, and [trial], the level of each."""
        levels, index = np.unique(self.points[:, 0], return_inverse=True)
        return levels, index.astype(np.int64)

    @cached_property
    def _shares(self) -> Array:
        """[level, trial]: the share of each trial in each level's mean."""
        levels, index = self._levels
        member = (np.arange(len(levels))[:, None] == index) * self.weights
        return np.asarray(member / member.sum(axis=1, keepdims=True))
