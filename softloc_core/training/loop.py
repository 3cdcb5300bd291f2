"""The training loop, which can pause after any iteration so that the network can be scored or saved."""

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
    """Train a network in place; afterwards it holds the weights to score.

    Args:
        network: Features [batch, frame, band] -> event logits [batch, channel, frame], on the set's device.
        loss: Called as `loss(event_logit, label, step=..., lengths=...)`; it must set `terms` and `alpha`. If
            it has weights, such as a learned noise scale, they are trained as well.
        training_set: Source of batches, augmented or not.
        optimisation: Settings of the optimisation.
        generator: CPU generator for batches and augmentation.

    Returns:
        The training curve with about 50 points.

    Raises:
        TrainingError: The loss is no longer finite.
    """
    run = TrainingRun(network, loss, training_set, optimisation, generator=generator)
    run.advance(optimisation.iterations)
    network.load_state_dict(run.scored_network.state_dict())
    return run.history


class TrainingRun:
    """A training run in progress.

    Training in parts has the same result as training without a pause, bit for bit, if the state of torch's
    global generators (dropout) is carried over from part to part.

    Attributes:
        iterations_done: Number of optimiser steps done.
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
        """Set up the training; for the arguments see `fit`."""
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
        """Network with the weights that are scored: the running average if there is one."""
        return self._network if self._averaged is None else self._averaged

    @property
    def history(self) -> tuple[HistoryPoint, ...]:
        """Training curve so far."""
        return tuple(self._history.points)

    def advance(self, until: int, *, at_most_s: float = math.inf) -> None:
        """Continue the training.

        Args:
            until: Number of iterations after which to stop, counted from the start of the training; at most
                the optimisation's total.
            at_most_s: Number of seconds after which to stop earlier, but not before one iteration is done.

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
        """Do one optimiser step."""
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
        """Return everything that the rest of the training depends on, except torch's global generators.

        The state consists of tensors and plain values, which `torch.load(weights_only=True)` can read.
        """
        return {
            "iterations_done": self.iterations_done,
            "network": self._network.state_dict(),
            "averaged": None if self._averaged is None else self._averaged.state_dict(),
            "loss": self._loss.state_dict(),
            "optimiser": self._optimiser.state_dict(),
            "generator": self._generator.get_state(),
            # The history's key in stored checkpoints.
            "recorder": self._history.state(),
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Resume from a state of a training with the same arguments."""
        self._network.load_state_dict(state["network"])
        if self._averaged is not None:
            self._averaged.load_state_dict(state["averaged"])
        self._loss.load_state_dict(state["loss"])
        self._optimiser.load_state_dict(state["optimiser"])
        self._generator.set_state(state["generator"])
        self._history.load_state(state["recorder"], device=self._weights[0].device)
        self.iterations_done = int(state["iterations_done"])


def _copy_of(network: nn.Module) -> nn.Module:
    """Return a copy of the network whose recurrent layers are ready for a GPU."""
    copied = copy.deepcopy(network)
    for module in copied.modules():
        if isinstance(module, nn.RNNBase):
            module.flatten_parameters()
    return copied


@torch.no_grad()
def _move_average(averaged: nn.Module, network: nn.Module, *, decay: float) -> None:
    """Update the running average of the weights; copy the statistics of batch norm unchanged."""
    for weight, latest in zip(averaged.parameters(), network.parameters(), strict=True):
        weight.lerp_(latest, 1 - decay)
    for statistic, current in zip(averaged.buffers(), network.buffers(), strict=True):
        statistic.copy_(current)


class History:
    """The training curve, collected without waiting for the device at every step.

    Attributes:
        points: Completed points of the curve.
    """

    def __init__(self, iterations: int) -> None:
        self.points: list[HistoryPoint] = []
        self._every = max(1, math.ceil(iterations / _HISTORY_POINTS))
        self._last = iterations - 1
        self._sums: dict[str, Tensor] = {}
        self._n = 0

    def add(self, step: int, value: Tensor, loss: nn.Module) -> None:
        """Add one step's loss and terms, and complete a point when it is due."""
        terms: Mapping[str, Tensor] = loss.terms  # type: ignore[assignment]
        for name, term in {"": value, **terms}.items():
            self._sums[name] = self._sums[name] + term if name in self._sums else term.clone()
        self._n += 1
        if self._n == self._every or step == self._last:
            self._complete_point(step, float(loss.alpha))  # type: ignore[arg-type]

    def _complete_point(self, step: int, alpha: float) -> None:
        means = {name: float(total) / self._n for name, total in self._sums.items()}
        value = means.pop("")
        if not math.isfinite(value):
            raise TrainingError(f"the loss must stay finite, but got {value} by iteration {step + 1}")
        self.points.append(HistoryPoint(iteration=step + 1, loss=value, terms=means, alpha=alpha))
        self._sums, self._n = {}, 0

    def state(self) -> dict[str, Any]:
        """Return completed points and the sums of the next one."""
        return {"points": [asdict(point) for point in self.points], "sums": dict(self._sums), "n": self._n}

    def load_state(self, state: Mapping[str, Any], *, device: torch.device) -> None:
        """Restore a state from `state`."""
        self.points = [HistoryPoint(**point) for point in state["points"]]
        self._sums = {name: total.to(device) for name, total in state["sums"].items()}
        self._n = int(state["n"])
