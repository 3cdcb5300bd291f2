"""The parameters of a study's space, read from its file."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from sweeps.designs import KINDS, Parameter
from sweeps.study.located_yaml import Located

__all__ = ["Parse", "parse_parameter", "validate_range"]


Parse = Callable[[Located], Any]


def parse_parameter(located: Located, *, parse: Parse) -> Parameter:
    """A parameter from a study file.

    Args:
        located: A mapping with one of `KINDS`, and `steps` where wanted; `when` is read once all are known.
        parse: Turns one value of the field's kind into what the study keeps.

    Raises:
        ConfigError: Another kind, another number of ends, an empty range, a repeated value.
    """
    listed = f"must be one of {', '.join(KINDS)} (with steps for a grid, when for a condition)"
    if not isinstance(located.value, dict):
        raise located.error(f"{listed}, as in {{uniform: [low, high]}}")
    kinds = [key for key in located.value if key not in ("steps", "when")]
    if len(kinds) != 1 or kinds[0] not in KINDS:
        raise located.error(listed, got=", ".join(kinds) or "none of them")
    entry = located.value[kinds[0]]
    values = tuple(parse(item) for item in entry.elements())
    parameter = Parameter(kinds[0], values, _steps(located))
    _validate_values(parameter, entry)
    return parameter


def _steps(located: Located) -> int | None:
    """The number of grid levels, where given."""
    if "steps" not in located.value:
        return None
    steps = located.value["steps"]
    if isinstance(steps.value, bool) or not isinstance(steps.value, int) or steps.value < 2:
        raise steps.error("must be a whole number, at least 2")
    return int(steps.value)


def _validate_values(parameter: Parameter, entry: Located) -> None:
    """Refuse lists that are empty or repeat themselves, and ranges with other than two ends."""
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
    """Refuse a range of plain numbers that is empty, or that has no logarithm."""
    if not parameter.is_range:
        return
    low, high = parameter.values
    if not low < high:
        raise entry.error("must be a range [low, high] with low below high (it is empty)")
    if not math.isfinite(high):
        raise entry.error("must be a range with finite ends")
    if parameter.kind == "log_uniform" and low <= 0:
        raise entry.error("must be a range above 0, for it is uniform in the logarithm")
