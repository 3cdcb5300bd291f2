"""Kernel regression in one to four dimensions: Nadaraya-Watson and local linear, exact and vectorised.

Both are linear smoothers: an estimate is a weighted sum of the trials' values. Its standard error, its
support and its leave-one-out errors therefore have a closed form. The kernel is a product of Gaussians, so on
a grid all sums over trials are matrix products, which makes a map of 100 000 trials cheap.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy.spatial import cKDTree

from analysis.arrays import Array
from analysis.regression.base import Grid, coordinates, in_chunks, is_averaged, over_nodes
from analysis.regression.kernel_sums import grid_sums, intercept_row, moments_about, point_sums, products

__all__ = ["KernelRegression"]

_DEGENERATE = 1e-10
_REACH = float(np.exp(-2.0))


@dataclass(frozen=True, eq=False)
class KernelRegression:
    """Locally constant (Nadaraya-Watson) or locally linear regression with a product Gaussian kernel.

    At the edges of the design, locally constant estimates are biased towards the interior. Locally linear
    estimates are not, and they reproduce any plane exactly.

    Source: Nadaraya (1964), Watson (1964); Fan and Gijbels, Local Polynomial Modelling (1996), chapter 3.
    Where the kernel underflows at all trials, the estimate is the value of the nearest trial, with support 0.

    Attributes:
        points: [trial, dimension].
        values: [trial].
        bandwidth: [dimension], standard deviation of the kernel in the points' units, > 0.
        degree: 0 for Nadaraya-Watson, 1 for local linear.
        weights: [trial], > 0, inversely proportional to the trials' noise variances.
        noise_variance: Variance of a trial of weight 1 around the mean; estimated from the residuals when
            None.
    """

    points: Array
    values: Array
    bandwidth: Array
    degree: int
    weights: Array
    noise_variance: float | None = None

    def predict(self, at: Array | Grid) -> Array:
        """Return the estimated mean at each point."""
        return over_nodes(self.predict, at) if is_averaged(at) else self._fit(at)[0]

    def standard_error(self, at: Array | Grid) -> Array:
        """Return the root of the estimate's variance plus its squared bias.

        The bias is estimated as twice the change that the smoother makes to its own fit. That plug-in
        estimate is too small by about half, because it is applied to a surface that is already flattened.
        Without it, the bands of a bandwidth chosen by cross validation, which balances bias and variance,
        cover too little (Wahba 1983; benchmarks/README.md holds the calibration).
        """
        bias = 2.0 * (self._refitted.predict(at) - self.predict(at))
        return np.hypot(self.noise_error(at), bias)

    def noise_error(self, at: Array | Grid) -> Array:
        """Return the standard error due to the noise between trials alone, without the bias."""
        if is_averaged(at):
            return np.sqrt(self._noise * in_chunks(self._squared_share, coordinates(at), self.points))
        return np.sqrt(self._noise * self._squared_weight(at))

    def samples(self, at: Array | Grid, *, n: int, rng: np.random.Generator) -> Array:
        """Return estimates from `n` studies with new noise, [sample, point] (parametric bootstrap)."""
        noise = np.sqrt(self._noise / self.weights) * rng.standard_normal((n, len(self.values)))
        return np.asarray(self.predict(at) + noise @ self.smoother(at).T)

    def smoother(self, at: Array | Grid) -> Array:
        """Return the weight of each trial's value in each estimate, [point, trial]."""
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
        """Return Kish's effective number of trials, which fades out two bandwidths away from all trials."""
        if is_averaged(at):
            return over_nodes(self.support, at)
        reach, total = self._sums(np.stack([np.ones_like(self.weights), self.weights]), at, 1.0)
        (squared,) = self._sums(self.weights[None] ** 2, at, np.sqrt(0.5))
        size = np.divide(total**2, squared, out=np.zeros_like(total), where=squared > 0)
        return np.asarray(size * np.minimum(reach / _REACH, 1.0))

    def with_points(self, points: Array, values: Array, weights: Array) -> KernelRegression:
        """Return the fit to other trials with the same bandwidths."""
        return replace(self, points=points, values=values, weights=weights)

    def leave_one_out(self) -> Array:
        """Return the exact prediction of every trial from all others; NaN if no other trial is in reach."""
        leverage = self.leverage
        with np.errstate(divide="ignore", invalid="ignore"):
            left_out = self.values - (self.values - self.fitted) / (1.0 - leverage)
        return np.where(1.0 - leverage > _DEGENERATE, left_out, np.nan)

    @cached_property
    def _refitted(self) -> KernelRegression:
        """The same smoother applied to its own fit."""
        return replace(self, values=self.fitted)

    @cached_property
    def fitted(self) -> Array:
        """The estimate at each trial."""
        return self.predict(self.points)

    @cached_property
    def leverage(self) -> Array:
        """The weight of each trial in its own estimate, which is the diagonal of the smoother."""
        return np.asarray(self._fit(self.points)[1][0] * self.weights)

    @cached_property
    def degrees_of_freedom(self) -> float:
        """The trace of the smoother, which is the equivalent number of parameters."""
        return float(self.leverage.sum())

    @property
    def noise_sd(self) -> float:
        """The standard deviation of a trial of weight 1 around the mean, from the residuals."""
        return float(np.sqrt(self._noise))

    @cached_property
    def _noise(self) -> float:
        """The variance of a trial of weight 1 (Cleveland and Devlin 1988, eq. 3.1)."""
        if self.noise_variance is not None:
            return self.noise_variance
        squared = self._squared_weight(self.points) * self.weights
        left = len(self.values) - 2.0 * self.degrees_of_freedom + float(squared.sum())
        residual = float((self.weights * (self.values - self.fitted) ** 2).sum())
        return residual / max(left, 1.0)

    def _fit(self, at: Array | Grid) -> tuple[Array, Array]:
        """Return the estimates, and the coefficients [1 + dimension, point] of each trial's weight."""
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
        """Return the variance of the estimate in units of the noise variance."""
        _, row = self._fit(at)
        sums = self._sums(products(self._design, degree=self.degree) * self.weights, at, np.sqrt(0.5))
        moments = moments_about(sums, self._scaled(coordinates(at)), degree=self.degree)
        total = np.zeros(row.shape[1])
        for (first, second), moment in moments.items():
            total += row[first] * row[second] * moment * (1.0 if first == second else 2.0)
        return np.where(np.isfinite(total), np.maximum(total, 0.0), np.inf)

    def _squared_share(self, at: Array) -> Array:
        """Return the same for means over nodes, [point, node, dimension]."""
        return np.asarray((over_nodes(self.smoother, at) ** 2 / self.weights).sum(axis=1))

    @cached_property
    def _offset(self) -> float:
        """The mean value. Subtracting it first keeps the precision of the sums and constants constant."""
        return float(np.average(self.values, weights=self.weights))

    @cached_property
    def _centred(self) -> Array:
        return self.values - self._offset

    def _scaled(self, points: Array) -> Array:
        """Return the points in bandwidths from the centre of the trials, [dimension, point]."""
        return np.asarray(((points - self.points.mean(axis=0)) / self.bandwidth).T)

    @cached_property
    def _design(self) -> Array:
        """The constant and, for degree 1, the coordinates of the trials, [1 or 1 + dimension, trial]."""
        ones = np.ones((1, len(self.values)))
        return ones if self.degree == 0 else np.vstack([ones, self._scaled(self.points)])

    @cached_property
    def _tree(self) -> cKDTree:
        return cKDTree(self._scaled(self.points).T)

    def _sums(self, columns: Array, at: Array | Grid, width: float) -> Array:
        """Return kernel-weighted sums of `columns` over the trials; `width` scales the bandwidth."""
        if isinstance(at, Grid) and len(at.axes) == 2:
            return grid_sums(
                columns, (at.axes[0], at.axes[1]), points=self.points, bandwidth=self.bandwidth * width
            )
        return point_sums(columns, coordinates(at), points=self.points, bandwidth=self.bandwidth * width)
