"""Durations in study files: a number and its unit."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

from softloc_core.errors import ConfigError

__all__ = ["Duration", "TimeBase", "in_seconds", "parse_duration"]

_UNITS = ("ms", "s", "frames", "tol")
_PATTERN = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*(ms|s|frames?|tol)\s*")


@dataclass(frozen=True)
class TimeBase:
    """The quantities that convert frames and tolerances to seconds.

    Attributes:
        hop_s: Seconds between frames, > 0.
        tolerance_s: The task's tolerance in seconds, > 0.
    """

    hop_s: float
    tolerance_s: float


@dataclass(frozen=True)
class Duration:
    """A length of time in the unit in which it was written.

    Attributes:
        value: Number of units, >= 0; may be infinite.
        unit: `ms`, `s`, `frames` or `tol` (multiples of the task's tolerance).
    """

    value: float
    unit: str

    def __str__(self) -> str:
        return "inf" if math.isinf(self.value) else f"{self.value!r}".removesuffix(".0") + self.unit

    @property
    def is_absolute(self) -> bool:
        """Whether the unit is ms or s, which need no `TimeBase`."""
        return self.unit in ("ms", "s")

    def seconds(self, base: TimeBase | None = None) -> float:
        """Return the duration in seconds.

        Args:
            base: The hop and the tolerance; needed unless `is_absolute`.
        """
        if self.unit == "ms":
            # A division makes 100ms exactly 0.1 s.
            return self.value / 1000
        if self.unit == "s":
            return self.value
        assert base is not None, "frames and tolerances need a time base"
        return self.value * (base.hop_s if self.unit == "frames" else base.tolerance_s)


def in_seconds(value: Any, base: TimeBase) -> Any:
    """Return a duration in seconds, and any other value unchanged."""
    return value.seconds(base) if isinstance(value, Duration) else value


def parse_duration(value: object) -> Duration:
    """Return the duration that a text describes: `100ms`, `0.1s`, `3frames`, `2tol` or `inf`.

    Raises:
        ConfigError: The unit is missing or unknown, or the value is below 0. The message starts with "must".
    """
    if isinstance(value, str) and value.strip() in ("inf", ".inf"):
        return Duration(math.inf, "s")
    match = _PATTERN.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ConfigError(f"must carry a unit ({', '.join(_UNITS)}; for example 100ms), but got {value}")
    number = float(match[1])
    if number < 0:
        raise ConfigError(f"must be at least 0 and carry a unit, but got {value}")
    unit = "frames" if match[2].startswith("frame") else match[2]
    return Duration(number, unit)
