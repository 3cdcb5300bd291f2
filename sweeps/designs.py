"""Designs: which points of a space a study runs, through one ask/tell face."""

from __future__ import annotations

import itertools
import math
import zlib
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
from scipy.stats import qmc

from sweeps.space import Parameter

__all__ = [
    "DESIGN_OPTIONS",
    "DESIGN_TYPES",
    "Design",
    "GridDesign",
    "LatinHypercubeDesign",
    "RandomDesign",
    "SobolDesign",
    "make_design",
]

Space = Mapping[str, Parameter]
Point = dict[str, Any]


class Design(Protocol):
    """Gives design points one after the other, and may learn from what they gave.

    A design is deterministic given its space, its seed and what it was told. One whose `is_sequential` is
    False ignores what it is told, and with a larger budget begins with the same points (a grid excepted: its
    points are its space).
    """

    is_sequential: bool

    def ask(self) -> Point | None:
        """The next point, or None when the budget is spent."""
        ...

    def tell(self, point: Point, value: float | None) -> None:
        """What a point gave, larger being better; None when it failed."""
        ...


class _FixedDesign:
    """Points that are known beforehand.

    Attributes:
        points: All of them, in order.
    """

    is_sequential = False

    def __init__(self, points: list[Point]) -> None:
        self.points = points
        self._next = 0

    def ask(self) -> Point | None:
        """The next point, or None when all were given."""
        if self._next >= len(self.points):
            return None
        self._next += 1
        return dict(self.points[self._next - 1])

    def tell(self, point: Point, value: float | None) -> None:
        """Nothing: the points are known beforehand."""


class RandomDesign(_FixedDesign):
    """Independent uniform points; each parameter has its own stream, so that adding one moves no other.

    Source: SoftLoc paper, section 5.1.2 (210 runs, noise and softness uniform at random).
    """

    def __init__(self, space: Space, *, seed: int, budget: int) -> None:
        columns = {key: _stream(key, seed).random(budget).tolist() for key in space}
        super().__init__([{key: space[key].at(columns[key][i]) for key in space} for i in range(budget)])


class SobolDesign(_FixedDesign):
    """A scrambled Sobol sequence: fills the space far more evenly than chance.

    Source: Owen, "Scrambling Sobol' and Niederreiter-Xing points" (1998), as in `scipy.stats.qmc`.
    """

    def __init__(self, space: Space, *, seed: int, budget: int) -> None:
        positions = np.zeros((budget, 0))
        if space:
            # Whole powers of two keep the sequence balanced; the first `budget` points of it are used.
            exponent = max(1, math.ceil(math.log2(budget)))
            positions = qmc.Sobol(len(space), scramble=True, rng=seed).random_base2(exponent)[:budget]
        super().__init__([_point(space, row) for row in positions])


class GridDesign(_FixedDesign):
    """Every combination of the parameters' levels, the last parameter running fastest."""

    def __init__(self, space: Space, *, seed: int, budget: int) -> None:
        levels = [parameter.levels() for parameter in space.values()]
        super().__init__([dict(zip(space, values, strict=True)) for values in itertools.product(*levels)])


class LatinHypercubeDesign(_FixedDesign):
    """Each parameter's range is cut into as many slices as there are points, and each slice is used once.

    A larger budget gives other points, as the slices are narrower; one that is to grow takes Sobol points.

    Source: McKay, Beckman and Conover (1979), as in `scipy.stats.qmc`.
    """

    def __init__(self, space: Space, *, seed: int, budget: int) -> None:
        positions = (
            qmc.LatinHypercube(len(space), rng=seed).random(budget) if space else np.zeros((budget, 0))
        )
        super().__init__([_point(space, row) for row in positions])


def _adaptive(space: Space, **options: Any) -> Design:
    """The adaptive design; imported when wanted, for it brings the analysis along."""
    from sweeps.adaptive import AdaptiveDesign

    return AdaptiveDesign(space, **options)


def _optuna(sampler: str) -> Callable[..., Design]:
    """A design by one of Optuna's samplers; imported when wanted."""

    def make(space: Space, *, seed: int, budget: int) -> Design:
        from sweeps.optuna_designs import OptunaDesign

        return OptunaDesign(sampler, space, seed=seed, budget=budget)

    return make


DESIGN_TYPES: Mapping[str, Callable[..., Design]] = {
    "random": RandomDesign,
    "sobol": SobolDesign,
    "latin_hypercube": LatinHypercubeDesign,
    "grid": GridDesign,
    "adaptive": _adaptive,
    "tpe": _optuna("tpe"),
    "gp": _optuna("gp"),
    "cmaes": _optuna("cmaes"),
    "nsga2": _optuna("nsga2"),
}
# What `design_options` of a study may hold, by design.
DESIGN_OPTIONS: Mapping[str, tuple[str, ...]] = {"adaptive": ("focus", "max_standard_error")}


def make_design(
    name: str, space: Space, *, seed: int, budget: int, options: Mapping[str, Any] | None = None
) -> Design:
    """The design of that name.

    Args:
        name: One of `DESIGN_TYPES`.
        space: Varied parameters with plain numbers or listed values.
        seed: Whole number >= 0.
        budget: Number of points; a grid has as many as its levels give.
        options: The design's own, see `DESIGN_OPTIONS`.

    Raises:
        ConfigError: A space or an option that the design cannot take.
    """
    return DESIGN_TYPES[name](space, seed=seed, budget=budget, **(options or {}))


def _point(space: Space, positions: np.ndarray[Any, np.dtype[np.float64]]) -> Point:
    """The point at a position of the unit cube."""
    return {key: parameter.at(float(u)) for (key, parameter), u in zip(space.items(), positions, strict=True)}


def _stream(key: str, seed: int) -> np.random.Generator:
    """A parameter's own random numbers."""
    return np.random.default_rng([seed, zlib.crc32(key.encode())])
