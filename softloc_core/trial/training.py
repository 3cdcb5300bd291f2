"""The training of one trial with a randomness of its own, wherever and in however many parts it is run."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields, replace
from typing import Any

import torch

from softloc_core.errors import ConfigError
from softloc_core.events import EventList, seconds_to_frames
from softloc_core.label_noise import misaligned
from softloc_core.losses import initial_bias, make_loss
from softloc_core.networks import NetworkBuilder
from softloc_core.tasks import TASKS, FeatureSum, Recording, TaskData
from softloc_core.training import (
    Augmentation,
    AugmentedSet,
    HistoryPoint,
    Optimisation,
    TrainingRun,
    TrainingSet,
    judge_augmentation,
)
from softloc_core.trial.config import TrialConfig

__all__ = ["SCORED_PARTS", "TrialTraining", "augmentation_of", "scored_part"]

SCORED_PARTS = ("validation", "training", "test")
"""The recordings that a trial under way may be scored on."""


class TrialTraining:
    """A trial's network, trained on misaligned labels.

    Torch's global generators are this training's own while it trains and as they were before otherwise, so
    that nothing that happens between two parts of it changes what comes out.

    Attributes:
        labels: The labels that are trained on, one list a training recording.
        train_s: Wall-clock seconds of training, set-up included, over all its parts.
    """

    def __init__(self, config: TrialConfig, data: TaskData, *, identity: str, device: str) -> None:
        """Make the network and the wrong labels.

        Args:
            config: What to train.
            data: Its data.
            identity: The trial's identity, which seeds weights, batches and dropout.
            device: Where to train, as torch names it.

        Raises:
            ConfigError: A network that is not registered.
        """
        began_s = time.perf_counter()
        self.labels = [_noisy_label(config, recording) for recording in data.train]
        self._device = torch.device(device)
        seed = int(identity, 16) % 2**63
        with torch.random.fork_rng(devices=self._cuda_devices):
            torch.manual_seed(seed)
            self._run = _training_run(
                config,
                data,
                self.labels,
                device=self._device,
                generator=torch.Generator().manual_seed(seed ^ 1),
            )
            self._randomness = self._global_state()
        self.train_s = time.perf_counter() - began_s

    @property
    def iterations_done(self) -> int:
        """Optimiser steps done."""
        return self._run.iterations_done

    @property
    def history(self) -> tuple[HistoryPoint, ...]:
        """The training curve so far."""
        return self._run.history

    @property
    def scored_network(self) -> torch.nn.Module:
        """The network with the weights that are scored."""
        return self._run.scored_network

    def advance(self, until: int, *, at_most_s: float = math.inf) -> None:
        """Train until so many iterations are done, or so many seconds are over; see `TrainingRun.advance`."""
        began_s = time.perf_counter()
        with self._own_randomness():
            self._run.advance(until, at_most_s=at_most_s)
        self.train_s += time.perf_counter() - began_s

    @contextmanager
    def looked_at(self) -> Iterator[torch.nn.Module]:
        """The network to be scored as it is; neither it nor any generator is changed by that."""
        with torch.random.fork_rng(devices=self._cuda_devices):
            yield self._run.scored_network

    def state(self) -> dict[str, Any]:
        """All that the rest of the training depends on, as tensors and plain values."""
        return {**self._run.state(), "randomness": self._randomness, "train_s": self.train_s}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on from a state of the same trial on the same kind of device."""
        self._run.load_state(state)
        self._randomness = dict(state["randomness"])
        self.train_s = float(state["train_s"])

    @property
    def _cuda_devices(self) -> list[torch.device]:
        """Devices whose generators are used besides the CPU's."""
        return [self._device] if self._device.type == "cuda" else []

    def _global_state(self) -> dict[str, torch.Tensor]:
        """Torch's global generators."""
        state = {"cpu": torch.get_rng_state()}
        if self._device.type == "cuda":
            state["cuda"] = torch.cuda.get_rng_state(self._device)
        return state

    @contextmanager
    def _own_randomness(self) -> Iterator[None]:
        """Torch's global generators as this training left them."""
        with torch.random.fork_rng(devices=self._cuda_devices):
            torch.set_rng_state(self._randomness["cpu"])
            for device in self._cuda_devices:
                torch.cuda.set_rng_state(self._randomness["cuda"], device)
            yield
            self._randomness = self._global_state()


def scored_part(data: TaskData, part: str, *, labels: Sequence[EventList]) -> TaskData:
    """The data with other recordings to be scored.

    Args:
        data: A trial's data.
        part: One of `SCORED_PARTS`.
        labels: What the training recordings are scored against: a person who has wrong labels only has no
            better reference.
    """
    if part == "training":
        pairs = zip(data.train, labels, strict=True)
        return replace(data, test=tuple(replace(recording, reference=label) for recording, label in pairs))
    return replace(data, test=data.validation if part == "validation" else data.test)


def augmentation_of(config: TrialConfig) -> tuple[Augmentation, FeatureSum | None]:
    """How a trial varies its training excerpts, and what two of them at once are where it asks.

    Raises:
        ConfigError: The task's recordings cannot be played at another rate, or not be summed.
    """
    names = [field.name for field in fields(Augmentation)]
    augmentation = Augmentation(**{name: getattr(config, name) for name in names})
    task = TASKS.get(config.task)
    return augmentation, judge_augmentation(augmentation, task=task, features=config.features)


def _noisy_label(config: TrialConfig, recording: Recording) -> EventList:
    """A recording's labels, misaligned as the configuration says."""
    return misaligned(
        recording.label,
        noise=config.noise,
        scale_s=config.label_noise_s,
        seed=config.seed,
        replicate=config.replicate,
        recording=recording.name,
        options=dict(config.noise_options),
    )


def _training_run(
    config: TrialConfig,
    data: TaskData,
    labels: list[EventList],
    *,
    device: torch.device,
    generator: torch.Generator,
) -> TrainingRun:
    """The network, its loss and its batches, before the first iteration."""
    augmentation, feature_sum = augmentation_of(config)
    training_set = TrainingSet.from_recordings(
        data.train, labels, n_channels=len(data.channel_names), excerpt_s=config.excerpt_s, device=device
    )
    network = _network_builder(config)(
        n_bands=training_set.features.shape[1],
        n_channels=len(data.channel_names),
        initial_logit=initial_bias(config.initial_empty_prob, training_set.excerpt_frames),
    ).to(device)
    loss = make_loss(
        config.loss,
        softness_frames=seconds_to_frames(config.softness_s, hop_s=data.hop_s),
        alpha=config.alpha,
        measure=config.measure,
        n_steps=config.iterations,
        options=dict(config.loss_options),
    ).to(device)
    batches = AugmentedSet(training_set, augmentation, feature_sum=feature_sum)
    return TrainingRun(network, loss, batches, _optimisation(config), generator=generator)


def _network_builder(config: TrialConfig) -> NetworkBuilder:
    """What makes the network that a configuration names."""
    networks = TASKS.get(config.task).networks
    if config.network not in networks:
        raise ConfigError(f"`network` must be one of {', '.join(networks)}, but got {config.network}")
    return networks[config.network]


def _optimisation(config: TrialConfig) -> Optimisation:
    """The part of a configuration that the training loop reads."""
    return Optimisation(**{field.name: getattr(config, field.name) for field in fields(Optimisation)})
