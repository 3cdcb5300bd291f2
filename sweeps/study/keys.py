"""The keys of a study file, one at a time: each function checks one value and returns it for the study."""

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
    "yes_no_auto",
]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


def space(located: Located | None) -> dict[str, Parameter]:
    """Return the varied fields, by key."""
    if located is None or located.value is None:
        return {}
    found = {}
    for key, item in located.items():
        target = _target(key, item)
        found[key] = parse_parameter(item, parse=lambda value, target=target: parse_field(target, value))  # type: ignore[misc]
    return parse_conditions(dict(located.items()), found, parse=value_of_key)


def value_of_key(key: str, located: Located) -> Any:
    """Return one value of a key of `space` or `points`, as the study holds it.

    Raises:
        ConfigError: The key is unknown, or the value has the wrong type.
    """
    return parse_field(_target(key, located), located)


def _target(key: str, located: Located) -> Field:
    """Return the field that a key of `space` or `points` varies. A dotted key varies one option of it."""
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
    """Return the fixed fields, by key."""
    if located is None or located.value is None:
        return {}
    found = {}
    for key, item in located.items():
        if key not in FIELDS:
            raise unknown_key(item, key, FIELDS)
        found[key] = parse_field(FIELDS[key], item)
    return found


def name(located: Located) -> str:
    """Return the study's name, which must be safe as the name of a folder."""
    value = str(located.value)
    if not _NAME.fullmatch(value) or ".." in value:
        raise located.error("must be 1 to 64 letters, digits, _ - or ., starting with a letter or digit")
    return value


def text(located: Located) -> str:
    """Return a text."""
    if not isinstance(located.value, str):
        raise located.error("must be text")
    return located.value


def one_of(located: Located, allowed: Sequence[str]) -> str:
    """Return one of the allowed names."""
    if located.value not in allowed:
        raise located.error(f"must be one of {', '.join(allowed)}")
    return str(located.value)


def sources(task: Located, data: Located) -> dict[str, str]:
    """Return the data source of each task.

    Args:
        task: The name of a task, or a list of names.
        data: The name of a source for all tasks, or a mapping from each task to its source.

    Raises:
        ConfigError: A task is unknown or named twice, or the mapping does not have exactly the tasks as keys.
    """
    known = sorted(TASKS.tasks)
    if not isinstance(task.value, list):
        return {one_of(task, known): text(data)}
    names = [one_of(item, known) for item in task.value]
    if not names or len(set(names)) < len(names):
        raise task.error("must list at least one task, and each once")
    if not isinstance(data.value, dict):
        return dict.fromkeys(names, text(data))
    found = {name: text(item) for name, item in data.items()}
    if set(found) != set(names):
        raise data.error(f"must give a source for each task ({', '.join(names)})")
    return {name: found[name] for name in names}


def integer(located: Located, *, least: int) -> int:
    """Return a whole number."""
    if type(located.value) is not int or located.value < least:
        raise located.error(f"must be a whole number, at least {least}")
    return located.value


def boolean(located: Located) -> bool:
    """Return true or false."""
    if type(located.value) is not bool:
        raise located.error("must be true or false")
    return located.value


def yes_no_auto(located: Located | None) -> str:
    """Return `yes`, `no` or `auto`, the default; YAML reads the first two as true and false."""
    if located is None or located.value == "auto":
        return "auto"
    if type(located.value) is not bool and located.value not in ("yes", "no"):
        raise located.error("must be true, false or auto")
    return "yes" if located.value in (True, "yes") else "no"


def design_options(located: Located | None, design: str) -> dict[str, Any]:
    """Return the options of the design, whose values the design itself checks."""
    if located is None:
        return {}
    allowed = DESIGN_OPTIONS.get(design, ())
    for key, item in located.items():
        if key not in allowed:
            raise unknown_key(item, key, allowed or ("none for this design",))
    return dict(located.plain)


def focus_and_stop(given: Mapping[str, Located], design: str) -> dict[str, Any]:
    """Return `focus: ridge` and `stop: {max_standard_error: 0.01}` as options of the design."""
    found: dict[str, Any] = {}
    allowed = DESIGN_OPTIONS.get(design, ())
    for key, options in (("focus", ("focus",)), ("stop", ("max_standard_error",))):
        if key not in given:
            continue
        if not set(options) <= set(allowed):
            supporting = [name for name, known in DESIGN_OPTIONS.items() if set(options) <= set(known)]
            raise given[key].error(f"must be left out unless the design is {', '.join(supporting)}")
        found |= {"focus": text(given[key])} if key == "focus" else design_options(given[key], design)
    return found


def time_limit(located: Located) -> Duration:
    """Return a duration above 0 in s or ms."""
    try:
        limit = parse_duration(located.value)
    except ConfigError as error:
        raise ConfigError(f"`{located.path}` {error} in {located.place}") from error
    if not limit.is_absolute or not limit.value > 0:
        raise located.error("must be above 0 and in s or ms")
    return limit


def resources(located: Located | None) -> Resources:
    """Return the resources that one trial reserves."""
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
        raise located.error("must have cpus above 0")
    return Resources(**values)
