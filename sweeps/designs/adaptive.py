"""An adaptive design: the next trial goes where it makes the surface best known.

A Gaussian process is fitted to the trials so far; a candidate is worth the posterior variance that it would
take away, summed over the surface. That sum needs no outcome, so points that are still running count as
done and parallel workers spread out by themselves.

Source: integrated mean squared error, Sacks, Welch, Mitchell and Wynn (1989); batches as in Ginsbourger, Le
Riche and Carraro (2010), who also fill in pending points. The weight by slope is ours: a stationary process
thinks a cliff as well known as a plateau.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import qmc

from analysis.regression import GaussianProcess, fit_gaussian_process
from softloc_core.errors import ConfigError
from sweeps.designs.space import Parameter

__all__ = ["FOCUSES", "AdaptiveDesign"]

Array = NDArray[np.float64]
Point = dict[str, Any]
FOCUSES = ("surface", "ridge", "level")
_FIRST_A_DIMENSION = 12
_N_CANDIDATES = 256
_N_LATTICE = 400
_LEVEL_SHARE = 0.95
_MOST_RANDOM = 2048


class AdaptiveDesign:
    """Sobol points first, then one point at a time where it teaches most.

    Ranges span the surface; listed values (`choice`) have a surface each, and the point goes to whichever
    surface gains most. It is deterministic given its space, its seed and what it was told, and it may be told
    points that it never gave, as a study that goes on does.

    Attributes:
        is_sequential: True: what it gives depends on what it is told.
        budget: Most points it gives.
    """

    is_sequential = True

    def __init__(
        self,
        space: Mapping[str, Parameter],
        *,
        seed: int,
        budget: int,
        focus: str = "surface",
        max_standard_error: float | None = None,
    ) -> None:
        """Start the design.

        Args:
            space: Varied parameters, 1 to 4 of them ranges.
            seed: Whole number >= 0.
            budget: Most points to give, >= 1.
            focus: `surface` learns it everywhere, steep places somewhat more; `ridge` where the metric is
                best over softness (over the first range where there is none); `level` around 95 % of the
                metric without label noise (at the low end of the first range where there is none).
            max_standard_error: Stop when no place of any surface has a larger standard error; never when
                None.

        Raises:
            ConfigError: No range or more than 4, an unknown focus, or an error that is not above 0.
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
        self._told: list[list[tuple[tuple[float, ...], float]]] = [[] for _ in self._arms]
        self._pending: list[list[tuple[float, ...]]] = [[] for _ in self._arms]
        self._fits: dict[int, tuple[int, GaussianProcess]] = {}
        self._given = 0
        dimensions = len(self._ranges)
        self._n_first = min(budget, _FIRST_A_DIMENSION * dimensions * len(self._arms))
        self._first = _sobol(max(self._n_first, 1), dimensions, seed)
        self._candidates = np.vstack([_sobol(_N_CANDIDATES, dimensions, seed + 1), _edges(dimensions)])
        self._lattice = _lattice(dimensions)

    def ask(self) -> Point | None:
        """The next point; None when the budget is spent or the surface is known well enough."""
        if self._given >= self.budget or self.is_known:
            return None
        if self._given < self._n_first or any(len(told) < 4 for told in self._told):
            arm, position = self._given % len(self._arms), self._first_position()
        else:
            arm, position = max(map(self._best, range(len(self._arms))))[1:]
        self._given += 1
        self._pending[arm].append(position)
        values = zip(self._ranges.items(), position, strict=True)
        return {**{key: parameter.at(min(u, 1 - 1e-12)) for (key, parameter), u in values}, **self._arms[arm]}

    def tell(self, point: Point, value: float | None) -> None:
        """What a point gave, larger being better; None when it failed."""
        arm = self._arms.index({key: point[key] for key in self._arms[0]})
        position = tuple(_position(parameter, point[key]) for key, parameter in self._ranges.items())
        near = [
            one for one in self._pending[arm] if np.allclose(one, position, atol=_tolerance(self._ranges))
        ]
        if near:
            self._pending[arm].remove(near[0])
        if value is not None and math.isfinite(value):
            self._told[arm].append((position, float(value)))

    @property
    def is_known(self) -> bool:
        """Whether the largest standard error on any surface is below the one that was asked for."""
        if self._max_standard_error is None or sum(map(len, self._told)) < self._n_first:
            return False
        return self.largest_standard_error <= self._max_standard_error

    @property
    def largest_standard_error(self) -> float:
        """Of any surface, from the trials told so far; infinite before there are four a surface."""
        if any(len(told) < 4 for told in self._told):
            return math.inf
        return max(
            float(self._fit(arm).standard_error(self._lattice).max()) for arm in range(len(self._arms))
        )

    def equivalent_random_trials(self) -> int:
        """Uniformly random trials that would leave the same mean variance, under the fitted kernels.

        At most 2048 a surface are tried; that many are reported where even they would not do.
        """
        total = 0
        for arm in range(len(self._arms)):
            fit = self._fit(arm)
            reached = float((fit.standard_error(self._lattice) ** 2).mean())
            total += _random_trials(fit, self._lattice, reached)
        return total

    def summary(self, *, runs_a_point: int = 1) -> str:
        """How many trials it took, how well they know the surface, and what that saved against what.

        Args:
            runs_a_point: Trials that the study runs at each point.
        """
        n_told = sum(map(len, self._told))
        if any(len(told) < 4 for told in self._told):
            return (
                f"adaptive: {n_told * runs_a_point} trials are too few to say how well the surface is known"
            )
        taken, most, random = (
            n * runs_a_point for n in (n_told, self.budget, self.equivalent_random_trials())
        )
        asked = "" if self._max_standard_error is None else f" (asked for: {self._max_standard_error:g})"
        return (
            f"adaptive: {taken} of the study's {most} trials, largest standard error "
            f"{self.largest_standard_error:.4f}{asked}: {most - taken} saved against the study's trials, "
            f"{max(random - taken, 0)} against the {random} uniformly random ones that would know it as well "
            "on average"
        )

    def _first_position(self) -> tuple[float, ...]:
        """The next Sobol point; candidates where too few trials came back to fit anything."""
        if self._given < self._n_first:
            return tuple(self._first[self._given].tolist())
        return tuple(self._candidates[(self._given - self._n_first) % _N_CANDIDATES].tolist())

    def _fit(self, arm: int) -> GaussianProcess:
        """The process given what was told; fitted once for all workers that ask before more is told."""
        n_told = len(self._told[arm])
        if arm not in self._fits or self._fits[arm][0] != n_told:
            self._fits[arm] = (n_told, self._fitted(arm))
        return self._fits[arm][1]

    def _fitted(self, arm: int) -> GaussianProcess:
        points = np.array([position for position, _ in self._told[arm]])
        values = np.array([value for _, value in self._told[arm]])
        return fit_gaussian_process(points, values, np.ones(len(values)))

    def _best(self, arm: int) -> tuple[float, int, tuple[float, ...]]:
        """Gain, arm and position of the best candidate."""
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
        """The axis that the focus goes along: softness for the ridge, label noise for the level."""
        wanted = "softness" if self._focus == "ridge" else "label_noise"
        names = [key.removesuffix("_s") for key in self._ranges]
        return names.index(wanted) if wanted in names else 0


