"""Designs whose points are fixed before the first trial."""

from __future__ import annotations

import itertools
import math
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.stats import qmc

from sweeps.designs.space import Point, Space, Value, active_part

__all__ = ["ExplicitDesign", "GridDesign", "LatinHypercubeDesign", "RandomDesign", "SobolDesign"]


class _FixedDesign:
    """A list of points, proposed in order.

    Attributes:
        points: All points, in order.
        is_sequential: False, because the points do not depend on results.
        is_known: False, because there is nothing to learn.
    """

    is_sequential = False
    is_known = False

    def __init__(self, points: list[Point]) -> None:
        self.points = points
        self._next = 0

    def ask(self) -> Point | None:
        """Return the next point, or None after the last."""
        if self._next >= len(self.points):
            return None
        self._next += 1
        return dict(self.points[self._next - 1])

    def tell(self, point: Point, value: Value | None) -> None:
        """Ignore the result, because the points are fixed."""

    def summary(self, *, runs_a_point: int = 1) -> str | None:
        """Return None, because there is nothing to report."""
        return None


class ExplicitDesign(_FixedDesign):
    """The points that a study lists, in its order. A longer list starts with the same points."""

    def __init__(self, space: Space, *, seed: int, budget: int, points: Sequence[Mapping[str, Any]]) -> None:
        super().__init__([dict(point) for point in points])


class RandomDesign(_FixedDesign):
    """Independent, uniformly random points.

    Each parameter has its own random stream, so adding a parameter leaves the values of the others unchanged.

    Source: SoftLoc paper, section 5.1.2 (210 runs, noise and softness uniform at random).
    """

    def __init__(self, space: Space, *, seed: int, budget: int) -> None:
        columns = {key: _stream(key, seed).random(budget).tolist() for key in space}
        points = [{key: space[key].at(columns[key][i]) for key in space} for i in range(budget)]
        super().__init__(_active_parts(space, points))


class SobolDesign(_FixedDesign):
    """A scrambled Sobol sequence, which fills the space far more evenly than random points.

    Source: Owen, "Scrambling Sobol' and Niederreiter-Xing points" (1998), as in `scipy.stats.qmc`.
    """

    def __init__(self, space: Space, *, seed: int, budget: int) -> None:
        positions = np.zeros((budget, 0))
        if space:
            # The sequence is balanced only at powers of two; the design uses its first `budget` points.
            exponent = max(1, math.ceil(math.log2(budget)))
            positions = qmc.Sobol(len(space), scramble=True, rng=seed).random_base2(exponent)[:budget]
        super().__init__(_active_parts(space, [_point(space, row) for row in positions]))


class GridDesign(_FixedDesign):
    """Every combination of the parameters' levels once. The last parameter varies fastest."""

    def __init__(self, space: Space, *, seed: int, budget: int) -> None:
        levels = [parameter.levels() for parameter in space.values()]
        points = [dict(zip(space, values, strict=True)) for values in itertools.product(*levels)]
        # Combinations that differ only in inactive parameters are the same point.
        super().__init__(list({repr(point): point for point in _active_parts(space, points)}.values()))


class LatinHypercubeDesign(_FixedDesign):
    """A Latin hypercube: each range is cut into one slice for each point, and each slice is used once.

    A larger budget makes the slices narrower and so produces other points. Use Sobol points for a study that
    is to grow.

    Source: McKay, Beckman and Conover (1979), as in `scipy.stats.qmc`.
    """

    def __init__(self, space: Space, *, seed: int, budget: int) -> None:
        positions = (
            qmc.LatinHypercube(len(space), rng=seed).random(budget) if space else np.zeros((budget, 0))
        )
        super().__init__(_active_parts(space, [_point(space, row) for row in positions]))


def _active_parts(space: Space, points: list[Point]) -> list[Point]:
    """Return the points without their inactive parameters."""
    if not any(parameter.when for parameter in space.values()):
        return points
    return [active_part(space, point) for point in points]


def _point(space: Space, positions: np.ndarray[Any, np.dtype[np.float64]]) -> Point:
    """Return the point at a position in the unit cube."""
    return {key: parameter.at(float(u)) for (key, parameter), u in zip(space.items(), positions, strict=True)}


def _stream(key: str, seed: int) -> np.random.Generator:
    """Return the random stream of one parameter."""
    return np.random.default_rng([seed, zlib.crc32(key.encode())])
