"""Settings of the optimisation: learning rate schedules, optimiser parameters, points of the curve."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from softloc_core.errors import ConfigError

__all__ = [
    "LEARNING_RATE_SCHEDULES",
    "HistoryPoint",
    "Optimisation",
    "TrainingError",
]


class TrainingError(RuntimeError):
    """Training that cannot continue, because the loss is no longer finite."""


@dataclass(frozen=True)
class HistoryPoint:
    """A point of the training curve, with means since the previous point.

    Attributes:
        iteration: Number of optimiser steps done.
        loss: Mean training loss.
        terms: Mean of each named term of the loss (`soft_localization`, `count`, ...).
        alpha: Weight of the count loss at this iteration.
    """

    iteration: int
    loss: float
    terms: Mapping[str, float]
    alpha: float


def _constant(progress: float) -> float:
    return 1.0


def _trapezoid(progress: float) -> float:
    """Rise linearly over the first twentieth, stay constant until 3/5, then fall linearly to a fiftieth."""
    if progress < 0.05:
        return 0.1 + 0.9 * progress / 0.05
    return 1.0 if progress < 0.6 else 1.0 - 0.98 * (progress - 0.6) / 0.4


LEARNING_RATE_SCHEDULES: Mapping[str, Callable[[float], float]] = {
    "constant": _constant,
    "trapezoid": _trapezoid,
}


@dataclass(frozen=True, kw_only=True)
class Optimisation:
    """Settings of the optimisation; the fields have the names and meanings of those of `TrialConfig`.

    Raises:
        ConfigError: `learning_rate_schedule` is unknown.
    """

    iterations: int
    batch_size: int
    learning_rate: float
    learning_rate_schedule: str
    weight_averaging: float
    weight_decay: float
    gradient_clip: float

    def __post_init__(self) -> None:
        if self.learning_rate_schedule not in LEARNING_RATE_SCHEDULES:
            allowed = ", ".join(LEARNING_RATE_SCHEDULES)
            raise ConfigError(
                f"`learning_rate_schedule` must be one of {allowed}, but got {self.learning_rate_schedule}"
            )
