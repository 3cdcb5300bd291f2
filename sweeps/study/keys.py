"""The keys of a study file one by one: what each must hold, and what the study keeps of it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from softloc_core.errors import ConfigError
from softloc_core.tasks import TASKS
from sweeps.designs import DESIGN_OPTIONS, Parameter
from sweeps.study.conditions import parse_conditions
from sweeps.study.definition import Resources
from sweeps.study.fields import FIELDS, Field, parse_field, unknown_key
from sweeps.study.located_yaml import Located
from sweeps.study.parameters import parse_parameter
from sweeps.study.units import Duration, parse_duration

__all__ = [
    "boolean",
    "design_options",
    "fixed",
    "focus_and_stop",
    "integer",
    "name",
    "one_of",
    "resources",
    "sources",
    "space",
    "text",
    "time_limit",
    "value_of_key",
]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


def space(located: Located | None) -> dict[str, Parameter]:
    """Varied fields."""
    if located is None or located.value is None:
        return {}
    found = {}
    for key, item in located.items():
        target = _target(key, item)
        found[key] = parse_parameter(item, parse=lambda value, target=target: parse_field(target, value))  # type: ignore[misc]
    return parse_conditions(dict(located.items()), found, parse=value_of_key)


def value_of_key(key: str, located: Located) -> Any:
    """One value of a key of `space` or `points`, as the study keeps it.

    Raises:
        ConfigError: An unknown key, or a value of another kind.
    """
    return parse_field(_target(key, located), located)


def _target(key: str, located: Located) -> Field:
    """The field that a key of `space` or `points` varies; a dotted key varies one option of it."""
    head, _, rest = key.partition(".")
    if head not in FIELDS:
        raise unknown_key(located, key, FIELDS)
    field_ = FIELDS[head]
    if not rest:
        return field_
    if field_.kind == "schedule":
        return Field(key, field_.config_name, "number")
    if field_.kind == "options":
        return Field(key, field_.config_name, "option")
    raise unknown_key(located, key, FIELDS)


def fixed(located: Located | None) -> dict[str, Any]:
    """Given fields."""
    if located is None or located.value is None:
        return {}
    found = {}
    for key, item in located.items():
        if key not in FIELDS:
            raise unknown_key(item, key, FIELDS)
        found[key] = parse_field(FIELDS[key], item)
    return found


def name(located: Located) -> str:
    """A name that is safe as a folder's name."""
    value = str(located.value)
    if not _NAME.fullmatch(value) or ".." in value:
        raise located.error("must be 1 to 64 letters, digits, _ - or ., starting with a letter or digit")
    return value


def text(located: Located) -> str:
    """A text."""
    if not isinstance(located.value, str):
        raise located.error("must be a text")
    return located.value


def one_of(located: Located, allowed: Sequence[str]) -> str:
    """One of the allowed names."""
    if located.value not in allowed:
        raise located.error(f"must be one of {', '.join(allowed)}")
    return str(located.value)


def sources(task: Located, data: Located) -> dict[str, str]:
    """The data source of each task: one task or a list; one source's name, or a mapping from each task.

    Raises:
        ConfigError: No task, an unknown one or one twice; a task without a source, or the other way round.
    """
    known = sorted(TASKS.tasks)
    if not isinstance(task.value, list):
        return {one_of(task, known): text(data)}
    names = [one_of(item, known) for item in task.value]
    if not names or len(set(names)) < len(names):
        raise task.error("must list one task or more, each once")
    if not isinstance(data.value, dict):
        return dict.fromkeys(names, text(data))
    found = {name: text(item) for name, item in data.items()}
    if set(found) != set(names):
        raise data.error(f"must give each task its source ({', '.join(names)})")
    return {name: found[name] for name in names}


def integer(located: Located, *, least: int) -> int:
    """A whole number."""
    if type(located.value) is not int or located.value < least:
        raise located.error(f"must be a whole number, at least {least}")
    return located.value


def boolean(located: Located) -> bool:
    """Yes or no."""
    if type(located.value) is not bool:
        raise located.error("must be true or false")
    return located.value


def design_options(located: Located | None, design: str) -> dict[str, Any]:
    """The design's own options; their values are judged by the design."""
    if located is None:
        return {}
    allowed = DESIGN_OPTIONS.get(design, ())
    for key, item in located.items():
        if key not in allowed:
            raise unknown_key(item, key, allowed or ("none for this design",))
    return dict(located.plain)


def focus_and_stop(given: Mapping[str, Located], design: str) -> dict[str, Any]:
    """`focus: ridge` and `stop: {max_standard_error: 0.01}`, as options of a design that has them."""
    found: dict[str, Any] = {}
    allowed = DESIGN_OPTIONS.get(design, ())
    for key, options in (("focus", ("focus",)), ("stop", ("max_standard_error",))):
        if key not in given:
            continue
        if not set(options) <= set(allowed):
            having = [name for name, known in DESIGN_OPTIONS.items() if set(options) <= set(known)]
            raise given[key].error(f"must be left out unless the design is {', '.join(having)}")
        found |= {"focus": text(given[key])} if key == "focus" else design_options(given[key], design)
    return found


def time_limit(located: Located) -> Duration:
    """A duration in s or ms, above 0."""
    try:
        limit = parse_duration(located.value)
    except ConfigError as error:
        raise ConfigError(f"`{located.path}` {error} in {located.place}") from error
    if limit.unit not in ("s", "ms") or not limit.value > 0:
        raise located.error("must be above 0 and in s or ms")
    return limit


def resources(located: Located | None) -> Resources:
    """What one trial takes."""
    if located is None:
        return Resources()
    values: dict[str, float] = {}
    for key, item in located.items():
        if key not in ("cpus", "gpus"):
            raise unknown_key(item, key, ("cpus", "gpus"))
        number = item.value
        if isinstance(number, bool) or not isinstance(number, int | float) or not 0 <= number < float("inf"):
            raise item.error("must be a number, at least 0")
        values[key] = float(number)
    if values.get("cpus", 1.0) <= 0:
        raise located.error("must take some cpus (above 0)")
    return Resources(**values)