def _gains(fit: GaussianProcess, candidates: Array, lattice: Array, weight: Array) -> Array:
    """Weighted sum over the lattice of the variance that each candidate would take away."""
    covariance = fit.covariance(lattice, candidates)
    variance = fit.standard_error(candidates) ** 2 + fit.noise_sd**2
    return np.asarray((weight @ covariance**2) / np.maximum(variance, 1e-15))


def _surface_weight(fit: GaussianProcess, lattice: Array, axis: int) -> Array:
    """The root of the slope, never below a third of its typical value."""
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
    """How probably each place is the best along the axis, roughly."""
    mean, error = fit.predict(lattice), fit.standard_error(lattice)
    others = np.delete(lattice, axis, axis=1)
    _, row = np.unique(others.round(9), axis=0, return_inverse=True)
    best = np.full(row.max() + 1, -np.inf)
    np.maximum.at(best, row.ravel(), mean)
    return np.asarray(np.exp(-0.5 * ((best[row.ravel()] - mean) / (error + 0.005)) ** 2))


def _level_weight(fit: GaussianProcess, lattice: Array, axis: int) -> Array:
    """How close each place is to 95 % of the best at the axis's low end, in standard errors."""
    mean, error = fit.predict(lattice), fit.standard_error(lattice)
    level = _LEVEL_SHARE * mean[lattice[:, axis] <= lattice[:, axis].min() + 1e-9].max()
    return np.asarray(np.exp(-0.5 * ((mean - level) / (error + 0.005)) ** 2))


