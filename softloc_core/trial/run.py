"""A trial is a value: TrialConfig in, TrialResult out, through one pure function."""

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
from softloc_core.trial.training import TrialTraining, augmentation_of, scored_part

__all__ = [
    "OPTION_FIELDS",
    "HistoryPoint",
    "Options",
    "TrialConfig",
    "TrialResult",
    "TrialRun",
    "augmentation_of",
    "detector_of",
    "run_trial",
    "trial_id",
]


@dataclass(frozen=True)
class TrialResult:
    """What a trial gives.

    Attributes:
        config: The configuration it came from.
        trial_id: Its identity.
        data_fingerprint: Hash of its data.
        scores: Of the test recordings.
        events: Estimated events of each test recording, by its name.
        history: Training curve.
        train_s: Wall-clock seconds of training.
        device: Where it ran, as torch names it.
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
    """A trial under way: trained in parts, scored as it is between them, saved and gone on with.

    Parts do not show in the result: it is that of `run_trial`, bit for bit.
    """

    def __init__(self, config: TrialConfig, data: TaskData, *, device: str = "cpu") -> None:
        """Begin; for the arguments see `run_trial`."""
        require_validation(dict(config.decoding_options), data)
        self._detector = detector_of(config, hop_s=data.hop_s)
        self._config, self._data, self._device = config, data, device
        self._identity = trial_id(config, data_fingerprint=data.fingerprint)
        self._training = TrialTraining(config, data, identity=self._identity, device=device)

    @property
    def iterations_done(self) -> int:
        """Optimiser steps done."""
        return self._training.iterations_done

    def advance(self, until: int, *, at_most_s: float = math.inf) -> None:
        """Train until so many iterations are done, or so many seconds are over.

        Raises:
            TrainingError: The loss is no longer finite.
        """
        self._training.advance(until, at_most_s=at_most_s)

    def scores(self, on: str) -> Scores:
        """Scores of the network as it is.

        Args:
            on: `validation`; `training`, against the (wrong) labels that are trained on; or `test`.
        """
        return self._scored(scored_part(self._data, on, labels=self._training.labels))[0]

    def result(self) -> TrialResult:
        """What the trial gives after the iterations done so far."""
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
        """What `load_state` of a new run of the same trial goes on from: tensors and plain values.

        The tensors are the run's own: write or copy them before it trains on.
        """
        return self._training.state()

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on from a state of the same trial."""
        self._training.load_state(state)

    def weights(self) -> dict[str, torch.Tensor]:
        """The weights that are scored, by name, on the CPU."""
        state = self._training.scored_network.state_dict()
        return {name: value.detach().cpu().clone() for name, value in state.items()}

    def _scored(self, data: TaskData) -> tuple[Scores, dict[str, EventList]]:
        """Scores and events of the test recordings of some data."""
        config = self._config
        with self._training.looked_at() as network:
            device = torch.device(self._device)
            events, measures = estimated_events(self._detector, network, data, device=device)
        scores = TASKS.get(config.task).score(data, events, tolerance_s=config.tolerance_s)
        return replace(scores, measures={**scores.measures, **measures}), events


def run_trial(config: TrialConfig, data: TaskData, *, device: str = "cpu") -> TrialResult:
    """Train one network on misaligned labels and score it on the test recordings.

    A pure function: the same configuration and data give the same result bit for bit on the same machine
    and device. Label noise depends on the seed, the replicate and the recording alone, so that trials are
    compared on the very same wrong labels; weights, batches and dropout are drawn from the trial's own
    identity, so that neighbouring trials err independently of each other.

    Args:
        config: What to do.
        data: Its data, as `TASKS.get(config.task).load(config.data_request(), ...)` gives it.
        device: Where to train, as torch names it.

    Raises:
        ConfigError: A name that is not registered, an option that is not allowed, an augmentation or ensemble
            that the task's recordings do not allow, or an offset to calibrate without validation recordings.
        TrainingError: The loss is no longer finite.
    """
    run = TrialRun(config, data, device=device)
    run.advance(config.iterations)
    return run.result()


def detector_of(config: TrialConfig, *, hop_s: float) -> Detector:
    """What makes events of a trial's network.

    Args:
        config: The trial.
        hop_s: Seconds between frames of its data.

    Raises:
        ConfigError: A decoding or an option that does not exist, is out of range, or does not go with others.
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
