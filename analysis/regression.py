"""Kernel regression in one to four dimensions: Nadaraya-Watson and local linear, exact and vectorised.

Both are linear smoothers: an estimate is a weighted sum of the trials' values, so its standard error, the
trials that carry it and its leave-one-out errors follow in closed form. The kernel is a product of Gaussians,
hence on a product grid all sums over trials are matrix products: that makes a map of 100 000 trials cheap.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

__all__ = ["Array", "Grid", "KernelRegression", "Regression", "coordinates"]

Array = NDArray[np.float64]
_CHUNK = 4_000_000
_BIN_ABOVE = 20_000
_BINS_A_BANDWIDTH = 20
_DEGENERATE = 1e-10
_REACH = float(np.exp(-2.0))


@dataclass(frozen=True, eq=False)
class Grid:
    """Every combination of the values of its axes: the fast way to regression on a lattice.

    Attributes:
        axes: Values along each axis.
    """

    axes: tuple[Array, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of values along each axis."""
        return tuple(len(axis) for axis in self.axes)

    def points(self) -> Array:
        """[point, dimension], the last axis fastest."""
        return np.stack([part.ravel() for part in np.meshgrid(*self.axes, indexing="ij")], axis=-1)


class Regression(Protocol):
    """What every estimator gives, at points [point, dimension] or on a grid (last axis fastest)."""

    def predict(self, at: Array | Grid) -> Array:
        """Estimated mean value."""
        ...

    def standard_error(self, at: Array | Grid) -> Array:
        """Standard error of the estimated mean, in the values' unit."""
        ...

    def support(self, at: Array | Grid) -> Array:
        """Effective number of trials that carry the estimate; towards 0 where no trial is in reach."""
        ...

    def smoother(self, at: Array | Grid) -> Array:
        """[point, trial]: the share of each trial's value in each estimate."""
        ...

    def draws(self, at: Array | Grid, *, n: int, rng: np.random.Generator) -> Array:
        """[draw, point]: surfaces that the trials' noise leaves possible."""
        ...

    @property
    def noise_sd(self) -> float:
        """Standard deviation of a trial of weight 1 around the mean."""
        ...