_WEIGHTS = {"surface": _surface_weight, "ridge": _ridge_weight, "level": _level_weight}


def _random_trials(fit: GaussianProcess, lattice: Array, variance: float) -> int:
    """Number of uniformly random trials after which the mean variance falls below one."""
    points = np.random.default_rng(0).random((_MOST_RANDOM, lattice.shape[1]))
    low, high = 4, _MOST_RANDOM
    while low < high:
        middle = (low + high) // 2
        left = _mean_variance(fit, points[:middle], lattice)
        low, high = (low, middle) if left <= variance else (middle + 1, high)
    return low


def _mean_variance(fit: GaussianProcess, points: Array, lattice: Array) -> float:
    """Mean posterior variance after trials at these points, with the scale of the fit as it is."""
    kernel = fit.main_kernel
    matrix = kernel.correlation(points, points) + np.eye(len(points)) * (kernel.noise_ratio + 1e-10)
    cross = kernel.correlation(points, lattice)
    left = 1.0 - (cross * np.linalg.solve(matrix, cross)).sum(axis=0)
    return float(fit.noise_sd**2 / kernel.noise_ratio * np.maximum(left, 0.0).mean())


def _position(parameter: Parameter, value: Any) -> float:
    """Where a value lies in its range, in [0, 1]; the inverse of `Parameter.at`."""
    low, high = parameter.values
    if parameter.kind == "log_uniform":
        return float(math.log(value / low) / math.log(high / low))
    if parameter.kind == "integers":
        return float((value - low + 0.5) / (high - low + 1))
    return float((value - low) / (high - low))


def _tolerance(ranges: Mapping[str, Parameter]) -> float:
    """How far a told position may be from the one that was given: whole numbers are rounded."""
    ends = [parameter.values for parameter in ranges.values() if parameter.kind == "integers"]
    return max([1e-6, *(1.0 / float(high - low + 1) for low, high in ends)])


def _sobol(n: int, dimensions: int, seed: int) -> Array:
    """The first `n` points of a scrambled Sobol sequence."""
    exponent = max(1, math.ceil(math.log2(n)))
    return np.asarray(qmc.Sobol(dimensions, scramble=True, rng=seed).random_base2(exponent)[:n])


def _edges(dimensions: int) -> Array:
    """Candidates on the faces of the cube, which a Sobol sequence never reaches."""
    steps = np.linspace(0.0, 1.0, 9 if dimensions <= 2 else 3)
    points = np.array(list(itertools.product(steps, repeat=dimensions)))
    return np.asarray(points[((points == 0) | (points == 1)).any(axis=1)])


def _lattice(dimensions: int) -> Array:
    """Evenly spaced places at which the surface is to be known, some 400."""
    n = max(3, round(_N_LATTICE ** (1 / dimensions)))
    return np.array(list(itertools.product(np.linspace(0.0, 1.0, n), repeat=dimensions)))
