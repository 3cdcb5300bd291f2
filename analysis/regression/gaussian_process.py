"""Gaussian process regression with fitted noise, length scales and direction, averaged over two kernels.

Written out here, not taken from scikit-learn, for three reasons: the scale and the mean are integrated or
profiled out, so that a fit is a search over few numbers with an exact gradient (some 20 times faster, which
adaptive designs need); trials may have weights; and weak priors keep fits to a dozen trials from claiming
no noise at all. scikit-learn is the oracle of the tests.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.linalg import cho_factor, cho_solve, solve_triangular

from analysis.arrays import Array
from analysis.errors import AnalysisError
from analysis.regression.gp_kernels import Kernel, fit_kernel
from analysis.regression.kernel import Grid, coordinates, in_chunks, over_nodes

__all__ = ["GaussianProcess", "fit_gaussian_process"]

MOST_TRIALS = 2000


@dataclass(frozen=True, eq=False)
class _Posterior:
    """A kernel's posterior given the trials."""

    points: Array
    values: Array
    weights: Array
    kernel: Kernel

    @cached_property
    def _factor(self) -> tuple[Array, bool]:
        matrix = self.kernel.correlation(self.points, self.points)
        matrix[np.diag_indices_from(matrix)] += self.kernel.noise_ratio / self.weights + 1e-10
        return (cho_factor(matrix, lower=True)[0], True)

    @cached_property
    def _ones(self) -> Array:
        return np.asarray(cho_solve(self._factor, np.ones(len(self.values))))

    @cached_property
    def mean(self) -> float:
        """Generalised least squares estimate of the constant mean."""
        return float(self._ones @ self.values / self._ones.sum())

    @cached_property
    def _alpha(self) -> Array:
        return np.asarray(cho_solve(self._factor, self.values - self.mean))

    @cached_property
    def variance(self) -> float:
        """Variance of the surface around its mean."""
        return float(self._alpha @ (self.values - self.mean)) / max(len(self.values) - 1, 1)

    def at(self, points: Array) -> tuple[Array, Array]:
        """Posterior mean and variance of the surface."""
        cross = self._cross(points)
        half = solve_triangular(self._factor[0], cross.T, lower=True, check_finite=False)
        # The nodes of all means lie alike, and the kernel is stationary.
        own = self.kernel.correlation(points[0], points[0]).mean() if points.ndim == 3 else 1.0
        left = own - np.einsum("nm,nm->m", half, half) + (1.0 - cross @ self._ones) ** 2 / self._ones.sum()
        return self.mean + cross @ self._alpha, self.variance * np.maximum(left, 0.0)

    def smoother(self, points: Array) -> Array:
        """[point, trial]: the share of each trial's value in the posterior mean."""
        cross = self._cross(points)
        left = 1.0 - cross @ self._ones
        return np.asarray(cho_solve(self._factor, cross.T).T + np.outer(left, self._ones) / self._ones.sum())

    def covariance(self, first: Array, second: Array) -> Array:
        """Posterior covariance of the surface between two sets of points."""
        left, right = self._cross(first), self._cross(second)
        prior = self._between(first, second)
        mean = np.outer(1.0 - left @ self._ones, 1.0 - right @ self._ones) / self._ones.sum()
        return np.asarray(self.variance * (prior - left @ cho_solve(self._factor, right.T) + mean))

    def _cross(self, points: Array) -> Array:
        """Correlation of the surface at points, or of its means over nodes, with the trials."""

        def correlation(at: Array) -> Array:
            return self.kernel.correlation(at, self.points)

        return over_nodes(correlation, points) if points.ndim == 3 else correlation(points)

    def _between(self, first: Array, second: Array) -> Array:
        """Prior correlation of points or means over nodes."""
        left, right = (part if part.ndim == 3 else part[:, None] for part in (first, second))
        # Node by node: all at once would take the square of the nodes' number in memory.
        total = np.zeros((len(left), len(right)))
        for one, other in itertools.product(range(left.shape[1]), range(right.shape[1])):
            total += self.kernel.correlation(left[:, one], right[:, other])
        return np.asarray(total / (left.shape[1] * right.shape[1]))


