"""Designs: which points of a space a study runs, through one ask/tell face."""

from __future__ import annotations

import itertools
import math
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from scipy.stats import qmc

from softloc_core.errors import ConfigError
from sweeps.designs.space import Parameter, Value, active_part

__all__ = [
    "DESIGN_OPTIONS",
    "DESIGN_TYPES",
    "LEARNING",
    "MULTI_OBJECTIVE",
    "ONE_OBJECTIVE",
    "Design",
    "ExplicitDesign",
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
    points are its space). A point lacks the parameters whose conditions do not hold there.
    """

    is_sequential: bool

    def ask(self) -> Point | None:
        """The next point, or None when the budget is spent."""
        ...

    def tell(self, point: Point, value: Value | None) -> None:
        """What a point gave, larger being better, one number for each objective; None when it failed."""
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

    def tell(self, point: Point, value: Value | None) -> None:
        """Nothing: the points are known beforehand."""


class ExplicitDesign(_FixedDesign):
    """The points that the study lists, in its order; a longer list begins with the same points."""

    def __init__(self, space: Space, *, seed: int, budget: int, points: Sequence[Mapping[str, Any]]) -> None:
        super().__init__([dict(point) for point in points])


class RandomDesign(_FixedDesign):
    """Independent uniform points; each parameter has its own stream, so that adding one moves no other.

    Source: SoftLoc paper, section 5.1.2 (210 runs, noise and softness uniform at random).
    """

    def __init__(self, space: Space, *, seed: int, budget: int) -> None:
        columns = {key: _stream(key, seed).random(budget).tolist() for key in space}
        points = [{key: space[key].at(columns[key][i]) for key in space} for i in range(budget)]
        super().__init__(_active(space, points))


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
        super().__init__(_active(space, [_point(space, row) for row in positions]))


class GridDesign(_FixedDesign):
    """Every combination of the parameters' levels once, the last parameter running fastest."""

    def __init__(self, space: Space, *, seed: int, budget: int) -> None:
        levels = [parameter.levels() for parameter in space.values()]
        points = [dict(zip(space, values, strict=True)) for values in itertools.product(*levels)]
        # Combinations that differ in what is no parameter of theirs are one point.
        super().__init__(list({repr(point): point for point in _active(space, points)}.values()))


class LatinHypercubeDesign(_FixedDesign):
    """Each parameter's range is cut into as many slices as there are points, and each slice is used once.

    A larger budget gives other points, as the slices are narrower; one that is to grow takes Sobol points.

    Source: McKay, Beckman and Conover (1979), as in `scipy.stats.qmc`.
    """

    def __init__(self, space: Space, *, seed: int, budget: int) -> None:
        positions = (
            qmc.LatinHypercube(len(space), rng=seed).random(budget) if space else np.zeros((budget, 0))
        )
        super().__init__(_active(space, [_point(space, row) for row in positions]))


class _WholeSpace:
    """Conditions for a design that knows none: it gives and hears of whole points, its study of parts."""

    is_sequential = True

    def __init__(self, make: Callable[[Space], Any], space: Space) -> None:
        # What is never a parameter (the softness, where the only loss is cross entropy) would only mislead.
        self._space = {key: p for key, p in space.items() if all(allowed for _, allowed in p.when)}
        self._inner = make(self._space)
        self._given: dict[str, list[Point]] = {}

    def ask(self) -> Point | None:
        """The part of the next point that counts."""
        whole: Point | None = self._inner.ask()
        if whole is None:
            return None
        part = active_part(self._space, whole)
        self._given.setdefault(repr(part), []).append(whole)
        return part

    def tell(self, point: Point, value: Value | None) -> None:
        """What a point gave; where it was not asked for, what it lacks stands in the middle of its range."""
        part = active_part(self._space, point)
        given = self._given.get(repr(part))
        middle = {key: parameter.at(0.5) for key, parameter in self._space.items()}
        self._inner.tell(given.pop(0) if given else {**middle, **part}, value)

    @property
    def is_known(self) -> bool:
        """Whether the design has learnt as much as it was asked to."""
        return bool(self._inner.is_known)

    def summary(self, *, runs_a_point: int = 1) -> str:
        """What the design has to say at the end."""
        return str(self._inner.summary(runs_a_point=runs_a_point))


