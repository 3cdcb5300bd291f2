"""An adaptive design, which places the next trial where it teaches most about the surface.

A Gaussian process is fitted to the results so far. Each candidate is scored by how much it would reduce the
posterior variance, summed over the surface. This score does not depend on the candidate's result, so points
that are still running count as done, and parallel workers spread out automatically.

Source: integrated mean squared error, Sacks, Welch, Mitchell and Wynn (1989); batches as in Ginsbourger, Le
Riche and Carraro (2010), who also fill in pending points.

Deliberate difference: the variance is weighted by the slope of the surface. Without the weight, a stationary
process considers a cliff as well known as a plateau.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
from scipy.stats import qmc

from analysis.arrays import Array
from analysis.regression import GaussianProcess, fit_gaussian_process
from softloc_core.errors import ConfigError
from sweeps.designs.space import Parameter, Point, Space, Value

__all__ = ["FOCUSES", "AdaptiveDesign"]

FOCUSES = ("surface", "ridge", "level")
_FIRST_A_DIMENSION = 12
_N_CANDIDATES = 256
_N_LATTICE = 400
_LEVEL_SHARE = 0.95
_MOST_RANDOM = 2048


class AdaptiveDesign:
    """Sobol points first, then one point at a time where it teaches most.

    The ranges span the surface. Each combination of listed values (`choice`) has its own surface, and the
    next point goes to the surface that gains most. The design also accepts results of points that it did not
    propose, such as those of an earlier run of the study.

    Attributes:
        is_sequential: True, because later points depend on earlier results.
        budget: Largest number of points that it proposes.
    """

    is_sequential = True

    def __init__(
        self,
        space: Space,
        *,
        seed: int,
        budget: int,
        focus: str = "surface",
        max_standard_error: float | None = None,
        n_first: int | None = None,
    ) -> None:
        """Set up the design.

        Args:
            space: Varied parameters, 1 to 4 of them ranges.
            seed: Whole number >= 0.
            budget: Largest number of points to propose, >= 1.
            focus: Where to learn the surface. `surface`: everywhere, with more points in steep regions.
                `ridge`: where the metric is best over softness, or over the first range if softness is not
                varied. `level`: around 95 % of the metric without label noise, or at the low end of the first
                range if label noise is not varied.
            max_standard_error: Propose no further points once the standard error is at most this everywhere
                on every surface, > 0; None for no such limit.
            n_first: Number of Sobol points, >= 1; None for 12 for each range and surface. Never more than
                the budget.

        Raises:
            ConfigError: There is no range or more than 4, the focus is unknown, or `max_standard_error` is
                not above 0.
        """
        self._ranges = {key: parameter for key, parameter in space.items() if parameter.is_range}
        lists = {key: parameter.values for key, parameter in space.items() if not parameter.is_range}
        if not 1 <= len(self._ranges) <= 4:
            raise ConfigError(
                f"`design: adaptive` needs 1 to 4 ranges in `space`, but got {len(self._ranges)}"
            )
        if focus not in FOCUSES:
            raise ConfigError(f"`focus` must be one of {', '.join(FOCUSES)}, but got {focus}")
        is_number = isinstance(max_standard_error, int | float) and not isinstance(max_standard_error, bool)
        if max_standard_error is not None and not (is_number and 0 < max_standard_error < math.inf):
            raise ConfigError(
                f"`stop: max_standard_error` must be a number above 0, but got {max_standard_error}"
            )
        self.budget = budget
        self._focus, self._max_standard_error = focus, max_standard_error
        self._arms = [dict(zip(lists, values, strict=True)) for values in itertools.product(*lists.values())]
        self._results: list[list[tuple[tuple[float, ...], float]]] = [[] for _ in self._arms]
        self._pending: list[list[tuple[float, ...]]] = [[] for _ in self._arms]
        self._fits: dict[int, tuple[int, GaussianProcess]] = {}
        self._n_proposed = 0
        dimensions = len(self._ranges)
        self._n_first = min(budget, n_first or _FIRST_A_DIMENSION * dimensions * len(self._arms))
        self._first = _sobol(max(self._n_first, 1), dimensions, seed)
        self._candidates = np.vstack([_sobol(_N_CANDIDATES, dimensions, seed + 1), _edges(dimensions)])
        self._lattice = _lattice(dimensions)

    def ask(self) -> Point | None:
        """Return the next point, or None when the budget is spent or the surface is known well enough."""
        if self._n_proposed >= self.budget or self.is_known:
            return None
        if self._n_proposed < self._n_first or any(len(results) < 4 for results in self._results):
            arm, position = self._n_proposed % len(self._arms), self._first_position()
        else:
            arm, position = max(map(self._best, range(len(self._arms))))[1:]
        self._n_proposed += 1
        self._pending[arm].append(position)
        values = zip(self._ranges.items(), position, strict=True)
        return {**{key: parameter.at(min(u, 1 - 1e-12)) for (key, parameter), u in values}, **self._arms[arm]}

    def tell(self, point: Point, value: Value | None) -> None:
        """Record the result of a point, larger being better; None if it failed."""
        assert not isinstance(value, tuple), "an adaptive design has one objective"
        arm = self._arms.index({key: point[key] for key in self._arms[0]})
        position = tuple(_position(parameter, point[key]) for key, parameter in self._ranges.items())
        near = [
            one for one in self._pending[arm] if np.allclose(one, position, atol=_tolerance(self._ranges))
        ]
        if near:
            self._pending[arm].remove(near[0])
        if value is not None and math.isfinite(value):
            self._results[arm].append((position, float(value)))

    @property
    def is_known(self) -> bool:
        """Whether the largest standard error on any surface is at most `max_standard_error`."""
        if self._max_standard_error is None or self.n_results < self._n_first:
            return False
        return self.largest_standard_error <= self._max_standard_error

    @property
    def n_results(self) -> int:
        """Number of results received, without failed points."""
        return sum(map(len, self._results))

    @property
    def largest_standard_error(self) -> float:
        """Largest standard error anywhere on any surface; infinite until each surface has four results."""
        if any(len(results) < 4 for results in self._results):
            return math.inf
        return max(
            float(self._fit(arm).standard_error(self._lattice).max()) for arm in range(len(self._arms))
        )

    def equivalent_random_trials(self) -> int:
        """Return how many uniformly random trials would leave the same mean variance.

        The number assumes the fitted kernels. It is at most 2048 for each surface, even where more would be
        needed.
        """
        total = 0
        for arm in range(len(self._arms)):
            fit = self._fit(arm)
            reached = float((fit.standard_error(self._lattice) ** 2).mean())
            total += _random_trials(fit, self._lattice, reached)
        return total

    def summary(self, *, runs_a_point: int = 1) -> str:
        """Return how many trials were used, how well they determine the surface, and how many were saved.

        Args:
            runs_a_point: Number of trials at each design point, >= 1.
        """
        if any(len(results) < 4 for results in self._results):
            n_trials = self.n_results * runs_a_point
            return f"adaptive: {n_trials} trials are too few to tell how well the surface is known"
        used, most, random = (
            n * runs_a_point for n in (self.n_results, self.budget, self.equivalent_random_trials())
        )
        limit = "" if self._max_standard_error is None else f" (limit: {self._max_standard_error:g})"
        return (
            f"adaptive: used {used} of the study's {most} trials; largest standard error "
            f"{self.largest_standard_error:.4f}{limit}. Trials saved: {most - used} of the study's budget, "
            f"{max(random - used, 0)} compared with the {random} uniformly random trials that would "
            "determine the surface as well on average"
        )

    def _first_position(self) -> tuple[float, ...]:
        """Return the next Sobol point, or a candidate while there are too few results for a fit."""
        if self._n_proposed < self._n_first:
            return tuple(self._first[self._n_proposed].tolist())
        return tuple(self._candidates[(self._n_proposed - self._n_first) % _N_CANDIDATES].tolist())

    def _fit(self, arm: int) -> GaussianProcess:
        """Return the process fitted to the results of a surface, reused until a new result arrives."""
        n_results = len(self._results[arm])
        if arm not in self._fits or self._fits[arm][0] != n_results:
            self._fits[arm] = (n_results, self._fitted(arm))
        return self._fits[arm][1]

    def _fitted(self, arm: int) -> GaussianProcess:
        points = np.array([position for position, _ in self._results[arm]])
        values = np.array([value for _, value in self._results[arm]])
        return fit_gaussian_process(points, values, np.ones(len(values)))

    def _best(self, arm: int) -> tuple[float, int, tuple[float, ...]]:
        """Return the gain, surface and position of the best candidate of a surface."""
        fit = self._fit(arm)
        weight = _WEIGHTS[self._focus](fit, self._lattice, self._axis)
        pending = np.array(self._pending[arm]).reshape(-1, len(self._ranges))
        points = np.vstack([fit.points, pending])
        values = np.concatenate([fit.values, fit.predict(pending) if len(pending) else []])
        gain = _gains(
            fit.with_points(points, values, np.ones(len(values))), self._candidates, self._lattice, weight
        )
        best = int(gain.argmax())
        return float(gain[best]), arm, tuple(self._candidates[best].tolist())

    @property
    def _axis(self) -> int:
        """The axis of the focus: softness for the ridge, label noise for the level."""
        wanted = "softness" if self._focus == "ridge" else "label_noise"
        names = [key.removesuffix("_s") for key in self._ranges]
        return names.index(wanted) if wanted in names else 0


def _gains(fit: GaussianProcess, candidates: Array, lattice: Array, weight: Array) -> Array:
    """Return the variance that each candidate would remove, as a weighted sum over the lattice."""
    covariance = fit.covariance(lattice, candidates)
    variance = fit.standard_error(candidates) ** 2 + fit.noise_sd**2
    return np.asarray((weight @ covariance**2) / np.maximum(variance, 1e-15))


def _surface_weight(fit: GaussianProcess, lattice: Array, axis: int) -> Array:
    """Return the square root of the slope, at least about a third of its typical value."""
    slopes = []
    for dimension in range(lattice.shape[1]):
        step = np.zeros(lattice.shape[1])
        step[dimension] = 0.02
        ahead, behind = np.clip(lattice + step, 0, 1), np.clip(lattice - step, 0, 1)
        slopes.append((fit.predict(ahead) - fit.predict(behind)) / (ahead - behind)[:, dimension])
    squared = (np.array(slopes) ** 2).sum(axis=0)
    steepness = np.sqrt(squared + 0.1 * squared.mean() + 1e-12)
    return np.asarray(np.sqrt(steepness / steepness.mean()))


def _ridge_weight(fit: GaussianProcess, lattice: Array, axis: int) -> Array:
    """Return roughly how probable it is that each position is the best along the axis."""
    mean, error = fit.predict(lattice), fit.standard_error(lattice)
    others = np.delete(lattice, axis, axis=1)
    _, row = np.unique(others.round(9), axis=0, return_inverse=True)
    best = np.full(row.max() + 1, -np.inf)
    np.maximum.at(best, row.ravel(), mean)
    return np.asarray(np.exp(-0.5 * ((best[row.ravel()] - mean) / (error + 0.005)) ** 2))


def _level_weight(fit: GaussianProcess, lattice: Array, axis: int) -> Array:
    """Return how close each position is, in standard errors, to 95 % of the best at the axis's low end."""
    mean, error = fit.predict(lattice), fit.standard_error(lattice)
    level = _LEVEL_SHARE * mean[lattice[:, axis] <= lattice[:, axis].min() + 1e-9].max()
    return np.asarray(np.exp(-0.5 * ((mean - level) / (error + 0.005)) ** 2))


