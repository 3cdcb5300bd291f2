"""Kernels of Gaussian processes, and the search for their length scales, direction and noise.

In addition to one length scale per axis, a kernel may have a direction along which the surface changes faster
than along any axis. Label noise and softness act through their difference as much as separately, and without
a direction a diagonal slope would need short length scales on both axes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.linalg import cho_solve
from scipy.optimize import minimize

from analysis.arrays import Array

__all__ = ["KERNELS", "Kernel", "KernelSearch", "fit_kernel", "log_prior"]

_SQRT5 = float(np.sqrt(5.0))
# Weak log-normal priors (mean and s.d. of the logarithm). Length scales are in units of the trials' range,
# the noise variance in units of the surface's variance. The priors matter for a dozen trials, not for fifty.
_LENGTH_PRIOR = (np.log(0.5), 1.0)
_NOISE_PRIOR = (np.log(0.02), 2.0)
# The prior of the direction is normal with mean 0, in units of 1 / range.
_DIRECTION_SD = 2.0
_STARTS = ((0.3, 0.01), (1.0, 0.05))
_BOUNDS = ((np.log(0.03), np.log(30.0)), (-40.0, 40.0), (np.log(1e-6), np.log(1e3)))

Correlation = Callable[[Array], tuple[Array, Array]]


def _matern(squared: Array) -> tuple[Array, Array]:
    """Return Matern 5/2 of the squared distance, and minus twice its derivative."""
    distance = _SQRT5 * np.sqrt(squared)
    decay = np.exp(-distance)
    return (1.0 + distance + distance**2 / 3.0) * decay, (5.0 / 3.0) * (1.0 + distance) * decay


def _squared_exponential(squared: Array) -> tuple[Array, Array]:
    """Return the Gaussian correlation of the squared distance, and minus twice its derivative."""
    value = np.exp(-0.5 * squared)
    return value, value


KERNELS: dict[str, Correlation] = {"matern": _matern, "squared_exponential": _squared_exponential}


@dataclass(frozen=True, eq=False)
class Kernel:
    """A fitted covariance function.

    Attributes:
        name: One of `KERNELS`.
        length_scale: [dimension], in the points' units.
        direction: [dimension], in 1 / the points' units. The difference between two points along it adds to
            their distance.
        noise_ratio: Noise variance of a trial of weight 1 divided by the variance of the surface.
        log_evidence: Logarithm of the posterior density at the fit, up to a constant shared by all kernels.
    """

    name: str
    length_scale: Array
    direction: Array
    noise_ratio: float
    log_evidence: float

    def correlation(self, first: Array, second: Array) -> Array:
        """Return the correlation [first, second], which is 1 at distance 0."""
        along = np.subtract.outer(first @ self.direction, second @ self.direction)
        squared = _squared_distance(first / self.length_scale, second / self.length_scale) + along**2
        return KERNELS[self.name](squared)[0]


def fit_kernel(
    name: str, points: Array, values: Array, weights: Array, *, extent: Array, directional: bool
) -> Kernel:
    """Fit the most probable length scales, direction and noise of one kernel.

    Source: the distance with a direction is the factor analysis distance of Vivarelli and Williams (1999), as
    in Rasmussen and Williams, Gaussian Processes for Machine Learning (2006), section 5.1. The search for the
    direction starts where the fit without a direction changes most. A direction is fitted in two dimensions
    only: in four dimensions, fits to about 90 trials find a wrong one and are worse than without.

    Args:
        name: One of `KERNELS`.
        points: [trial, dimension], divided by `extent`.
        values: [trial].
        weights: [trial].
        extent: [dimension], the range of the trials along each axis.
        directional: Whether to fit a direction in two dimensions.
    """
    scaled = (values - values.mean()) / (values.std() or 1.0)
    dimensions = points.shape[1]
    search = KernelSearch(name, points, scaled, weights)
    starts = [np.log([length] * dimensions + [noise]) for length, noise in _STARTS]
    found, loss = _least(search, starts)
    direction = np.zeros(dimensions)
    if directional and dimensions == 2:
        search = KernelSearch(name, points, scaled, weights, directional=True)
        steepest = _steepest(KernelSearch(name, points, scaled, weights), found)
        long = np.zeros(dimensions)
        starts = [
            np.concatenate([lengths, size * steepest, found[-1:]])
            for lengths, size in ((long, 2.0), (found[:-1], 0.3))
        ]
        found, loss = _least(search, starts)
        direction = found[dimensions:-1] / extent
    lengths = np.exp(found[:dimensions]) * extent
    return Kernel(name, lengths, direction, float(np.exp(found[-1])), log_evidence=-loss)


@dataclass(frozen=True, eq=False)
class KernelSearch:
    """The negative log posterior of (log length scales, direction if any, log noise ratio).

    Attributes:
        name: One of `KERNELS`.
        points: [trial, dimension], in units of the trials' range.
        values: [trial].
        weights: [trial].
        directional: Whether there is a direction.
    """

    name: str
    points: Array
    values: Array
    weights: Array
    directional: bool = False

    @cached_property
    def _squares(self) -> Array:
        return (self.points.T[:, :, None] - self.points.T[:, None, :]) ** 2

    def __call__(self, parameters: Array) -> tuple[float, Array]:
        """Return the loss and its gradient."""
        n, dimensions = self.points.shape
        inverse_squares = np.exp(-2.0 * parameters[:dimensions])
        along = self.points @ self._direction(parameters)
        squared = np.tensordot(inverse_squares, self._squares, axes=1) + np.subtract.outer(along, along) ** 2
        value, slope = KERNELS[self.name](squared)
        noise = np.exp(parameters[-1]) / self.weights
        lower = np.linalg.cholesky(value + np.diag(noise + 1e-10))
        inverse = cho_solve((lower, True), np.eye(n), check_finite=False)
        ones = inverse.sum(axis=1)
        centred = self.values - ones @ self.values / ones.sum()
        alpha = inverse @ centred
        scale = float(centred @ alpha) / n + 1e-12
        weight = 0.5 * (inverse - np.outer(alpha, alpha) / scale)
        pull = weight * slope
        parts = [np.einsum("dij,ij->d", self._squares, pull) * inverse_squares]
        if self.directional:
            parts.append(-2.0 * ((pull.sum(axis=1) * along) @ self.points - (pull @ along) @ self.points))
        gradient = np.concatenate([*parts, [np.diag(weight) @ noise]])
        penalty, prior_gradient = log_prior(parameters, dimensions)
        loss = 0.5 * n * np.log(scale) + np.log(np.diag(lower)).sum() + penalty
        return float(loss), gradient + prior_gradient

    def mean(self, parameters: Array, at: Array) -> Array:
        """Return the posterior mean under these parameters, up to a constant."""
        dimensions = self.points.shape[1]
        lengths, direction = np.exp(parameters[:dimensions]), self._direction(parameters)
        kernel = Kernel(self.name, lengths, direction, float(np.exp(parameters[-1])), 0.0)
        matrix = kernel.correlation(self.points, self.points)
        matrix[np.diag_indices_from(matrix)] += kernel.noise_ratio / self.weights + 1e-10
        return np.asarray(kernel.correlation(at, self.points) @ np.linalg.solve(matrix, self.values))

    def _direction(self, parameters: Array) -> Array:
        dimensions = self.points.shape[1]
        return parameters[dimensions:-1] if self.directional else np.zeros(dimensions)


def log_prior(parameters: Array, dimensions: int) -> tuple[float, Array]:
    """Return the negative log prior and its gradient."""
    n_direction = len(parameters) - dimensions - 1
    centre = np.array([_LENGTH_PRIOR[0]] * dimensions + [0.0] * n_direction + [_NOISE_PRIOR[0]])
    width = np.array([_LENGTH_PRIOR[1]] * dimensions + [_DIRECTION_SD] * n_direction + [_NOISE_PRIOR[1]])
    away = (parameters - centre) / width
    return 0.5 * float(away @ away), away / width


def _least(search: KernelSearch, starts: list[Array]) -> tuple[Array, float]:
    """Return the best result of searches from several starts, and its loss."""
    dimensions = search.points.shape[1]
    lengths, direction, noise = _BOUNDS
    bounds = [lengths] * dimensions + [direction] * (len(starts[0]) - dimensions - 1) + [noise]
    found = [
        minimize(search, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 60})
        for start in starts
    ]
    best = min(found, key=lambda one: float(one.fun))
    return np.asarray(best.x), float(best.fun)


def _steepest(search: KernelSearch, parameters: Array) -> Array:
    """Return the unit vector along which the fit changes most at the trials."""
    slopes = []
    for axis in range(search.points.shape[1]):
        step = np.zeros(search.points.shape[1])
        step[axis] = 0.01
        ahead, behind = (search.mean(parameters, search.points + sign * step) for sign in (1.0, -1.0))
        slopes.append((ahead - behind) / 0.02)
    return np.asarray(np.linalg.eigh(np.array(slopes) @ np.array(slopes).T)[1][:, -1])


def _squared_distance(left: Array, right: Array) -> Array:
    total = np.zeros((len(left), len(right)))
    for one, other in zip(left.T, right.T, strict=True):
        total += np.subtract.outer(one, other) ** 2
    return total
