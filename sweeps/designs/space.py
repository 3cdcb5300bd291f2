"""The space that a study varies: ranges and lists of values, with the methods that every design uses.

A parameter may depend on others. For example, `when: {loss: [bootstrap_soft]}` makes it a parameter of the
points with that loss only; other points do not have it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from softloc_core.errors import ConfigError

__all__ = ["KINDS", "Condition", "Parameter", "Point", "Space", "Value", "active_part", "in_order"]

Condition = tuple[str, tuple[Any, ...]]
"""The key of another parameter, and the values of it for which the condition holds."""
Point = dict[str, Any]
"""One setting of the parameters that are active there, by key."""
Value = float | tuple[float, ...]
"""The result of a point, larger being better: one number, or one for each objective."""

KINDS: Mapping[str, str] = {
    "uniform": "[low, high], any value between",
    "log_uniform": "[low, high] above 0, uniform in the logarithm",
    "integers": "[low, high], whole numbers, both ends included",
    "choice": "[a, b, ...], one of them at each design point",
    "each": "[a, b, ...], all of them at each design point",
}


@dataclass(frozen=True)
class Parameter:
    """One varied field.

    Attributes:
        kind: One of `KINDS`.
        values: The two ends of a range, or the listed values.
        steps: Number of levels that a grid uses for a range, >= 2; None if not given.
        when: Conditions that must all hold for a point to have the parameter. A condition without values
            never holds.
    """

    kind: str
    values: tuple[Any, ...]
    steps: int | None = None
    when: tuple[Condition, ...] = ()

    @property
    def is_range(self) -> bool:
        """Whether the values are the two ends of a range."""
        return self.kind in ("uniform", "log_uniform", "integers")

    def at(self, position: float) -> Any:
        """Return the value at a position in [0, 1) of the range or list."""
        if not self.is_range:
            return self.values[min(int(position * len(self.values)), len(self.values) - 1)]
        low, high = self.values
        if self.kind == "integers":
            return min(low + int(position * (high - low + 1)), high)
        if self.kind == "log_uniform":
            return math.exp(math.log(low) + position * (math.log(high) - math.log(low)))
        return low + position * (high - low)

    def levels(self) -> tuple[Any, ...]:
        """Return the values that a grid uses; empty for a range without `steps`."""
        if not self.is_range:
            return self.values
        if self.kind == "integers" and self.steps is None:
            return tuple(range(self.values[0], self.values[1] + 1))
        if self.steps is None:
            return ()
        positions = [step / (self.steps - 1) for step in range(self.steps)]
        if self.kind == "integers":
            low, high = self.values
            return tuple(dict.fromkeys(round(low + position * (high - low)) for position in positions))
        return (*tuple(self.at(position) for position in positions[:-1]), self.values[1])

    def is_active(self, point: Mapping[str, Any]) -> bool:
        """Return whether all conditions hold at a point, which may be incomplete."""
        return all(key in point and point[key] in allowed for key, allowed in self.when)

    def mapped(self, convert: Callable[[Any], Any]) -> Parameter:
        """Return the same parameter with every value converted."""
        when = tuple((key, tuple(convert(value) for value in allowed)) for key, allowed in self.when)
        return Parameter(self.kind, tuple(convert(value) for value in self.values), self.steps, when)

    def spec(self, write: Callable[[Any], Any] = lambda value: value) -> dict[str, Any]:
        """Return the parameter as a study file writes it."""
        spec: dict[str, Any] = {self.kind: [write(value) for value in self.values]}
        if self.steps is not None:
            spec["steps"] = self.steps
        if self.when:
            spec["when"] = {key: [write(value) for value in allowed] for key, allowed in self.when}
        return spec


Space = Mapping[str, Parameter]
"""Varied parameters by key."""


def in_order(space: Space) -> list[str]:
    """Return the keys of a space, each after the keys it depends on, otherwise in the order of the space.

    Raises:
        ConfigError: Parameters depend on each other in a circle.
    """
    ordered: list[str] = []
    left = list(space)
    while left:
        ready = [key for key in left if all(other not in left for other, _ in space[key].when)]
        if not ready:
            raise ConfigError(f"`when` must not lead in a circle, but {', '.join(left)} depend on each other")
        # Adding one key at a time keeps the original order.
        ordered.append(ready[0])
        left.remove(ready[0])
    return ordered


def active_part(space: Space, point: Mapping[str, Any]) -> Point:
    """Return a point without its inactive parameters, in the order of the space."""
    active: Point = {}
    for key in in_order(space):
        if key in point and space[key].is_active(active):
            active[key] = point[key]
    return {key: active[key] for key in space if key in active}