_WEIGHTS = {"surface": _surface_weight, "ridge": _ridge_weight, "level": _level_weight}


def _random_trials(fit: GaussianProcess, lattice: Array, variance: float) -> int:
    """Return the number of uniformly random trials that bring the mean variance down to `variance`."""
    points = np.random.default_rng(0).random((_MOST_RANDOM, lattice.shape[1]))
    low, high = 4, _MOST_RANDOM
    while low < high:
        middle = (low + high) // 2
        left = _mean_variance(fit, points[:middle], lattice)
        low, high = (low, middle) if left <= variance else (middle + 1, high)
    return low


def _mean_variance(fit: GaussianProcess, points: Array, lattice: Array) -> float:
    """Return the mean posterior variance after trials at these points, with the kernel of the fit."""
    kernel = fit.main_kernel
    matrix = kernel.correlation(points, points) + np.eye(len(points)) * (kernel.noise_ratio + 1e-10)
    cross = kernel.correlation(points, lattice)
    left = 1.0 - (cross * np.linalg.solve(matrix, cross)).sum(axis=0)
    return float(fit.noise_sd**2 / kernel.noise_ratio * np.maximum(left, 0.0).mean())


def _position(parameter: Parameter, value: Any) -> float:
    """Return the position of a value in its range, in [0, 1]; the inverse of `Parameter.at`."""
    low, high = parameter.values
    if parameter.kind == "log_uniform":
        return float(math.log(value / low) / math.log(high / low))
    if parameter.kind == "integers":
        return float((value - low + 0.5) / (high - low + 1))
    return float((value - low) / (high - low))


