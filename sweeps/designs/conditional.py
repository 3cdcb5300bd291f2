"""Conditions for designs that know only whole points."""

from __future__ import annotations

from collections.abc import Callable

from sweeps.designs.contract import Design
from sweeps.designs.space import Point, Space, Value, active_part

__all__ = ["ConditionalDesign"]


class ConditionalDesign:
    """A design over a space with conditions, based on a design that knows no conditions.

    The inner design proposes and learns from whole points. The study sees only their active parts.

    Attributes:
        is_sequential: True, because later points depend on earlier results.
    """

    is_sequential = True

    def __init__(self, make: Callable[[Space], Design], space: Space) -> None:
        """Set up the design.

        Args:
            make: Builds the inner design from a space.
            space: Varied parameters, with conditions.
        """
        # A parameter that is never active (softness where cross entropy is the only loss) would only mislead.
        self._space = {key: p for key, p in space.items() if all(allowed for _, allowed in p.when)}
        self._inner = make(self._space)
        self._proposed: dict[str, list[Point]] = {}

    @property
    def is_known(self) -> bool:
        """Whether the inner design has learned all that it was asked to learn."""
        return self._inner.is_known

    def ask(self) -> Point | None:
        """Return the active part of the next point, or None when the budget is spent."""
        whole = self._inner.ask()
        if whole is None:
            return None
        part = active_part(self._space, whole)
        self._proposed.setdefault(repr(part), []).append(whole)
        return part

    def tell(self, point: Point, value: Value | None) -> None:
        """Record the result of a point.

        A point that the inner design did not propose is completed with the middle of each missing range.
        """
        part = active_part(self._space, point)
        proposed = self._proposed.get(repr(part))
        middle = {key: parameter.at(0.5) for key, parameter in self._space.items()}
        self._inner.tell(proposed.pop(0) if proposed else {**middle, **part}, value)

    def summary(self, *, runs_a_point: int = 1) -> str | None:
        """Return the report of the inner design, or None."""
        return self._inner.summary(runs_a_point=runs_a_point)
