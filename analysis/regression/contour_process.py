"""A Gaussian process that smooths along a surface's contours: for cliffs, corners and plateaus.

One kernel for a whole surface must be narrow enough for its steepest place and is then too narrow for its
flats. Here a first process, stationary, draws the surface; a second one takes what the first drew as one
more coordinate, so that two settings are alike when they are close *and* give about the same value. The
estimate is the mean of both, which halves what either gets wrong alone.

Source: the idea of kernels steered by a pilot estimate, Takeda, Farsiu and Milanfar, "Kernel regression for
image processing and reconstruction" (2007); its form as a second process is ours. The second process does
not know that its coordinate was estimated from the same trials, so its own standard error is not used.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.arrays import Array
from analysis.regression.gaussian_process import GaussianProcess, fit_gaussian_process
from analysis.regression.kernel import Grid, coordinates

__all__ = ["SteeredProcess", "fit_steered_process"]


@dataclass(frozen=True, eq=False)
class SteeredProcess:
    """The mean of a process and of the one steered by it.

    Attributes:
        pilot: Over the parameters.
        steered: Over the parameters and the pilot's mean.
    """

    pilot: GaussianProcess
    steered: GaussianProcess

    def predict(self, at: Array | Grid) -> Array:
        """Estimated mean."""
        return 0.5 * (self.pilot.predict(at) + self.steered.predict(self._with_pilot(at)))

    def standard_error(self, at: Array | Grid) -> Array:
        """The pilot's standard error, and half of what the two processes differ by."""
        return np.hypot(self.pilot.standard_error(at), self.predict(at) - self.pilot.predict(at))

    def support(self, at: Array | Grid) -> Array:
        """The pilot's effective number of trials."""
        return self.pilot.support(at)

    def smoother(self, at: Array | Grid) -> Array:
        """[point, trial]: shares of the trials' values, at the pilot's coordinate as it was fitted."""
        return 0.5 * (self.pilot.smoother(at) + self.steered.smoother(self._with_pilot(at)))

    def with_points(self, points: Array, values: Array, weights: Array) -> SteeredProcess:
        """The same kernels given other trials, without fitting again."""
        pilot = self.pilot.with_points(points, values, weights)
        extended = _extended(points, pilot.predict(points))
        return SteeredProcess(pilot, self.steered.with_points(extended, values, weights))

    def draws(self, at: Array | Grid, *, n: int, rng: np.random.Generator) -> Array:
        """[draw, point]: draws of the pilot, moved onto the estimate."""
        return self.pilot.draws(at, n=n, rng=rng) + (self.predict(at) - self.pilot.predict(at))

    def _with_pilot(self, at: Array | Grid) -> Array:
        """The points (or nodes) with the pilot's mean as one more coordinate."""
        points = coordinates(at)
        flat = points.reshape(-1, points.shape[-1])
        return _extended(flat, self.pilot.predict(flat)).reshape(*points.shape[:-1], points.shape[-1] + 1)

    @property
    def noise_sd(self) -> float:
        """Standard deviation of a trial of weight 1 around the pilot."""
        return self.pilot.noise_sd


def fit_steered_process(points: Array, values: Array, weights: Array) -> SteeredProcess:
    """Fit both processes; see `analysis.regression.gaussian_process.fit_gaussian_process` for the limits."""
    pilot = fit_gaussian_process(points, values, weights)
    extended = _extended(points, pilot.predict(points))
    steered = fit_gaussian_process(extended, values, weights, kernels=("matern",), directional=False)
    return SteeredProcess(pilot, steered)


def _extended(points: Array, pilot: Array) -> Array:
    return np.hstack([points, pilot[:, None]])
