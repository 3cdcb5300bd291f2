"""Kernel regression in one to four dimensions: Nadaraya-Watson and local linear, exact and vectorised.

Both are linear smoothers: an estimate is a weighted sum of the trials' values, so its standard error, the
trials that carry it and its leave-one-out errors follow in closed form. The kernel is a product of Gaussians,
hence on a product grid all sums over trials are matrix products: that makes a map of 100 000 trials cheap.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol, TypeGuard

import numpy as np
from scipy.spatial import cKDTree

from analysis.arrays import Array
from analysis.regression.kernel_sums import grid_sums, intercept_row, moments_about, point_sums, products

__all__ = [
    "Fit", "Grid", "KernelRegression", "Regression", "coordinates", "in_chunks", "is_averaged",
    "over_nodes",
]  # fmt: skip

_CHUNK = 2_000_000
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
    """What every estimator gives, at points [point, dimension] or on a grid (last axis fastest).

    At [point, node, dimension] it gives the same for the mean over the nodes: of a surface averaged over a
    parameter, say. The standard error is that of the mean, not the mean of the standard errors.
    """

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


class Fit(Regression, Protocol):
    """A regression that was fitted to trials, and can be given others."""

    def with_points(self, points: Array, values: Array, weights: Array) -> Fit:
        """The same bandwidths or kernels given other trials, without choosing again."""
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
        return over_nodes(self.predict, at) if is_averaged(at) else self._fit(at)[0]

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
        if is_averaged(at):
            return np.sqrt(self._noise * in_chunks(self._squared_share, coordinates(at), self.points))
        return np.sqrt(self._noise * self._squared_weight(at))

    def draws(self, at: Array | Grid, *, n: int, rng: np.random.Generator) -> Array:
        """[draw, point]: the estimate of `n` studies with other noise (parametric bootstrap)."""
        noise = np.sqrt(self._noise / self.weights) * rng.standard_normal((n, len(self.values)))
        return np.asarray(self.predict(at) + noise @ self.smoother(at).T)

    def smoother(self, at: Array | Grid) -> Array:
        """[point, trial]: the share of each trial's value in each estimate."""
        points = coordinates(at)
        if is_averaged(points):
            return in_chunks(lambda part: over_nodes(self.smoother, part), points, self.points)
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
        if is_averaged(at):
            return over_nodes(self.support, at)
        reach, total = self._sums(np.stack([np.ones_like(self.weights), self.weights]), at, 1.0)
        (squared,) = self._sums(self.weights[None] ** 2, at, np.sqrt(0.5))
        size = np.divide(total**2, squared, out=np.zeros_like(total), where=squared > 0)
        return np.asarray(size * np.minimum(reach / _REACH, 1.0))

    def with_points(self, points: Array, values: Array, weights: Array) -> KernelRegression:
        """The same bandwidths given other trials."""
        return replace(self, points=points, values=values, weights=weights)

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
        columns = products(design, degree=self.degree)
        sums = self._sums(np.vstack([columns, design * self._centred]) * self.weights, at, 1.0)
        where = self._scaled(coordinates(at))
        row = intercept_row(moments_about(sums[: len(columns)], where, degree=self.degree))
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
        sums = self._sums(products(self._design, degree=self.degree) * self.weights, at, np.sqrt(0.5))
        moments = moments_about(sums, self._scaled(coordinates(at)), degree=self.degree)
        total = np.zeros(row.shape[1])
        for (first, second), moment in moments.items():
            total += row[first] * row[second] * moment * (1.0 if first == second else 2.0)
        return np.where(np.isfinite(total), np.maximum(total, 0.0), np.inf)

    def _squared_share(self, at: Array) -> Array:
        """The same for means over nodes, [point, node, dimension]."""
        return np.asarray((over_nodes(self.smoother, at) ** 2 / self.weights).sum(axis=1))

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
            return grid_sums(
                columns, (at.axes[0], at.axes[1]), points=self.points, bandwidth=self.bandwidth * width
            )
        return point_sums(columns, coordinates(at), points=self.points, bandwidth=self.bandwidth * width)


def coordinates(at: Array | Grid) -> Array:
    """Points of a grid, or the points themselves, [point, dimension] or [point, node, dimension]."""
    return at.points() if isinstance(at, Grid) else np.atleast_2d(np.asarray(at, dtype=np.float64))


def is_averaged(at: Array | Grid) -> TypeGuard[Array]:
    """Whether means over nodes are asked for, [point, node, dimension]."""
    return not isinstance(at, Grid) and np.ndim(at) == 3


def over_nodes(function: Callable[[Array], Array], at: Array) -> Array:
    """A function of points, averaged over the nodes of [point, node, dimension]."""
    flat = function(at.reshape(-1, at.shape[-1]))
    return np.asarray(flat.reshape(*at.shape[:2], *flat.shape[1:]).mean(axis=1))


def in_chunks(function: Callable[[Array], Array], at: Array, trials: Array) -> Array:
    """`function` of all points of `at`, at bounded memory."""
    nodes = at.shape[1] if at.ndim == 3 else 1
    step = max(1, _CHUNK // max(nodes * len(trials), 1))
    return np.concatenate([function(at[start : start + step]) for start in range(0, len(at), step)])
