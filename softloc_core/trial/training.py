"""The training of one trial, with separate random generators so that it can be run in parts."""

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
    feature_sum_for,
)
from softloc_core.trial.config import TrialConfig

__all__ = [
    "SCORED_PARTS",
    "TrialTraining",
    "labelled",
    "scored_part",
    "trial_augmentation",
    "validation_labels",
]

SCORED_PARTS = ("validation", "training", "test")
"""Sets of recordings on which a trial in progress can be scored."""


class TrialTraining:
    """A trial's network in training on misaligned labels.

    Torch's global generators are set to this training's state while it trains and restored afterwards.
    Therefore nothing that happens between two parts of the training changes its result.

    Attributes:
        labels: Misaligned labels of each training recording.
        validation_labels: Labels of each validation recording, misaligned unless the configuration says
            clean.
        train_s: Wall-clock seconds of training over all parts, including the set-up.
    """

    def __init__(self, config: TrialConfig, data: TaskData, *, identity: str, device: str) -> None:
        """Create the network and the misaligned labels.

        Args:
            config: Configuration of the trial.
            data: Data of the trial.
            identity: Identity of the trial, which seeds weights, batches and dropout.
            device: Name of the torch device to train on.

        Raises:
            ConfigError: The task has no network with this name.
        """
        began_s = time.perf_counter()
        self.labels = [_noisy_label(config, recording) for recording in data.train]
        self.validation_labels = validation_labels(config, data.validation)
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
        """Number of optimiser steps done."""
        return self._run.iterations_done

    @property
    def history(self) -> tuple[HistoryPoint, ...]:
        """Training curve so far."""
        return self._run.history

    @property
    def scored_network(self) -> torch.nn.Module:
        """Network with the weights that are scored."""
        return self._run.scored_network

    def advance(self, until: int, *, at_most_s: float = math.inf) -> None:
        """Train until `until` iterations are done or `at_most_s` seconds have passed."""
        began_s = time.perf_counter()
        with self._own_randomness():
            self._run.advance(until, at_most_s=at_most_s)
        self.train_s += time.perf_counter() - began_s

    @contextmanager
    def frozen_network(self) -> Iterator[torch.nn.Module]:
        """Provide the network for scoring in its current state; the random generators are restored."""
        with torch.random.fork_rng(devices=self._cuda_devices):
            yield self._run.scored_network

    def state(self) -> dict[str, Any]:
        """Return everything that the rest of the training depends on, as tensors and plain values."""
        return {**self._run.state(), "randomness": self._randomness, "train_s": self.train_s}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Resume from a state of the same trial on the same kind of device."""
        self._run.load_state(state)
        self._randomness = dict(state["randomness"])
        self.train_s = float(state["train_s"])

    @property
    def _cuda_devices(self) -> list[torch.device]:
        """Devices whose generators are used in addition to the CPU's."""
        return [self._device] if self._device.type == "cuda" else []

    def _global_state(self) -> dict[str, torch.Tensor]:
        """Return the state of torch's global generators."""
        state = {"cpu": torch.get_rng_state()}
        if self._device.type == "cuda":
            state["cuda"] = torch.cuda.get_rng_state(self._device)
        return state

    @contextmanager
    def _own_randomness(self) -> Iterator[None]:
        """Set torch's global generators to this training's state, and restore them afterwards."""
        with torch.random.fork_rng(devices=self._cuda_devices):
            torch.set_rng_state(self._randomness["cpu"])
            for device in self._cuda_devices:
                torch.cuda.set_rng_state(self._randomness["cuda"], device)
            yield
            self._randomness = self._global_state()


def scored_part(data: TaskData, part: str, *, labels: Sequence[EventList]) -> TaskData:
    """Return the data with another set of recordings in place of the test set.

    Args:
        data: Data of a trial.
        part: One of `SCORED_PARTS`.
        labels: Reference for the training recordings: their misaligned labels, because in practice nothing
            better is available.
    """
    if part == "training":
        return replace(data, test=labelled(data.train, labels))
    return replace(data, test=data.validation if part == "validation" else data.test)


def labelled(recordings: Sequence[Recording], labels: Sequence[EventList]) -> tuple[Recording, ...]:
    """Return the recordings with labels in place of their reference events."""
    return tuple(recording.with_reference(label) for recording, label in zip(recordings, labels, strict=True))


def validation_labels(config: TrialConfig, recordings: Sequence[Recording]) -> list[EventList]:
    """Return the labels that a trial has of its validation recordings."""
    if config.validation_labels == "clean":
        return [recording.reference for recording in recordings]
    return [_noisy_label(config, recording) for recording in recordings]


def trial_augmentation(config: TrialConfig) -> tuple[Augmentation, FeatureSum | None]:
    """Return a trial's augmentation and, if it stacks excerpts, the function that adds their features.

    Raises:
        ConfigError: The task's recordings cannot be played at another rate, or cannot be added.
    """
    names = [field.name for field in fields(Augmentation)]
    augmentation = Augmentation(**{name: getattr(config, name) for name in names})
    task = TASKS.get(config.task)
    return augmentation, feature_sum_for(augmentation, task=task, features=config.features)


def _noisy_label(config: TrialConfig, recording: Recording) -> EventList:
    """Return a recording's labels, misaligned according to the configuration."""
    return misaligned(
        recording.label,
        noise=config.noise,
        scale_s=config.label_noise_s,
        seed=config.seed,
        replicate=config.label_draw,
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
    """Return a training run, before its first iteration, of the configured network, loss and batches."""
    augmentation, feature_sum = trial_augmentation(config)
    training_set = TrainingSet.from_recordings(
        data.train,
        labels,
        n_channels=len(data.channel_names),
        excerpt_s=config.excerpt_s,
        device=device,
        collision="merge" if dict(config.noise_options).get("collision") == "merge" else "add",
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
    """Return the builder of the configured network."""
    networks = TASKS.get(config.task).networks
    if config.network not in networks:
        raise ConfigError(f"`network` must be one of {', '.join(networks)}, but got {config.network}")
    return networks[config.network]


def _optimisation(config: TrialConfig) -> Optimisation:
    """Return the part of a configuration that the training loop needs."""
    return Optimisation(**{field.name: getattr(config, field.name) for field in fields(Optimisation)})
