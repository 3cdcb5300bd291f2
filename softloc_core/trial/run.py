"""Running a trial: one pure function from a `TrialConfig` to a `TrialResult`."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from softloc_core.events import EventList
from softloc_core.inference import Detector, Predictions, ensemble_for
from softloc_core.metrics import Scores
from softloc_core.tasks import Recording, TaskData
from softloc_core.training import HistoryPoint
from softloc_core.trial.config import OPTION_FIELDS, Options, TrialConfig, setting_id, trial_id
from softloc_core.trial.scoring import ScoredEvents, decoding_rule, score_predictions, trial_decoder
from softloc_core.trial.training import TrialTraining, labelled, scored_part, trial_augmentation
from softloc_core.trial.versions import part_versions

__all__ = [
    "OPTION_FIELDS",
    "HistoryPoint",
    "Options",
    "TrialConfig",
    "TrialResult",
    "TrialRun",
    "run_trial",
    "setting_id",
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
        scores: Scores on the test recordings; for its measures see `ScoredEvents`.
        events: Estimated events of each test recording, by its name.
        history: Training curve.
        train_s: Wall-clock seconds of training.
        device: Name of the torch device on which the trial ran.
        validation: Scores on the validation recordings against their labels; None if there are none.
        predictions: Event probabilities of the validation and the test recordings, by part and name.
        versions: Version of each part that decides the result, by name.
    """

    config: TrialConfig
    trial_id: str
    data_fingerprint: str
    scores: Scores
    events: Mapping[str, EventList]
    history: tuple[HistoryPoint, ...]
    train_s: float
    device: str
    validation: Scores | None = None
    predictions: Mapping[str, Predictions] = field(default_factory=dict, repr=False)
    versions: Mapping[str, int] = field(default_factory=dict)


class TrialRun:
    """A trial in progress, which can be trained in parts, and scored, saved and resumed between them.

    The result does not depend on the parts. It is the result of `run_trial`, bit for bit.
    """

    def __init__(self, config: TrialConfig, data: TaskData, *, device: str = "cpu") -> None:
        """Set up the trial; for the arguments see `run_trial`."""
        decoding_rule(config, hop_s=data.hop_s).require_validation(data)
        self._detector = trial_detector(config, hop_s=data.hop_s)
        self._config, self._data, self._device = config, data, device
        setting = setting_id(config, data_fingerprint=data.fingerprint)
        with threads(config.threads):
            self._training = TrialTraining(config, data, identity=setting, device=device)
        labels = self._training.validation_labels
        self._validated = replace(data, validation=labelled(data.validation, labels))

    @property
    def iterations_done(self) -> int:
        """Number of optimiser steps done."""
        return self._training.iterations_done

    def advance(self, until: int, *, at_most_s: float = math.inf) -> None:
        """Train until `until` iterations are done or `at_most_s` seconds have passed.

        Raises:
            TrainingError: The loss is no longer finite.
        """
        with threads(self._config.threads):
            self._training.advance(until, at_most_s=at_most_s)

    def scores(self, on: str) -> Scores:
        """Score the network in its current state.

        Args:
            on: Recordings to score: `test`, `validation`, or `training`. The latter two are scored against
                the labels that the trial has of them, which are misaligned unless `validation_labels` is
                `clean`.
        """
        data = scored_part(self._validated, on, labels=self._training.labels)
        return self._scored(data, self._predictions("validation"), self._predicted(data.test)).scores

    def result(self) -> TrialResult:
        """Return the trial's result after the iterations done so far."""
        config = self._config
        predictions = {part: self._predictions(part) for part in ("validation", "test")}
        scored = self._scored(self._validated, predictions["validation"], predictions["test"])
        return TrialResult(
            config=config,
            trial_id=trial_id(config, data_fingerprint=self._data.fingerprint),
            data_fingerprint=self._data.fingerprint,
            scores=scored.scores,
            events=scored.events,
            history=self._training.history,
            train_s=self._training.train_s,
            device=self._device,
            validation=scored.validation,
            predictions=predictions,
            versions=part_versions(
                task=config.task, network=config.network, loss=config.loss, noise=config.noise
            ),
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

    def _predictions(self, part: str) -> Predictions:
        """Return the event probabilities of the `validation` or `test` recordings."""
        return self._predicted(self._data.validation if part == "validation" else self._data.test)

    def _predicted(self, recordings: Sequence[Recording]) -> Predictions:
        """Return the event probabilities of recordings by the network in its current state."""
        device = torch.device(self._device)
        with threads(self._config.threads), self._training.frozen_network() as network:
            return self._detector.predictions(network, recordings, device=device)

    def _scored(self, data: TaskData, validation: Predictions, test: Predictions) -> ScoredEvents:
        """Decode and score event probabilities; `data.test` are the recordings that are scored."""
        return score_predictions(self._config, data, validation=validation, test=test)


@contextmanager
def threads(number: int) -> Iterator[None]:
    """Set torch's number of threads, and restore it afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def run_trial(config: TrialConfig, data: TaskData, *, device: str = "cpu") -> TrialResult:
    """Train one network on misaligned labels and score it on the test recordings.

    This is a pure function: on the same device of the same model, with the same versions of the libraries,
    the same configuration and data produce the same result, bit for bit. On another processor or library the
    last digits of sums differ, and after hundreds of steps so may scores. Label noise depends only on the
    seed, its draw and the recording, so that trials are compared on exactly the same misaligned labels.
    Weights, batches and dropout are seeded by the trial's setting, so that the random errors of different
    trials are independent.

    Args:
        config: Configuration of the trial.
        data: Data of the trial, as returned by `TASKS.get(config.task).load(config.data_request(), ...)`.
        device: Name of the torch device to train on.

    Raises:
        ConfigError: A name is not registered, an option is not allowed, the task's recordings do not allow
            the augmentation or ensemble, or the decoding is to be calibrated without validation recordings.
        TrainingError: The loss is no longer finite.
    """
    run = TrialRun(config, data, device=device)
    run.advance(config.iterations)
    return run.result()


def trial_detector(config: TrialConfig, *, hop_s: float) -> Detector:
    """Return the detector that runs a trial's network on recordings.

    Args:
        config: Configuration of the trial.
        hop_s: Seconds between frames of its data.

    Raises:
        ConfigError: The loss, the decoding or an option is unknown, or options are out of range or
            incompatible.
    """
    return Detector(
        decoder=trial_decoder(config, hop_s=hop_s),
        ensemble=ensemble_for(dict(config.ensemble_options)),
        excerpt_s=config.excerpt_s,
        hop_s=hop_s,
    )
