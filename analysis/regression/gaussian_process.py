"""Gaussian process regression with fitted noise, length scales and direction, averaged over two kernels.

There are three reasons not to use scikit-learn here. The scale and the mean are integrated or profiled out,
so that a fit searches over few numbers with an exact gradient; this is about 20 times faster, which adaptive
designs need. Trials may have weights. Weak priors prevent fits to a dozen trials from estimating no noise at
all. The tests compare the results with scikit-learn's.
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
from analysis.regression.base import Grid, coordinates, in_chunks, over_nodes
from analysis.regression.gp_kernels import Kernel, fit_kernel

__all__ = ["GaussianProcess", "KernelPosterior", "fit_gaussian_process"]

MOST_TRIALS = 2000


@dataclass(frozen=True, eq=False)
class KernelPosterior:
    """The posterior of one kernel given the trials."""

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
        """The generalised least squares estimate of the constant mean."""
        return float(self._ones @ self.values / self._ones.sum())

    @cached_property
    def _alpha(self) -> Array:
        return np.asarray(cho_solve(self._factor, self.values - self.mean))

    @cached_property
    def variance(self) -> float:
        """The variance of the surface around its mean."""
        return float(self._alpha @ (self.values - self.mean)) / max(len(self.values) - 1, 1)

    def at(self, points: Array) -> tuple[Array, Array]:
        """Return the posterior mean and variance of the surface."""
        cross = self._cross(points)
        half = solve_triangular(self._factor[0], cross.T, lower=True, check_finite=False)
        # All means have nodes in the same arrangement, and the kernel is stationary.
        own = self.kernel.correlation(points[0], points[0]).mean() if points.ndim == 3 else 1.0
        left = own - np.einsum("nm,nm->m", half, half) + (1.0 - cross @ self._ones) ** 2 / self._ones.sum()
        return self.mean + cross @ self._alpha, self.variance * np.maximum(left, 0.0)

    def smoother(self, points: Array) -> Array:
        """Return the weight of each trial's value in the posterior mean, [point, trial]."""
        cross = self._cross(points)
        left = 1.0 - cross @ self._ones
        return np.asarray(cho_solve(self._factor, cross.T).T + np.outer(left, self._ones) / self._ones.sum())

    def covariance(self, first: Array, second: Array) -> Array:
        """Return the posterior covariance of the surface between two sets of points."""
        left, right = self._cross(first), self._cross(second)
        prior = self._between(first, second)
        mean = np.outer(1.0 - left @ self._ones, 1.0 - right @ self._ones) / self._ones.sum()
        return np.asarray(self.variance * (prior - left @ cho_solve(self._factor, right.T) + mean))

    def _cross(self, points: Array) -> Array:
        """Return the correlation of the surface at points, or of its means over nodes, with the trials."""

        def correlation(at: Array) -> Array:
            return self.kernel.correlation(at, self.points)

        return over_nodes(correlation, points) if points.ndim == 3 else correlation(points)

    def _between(self, first: Array, second: Array) -> Array:
        """Return the prior correlation of points or of means over nodes."""
        left, right = (part if part.ndim == 3 else part[:, None] for part in (first, second))
        # One pair of nodes at a time, because memory would grow with the square of the number of nodes.
        total = np.zeros((len(left), len(right)))
        for one, other in itertools.product(range(left.shape[1]), range(right.shape[1])):
            total += self.kernel.correlation(left[:, one], right[:, other])
        return np.asarray(total / (left.shape[1] * right.shape[1]))


@dataclass(frozen=True, eq=False)
class GaussianProcess:
    """A Gaussian process that averages kernels weighted by their evidence.

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
        """Return the posterior mean."""
        return self._moments(at)[0]

    def standard_error(self, at: Array | Grid) -> Array:
        """Return the posterior standard deviation of the surface, without the noise of a single trial."""
        return np.sqrt(self._moments(at)[1])

    def support(self, at: Array | Grid) -> Array:
        """Return Kish's effective number of trials under the fitted correlation, which fades out far away."""
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

    def samples(self, at: Array | Grid, *, n: int, rng: np.random.Generator) -> Array:
        """Return surfaces sampled from the posterior of the most probable kernel, [sample, point]."""
        points = coordinates(at)
        value, vector = np.linalg.eigh(self.covariance(points, points))
        root = vector * np.sqrt(np.maximum(value, 0.0))
        return np.asarray(self.predict(points) + rng.standard_normal((n, len(points))) @ root.T)

    def smoother(self, at: Array | Grid) -> Array:
        """Return the weight of each trial's value in each estimate, [point, trial]."""
        parts = [posterior.smoother(coordinates(at)) for posterior in self.posteriors]
        return np.asarray(np.tensordot(self._shares, np.array(parts), axes=1))

    def covariance(self, first: Array, second: Array) -> Array:
        """Return the posterior covariance [first, second] under the most probable kernel."""
        return max(self.posteriors, key=lambda posterior: posterior.kernel.log_evidence).covariance(
            first, second
        )

    @property
    def main_kernel(self) -> Kernel:
        """The most probable kernel."""
        return max(self.kernels, key=lambda kernel: kernel.log_evidence)

    @property
    def noise_sd(self) -> float:
        """The standard deviation of a trial of weight 1 around the surface."""
        variances = [posterior.variance * posterior.kernel.noise_ratio for posterior in self.posteriors]
        return float(np.sqrt(self._shares @ variances))

    def with_points(self, points: Array, values: Array, weights: Array) -> GaussianProcess:
        """Return the fit to other trials with the same kernels."""
        return GaussianProcess(points, values, weights, self.kernels)

    @cached_property
    def _shares(self) -> Array:
        """The weight of each kernel in the average."""
        evidence = np.array([kernel.log_evidence for kernel in self.kernels])
        share = np.exp(evidence - evidence.max())
        return np.asarray(share / share.sum())

    @cached_property
    def posteriors(self) -> tuple[KernelPosterior, ...]:
        """The posterior of each kernel."""
        return tuple(
            KernelPosterior(self.points, self.values, self.weights, kernel) for kernel in self.kernels
        )

    def _moments(self, at: Array | Grid) -> tuple[Array, Array]:
        """Return the mean and variance of the mixture of kernels."""
        moments = in_chunks(self._mixture, coordinates(at), self.points)
        return moments[:, 0], moments[:, 1]

    def _mixture(self, points: Array) -> Array:
        parts = np.array([posterior.at(points) for posterior in self.posteriors])
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
    """Fit length scales, direction and noise of each kernel by maximum a posteriori, without randomness.

    Source: Rasmussen and Williams, Gaussian Processes for Machine Learning (2006), chapters 2 and 5.

    Raises:
        AnalysisError: More than 2000 trials, which need a kernel estimator.
    """
    if len(values) > MOST_TRIALS:
        raise AnalysisError(
            f"gaussian_process accepts at most {MOST_TRIALS} trials, but got {len(values)}: use local_linear"
        )
    extent = np.where(np.ptp(points, axis=0) > 0, np.ptp(points, axis=0), 1.0)
    fits = tuple(
        fit_kernel(name, points / extent, values, weights, extent=extent, directional=directional)
        for name in kernels
    )
    return GaussianProcess(points, values, weights, fits)
