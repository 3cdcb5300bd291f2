"""Durations as people write them: a number and its unit."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from softloc_core.errors import ConfigError

__all__ = ["Duration", "TimeBase", "parse_duration"]

_UNITS = ("ms", "s", "frames", "tol")
_PATTERN = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*(ms|s|frames?|tol)\s*")


@dataclass(frozen=True)
class TimeBase:
    """What turns frames and tolerances into seconds.

    Attributes:
        hop_s: Seconds between frames, > 0.
        tolerance_s: The task's tolerance in seconds, > 0.
    """

    hop_s: float
    tolerance_s: float


@dataclass(frozen=True)
class Duration:
    """A length of time in the unit it was written in.

    Attributes:
        value: Number of units, >= 0; may be infinite.
        unit: `ms`, `s`, `frames` or `tol` (multiples of the task's tolerance).
    """

    value: float
    unit: str

    def __str__(self) -> str:
        return "inf" if math.isinf(self.value) else f"{self.value!r}".removesuffix(".0") + self.unit

    def seconds(self, base: TimeBase) -> float:
        """The duration in seconds; thousandths are divided, so that 100ms is exactly 0.1 s."""
        if self.unit == "ms":
            return self.value / 1000
        return self.value * {"s": 1.0, "frames": base.hop_s, "tol": base.tolerance_s}[self.unit]


def parse_duration(value: object) -> Duration:
    """A duration from its text: `100ms`, `0.1s`, `3frames`, `2tol` or `inf`.

    Raises:
        ConfigError: No unit, another unit, or a value below 0. The message starts with "must".
    """
    if isinstance(value, str) and value.strip() in ("inf", ".inf"):
        return Duration(math.inf, "s")
    match = _PATTERN.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ConfigError(f"must carry a unit ({', '.join(_UNITS)}; as in 100ms), but got {value}")
    number = float(match[1])
    if number < 0:
        raise ConfigError(f"must be at least 0 and carry a unit, but got {value}")
    unit = "frames" if match[2].startswith("frame") else match[2]
    return Duration(number, unit)