def _tolerance(ranges: Space) -> float:
    """Return how far a result's position may be from the proposed one, because integers are rounded."""
    ends = [parameter.values for parameter in ranges.values() if parameter.kind == "integers"]
    return max([1e-6, *(1.0 / float(high - low + 1) for low, high in ends)])


def _sobol(n: int, dimensions: int, seed: int) -> Array:
    """Return the first `n` points of a scrambled Sobol sequence."""
    exponent = max(1, math.ceil(math.log2(n)))
    return np.asarray(qmc.Sobol(dimensions, scramble=True, rng=seed).random_base2(exponent)[:n])


def _edges(dimensions: int) -> Array:
    """Return candidates on the faces of the cube, which a Sobol sequence never reaches."""
    steps = np.linspace(0.0, 1.0, 9 if dimensions <= 2 else 3)
    points = np.array(list(itertools.product(steps, repeat=dimensions)))
    return np.asarray(points[((points == 0) | (points == 1)).any(axis=1)])


def _lattice(dimensions: int) -> Array:
    """Return about 400 evenly spaced positions at which the variance is evaluated."""
    n = max(3, round(_N_LATTICE ** (1 / dimensions)))
    return np.array(list(itertools.product(np.linspace(0.0, 1.0, n), repeat=dimensions)))
