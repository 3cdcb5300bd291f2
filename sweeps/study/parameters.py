"""Reading the parameters of a study's space."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from sweeps.designs import KINDS, Parameter
from sweeps.study.located_yaml import Located

__all__ = ["parse_parameter", "validate_range"]


def parse_parameter(located: Located, *, parse: Callable[[Located], Any]) -> Parameter:
    """Return a parameter from a study file, without its conditions.

    Args:
        located: A mapping with one of `KINDS`, and optionally `steps`. Its `when` is read later, when all
            parameters are known.
        parse: Checks one value of the field and returns it as the study holds it.

    Raises:
        ConfigError: The kind is unknown, a range does not have two ends, or a list is empty or repeats a
            value.
    """
    listed = f"must be one of {', '.join(KINDS)} (with steps for a grid and when for a condition)"
    if not isinstance(located.value, dict):
        raise located.error(f"{listed}, for example {{uniform: [low, high]}}")
    kinds = [key for key in located.value if key not in ("steps", "when")]
    if len(kinds) != 1 or kinds[0] not in KINDS:
        raise located.error(listed, got=", ".join(kinds) or "none of them")
    entry = located.value[kinds[0]]
    values = tuple(parse(item) for item in entry.elements())
    parameter = Parameter(kinds[0], values, _steps(located))
    _validate_values(parameter, entry)
    return parameter


def _steps(located: Located) -> int | None:
    """Return the number of grid levels, or None if not given."""
    if "steps" not in located.value:
        return None
    steps = located.value["steps"]
    if isinstance(steps.value, bool) or not isinstance(steps.value, int) or steps.value < 2:
        raise steps.error("must be a whole number, at least 2")
    return int(steps.value)


def _validate_values(parameter: Parameter, entry: Located) -> None:
    """Raise if a list is empty or repeats a value, or a range does not have two ends."""
    if not parameter.is_range:
        if not parameter.values:
            raise entry.error("must list at least one value")
        if len({repr(value) for value in parameter.values}) < len(parameter.values):
            raise entry.error("must list each value once")
        return
    if len(parameter.values) != 2:
        raise entry.error("must be a range [low, high]")
    if parameter.kind == "integers" and not all(type(value) is int for value in parameter.values):
        raise entry.error("must be a range of whole numbers")


def validate_range(parameter: Parameter, entry: Located) -> None:
    """Raise if a range of plain numbers is empty or infinite, or has no logarithm where one is needed."""
    if not parameter.is_range:
        return
    low, high = parameter.values
    if not low < high:
        raise entry.error("must be a range [low, high] with low below high (it is empty)")
    if not math.isfinite(high):
        raise entry.error("must be a range with finite ends")
    if parameter.kind == "log_uniform" and low <= 0:
        raise entry.error("must be a range above 0, because it is uniform in the logarithm")
