"""Parameters that a study may set for a loss or a kind of label noise: their defaults, ranges and meaning."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from softloc_core.errors import ConfigError

__all__ = ["Option", "OptionValue", "resolved_options"]

OptionValue = bool | int | float | str


@dataclass(frozen=True)
class Option:
    """One parameter.

    Attributes:
        default: Taken where the study says nothing; its type is the parameter's.
        meaning: One line, with the unit.
        low: Smallest number allowed.
        high: Largest number allowed.
        choices: Allowed words, where it is one.
    """

    default: OptionValue
    meaning: str
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()

    def validate(self, key: str, value: Any) -> OptionValue:
        """The value, once it is known to be allowed; numbers become floats.

        Raises:
            ConfigError: Another type, or a value out of range.
        """
        if self.choices:
            if value not in self.choices:
                raise ConfigError(f"`{key}` must be one of {', '.join(self.choices)}, but got {value}")
            return str(value)
        if isinstance(self.default, bool):
            if not isinstance(value, bool):
                raise ConfigError(f"`{key}` must be true or false, but got {value}")
            return value
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ConfigError(f"`{key}` must be a number, but got {value}")
        low = -float("inf") if self.low is None else self.low
        high = float("inf") if self.high is None else self.high
        if not low <= value <= high:
            raise ConfigError(f"`{key}` must be a number from {low:g} to {high:g}, but got {value}")
        return float(value)


def resolved_options(
    given: Mapping[str, Any], *, known: Mapping[str, Option], key: str, owner: str
) -> dict[str, OptionValue]:
    """All options, the given ones checked and the others at their defaults.

    Args:
        given: What the study says.
        known: What there is.
        key: Field of the study file, for messages.
        owner: The loss or noise, for messages.

    Raises:
        ConfigError: An option that is not known, or a value that is not allowed.
    """
    for name in given:
        if name not in known:
            raise ConfigError(f"`{key}` of {owner} must be among {', '.join(known)}, but got {name}")
    return {
        name: option.validate(f"{key}: {name}", given.get(name, option.default))
        for name, option in known.items()
    }