def _adaptive(space: Space, **options: Any) -> Design:
    """The adaptive design; imported when wanted, for it brings the analysis along."""
    from sweeps.designs.adaptive import AdaptiveDesign

    return _WholeSpace(lambda whole: AdaptiveDesign(whole, **options), space)


def _optuna(sampler: str) -> Callable[..., Design]:
    """A design by one of Optuna's samplers; imported when wanted."""

    def make(space: Space, **options: Any) -> Design:
        from sweeps.designs.optuna import OptunaDesign

        return OptunaDesign(sampler, space, **options)

    return make


DESIGN_TYPES: Mapping[str, Callable[..., Design]] = {
    "random": RandomDesign,
    "sobol": SobolDesign,
    "latin_hypercube": LatinHypercubeDesign,
    "grid": GridDesign,
    "explicit": ExplicitDesign,
    "adaptive": _adaptive,
    "tpe": _optuna("tpe"),
    "gp": _optuna("gp"),
    "cmaes": _optuna("cmaes"),
    "nsga2": _optuna("nsga2"),
    "nsga3": _optuna("nsga3"),
}
# What `design_options` of a study may hold, by design.
DESIGN_OPTIONS: Mapping[str, tuple[str, ...]] = {
    "adaptive": ("focus", "max_standard_error"),
    "nsga2": ("population_size",),
    "nsga3": ("population_size",),
}
# Designs that learn: from several objectives at once, or from one.
MULTI_OBJECTIVE = ("tpe", "gp", "nsga2", "nsga3")
ONE_OBJECTIVE = ("adaptive", "cmaes")
LEARNING = (*ONE_OBJECTIVE, *MULTI_OBJECTIVE)
"""The designs whose later points follow from earlier results."""


def make_design(
    name: str,
    space: Space,
    *,
    seed: int,
    budget: int,
    options: Mapping[str, Any] | None = None,
    n_objectives: int = 1,
) -> Design:
    """The design of that name.

    Args:
        name: One of `DESIGN_TYPES`.
        space: Varied parameters with plain numbers or listed values.
        seed: Whole number >= 0.
        budget: Number of points; a grid has as many as its levels give, a list as many as it lists.
        options: The design's own, see `DESIGN_OPTIONS`; the `points` of an explicit one.
        n_objectives: Numbers that each point is told with, >= 1.

    Raises:
        ConfigError: A space, an option or a number of objectives that the design cannot take.
    """
    if n_objectives > 1 and name in ONE_OBJECTIVE:
        allowed = ", ".join(MULTI_OBJECTIVE)
        raise ConfigError(f"`design: {name}` learns from one objective ({allowed} from several), but got "
                          f"{n_objectives} in `objectives`")  # fmt: skip
    several = {"n_objectives": n_objectives} if name in MULTI_OBJECTIVE else {}
    return DESIGN_TYPES[name](space, seed=seed, budget=budget, **(options or {}), **several)


def _active(space: Space, points: list[Point]) -> list[Point]:
    """The points without what is no parameter of theirs."""
    if not any(parameter.when for parameter in space.values()):
        return points
    return [active_part(space, point) for point in points]


def _point(space: Space, positions: np.ndarray[Any, np.dtype[np.float64]]) -> Point:
    """The point at a position of the unit cube."""
    return {key: parameter.at(float(u)) for (key, parameter), u in zip(space.items(), positions, strict=True)}


def _stream(key: str, seed: int) -> np.random.Generator:
    """A parameter's own random numbers."""
    return np.random.default_rng([seed, zlib.crc32(key.encode())])
