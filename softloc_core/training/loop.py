"""The training loop, which may rest between any two iterations: to be looked at, saved and gone on with."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor, nn

from softloc_core.training.excerpts import Batches
from softloc_core.training.optimisation import (
    LEARNING_RATE_SCHEDULES,
    HistoryPoint,
    Optimisation,
    TrainingError,
)

__all__ = ["History", "TrainingRun", "fit"]

_HISTORY_POINTS = 50


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
    run = TrainingRun(network, loss, training_set, optimisation, generator=generator)
    run.advance(optimisation.iterations)
    network.load_state_dict(run.scored_network.state_dict())
    return run.history


class TrainingRun:
    """A training under way.

    Advancing in parts gives what advancing at once gives, bit for bit, as long as torch's global generators
    (dropout) are handed from part to part.

    Attributes:
        iterations_done: Optimiser steps done.
    """

    def __init__(
        self,
        network: nn.Module,
        loss: nn.Module,
        training_set: Batches,
        optimisation: Optimisation,
        *,
        generator: torch.Generator,
    ) -> None:
        """Begin; for the arguments see `fit`."""
        self.iterations_done = 0
        self._network, self._loss = network, loss
        self._training_set, self._optimisation, self._generator = training_set, optimisation, generator
        self._weights = [*network.parameters(), *loss.parameters()]
        self._optimiser = torch.optim.AdamW(
            self._weights,
            lr=optimisation.learning_rate,
            weight_decay=optimisation.weight_decay,
            fused=True,
        )
        self._averaged = _copy_of(network) if optimisation.weight_averaging else None
        self._history = History(optimisation.iterations)

    @property
    def scored_network(self) -> nn.Module:
        """The network with the weights that are scored: averaged ones where they are averaged."""
        return self._network if self._averaged is None else self._averaged

    @property
    def history(self) -> tuple[HistoryPoint, ...]:
        """The training curve so far."""
        return tuple(self._history.points)

    def advance(self, until: int, *, at_most_s: float = math.inf) -> None:
        """Train on.

        Args:
            until: Iterations to have done then; never more than the optimisation has.
            at_most_s: Rest earlier when so many seconds are over, after one iteration at least.

        Raises:
            TrainingError: The loss is no longer finite.
        """
        self._network.train()
        began_s = time.monotonic()
        while self.iterations_done < min(until, self._optimisation.iterations):
            self._iterate(self.iterations_done)
            self.iterations_done += 1
            if at_most_s < math.inf and time.monotonic() - began_s >= at_most_s:
                break

    def _iterate(self, step: int) -> None:
        """One optimiser step."""
        optimisation = self._optimisation
        rate = LEARNING_RATE_SCHEDULES[optimisation.learning_rate_schedule]
        for group in self._optimiser.param_groups:
            group["lr"] = optimisation.learning_rate * rate(step / optimisation.iterations)
        batch = self._training_set.batch(optimisation.batch_size, generator=self._generator)
        features, label, lengths = batch
        logit = self._network(features)
        value = self._loss(logit, label, step=step, lengths=lengths)
        self._optimiser.zero_grad(set_to_none=True)
        value.backward()
        if math.isfinite(optimisation.gradient_clip):
            nn.utils.clip_grad_norm_(self._weights, optimisation.gradient_clip)
        self._optimiser.step()
        self._history.add(step, value.detach(), self._loss)
        if self._averaged is not None:
            decay = min(optimisation.weight_averaging, (step + 1) / (step + 10))
            _move_average(self._averaged, self._network, decay=decay)

    def state(self) -> dict[str, Any]:
        """All that the rest of the training depends on besides torch's global generators.

        Tensors and plain values, which `torch.load(weights_only=True)` reads.
        """
        return {
            "iterations_done": self.iterations_done,
            "network": self._network.state_dict(),
            "averaged": None if self._averaged is None else self._averaged.state_dict(),
            "loss": self._loss.state_dict(),
            "optimiser": self._optimiser.state_dict(),
            "generator": self._generator.get_state(),
            # Stored checkpoints call the history so.
            "recorder": self._history.state(),
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on from a state of a training of the same arguments."""
        self._network.load_state_dict(state["network"])
        if self._averaged is not None:
            self._averaged.load_state_dict(state["averaged"])
        self._loss.load_state_dict(state["loss"])
        self._optimiser.load_state_dict(state["optimiser"])
        self._generator.set_state(state["generator"])
        self._history.load_state(state["recorder"], device=self._weights[0].device)
        self.iterations_done = int(state["iterations_done"])


def _copy_of(network: nn.Module) -> nn.Module:
    """A copy that can be scored on a GPU as it stands."""
    copied = copy.deepcopy(network)
    for module in copied.modules():
        if isinstance(module, nn.RNNBase):
            module.flatten_parameters()
    return copied


@torch.no_grad()
def _move_average(averaged: nn.Module, network: nn.Module, *, decay: float) -> None:
    """Running average of the weights; statistics of batch norm are taken as they are."""
    for weight, latest in zip(averaged.parameters(), network.parameters(), strict=True):
        weight.lerp_(latest, 1 - decay)
    for statistic, current in zip(averaged.buffers(), network.buffers(), strict=True):
        statistic.copy_(current)


class History:
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

    def state(self) -> dict[str, Any]:
        """Closed points and open sums."""
        return {"points": [asdict(point) for point in self.points], "sums": dict(self._sums), "n": self._n}

    def load_state(self, state: Mapping[str, Any], *, device: torch.device) -> None:
        """Take over what `state` gave."""
        self.points = [HistoryPoint(**point) for point in state["points"]]
        self._sums = {name: total.to(device) for name, total in state["sums"].items()}
        self._n = int(state["n"])
