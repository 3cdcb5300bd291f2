"""Running a trial: one pure function from a `TrialConfig` to a `TrialResult`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch

from softloc_core.decoding import decoder_for
from softloc_core.events import EventList, seconds_to_frames
from softloc_core.inference import Detector, ensemble_for, estimated_events, require_validation
from softloc_core.losses import get_loss
from softloc_core.metrics import Scores
from softloc_core.tasks import TASKS, TaskData
from softloc_core.training import HistoryPoint
from softloc_core.trial.config import OPTION_FIELDS, Options, TrialConfig, trial_id
from softloc_core.trial.training import TrialTraining, scored_part, trial_augmentation

__all__ = [
    "OPTION_FIELDS",
    "HistoryPoint",
    "Options",
    "TrialConfig",
    "TrialResult",
    "TrialRun",
    "run_trial",
    "trial_augmentation",
    "trial_detector",
    "trial_id",
]


@dataclass(frozen=True)
class TrialResult:
    """The result of a trial.

    Attributes:
        config: Configuration of the trial.
        trial_id: Identity of the trial.
        data_fingerprint: Hash of the data.
        scores: Scores on the test recordings.
        events: Estimated events of each test recording, by its name.
        history: Training curve.
        train_s: Wall-clock seconds of training.
        device: Name of the torch device on which the trial ran.
    """

    config: TrialConfig
    trial_id: str
    data_fingerprint: str
    scores: Scores
    events: Mapping[str, EventList]
    history: tuple[HistoryPoint, ...]
    train_s: float
    device: str


class TrialRun:
    """A trial in progress, which can be trained in parts, and scored, saved and resumed between them.

    The result does not depend on the parts. It is the result of `run_trial`, bit for bit.
    """

    def __init__(self, config: TrialConfig, data: TaskData, *, device: str = "cpu") -> None:
        """Set up the trial; for the arguments see `run_trial`."""
        require_validation(dict(config.decoding_options), data)
        self._detector = trial_detector(config, hop_s=data.hop_s)
        self._config, self._data, self._device = config, data, device
        self._identity = trial_id(config, data_fingerprint=data.fingerprint)
        self._training = TrialTraining(config, data, identity=self._identity, device=device)

    @property
    def iterations_done(self) -> int:
        """Number of optimiser steps done."""
        return self._training.iterations_done

    def advance(self, until: int, *, at_most_s: float = math.inf) -> None:
        """Train until `until` iterations are done or `at_most_s` seconds have passed.

        Raises:
            TrainingError: The loss is no longer finite.
        """
        self._training.advance(until, at_most_s=at_most_s)

    def scores(self, on: str) -> Scores:
        """Score the network in its current state.

        Args:
            on: Recordings to score: `validation`, `test`, or `training`, which is scored against the
                misaligned labels used in training.
        """
        return self._scored(scored_part(self._data, on, labels=self._training.labels))[0]

    def result(self) -> TrialResult:
        """Return the trial's result after the iterations done so far."""
        scores, events = self._scored(self._data)
        return TrialResult(
            config=self._config,
            trial_id=self._identity,
            data_fingerprint=self._data.fingerprint,
            scores=scores,
            events=events,
            history=self._training.history,
            train_s=self._training.train_s,
            device=self._device,
        )

    def state(self) -> dict[str, Any]:
        """Return the state from which `load_state` resumes the same trial, as tensors and plain values.

        The tensors are not copied; save or copy them before the training continues.
        """
        return self._training.state()

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Resume from a state of the same trial."""
        self._training.load_state(state)

    def weights(self) -> dict[str, torch.Tensor]:
        """Return a copy of the scored weights by name, on the CPU."""
        state = self._training.scored_network.state_dict()
        return {name: value.detach().cpu().clone() for name, value in state.items()}

    def _scored(self, data: TaskData) -> tuple[Scores, dict[str, EventList]]:
        """Return scores and events of the test recordings of the data."""
        config = self._config
        with self._training.frozen_network() as network:
            device = torch.device(self._device)
            events, measures = estimated_events(self._detector, network, data, device=device)
        scores = TASKS.get(config.task).score(data, events, tolerance_s=config.tolerance_s)
        return replace(scores, measures={**scores.measures, **measures}), events


def run_trial(config: TrialConfig, data: TaskData, *, device: str = "cpu") -> TrialResult:
    """Train one network on misaligned labels and score it on the test recordings.

    This is a pure function: on the same machine and device, the same configuration and data produce the same
    result, bit for bit. Label noise depends only on the seed, the replicate and the recording, so that trials
    are compared on exactly the same misaligned labels. Weights, batches and dropout are seeded by the trial's
    identity, so that the random errors of different trials are independent.

    Args:
        config: Configuration of the trial.
        data: Data of the trial, as returned by `TASKS.get(config.task).load(config.data_request(), ...)`.
        device: Name of the torch device to train on.

    Raises:
        ConfigError: A name is not registered, an option is not allowed, the task's recordings do not allow
            the augmentation or ensemble, or the offset is to be calibrated without validation recordings.
        TrainingError: The loss is no longer finite.
    """
    run = TrialRun(config, data, device=device)
    run.advance(config.iterations)
    return run.result()


def trial_detector(config: TrialConfig, *, hop_s: float) -> Detector:
    """Return the detector that turns the output of a trial's network into events.

    Args:
        config: Configuration of the trial.
        hop_s: Seconds between frames of its data.

    Raises:
        ConfigError: The loss, the decoding or an option is unknown, or options are out of range or
            incompatible.
    """
    options = dict(config.decoding_options)
    decoder = decoder_for(
        config.decoding,
        prediction=get_loss(config.loss).prediction,
        softness_frames=seconds_to_frames(config.softness_s, hop_s=hop_s),
        auto=TASKS.get(config.task).auto_decoding,
        options=options,
    )
    return Detector(
        decoder=decoder,
        ensemble=ensemble_for(dict(config.ensemble_options)),
        excerpt_s=config.excerpt_s,
        hop_s=hop_s,
        offset_s=float(options.get("offset_s", 0.0)),
        calibrate_offset=bool(options.get("calibrate_offset", False)),
        tolerance_s=config.tolerance_s,
    )
