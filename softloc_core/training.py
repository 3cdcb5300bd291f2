"""The training loop."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from softloc_core.errors import ConfigError
from softloc_core.excerpts import Batches

__all__ = [
    "LEARNING_RATE_SCHEDULES",
    "HistoryPoint",
    "Optimisation",
    "TrainingError",
    "fit",
]

_HISTORY_POINTS = 50


class TrainingError(RuntimeError):
    """Training that cannot go on, by its own mathematics: a loss that is no longer finite."""


@dataclass(frozen=True)
class HistoryPoint:
    """Training as seen after some iterations: means since the last point.

    Attributes:
        iteration: Optimiser steps done.
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
    """Up along a line over the first twentieth, level until 3/5, then down to a fiftieth along a line."""
    if progress < 0.05:
        return 0.1 + 0.9 * progress / 0.05
    return 1.0 if progress < 0.6 else 1.0 - 0.98 * (progress - 0.6) / 0.4


LEARNING_RATE_SCHEDULES: Mapping[str, Callable[[float], float]] = {
    "constant": _constant,
    "trapezoid": _trapezoid,
}


@dataclass(frozen=True, kw_only=True)
class Optimisation:
    """How the weights are found; the fields are those of `TrialConfig` of the same names.

    Raises:
        ConfigError: An unknown `learning_rate_schedule`.
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


def fit(
    network: nn.Module,
    loss: nn.Module,
    training_set: Batches,
    optimisation: Optimisation,
    *,
    generator: torch.Generator,
) -> tuple[HistoryPoint, ...]:
    """Train a network in place; it holds the weights to score afterwards.

    Args:
        network: Features [batch, frame, band] -> event logits [batch, channel, frame], on the set's device.
        loss: Called as `loss(event_logit, label, step=..., lengths=...)`; keeps `terms` and `alpha`;
            weights of its own (a learned noise scale) are trained along.
        training_set: What to train on: excerpts as they are or augmented.
        optimisation: How.
        generator: CPU generator of batches and of what augments them.

    Returns:
        The training curve in about 50 points.

    Raises:
        TrainingError: The loss is no longer finite.
    """
    weights = [*network.parameters(), *loss.parameters()]
    optimiser = torch.optim.AdamW(
        weights,
        lr=optimisation.learning_rate,
        weight_decay=optimisation.weight_decay,
        fused=True,
    )
    rate = LEARNING_RATE_SCHEDULES[optimisation.learning_rate_schedule]
    averaged = copy.deepcopy(network) if optimisation.weight_averaging else None
    recorder = _Recorder(optimisation.iterations)
    network.train()
    for step in range(optimisation.iterations):
        for group in optimiser.param_groups:
            group["lr"] = optimisation.learning_rate * rate(step / optimisation.iterations)
        features, label, lengths = training_set.batch(optimisation.batch_size, generator=generator)
        logit = network(features)
        value = loss(logit, label, step=step, lengths=lengths)
        optimiser.zero_grad(set_to_none=True)
        value.backward()
        if math.isfinite(optimisation.gradient_clip):
            nn.utils.clip_grad_norm_(weights, optimisation.gradient_clip)
        optimiser.step()
        recorder.add(step, value.detach(), loss)
        if averaged is not None:
            _move_average(
                averaged, network, decay=min(optimisation.weight_averaging, (step + 1) / (step + 10))
            )
    if averaged is not None:
        network.load_state_dict(averaged.state_dict())
    return tuple(recorder.points)


@torch.no_grad()
def _move_average(averaged: nn.Module, network: nn.Module, *, decay: float) -> None:
    """Running average of the weights; statistics of batch norm are taken as they are."""
    for weight, latest in zip(averaged.parameters(), network.parameters(), strict=True):
        weight.lerp_(latest, 1 - decay)
    for statistic, current in zip(averaged.buffers(), network.buffers(), strict=True):
        statistic.copy_(current)


class _Recorder:
    """Collects the training curve without waiting for the device at every step."""

    def __init__(self, iterations: int) -> None:
        self.points: list[HistoryPoint] = []
        self._every = max(1, math.ceil(iterations / _HISTORY_POINTS))
        self._last = iterations - 1
        self._sums: dict[str, Tensor] = {}
        self._n = 0

    def add(self, step: int, value: Tensor, loss: nn.Module) -> None:
        """Note one step's loss and its terms; close a point when it is due."""
        terms: Mapping[str, Tensor] = loss.terms  # type: ignore[assignment]
        for name, term in {"": value, **terms}.items():
            self._sums[name] = self._sums[name] + term if name in self._sums else term.clone()
        self._n += 1
        if self._n == self._every or step == self._last:
            self._close(step, float(loss.alpha))  # type: ignore[arg-type]

    def _close(self, step: int, alpha: float) -> None:
        means = {name: float(total) / self._n for name, total in self._sums.items()}
        value = means.pop("")
        if not math.isfinite(value):
            raise TrainingError(f"the loss must stay finite, but got {value} by iteration {step + 1}")
        self.points.append(HistoryPoint(iteration=step + 1, loss=value, terms=means, alpha=alpha))
        self._sums, self._n = {}, 0
