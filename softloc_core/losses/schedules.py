"""Schedules of alpha, the weight of the count loss, over the course of training."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields as dataclass_fields
from typing import Any, ClassVar, Protocol

from softloc_core.errors import ConfigError

__all__ = [
    "PAPER_SCHEDULES",
    "SCHEDULES",
    "Constant",
    "Cosine",
    "Linear",
    "Ramp",
    "Schedule",
    "Step",
    "schedule_from_spec",
]


class Schedule(Protocol):
    """Alpha as a function of the training progress; a study file can state it and vary it."""

    def __call__(self, progress: float) -> float:
        """Return alpha at `progress`, the fraction of the iterations done, in [0, 1]."""
        ...

    def spec(self) -> dict[str, Any]:
        """Return the schedule as written in a study file; `schedule_from_spec` is the inverse."""
        ...


def _validate_fraction(key: str, value: Any) -> None:
    """Raise if the value is not a number from 0 to 1."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ConfigError(f"`{key}` must be a number from 0 to 1, but got {value}")


@dataclass(frozen=True)
class Constant:
    """The same alpha throughout. Source: SoftLoc paper, puffs (0.95).

    Attributes:
        value: Alpha, in [0, 1].
    """

    value: float
    name: ClassVar[str] = "constant"

    def __post_init__(self) -> None:
        _validate_fraction("alpha: constant", self.value)

    def __call__(self, progress: float) -> float:
        """Return alpha, which does not depend on the progress."""
        return self.value

    def spec(self) -> dict[str, Any]:
        """Return `{constant: value}`."""
        return {self.name: self.value}


@dataclass(frozen=True)
class Ramp:
    """A linear rise from `low` at `start` to `high` at `stop`, constant before and after.

    Source: SoftLoc paper, section 5 (drums: 0.2 until a third of the run, 0.9 from four fifths on).

    Attributes:
        low: Alpha until `start`, in [0, 1].
        high: Alpha from `stop` on, in [0, 1].
        start: Fraction of the iterations at which the rise begins, in [0, 1].
        stop: Fraction of the iterations at which it ends, above `start` and at most 1.
    """

    low: float
    high: float
    start: float
    stop: float
    name: ClassVar[str] = "ramp"

    def __post_init__(self) -> None:
        for key, value in asdict(self).items():
            _validate_fraction(f"alpha: ramp: {key}", value)
        if not self.start < self.stop:
            raise ConfigError(
                f"`alpha: ramp` must start before it stops, but got {self.start} and {self.stop}"
            )

    def __call__(self, progress: float) -> float:
        """Return alpha at this fraction of the training."""
        position = (progress - self.start) / (self.stop - self.start)
        return self.low + (self.high - self.low) * min(max(position, 0.0), 1.0)

    def spec(self) -> dict[str, Any]:
        """Return `{ramp: {low, high, start, stop}}`."""
        return {self.name: asdict(self)}


@dataclass(frozen=True)
class Linear:
    """A linear change from `low` to `high` over the whole training.

    Attributes:
        low: Alpha at the start, in [0, 1].
        high: Alpha at the end, in [0, 1].
    """

    low: float
    high: float
    name: ClassVar[str] = "linear"

    def __post_init__(self) -> None:
        for key, value in asdict(self).items():
            _validate_fraction(f"alpha: linear: {key}", value)

    def __call__(self, progress: float) -> float:
        """Return alpha at this fraction of the training."""
        return self.low + (self.high - self.low) * progress

    def spec(self) -> dict[str, Any]:
        """Return `{linear: {low, high}}`."""
        return {self.name: asdict(self)}


@dataclass(frozen=True)
class Cosine:
    """A smooth change from `low` to `high` along half a cosine over the whole training.

    Attributes:
        low: Alpha at the start, in [0, 1].
        high: Alpha at the end, in [0, 1].
    """

    low: float
    high: float
    name: ClassVar[str] = "cosine"

    def __post_init__(self) -> None:
        for key, value in asdict(self).items():
            _validate_fraction(f"alpha: cosine: {key}", value)

    def __call__(self, progress: float) -> float:
        """Return alpha at this fraction of the training."""
        return self.low + (self.high - self.low) * (1 - math.cos(math.pi * progress)) / 2

    def spec(self) -> dict[str, Any]:
        """Return `{cosine: {low, high}}`."""
        return {self.name: asdict(self)}


@dataclass(frozen=True)
class Step:
    """A jump from `low` to `high` at one point of the training.

    Attributes:
        low: Alpha before `at`, in [0, 1].
        high: Alpha from `at` on, in [0, 1].
        at: Fraction of the iterations at which alpha jumps, in [0, 1].
    """

    low: float
    high: float
    at: float
    name: ClassVar[str] = "step"

    def __post_init__(self) -> None:
        for key, value in asdict(self).items():
            _validate_fraction(f"alpha: step: {key}", value)

    def __call__(self, progress: float) -> float:
        """Return alpha at this fraction of the training."""
        return self.high if progress >= self.at else self.low

    def spec(self) -> dict[str, Any]:
        """Return `{step: {low, high, at}}`."""
        return {self.name: asdict(self)}


SCHEDULES: Mapping[str, type[Constant] | type[Ramp] | type[Linear] | type[Cosine] | type[Step]] = {
    kind.name: kind for kind in (Constant, Ramp, Linear, Cosine, Step)
}

PAPER_SCHEDULES: Mapping[str, Schedule] = {
    # Iterations 50 000 to 120 000 of 150 000.
    "drums": Ramp(low=0.2, high=0.9, start=1 / 3, stop=0.8),
    # Rises by 1e-5 per iteration from 120 000 on; the run ends at 160 000, before the cap of 0.9.
    "piano": Ramp(low=0.2, high=0.6, start=0.75, stop=1.0),
    "puffs": Constant(0.95),
    # For the additive combination, in which the soft localization loss has weight 1.
    "golf": Ramp(low=0.0, high=0.005, start=0.7, stop=0.9),
}


def schedule_from_spec(spec: Mapping[str, Any]) -> Schedule:
    """Return the schedule that a study file writes as `{name: value}` or `{name: {parameter: value, ...}}`.

    `{paper: drums}` (or piano, puffs, golf) is that experiment's schedule, as fractions of its iterations.

    Raises:
        ConfigError: The name is unknown, or a parameter is missing, unknown or out of range.
    """
    if not isinstance(spec, Mapping) or len(spec) != 1:
        raise ConfigError(f"`alpha` must be one of {', '.join(SCHEDULES)} with its value, but got {spec}")
    (name, arguments), *_ = spec.items()
    if name == "paper":
        if arguments not in PAPER_SCHEDULES:
            raise ConfigError(
                f"`alpha: paper` must be one of {', '.join(PAPER_SCHEDULES)}, but got {arguments}"
            )
        return PAPER_SCHEDULES[arguments]
    if name not in SCHEDULES:
        raise ConfigError(f"`alpha` must be one of {', '.join(SCHEDULES)}, but got {name}")
    parameters = dict(arguments) if isinstance(arguments, Mapping) else {"value": arguments}
    fields = [field.name for field in dataclass_fields(SCHEDULES[name])]
    if set(parameters) != set(fields):
        raise ConfigError(f"`alpha: {name}` must give {', '.join(fields)}, but got {', '.join(parameters)}")
    return SCHEDULES[name](**parameters)
