"""Options of losses, label noise, decoders and ensembles: their defaults, ranges and meaning."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from softloc_core.errors import ConfigError

__all__ = ["Option", "OptionValue", "resolved_options"]

OptionValue = bool | int | float | str
"""Type of an option's value."""


@dataclass(frozen=True)
class Option:
    """A parameter that a study may set.

    Attributes:
        default: Value if the study does not set the option; it also determines the option's type.
        meaning: One line about the option, with its unit.
        low: Smallest allowed number, inclusive; None for no limit.
        high: Largest allowed number, inclusive; None for no limit.
        choices: Allowed values of an option that is text.
        added: Whether trials were stored before the option was. At its default it does not enter the identity
            of a trial.
    """

    default: OptionValue
    meaning: str
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    added: bool = False

    def validate(self, key: str, value: Any) -> OptionValue:
        """Return the value if it is allowed; numbers are converted to float.

        Args:
            key: Name of the option in messages.
            value: Value that the study sets.

        Raises:
            ConfigError: The value has the wrong type or is out of range.
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
    """Return all options: the given ones, validated, and the defaults of the others.

    Args:
        given: Options that the study sets.
        known: All options.
        key: Field of the study file, used in messages.
        owner: Name of the loss or noise, used in messages.

    Raises:
        ConfigError: An option is unknown, or a value is not allowed.
    """
    for name in given:
        if name not in known:
            raise ConfigError(f"`{key}` of {owner} must be among {', '.join(known)}, but got {name}")
    return {
        name: option.validate(f"{key}: {name}", given.get(name, option.default))
        for name, option in known.items()
    }
