"""The keys of `fixed` and `space`: the fields of TrialConfig, with durations named without their unit."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from softloc_core.errors import ConfigError
from softloc_core.losses import schedule_from_spec
from softloc_core.trial import TrialConfig
from sweeps.study.located_yaml import Located
from sweeps.study.units import Duration, parse_duration

__all__ = ["FIELDS", "Field", "nearest", "parse_field", "unknown_key", "write_value"]

# Fields given at the top level of a study file, or set by the design or by other keys.
_ELSEWHERE = ("task", "data", "seed", "replicate", "noise_draw", "threads")


@dataclass(frozen=True)
class Field:
    """One key of a study file.

    Attributes:
        key: As written in the study file.
        config_name: The field of TrialConfig.
        kind: `duration`, `integer`, `number`, `name`, `options`, `option` (a single one) or `schedule`.
    """

    key: str
    config_name: str
    kind: str


_KIND_BY_TYPE = {
    "str": "name",
    "int": "integer",
    "float": "number",
    "Options": "options",
    "Schedule": "schedule",
}


def _field(name: str, annotation: str) -> Field:
    """Return the study file's key for a field of TrialConfig."""
    if annotation == "float" and name.endswith("_s"):
        return Field(name.removesuffix("_s"), name, "duration")
    return Field(name, name, _KIND_BY_TYPE[annotation])


FIELDS: Mapping[str, Field] = {
    field.key: field
    for field in (
        _field(item.name, str(item.type)) for item in fields(TrialConfig) if item.name not in _ELSEWHERE
    )
}


def parse_field(field: Field, located: Located) -> Any:
    """Return one value of a field as the study holds it. A duration keeps its unit.

    Raises:
        ConfigError: The value has the wrong type. The message names the key, the value and the line.
    """
    value = located.value
    if field.kind == "duration":
        try:
            return parse_duration(value)
        except ConfigError as error:
            raise ConfigError(f"`{located.path}` {error} in {located.place}") from error
    if field.kind == "integer":
        if type(value) is not int:
            raise located.error("must be a whole number")
        return value
    if field.kind == "number":
        return _number(located)
    if field.kind == "name":
        if not isinstance(value, str):
            raise located.error("must be a name")
        return value
    if field.kind == "option":
        return _option(located)
    return _schedule(located) if field.kind == "schedule" else _options(located)


def _number(located: Located) -> float:
    """Return a plain number, which may be `inf`."""
    value = located.value
    if value == "inf":
        return float("inf")
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        raise located.error("must be a number")
    return float(value)


def _schedule(located: Located) -> dict[str, Any]:
    """Return the complete spec of a schedule."""
    try:
        return schedule_from_spec(located.plain).spec()
    except ConfigError as error:
        raise ConfigError(f"{error} in {located.place}") from error


def _options(located: Located) -> dict[str, Any]:
    """Return scalars by name."""
    return {key: _option(item) for key, item in located.items()}


def _option(located: Located) -> bool | int | float | str:
    """Return a scalar, which the option itself checks later."""
    value = located.value
    if not isinstance(value, bool | int | float | str):
        raise located.error("must be a number, text or true/false")
    return value


def write_value(value: Any) -> Any:
    """Return a value of a study as a study file writes it."""
    return str(value) if isinstance(value, Duration) else value


def nearest(name: str, allowed: Iterable[str]) -> str:
    """Return `; did you mean X?` if an allowed name is similar, otherwise an empty text."""
    close = difflib.get_close_matches(name, list(allowed), n=1, cutoff=0.6)
    return f"; did you mean {close[0]}?" if close else ""


def unknown_key(located: Located, key: str, allowed: Iterable[str]) -> ConfigError:
    """Return the error for a key that is not allowed."""
    names = list(allowed)
    return ConfigError(
        f"`{located.path}` must be a known key{nearest(key, names)} (one of {', '.join(names)}), "
        f"but got {key} in {located.place}"
    )