@dataclass(frozen=True, eq=False)
class KernelRegression:
    """Locally constant (Nadaraya-Watson) or locally linear regression with a product Gaussian kernel.

    Locally constant estimates are drawn towards the interior at the edges of the design; locally linear ones
    are not, and reproduce any plane exactly.

    Source: Nadaraya (1964), Watson (1964); Fan and Gijbels, Local Polynomial Modelling (1996), chapter 3.
    Where no trial is within reach (the kernel underflows) the nearest trial's value is given, with support 0.

    Attributes:
        points: [trial, dimension].
        values: [trial].
        bandwidth: [dimension], standard deviation of the kernel in the points' units, > 0.
        degree: 0 for Nadaraya-Watson, 1 for local linear.
        weights: [trial], > 0, inversely proportional to the trials' noise variances.
        noise_variance: Variance of a trial of weight 1 around the mean; from the residuals when None.
    """

    points: Array
    values: Array
    bandwidth: Array
    degree: int
    weights: Array
    noise_variance: float | None = None

    def predict(self, at: Array | Grid) -> Array:
        """Estimated mean value at each point."""
        return self._fit(at)[0]

    def standard_error(self, at: Array | Grid) -> Array:
        """Root of the estimate's variance plus its squared bias.

        The bias is twice what the smoother does to its own fit: that plug-in sees the surface already
        flattened and so falls short by about half. Without it the bands of a bandwidth chosen by cross
        validation, which balances bias and variance, cover too little (Wahba 1983; benchmarks/README.md
        holds the calibration).
        """
        bias = 2.0 * (self._refitted.predict(at) - self.predict(at))
        return np.hypot(self.noise_error(at), bias)

    def noise_error(self, at: Array | Grid) -> Array:
        """Standard error that the noise between trials alone makes, without the bias."""
        return np.sqrt(self._noise * self._squared_weight(at))

    def draws(self, at: Array | Grid, *, n: int, rng: np.random.Generator) -> Array:
        """[draw, point]: the estimate of `n` studies with other noise (parametric bootstrap)."""
        noise = np.sqrt(self._noise / self.weights) * rng.standard_normal((n, len(self.values)))
        return np.asarray(self.predict(at) + noise @ self.smoother(at).T)

    def smoother(self, at: Array | Grid) -> Array:
        """[point, trial]: the share of each trial's value in each estimate."""
        points = coordinates(at)
        _, row = self._fit(points)
        place = self._scaled(points).T
        share = np.repeat(row[0][:, None], len(self.values), axis=1)
        distance = np.zeros_like(share)
        for axis, trial in enumerate(self._scaled(self.points)):
            away = trial[None, :] - place[:, [axis]]
            distance += away**2
            if self.degree:
                share += row[axis + 1][:, None] * away
        return np.asarray(np.nan_to_num(share * np.exp(-0.5 * distance) * self.weights))

    def support(self, at: Array | Grid) -> Array:
        """Kish's effective number of trials under the kernel, fading beyond two bandwidths from any trial."""
        reach, total = self._sums(np.stack([np.ones_like(self.weights), self.weights]), at, 1.0)
        (squared,) = self._sums(self.weights[None] ** 2, at, np.sqrt(0.5))
        size = np.divide(total**2, squared, out=np.zeros_like(total), where=squared > 0)
        return np.asarray(size * np.minimum(reach / _REACH, 1.0))

    def leave_one_out(self) -> Array:
        """Prediction of every trial from all others, exactly; NaN where no other is in reach."""
        leverage = self.leverage
        with np.errstate(divide="ignore", invalid="ignore"):
            left_out = self.values - (self.values - self.fitted) / (1.0 - leverage)
        return np.where(1.0 - leverage > _DEGENERATE, left_out, np.nan)

    @cached_property
    def _refitted(self) -> KernelRegression:
        """The same smoother on its own fit."""
        return replace(self, values=self.fitted)

    @cached_property
    def fitted(self) -> Array:
        """Estimate at each trial."""
        return self.predict(self.points)

    @cached_property
    def leverage(self) -> Array:
        """Share of each trial in its own estimate (the smoother's diagonal)."""
        return np.asarray(self._fit(self.points)[1][0] * self.weights)

    @cached_property
    def degrees_of_freedom(self) -> float:
        """Trace of the smoother: the number of parameters the surface is worth."""
        return float(self.leverage.sum())

    @property
    def noise_sd(self) -> float:
        """Standard deviation of a trial of weight 1 around the mean, from the residuals."""
        return float(np.sqrt(self._noise))

    @cached_property
    def _noise(self) -> float:
        """Variance of a trial of weight 1 (Cleveland and Devlin 1988, eq. 3.1)."""
        if self.noise_variance is not None:
            return self.noise_variance
        squared = self._squared_weight(self.points) * self.weights
        left = len(self.values) - 2.0 * self.degrees_of_freedom + float(squared.sum())
        residual = float((self.weights * (self.values - self.fitted) ** 2).sum())
        return residual / max(left, 1.0)

    def _fit(self, at: Array | Grid) -> tuple[Array, Array]:
        """Estimates, and [1 + dimension, point], the coefficients that give each trial's weight in them."""
        design = self._design
        columns = _products(design, degree=self.degree)
        sums = self._sums(np.vstack([columns, design * self._centred]) * self.weights, at, 1.0)
        where = self._scaled(coordinates(at))
        row = _intercept_row(_moments(sums[: len(columns)], where, degree=self.degree))
        values = sums[len(columns) :]
        estimate = self._offset + row[0] * values[0]
        for axis in range(1, len(row)):
            estimate += row[axis] * (values[axis] - where[axis - 1] * values[0])
        unreached = ~np.isfinite(estimate)
        if unreached.any():
            estimate[unreached] = self.values[self._tree.query(where[:, unreached].T)[1]]
        return estimate, row

    def _squared_weight(self, at: Array | Grid) -> Array:
        """Variance of the estimate in units of the noise: the sum of squared weights over the trials' own."""
        _, row = self._fit(at)
        sums = self._sums(_products(self._design, degree=self.degree) * self.weights, at, np.sqrt(0.5))
        moments = _moments(sums, self._scaled(coordinates(at)), degree=self.degree)
        total = np.zeros(row.shape[1])
        for (first, second), moment in moments.items():
            total += row[first] * row[second] * moment * (1.0 if first == second else 2.0)
        return np.where(np.isfinite(total), np.maximum(total, 0.0), np.inf)

    @cached_property
    def _offset(self) -> float:
        """Mean value, taken off before summing so that no precision is lost and a constant stays one."""
        return float(np.average(self.values, weights=self.weights))

    @cached_property
    def _centred(self) -> Array:
        return self.values - self._offset

    def _scaled(self, points: Array) -> Array:
        """[dimension, point], in bandwidths about the centre of the trials."""
        return np.asarray(((points - self.points.mean(axis=0)) / self.bandwidth).T)

    @cached_property
    def _design(self) -> Array:
        """[1 or 1 + dimension, trial]: a constant, and the trials' places."""
        ones = np.ones((1, len(self.values)))
        return ones if self.degree == 0 else np.vstack([ones, self._scaled(self.points)])

    @cached_property
    def _tree(self) -> cKDTree:
        return cKDTree(self._scaled(self.points).T)

    def _sums(self, columns: Array, at: Array | Grid, width: float) -> Array:
        """Kernel-weighted sums of `columns` over trials; `width` scales the bandwidth."""
        if isinstance(at, Grid) and len(at.axes) == 2:
            return _grid_sums(columns, at, points=self.points, bandwidth=self.bandwidth * width)
        return _point_sums(columns, coordinates(at), points=self.points, bandwidth=self.bandwidth * width)


