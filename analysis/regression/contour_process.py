"""A Gaussian process that smooths along the contours of a surface, for cliffs, corners and plateaus.

One kernel for a whole surface must be narrow enough for the steepest region, and is then too narrow for flat
regions. Here a stationary pilot process estimates the surface first. A second process uses the pilot's
estimate as an additional coordinate, so that two settings are similar if they are close *and* have about the
same value. The result is the mean of both processes, which halves the errors that only one of them makes.

Source: kernels steered by a pilot estimate, Takeda, Farsiu and Milanfar, "Kernel regression for image
processing and reconstruction" (2007). Deliberate difference: here the steering is a second process. That
process does not know that its coordinate was estimated from the same trials, so its own standard error is
not used.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.arrays import Array
from analysis.regression.base import Grid, coordinates
from analysis.regression.gaussian_process import GaussianProcess, fit_gaussian_process

__all__ = ["ContourProcess", "fit_contour_process"]


@dataclass(frozen=True, eq=False)
class ContourProcess:
    """The mean of a pilot process and of a second process along the pilot's contours.

    Attributes:
        pilot: The process over the parameters.
        second: The process over the parameters and the pilot's mean.
    """

    pilot: GaussianProcess
    second: GaussianProcess

    def predict(self, at: Array | Grid) -> Array:
        """Return the estimated mean."""
        return 0.5 * (self.pilot.predict(at) + self.second.predict(self._with_pilot(at)))

    def standard_error(self, at: Array | Grid) -> Array:
        """Return the pilot's standard error combined with half the difference between the processes."""
        return np.hypot(self.pilot.standard_error(at), self.predict(at) - self.pilot.predict(at))

    def support(self, at: Array | Grid) -> Array:
        """Return the pilot's effective number of trials."""
        return self.pilot.support(at)

    def smoother(self, at: Array | Grid) -> Array:
        """Return the weights of the trials' values, [point, trial], with the pilot's coordinate fixed."""
        return 0.5 * (self.pilot.smoother(at) + self.second.smoother(self._with_pilot(at)))

    def with_points(self, points: Array, values: Array, weights: Array) -> ContourProcess:
        """Return the fit to other trials with the same kernels."""
        pilot = self.pilot.with_points(points, values, weights)
        extended = _extended(points, pilot.predict(points))
        return ContourProcess(pilot, self.second.with_points(extended, values, weights))

    def samples(self, at: Array | Grid, *, n: int, rng: np.random.Generator) -> Array:
        """Return samples of the pilot, [sample, point], shifted to this estimate."""
        return self.pilot.samples(at, n=n, rng=rng) + (self.predict(at) - self.pilot.predict(at))

    def _with_pilot(self, at: Array | Grid) -> Array:
        """Return the points (or nodes) with the pilot's mean as an additional coordinate."""
        points = coordinates(at)
        flat = points.reshape(-1, points.shape[-1])
        return _extended(flat, self.pilot.predict(flat)).reshape(*points.shape[:-1], points.shape[-1] + 1)

    @property
    def noise_sd(self) -> float:
        """The standard deviation of a trial of weight 1 around the pilot."""
        return self.pilot.noise_sd


def fit_contour_process(points: Array, values: Array, weights: Array) -> ContourProcess:
    """Fit both processes.

    Raises:
        AnalysisError: More trials than `analysis.regression.fit_gaussian_process` accepts.
    """
    pilot = fit_gaussian_process(points, values, weights)
    extended = _extended(points, pilot.predict(points))
    second = fit_gaussian_process(extended, values, weights, kernels=("matern",), directional=False)
    return ContourProcess(pilot, second)


def _extended(points: Array, pilot: Array) -> Array:
    return np.hstack([points, pilot[:, None]])
