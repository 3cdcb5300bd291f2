"""Kernel regression in one to four dimensions: Nadaraya-Watson and local linear, exact and vectorised.

Both are linear smoothers: an estimate is a weighted sum of the trials' values, so its standard error, the
trials that carry it and its leave-one-out errors follow in closed form. The kernel is a product of Gaussians,
hence on a product grid all sums over trials are matrix products: that makes a map of 100 000 trials cheap.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

__all__ = ["Array", "Grid", "KernelRegression", "Regression"]

Array = NDArray[np.float64]
_CHUNK = 4_000_000
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
        """Standard error from the smoother's weights and the noise between trials; leaves the bias out."""
        return np.sqrt(self._noise * self._squared_weight(at))

    def support(self, at: Array | Grid) -> Array:
        """Kish's effective number of trials under the kernel, fading beyond two bandwidths from any trial."""
        reach = self._sums(np.ones((len(self.values), 1)), at, 1.0)[:, 0]
        total = self._sums(self.weights[:, None], at, 1.0)[:, 0]
        squared = self._sums(self.weights[:, None] ** 2, at, np.sqrt(0.5))[:, 0]
        size = np.divide(total**2, squared, out=np.zeros_like(total), where=squared > 0)
        return np.asarray(size * np.minimum(reach / _REACH, 1.0))

    def leave_one_out(self) -> Array:
        """Prediction of every trial from all others, exactly; NaN where no other is in reach."""
        leverage = self.leverage
        with np.errstate(divide="ignore", invalid="ignore"):
            left_out = self.values - (self.values - self.fitted) / (1.0 - leverage)
        return np.where(1.0 - leverage > _DEGENERATE, left_out, np.nan)

    @cached_property
    def fitted(self) -> Array:
        """Estimate at each trial."""
        return self.predict(self.points)

    @cached_property
    def leverage(self) -> Array:
        """Share of each trial in its own estimate (the smoother's diagonal)."""
        return np.asarray(self._fit(self.points)[1][:, 0] * self.weights)

    @cached_property
    def degrees_of_freedom(self) -> float:
        """Trace of the smoother: the number of parameters the surface is worth."""
        return float(self.leverage.sum())

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
        """Estimates, and the coefficients [point, 1 + dimension] that give each trial's weight in them."""
        centre, design = self._design
        columns = design if self.degree == 0 else _products(design)
        sums = self._sums(
            np.hstack([columns, design * self._centred[:, None]]) * self.weights[:, None], at, 1.0
        )
        n = columns.shape[1]
        where = (_coordinates(at) - centre) / self.bandwidth
        row = _intercept_row(sums[:, :n], where, degree=self.degree)
        estimate = self._offset + (row * _shifted(sums[:, n:], where, degree=self.degree)).sum(axis=1)
        unreached = ~np.isfinite(estimate)
        if unreached.any():
            estimate[unreached] = self.values[self._tree.query(where[unreached])[1]]
        return estimate, row

    def _squared_weight(self, at: Array | Grid) -> Array:
        """Variance of the estimate in units of the noise: the sum of squared weights over the trials' own."""
        centre, design = self._design
        _, row = self._fit(at)
        columns = design if self.degree == 0 else _products(design)
        sums = self._sums(columns * self.weights[:, None], at, np.sqrt(0.5))
        where = (_coordinates(at) - centre) / self.bandwidth
        moment = _moment_matrix(sums, where, degree=self.degree)
        total = np.einsum("mi,mij,mj->m", row, moment, row)
        return np.where(np.isfinite(total), np.maximum(total, 0.0), np.inf)

    @cached_property
    def _offset(self) -> float:
        """Mean value, taken off before summing so that no precision is lost and a constant stays one."""
        return float(np.average(self.values, weights=self.weights))

    @cached_property
    def _centred(self) -> Array:
        return self.values - self._offset

    @cached_property
    def _design(self) -> tuple[Array, Array]:
        """Centre of the trials, and [trial, 1 or 1 + dimension], the design in bandwidths about it."""
        centre = self.points.mean(axis=0)
        ones = np.ones((len(self.values), 1))
        scaled = (self.points - centre) / self.bandwidth
        return centre, ones if self.degree == 0 else np.hstack([ones, scaled])

    @cached_property
    def _tree(self) -> cKDTree:
        return cKDTree((self.points - self._design[0]) / self.bandwidth)

    def _sums(self, columns: Array, at: Array | Grid, width: float) -> Array:
        """Kernel-weighted sums of `columns` over trials; `width` scales the bandwidth."""
        if isinstance(at, Grid) and len(at.axes) == 2:
            return _grid_sums(columns, at, points=self.points, bandwidth=self.bandwidth * width)
        return _point_sums(columns, _coordinates(at), points=self.points, bandwidth=self.bandwidth * width)


def _coordinates(at: Array | Grid) -> Array:
    return at.points() if isinstance(at, Grid) else np.atleast_2d(np.asarray(at, dtype=np.float64))


