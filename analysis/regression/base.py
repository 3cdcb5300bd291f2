"""The interface of all estimators, and the places where they predict: points, grids and means over nodes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeGuard

import numpy as np

from analysis.arrays import Array

__all__ = ["Fit", "Grid", "Regression", "coordinates", "in_chunks", "is_averaged", "over_nodes"]

_CHUNK = 2_000_000


@dataclass(frozen=True, eq=False)
class Grid:
    """Every combination of the values of its axes. Regression on a grid is faster than at single points.

    Attributes:
        axes: The values along each axis.
    """

    axes: tuple[Array, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """The number of values along each axis."""
        return tuple(len(axis) for axis in self.axes)

    def points(self) -> Array:
        """Return the points, [point, dimension]. The last axis changes fastest."""
        return np.stack([part.ravel() for part in np.meshgrid(*self.axes, indexing="ij")], axis=-1)


class Regression(Protocol):
    """The interface of every estimator. It predicts at points [point, dimension] or on a grid.

    For an array [point, node, dimension] it estimates the mean over the nodes, for example of a surface that
    is averaged over a parameter. The standard error is then that of the mean, not the mean of the errors.
    """

    def predict(self, at: Array | Grid) -> Array:
        """Return the estimated mean."""
        ...

    def standard_error(self, at: Array | Grid) -> Array:
        """Return the standard error of the estimated mean, in the unit of the values."""
        ...

    def support(self, at: Array | Grid) -> Array:
        """Return the effective number of trials behind the estimate. It falls to 0 far from all trials."""
        ...

    def smoother(self, at: Array | Grid) -> Array:
        """Return the weight of each trial's value in each estimate, [point, trial]."""
        ...

    def samples(self, at: Array | Grid, *, n: int, rng: np.random.Generator) -> Array:
        """Return random surfaces that are compatible with the noise of the trials, [sample, point]."""
        ...

    @property
    def noise_sd(self) -> float:
        """The standard deviation of a trial of weight 1 around the mean."""
        ...


class Fit(Regression, Protocol):
    """A regression that was fitted to trials and can be moved to other trials."""

    def with_points(self, points: Array, values: Array, weights: Array) -> Fit:
        """Return the fit to other trials with the same bandwidths or kernels."""
        ...


def coordinates(at: Array | Grid) -> Array:
    """Return the points of a grid, or points unchanged: [point, dimension] or [point, node, dimension]."""
    return at.points() if isinstance(at, Grid) else np.atleast_2d(np.asarray(at, dtype=np.float64))


def is_averaged(at: Array | Grid) -> TypeGuard[Array]:
    """Return whether `at` requests means over nodes, that is, has the shape [point, node, dimension]."""
    return not isinstance(at, Grid) and np.ndim(at) == 3


def over_nodes(function: Callable[[Array], Array], at: Array) -> Array:
    """Return the values of a function of points, averaged over the nodes of [point, node, dimension]."""
    flat = function(at.reshape(-1, at.shape[-1]))
    return np.asarray(flat.reshape(*at.shape[:2], *flat.shape[1:]).mean(axis=1))


def in_chunks(function: Callable[[Array], Array], at: Array, trials: Array) -> Array:
    """Apply `function` to all points of `at`, a chunk at a time to bound the memory."""
    nodes = at.shape[1] if at.ndim == 3 else 1
    step = max(1, _CHUNK // max(nodes * len(trials), 1))
    return np.concatenate([function(at[start : start + step]) for start in range(0, len(at), step)])