def coordinates(at: Array | Grid) -> Array:
    """Points of a grid, or the points themselves, [point, dimension]."""
    return at.points() if isinstance(at, Grid) else np.atleast_2d(np.asarray(at, dtype=np.float64))


def _kernel(distance: Array) -> Array:
    return np.asarray(np.exp(-0.5 * distance**2))


def _grid_sums(columns: Array, grid: Grid, *, points: Array, bandwidth: Array) -> Array:
    """Sums on a two-dimensional grid: one matrix product a column, in chunks of trials."""
    if len(points) > _BIN_ABOVE:
        points, columns = _binned(columns, points=points, bandwidth=bandwidth)
    first, second = grid.axes
    total = np.zeros((len(columns), len(first), len(second)))
    step = max(1, _CHUNK // (len(first) + len(second)))
    for start in range(0, len(points), step):
        part = slice(start, start + step)
        left = _kernel((first[:, None] - points[part, 0]) / bandwidth[0])
        right = _kernel((second[:, None] - points[part, 1]) / bandwidth[1])
        for index, column in enumerate(columns[:, part]):
            total[index] += (left * column) @ right.T
    return total.reshape(len(columns), -1)


def _binned(columns: Array, *, points: Array, bandwidth: Array) -> tuple[Array, Array]:
    """The trials shared out linearly among the corners of a lattice 1 / 20 of a bandwidth apart.

    Source: Fan and Marron (1994). It widens the kernel by some 0.03 %, far below what any estimate can show.
    """
    low = points.min(axis=0)
    place = (points - low) / (bandwidth / _BINS_A_BANDWIDTH)
    corner = np.floor(place).astype(np.int64)
    part, size = place - corner, corner.max(axis=0) + 2
    if size.prod() > len(points):
        return points, columns
    bins = np.zeros((len(columns), int(size.prod())))
    for right, up in ((0, 0), (0, 1), (1, 0), (1, 1)):
        index = (corner[:, 0] + right) * size[1] + corner[:, 1] + up
        share = np.abs(1 - right - part[:, 0]) * np.abs(1 - up - part[:, 1])
        for total, column in zip(bins, columns, strict=True):
            total += np.bincount(index, weights=share * column, minlength=bins.shape[1])
    filled = np.flatnonzero(np.bincount(corner @ np.array([size[1], 1]), minlength=bins.shape[1]))
    used = np.unique((filled[:, None] + np.array([0, 1, size[1], size[1] + 1])).ravel())
    centres = np.stack(np.divmod(used, size[1]), axis=1)
    return low + centres * (bandwidth / _BINS_A_BANDWIDTH), bins[:, used]


def _point_sums(columns: Array, at: Array, *, points: Array, bandwidth: Array) -> Array:
    """Sums at any points, in chunks of points."""
    total = np.empty((len(columns), len(at)))
    step = max(1, _CHUNK // max(len(points), 1))
    for start in range(0, len(at), step):
        part = at[start : start + step]
        exponent = sum(
            ((part[:, [axis]] - points[:, axis]) / bandwidth[axis]) ** 2 for axis in range(points.shape[1])
        )
        total[:, start : start + step] = columns @ np.exp(-0.5 * np.asarray(exponent)).T
    return total


Moments = dict[tuple[int, int], Array]


def _products(design: Array, *, degree: int) -> Array:
    """Products of the design's rows, upper triangle; the sums of these are the moments about the centre."""
    if degree == 0:
        return design
    rows, columns = np.triu_indices(len(design))
    return np.asarray(design[rows] * design[columns])


def _moments(sums: Array, where: Array, *, degree: int) -> Moments:
    """Moments about each point, (i, j) with i <= j -> [point], from the sums about the centre."""
    if degree == 0:
        return {(0, 0): sums[0]}
    size = len(where) + 1
    pairs = [(i, j) for i in range(size) for j in range(i, size)]
    about = dict(zip(pairs, sums, strict=True))
    mass = about[0, 0]
    moments = {(0, 0): mass}
    for j in range(1, size):
        moments[0, j] = about[0, j] - where[j - 1] * mass
        for i in range(1, j + 1):
            first = where[i - 1] * moments[0, j]
            moments[i, j] = about[i, j] - where[j - 1] * about[0, i] - first
    return moments


def _intercept_row(moments: Moments) -> Array:
    """First row of the inverse of the moments, [1 + dimension, point].

    Where they are singular (trials on a line) it is that of the locally constant fit.
    """
    mass = moments[0, 0]
    dimensions = max(j for _, j in moments)
    row = np.zeros((dimensions + 1, len(mass)))
    with np.errstate(divide="ignore", invalid="ignore"):
        row[0] = 1.0 / np.where(mass > 0, mass, np.nan)
        if dimensions:
            slope = _SOLVERS.get(dimensions, _solve_many)(moments)
            rest = mass - sum(moments[0, j] * slope[j - 1] for j in range(1, dimensions + 1))
            usable = np.isfinite(slope).all(axis=0) & (rest > _DEGENERATE * mass)
            row[0] = np.where(usable, 1.0 / rest, row[0])
            row[1:] = np.where(usable, -slope / rest, 0.0)
    return row


def _solve_one(moments: Moments) -> Array:
    """Slope block into the cross moments, one dimension."""
    return np.asarray(moments[0, 1] / np.where(moments[1, 1] > 0, moments[1, 1], np.nan))[None]


def _solve_two(moments: Moments) -> Array:
    """The same in two dimensions, by Cramer's rule."""
    a, b, c = moments[1, 1], moments[1, 2], moments[2, 2]
    determinant = a * c - b * b
    determinant = np.where(determinant > _DEGENERATE * (a + c) ** 2, determinant, np.nan)
    first, second = moments[0, 1], moments[0, 2]
    return np.stack([c * first - b * second, a * second - b * first]) / determinant


def _solve_many(moments: Moments) -> Array:
    """The same in three dimensions and more."""
    size = max(j for _, j in moments)
    pairs = [[moments[min(i, j), max(i, j)] for j in range(1, size + 1)] for i in range(1, size + 1)]
    matrix = np.moveaxis(np.array(pairs), -1, 0)
    right = np.stack([moments[0, j] for j in range(1, size + 1)], axis=1)
    solution = np.full_like(right, np.nan)
    good = np.einsum("mii->m", matrix) > 0
    good[good] = np.linalg.cond(matrix[good]) < 1.0 / _DEGENERATE
    solution[good] = np.linalg.solve(matrix[good], right[good, :, None])[:, :, 0]
    return solution.T


_SOLVERS = {1: _solve_one, 2: _solve_two}