def _kernel(distance: Array) -> Array:
    return np.asarray(np.exp(-0.5 * distance**2))


def _grid_sums(columns: Array, grid: Grid, *, points: Array, bandwidth: Array) -> Array:
    """Sums on a two-dimensional grid: one matrix product a column, in chunks of trials."""
    first, second = grid.axes
    total = np.zeros((columns.shape[1], len(first), len(second)))
    step = max(1, _CHUNK // (len(first) + len(second)))
    for start in range(0, len(points), step):
        part = slice(start, start + step)
        left = _kernel((first[:, None] - points[part, 0]) / bandwidth[0])
        right = _kernel((second[:, None] - points[part, 1]) / bandwidth[1])
        for index, column in enumerate(columns[part].T):
            total[index] += (left * column) @ right.T
    return total.reshape(columns.shape[1], -1).T


def _point_sums(columns: Array, at: Array, *, points: Array, bandwidth: Array) -> Array:
    """Sums at any points, in chunks of points."""
    total = np.empty((len(at), columns.shape[1]))
    step = max(1, _CHUNK // max(len(points), 1))
    for start in range(0, len(at), step):
        part = at[start : start + step]
        exponent = sum(
            ((part[:, [axis]] - points[:, axis]) / bandwidth[axis]) ** 2 for axis in range(points.shape[1])
        )
        total[start : start + step] = np.exp(-0.5 * np.asarray(exponent)) @ columns
    return total


def _products(design: Array) -> Array:
    """Upper triangle of each row's outer product with itself; the sums of these columns are the moments."""
    rows, columns = np.triu_indices(design.shape[1])
    return np.asarray(design[:, rows] * design[:, columns])


def _moment_matrix(sums: Array, where: Array, *, degree: int) -> Array:
    """Moments about each point, [point, 1 + dimension, 1 + dimension], from sums about the centre."""
    if degree == 0:
        return sums[:, :, None]
    size = where.shape[1] + 1
    moment = np.empty((len(where), size, size))
    rows, columns = np.triu_indices(size)
    moment[:, rows, columns] = sums
    moment[:, columns, rows] = sums
    moment[:, 1:, 1:] -= (
        where[:, :, None] * moment[:, None, 0, 1:] + moment[:, 0, 1:, None] * where[:, None, :]
    )
    moment[:, 1:, 1:] += where[:, :, None] * where[:, None, :] * moment[:, 0, 0, None, None]
    moment[:, 0, 1:] -= where * moment[:, 0, [0]]
    moment[:, 1:, 0] = moment[:, 0, 1:]
    return moment


def _shifted(sums: Array, where: Array, *, degree: int) -> Array:
    """First moments with the values about each point, from those about the centre."""
    if degree == 0:
        return sums
    return np.hstack([sums[:, :1], sums[:, 1:] - where * sums[:, :1]])


def _intercept_row(sums: Array, where: Array, *, degree: int) -> Array:
    """First row of the inverse moment matrix; the locally constant one where trials lie on a line."""
    moment = _moment_matrix(sums, where, degree=degree)
    mass, row = moment[:, 0, 0], np.zeros(moment.shape[:2])
    with np.errstate(divide="ignore", invalid="ignore"):
        row[:, 0] = 1.0 / np.where(mass > 0, mass, np.nan)
        if degree == 0:
            return row
        cross = moment[:, 0, 1:]
        slope = _solve(moment[:, 1:, 1:], cross)
        rest = mass - (cross * slope).sum(axis=1)
        usable = np.isfinite(slope).all(axis=1) & (rest > _DEGENERATE * mass)
        row[usable, 0] = 1.0 / rest[usable]
        row[usable, 1:] = -slope[usable] / rest[usable, None]
    return row


def _solve(matrix: Array, right: Array) -> Array:
    """Solutions of many small symmetric systems; NaN where one is singular."""
    scale = np.einsum("mii->m", matrix) / matrix.shape[1]
    if matrix.shape[1] == 1:
        determinant, solution = matrix[:, 0, 0], right.copy()
    elif matrix.shape[1] == 2:
        (a, b), (_, c) = matrix.transpose(1, 2, 0)
        determinant = a * c - b * b
        solution = np.stack([c * right[:, 0] - b * right[:, 1], a * right[:, 1] - b * right[:, 0]], axis=1)
    else:
        return _solve_general(matrix, right, scale)
    singular = determinant <= _DEGENERATE * scale ** matrix.shape[1]
    return np.where(singular[:, None], np.nan, solution / determinant[:, None])


def _solve_general(matrix: Array, right: Array, scale: Array) -> Array:
    """The same for three dimensions and more."""
    solution = np.full_like(right, np.nan)
    good = scale > 0
    good[good] = np.linalg.cond(matrix[good]) < 1.0 / _DEGENERATE
    solution[good] = np.linalg.solve(matrix[good], right[good, :, None])[:, :, 0]
    return solution