@dataclass(frozen=True, eq=False)
class GaussianProcess:
    """A Gaussian process, averaged over kernels by their evidence.

    Attributes:
        points: [trial, dimension].
        values: [trial].
        weights: [trial], > 0, inversely proportional to the trials' noise variances.
        kernels: The fitted kernels.
    """

    points: Array
    values: Array
    weights: Array
    kernels: tuple[Kernel, ...]

    def predict(self, at: Array | Grid) -> Array:
        """Posterior mean."""
        return self._moments(at)[0]

    def standard_error(self, at: Array | Grid) -> Array:
        """Posterior standard deviation of the surface, without a trial's own noise."""
        return np.sqrt(self._moments(at)[1])

    def support(self, at: Array | Grid) -> Array:
        """Kish's effective number of trials under the fitted correlation, fading beyond its reach."""
        kernel = self.main_kernel

        def size(points: Array) -> Array:
            correlation = kernel.correlation(points, self.points)
            total = correlation.sum(axis=1)
            squared = (correlation**2).sum(axis=1)
            kish = np.divide(total**2, squared, out=np.zeros_like(total), where=squared > 0)
            return np.asarray(kish * np.minimum(total * np.exp(2.0), 1.0))

        points = coordinates(at)
        return in_chunks(
            lambda part: over_nodes(size, part) if part.ndim == 3 else size(part), points, self.points
        )

    def draws(self, at: Array | Grid, *, n: int, rng: np.random.Generator) -> Array:
        """[draw, point]: surfaces drawn from the posterior of the most probable kernel."""
        points = coordinates(at)
        value, vector = np.linalg.eigh(self.covariance(points, points))
        root = vector * np.sqrt(np.maximum(value, 0.0))
        return np.asarray(self.predict(points) + rng.standard_normal((n, len(points))) @ root.T)

    def smoother(self, at: Array | Grid) -> Array:
        """[point, trial]: the share of each trial's value in each estimate."""
        parts = [posterior.smoother(coordinates(at)) for posterior in self._posteriors]
        return np.asarray(np.tensordot(self._shares, np.array(parts), axes=1))

    def covariance(self, first: Array, second: Array) -> Array:
        """Posterior covariance [first, second], under the most probable kernel."""
        return max(self._posteriors, key=lambda posterior: posterior.kernel.log_evidence).covariance(
            first, second
        )

    @property
    def main_kernel(self) -> Kernel:
        """The most probable kernel."""
        return max(self.kernels, key=lambda kernel: kernel.log_evidence)

    @property
    def noise_sd(self) -> float:
        """Standard deviation of a trial of weight 1 around the surface."""
        variances = [posterior.variance * posterior.kernel.noise_ratio for posterior in self._posteriors]
        return float(np.sqrt(self._shares @ variances))

    def with_points(self, points: Array, values: Array, weights: Array) -> GaussianProcess:
        """The same kernels given other trials, without fitting again."""
        return GaussianProcess(points, values, weights, self.kernels)

    @cached_property
    def _shares(self) -> Array:
        """Share of each kernel in the average."""
        evidence = np.array([kernel.log_evidence for kernel in self.kernels])
        share = np.exp(evidence - evidence.max())
        return np.asarray(share / share.sum())

    @cached_property
    def _posteriors(self) -> tuple[_Posterior, ...]:
        return tuple(_Posterior(self.points, self.values, self.weights, kernel) for kernel in self.kernels)

    def _moments(self, at: Array | Grid) -> tuple[Array, Array]:
        """Mean and variance of the mixture."""
        moments = in_chunks(self._mixture, coordinates(at), self.points)
        return moments[:, 0], moments[:, 1]

    def _mixture(self, points: Array) -> Array:
        parts = np.array([posterior.at(points) for posterior in self._posteriors])
        mean = np.tensordot(self._shares, parts[:, 0], axes=1)
        spread = np.tensordot(self._shares, (parts[:, 0] - mean) ** 2, axes=1)
        return np.stack([mean, np.tensordot(self._shares, parts[:, 1], axes=1) + spread], axis=1)


def fit_gaussian_process(
    points: Array,
    values: Array,
    weights: Array,
    *,
    kernels: Sequence[str] = ("matern", "squared_exponential"),
    directional: bool = True,
) -> GaussianProcess:
    """Fit length scales, direction and noise of each kernel by maximum a posteriori, deterministically.

    Source: Rasmussen and Williams, Gaussian Processes for Machine Learning (2006), chapters 2 and 5.

    Raises:
        AnalysisError: More than 2000 trials, for which a kernel estimator is meant.
    """
    if len(values) > MOST_TRIALS:
        raise AnalysisError(
            f"gaussian_process takes at most {MOST_TRIALS} trials, but got {len(values)}: use local_linear"
        )
    extent = np.where(np.ptp(points, axis=0) > 0, np.ptp(points, axis=0), 1.0)
    fits = tuple(
        fit_kernel(name, points / extent, values, weights, extent=extent, directional=directional)
        for name in kernels
    )
    return GaussianProcess(points, values, weights, fits)
