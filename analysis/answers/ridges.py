"""The ridge of a surface (the best softness for each label noise) and slices through it, with bands."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.answers.panels import Panel
from analysis.arrays import Array
from analysis.reading import Axis
from analysis.regression import (
    Band,
    Grid,
    Regression,
    Section,
    pointwise_band,
    simultaneous_band,
    simultaneous_quantiles,
)

__all__ = ["FLAT_WITHIN", "Ridge", "Slice", "fit_ridge", "flat_range", "slices"]

FLAT_WITHIN = 0.01
"""Loss of the metric within which the softness counts as equally good."""

_N_SAMPLES = 300
# Share of the axis up to which the best value is drawn as a line.
_NARROW = 0.3
_LATTICE, _COARSE, _COARSE_MEAN = (121, 41), (61, 15), (31, 11)


@dataclass(frozen=True, eq=False)
class Ridge:
    """The best value of the first axis for every value of the second.

    Attributes:
        along: [point], the second axis (label noise), in display units.
        best: The first axis (softness) where the mean is largest, with limits for each single point.
        flat: The first axis where the mean is largest, with the ends of the range around it in which the mean
            is within `FLAT_WITHIN` of the largest.
        best_everywhere: The same as `best` with limits for the whole ridge at once.
        value: [point], the highest mean.
    """

    along: Array
    best: Band
    flat: Band
    best_everywhere: Band
    value: Array

    def line(self, axis: Axis) -> Array:
        """Return the best values where they mean something, NaN where the flat range is wide, [point].

        Where the surface is flat the best value jumps at random, so that only the range is of use.
        """
        is_narrow = self.flat.high - self.flat.low <= _NARROW * (axis.high - axis.low)
        return np.where(is_narrow, self.best.mean, np.nan)

    def table(self, panel: Panel, *, by: str, metric: str) -> pd.DataFrame:
        """Return one row per point, in the columns' units."""
        across, along = panel.axes
        limits = {
            "flat_low": self.flat.low,
            "flat_high": self.flat.high,
            "low": self.best.low,
            "high": self.best.high,
            "low_everywhere": self.best_everywhere.low,
            "high_everywhere": self.best_everywhere.high,
        }
        return pd.DataFrame(
            {
                by: panel.name,
                along.column: along.stored(self.along),
                across.column: across.stored(self.best.mean),
                **{f"{across.column}_{name}": across.stored(limit) for name, limit in limits.items()},
                metric: self.value,
            }
        )


@dataclass(frozen=True, eq=False)
class Slice:
    """A cut through a surface along one axis.

    Attributes:
        at: Value of the other axis, in display units.
        along: [point], in display units.
        band: Mean and pointwise limits.
        everywhere: Mean and limits for all cuts along this axis at once.
        support: [point], effective number of trials.
    """

    at: float
    along: Array
    band: Band
    everywhere: Band
    support: Array


def fit_ridge(panel: Panel, *, level: float = 0.9, seed: int = 0) -> Ridge:
    """Fit the ridge of a two-dimensional panel, with limits that are quantiles of the ridges of samples.

    Line and limits come from a Gaussian process (`Panel.process`) for every estimator of the surface. The
    ridge of a kernel regression is a staircase from trial to trial, and a kernel does not know its bias
    there. Points without support are ignored. On a flat surface the band is as wide as the flat region, which
    is the right answer: there the choice does not matter.
    """
    across, along = panel.axes[0].lattice(_LATTICE[0]), panel.axes[1].lattice(_LATTICE[1])
    fit, grid = panel.process or panel.regression, Grid((across, along))
    mean = np.where(_supported(panel.regression, grid), fit.predict(grid).reshape(grid.shape), -np.inf)
    best = mean.argmax(axis=0)
    flat = np.array([flat_range(row, index) for row, index in zip(mean.T, best, strict=True)])
    places, sampled = _sampled_ridges(panel, seed=seed)
    low, high = np.quantile(sampled, [0.5 - level / 2, 0.5 + level / 2], axis=0)
    pointwise, everywhere = (
        [np.interp(along, places, limit) for limit in limits]
        for limits in ((low, high), simultaneous_quantiles(sampled, level=level))
    )
    return Ridge(
        along,
        _around(across[best], pointwise[0], pointwise[1]),
        Band(across[flat[:, 0]], across[best], across[flat[:, 1]]),
        _around(across[best], everywhere[0], everywhere[1]),
        mean[best, np.arange(len(along))],
    )


def flat_range(mean: Array, best: int) -> tuple[int, int]:
    """Return the ends of the range around the best in which the mean is within `FLAT_WITHIN` of it.

    Args:
        mean: [point].
        best: Index of the best point.
    """
    outside = np.flatnonzero(mean < mean[best] - FLAT_WITHIN)
    below, above = outside[outside < best], outside[outside > best]
    return (
        int(below[-1]) + 1 if len(below) else 0,
        int(above[0]) - 1 if len(above) else len(mean) - 1,
    )


def slices(
    panel: Panel, *, axis: int, n: int = 5, n_points: int = 121, level: float = 0.9
) -> tuple[Slice, ...]:
    """Return cuts along `axis` (0 or 1) at `n` evenly spaced values of the other axis, including its ends."""
    along, places = panel.axes[axis].lattice(n_points), panel.axes[1 - axis].lattice(n)
    columns = [np.tile(along, n), np.repeat(places, n_points)]
    points = np.stack(columns if axis == 0 else columns[::-1], axis=1)
    fit = panel.regression
    found = pointwise_band(fit, points, level=level)
    everywhere = simultaneous_band(fit, points, process=panel.process, level=level)
    support = fit.support(points)
    parts = [slice(index * n_points, (index + 1) * n_points) for index in range(n)]
    return tuple(
        Slice(float(at), along, found.part(part), everywhere.part(part), support[part])
        for at, part in zip(places, parts, strict=True)
    )


def _sampled_ridges(panel: Panel, *, seed: int) -> tuple[Array, Array]:
    """Return values of the second axis, and the ridges of sampled surfaces there, [sample, point]."""
    sizes = _COARSE_MEAN if isinstance(panel.regression, Section) else _COARSE
    grid = Grid((panel.axes[0].lattice(sizes[0]), panel.axes[1].lattice(sizes[1])))
    fit = panel.process or panel.regression
    rng = np.random.default_rng(seed)
    sampled = fit.samples(grid, n=_N_SAMPLES, rng=rng).reshape(_N_SAMPLES, *grid.shape)
    supported = _supported(panel.regression, grid)
    return grid.axes[1], grid.axes[0][np.where(supported, sampled, -np.inf).argmax(axis=1)]


def _supported(fit: Regression, grid: Grid) -> NDArray[np.bool_]:
    """Return where the ridge may be: at points with support, or anywhere in a row without any."""
    supported = fit.support(grid).reshape(grid.shape) >= 1.0
    return np.asarray(supported | ~supported.any(axis=0))


def _around(middle: Array, low: Array, high: Array) -> Band:
    """Return limits widened to include the line."""
    return Band(np.minimum(low, middle), middle, np.maximum(high, middle))
