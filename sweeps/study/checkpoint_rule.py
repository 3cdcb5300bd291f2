"""How often a study saves checkpoints of running trials."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

from sweeps.study.fields import unknown_key
from sweeps.study.located_yaml import Located

__all__ = ["CheckpointRule", "parse_checkpoint_rule"]

_PERIOD = re.compile(r"\s*(\d+\.?\d*|\.\d+)\s*(s|min|h)\s*")
_SECONDS = {"s": 1.0, "min": 60.0, "h": 3600.0}


@dataclass(frozen=True)
class CheckpointRule:
    """How often checkpoints of a trial are saved.

    Attributes:
        every: The interval as written, either a time (`10min`) or a fraction of the iterations (`0.25`).
    """

    every: str | float

    @property
    def every_s(self) -> float:
        """Seconds of training between two checkpoints; infinite if the interval is in iterations."""
        match = _PERIOD.fullmatch(self.every) if isinstance(self.every, str) else None
        return math.inf if match is None else float(match[1]) * _SECONDS[match[2]]

    def every_iterations(self, iterations: int) -> int:
        """Return the iterations between two checkpoints; all iterations if the interval is a time."""
        return iterations if isinstance(self.every, str) else max(1, math.ceil(self.every * iterations))

    def spec(self) -> dict[str, Any]:
        """Return the value of `checkpoint` as a study file writes it."""
        return {"every": self.every}


def parse_checkpoint_rule(located: Located | None) -> CheckpointRule | None:
    """Return the checkpoint rule of a study file, or None.

    A file writes `checkpoint: {every: 10min}` or `checkpoint: {every: 0.25}`.

    Raises:
        ConfigError: `every` is missing or is neither a time nor a fraction, or another key is given.
    """
    if located is None or located.value is None:
        return None
    for key, item in located.items():
        if key != "every":
            raise unknown_key(item, key, ("every",))
    if "every" not in located.value:
        raise located.error("must give `every`, for example 10min or 0.25")
    item = located.value["every"]
    value = item.value
    is_fraction = isinstance(value, float) and 0 < value < 1
    match = _PERIOD.fullmatch(value) if isinstance(value, str) else None
    if not is_fraction and (match is None or float(match[1]) == 0):
        raise item.error(
            "must be a time above 0 (s, min or h, as in 10min) or a fraction of the iterations, above 0 "
            "and below 1"
        )
    return CheckpointRule(value)
