"""What every design can do: propose points, learn from results, and report what it has learned."""

from __future__ import annotations

from typing import Protocol

from sweeps.designs.space import Point, Value

__all__ = ["Design"]


class Design(Protocol):
    """Proposes design points one at a time, and may learn from their results.

    A design is deterministic given its space, its seed and the results it has received. A design whose
    `is_sequential` is False ignores results, and with a larger budget it starts with the same points. Grids
    and Latin hypercubes are exceptions: a grid has the points of its space, and a Latin hypercube depends on
    its budget. A point leaves out the parameters whose conditions do not hold there.

    Attributes:
        is_sequential: Whether later points depend on earlier results.
    """

    is_sequential: bool

    @property
    def is_known(self) -> bool:
        """Whether the design has learned all that it was asked to learn and proposes no further points."""
        ...

    def ask(self) -> Point | None:
        """Return the next point, or None when the budget is spent."""
        ...

    def tell(self, point: Point, value: Value | None) -> None:
        """Record the result of a point.

        Args:
            point: A proposed point, or one from an earlier run of the study.
            value: The result, larger being better, with one number for each objective; None if it failed.
        """
        ...

    def summary(self, *, runs_a_point: int = 1) -> str | None:
        """Return what the design has to report when the study ends, or None.

        Args:
            runs_a_point: Number of trials at each design point, >= 1.
        """
        ...
