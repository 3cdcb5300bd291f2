"""The ridge of a surface, the best softness for each label noise, and slices through it, with bands."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.answers.panels import Panel
from analysis.arrays import Array
from analysis.regression import (
    Band,
    Grid,
    Regression,
    Section,
    pointwise_band,
    simultaneous_band,
    simultaneous_quantiles,
)

__all__ = ["Ridge", "Slice", "fit_ridge", "slices"]

_N_DRAWS = 300
_LATTICE, _COARSE, _COARSE_MEAN = (121, 41), (61, 15), (31, 11)


@dataclass(frozen=True, eq=False)
class Ridge:
    """The best place of the first axis for every place of the second.

    Attributes:
        along: [point], the second axis (label noise), in shown units.
        best: Where the mean is largest on the first axis (softness), with limits at each single place.
        best_everywhere: The same with limits that hold the whole ridge at once.
        value: [point], the highest mean.
    """

    along: Array
    best: Band
    best_everywhere: Band
    value: Array

    def table(self, panel: Panel, *, by: str, metric: str) -> pd.DataFrame:
        """One row a place, in the columns' units."""
        across, along = panel.axes
        limits = {
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
        at: Where the other axis stands, in shown units.
        along: [point], in shown units.
        band: Mean and pointwise limits.
        everywhere: Mean and limits that hold all cuts along this axis at once.
        support: [point], effective number of trials.
    """

    at: float
    along: Array
    band: Band
    everywhere: Band
    support: Array


def fit_ridge(panel: Panel, *, level: float = 0.9, seed: int = 0) -> Ridge:
    """The ridge of a two-dimensional panel; the limits are quantiles of the ridges of drawn surfaces.

    Line and limits are those of a Gaussian process (`Panel.process`), whatever draws the surface: a kernel's
    ridge is a staircase from trial to trial, and a kernel knows nothing of its bias there. Places without
    support do not take part. On a flat surface the band is as wide as the flat, which is the answer: there
    the choice does not matter.
    """
    across, along = panel.axes[0].lattice(_LATTICE[0]), panel.axes[1].lattice(_LATTICE[1])
    fit, grid = panel.process or panel.regression, Grid((across, along))
    mean = np.where(_supported(panel.regression, grid), fit.predict(grid).reshape(grid.shape), -np.inf)
    best = mean.argmax(axis=0)
    places, drawn = _drawn_ridges(panel, seed=seed)
    low, high = np.quantile(drawn, [0.5 - level / 2, 0.5 + level / 2], axis=0)
    pointwise, everywhere = (
        [np.interp(along, places, limit) for limit in limits]
        for limits in ((low, high), simultaneous_quantiles(drawn, level=level))
    )
    return Ridge(
        along,
        _around(across[best], pointwise[0], pointwise[1]),
        _around(across[best], everywhere[0], everywhere[1]),
        mean[best, np.arange(len(along))],
    )


def slices(
    panel: Panel, *, axis: int, n: int = 5, n_points: int = 121, level: float = 0.9
) -> tuple[Slice, ...]:
    """Cuts along `axis` (0 across, 1 up) at `n` evenly spaced places of the other, ends included."""
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


def _drawn_ridges(panel: Panel, *, seed: int) -> tuple[Array, Array]:
    """Places of the second axis, and [draw, place], ridges of whole drawn surfaces."""
    sizes = _COARSE_MEAN if isinstance(panel.regression, Section) else _COARSE
    grid = Grid((panel.axes[0].lattice(sizes[0]), panel.axes[1].lattice(sizes[1])))
    fit = panel.process or panel.regression
    drawn = fit.draws(grid, n=_N_DRAWS, rng=np.random.default_rng(seed)).reshape(_N_DRAWS, *grid.shape)
    supported = _supported(panel.regression, grid)
    return grid.axes[1], grid.axes[0][np.where(supported, drawn, -np.inf).argmax(axis=1)]


def _supported(fit: Regression, grid: Grid) -> NDArray[np.bool_]:
    """Where the ridge may lie: places with support, or all of a row that has none."""
    supported = fit.support(grid).reshape(grid.shape) >= 1.0
    return np.asarray(supported | ~supported.any(axis=0))


def _around(middle: Array, low: Array, high: Array) -> Band:
    """Limits widened to hold the line."""
    return Band(np.minimum(low, middle), middle, np.maximum(high, middle))
