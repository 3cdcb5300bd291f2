"""A trial is a value: TrialConfig in, TrialResult out, through one pure function."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import torch

from softloc_core.calibration import calibrated_offset_s, require_validation
from softloc_core.decoding import decode, decoder_for
from softloc_core.errors import ConfigError
from softloc_core.events import EventList
from softloc_core.losses import LOSSES
from softloc_core.losses.schedules import Schedule
from softloc_core.metrics import Scores
from softloc_core.tasks import TASKS, DataRequest, Recording, TaskData
from softloc_core.training import HistoryPoint, event_probabilities
from softloc_core.trial_training import TrialTraining, scored_part

__all__ = ["OPTION_FIELDS", "HistoryPoint", "Options", "TrialConfig", "TrialResult", "TrialRun",
           "run_trial", "trial_id"]  # fmt: skip

Options = tuple[tuple[str, bool | int | float | str], ...]
OPTION_FIELDS = ("loss_options", "noise_options", "decoding_options")
"""The fields of `TrialConfig` that hold options."""

# Fields that came later, with the value at which a trial is what it was without them: its identity stays.
_NEUTRAL: Mapping[str, Any] = {"decoding_options": {}}


@dataclass(frozen=True, kw_only=True)
class TrialConfig:
    """Everything that decides a trial's result, besides the data. No field has a default.

    Attributes:
        task: Registered task.
        data: One of the task's data sources.
        split: One of the source's splits.
        fold: Part of the split that is the test set, from 0.
        features: Name of the front end.
        network: Registered network.
        loss: Registered loss.
        loss_options: The loss's own parameters, sorted by name.
        measure: Distance that the soft localization loss takes between the smoothed processes.
        softness_s: Standard deviation of the smoothing kernel in seconds, >= 0; infinity leaves the count
            alone.
        alpha: Weight of the count loss over training.
        noise: Registered kind of label misalignment.
        noise_options: Its own parameters, sorted by name.
        label_noise_s: Scale of the label misalignment in seconds, >= 0.
        iterations: Optimiser steps, >= 1.
        batch_size: Excerpts a step, >= 1.
        excerpt_s: Length of an excerpt in seconds, > 0.
        learning_rate: Peak learning rate, > 0.
        learning_rate_schedule: `constant`, or `trapezoid`: a short linear rise, level until three fifths,
            then a line down to a fiftieth of the peak.
        weight_averaging: Decay of the running average of the weights that is scored, in [0, 1); 0 scores the
            last weights.
        weight_decay: AdamW's decoupled weight decay, >= 0.
        gradient_clip: Largest global norm of the gradient, > 0; infinity switches clipping off.
        gain_db: Standard deviation of the random gain of each training excerpt, in dB, >= 0.
        band_gain_db: Standard deviation of the random gain of each band of an excerpt, in dB, >= 0.
        initial_empty_prob: Probability that an untrained network gives to an excerpt without events, in (0,
            1); the output bias follows from it (LoCo paper, eq. 15).
        decoding: Named decoding preset, or `auto`: the one that suits the loss.
        decoding_options: Attributes of the decoder that are set, sorted by name; `offset_s` is added to every
            time; with `calibrate_offset` the offset that is left is measured on the validation recordings and
            added too.
        tolerance_s: Largest accepted time difference in scoring, inclusive, in seconds, > 0.
        seed: The study's seed; label noise depends on it, the replicate and the recording only.
        replicate: Which repetition, from 0.

    Raises:
        ConfigError: A value out of its range.
    """

    task: str
    data: str
    split: str
    fold: int
    features: str
    network: str
    loss: str
    loss_options: Options
    measure: str
    softness_s: float
    alpha: Schedule
    noise: str
    noise_options: Options
    label_noise_s: float
    iterations: int
    batch_size: int
    excerpt_s: float
    learning_rate: float
    learning_rate_schedule: str
    weight_averaging: float
    weight_decay: float
    gradient_clip: float
    gain_db: float
    band_gain_db: float
    initial_empty_prob: float
    decoding: str
    decoding_options: Options
    tolerance_s: float
    seed: int
    replicate: int

    def __post_init__(self) -> None:
        for name in ("softness_s", "label_noise_s", "weight_decay", "gain_db", "band_gain_db"):
            _require(self, name, getattr(self, name) >= 0, "at least 0")
        for name in ("excerpt_s", "learning_rate", "gradient_clip", "tolerance_s"):
            _require(self, name, getattr(self, name) > 0, "above 0")
        for name in ("iterations", "batch_size"):
            _require(self, name, getattr(self, name) >= 1, "at least 1")
        for name in ("fold", "seed", "replicate"):
            _require(self, name, getattr(self, name) >= 0, "at least 0")
        for name in ("label_noise_s", "excerpt_s", "learning_rate", "weight_decay", "tolerance_s"):
            _require(self, name, math.isfinite(getattr(self, name)), "finite")
        _require(self, "weight_averaging", 0 <= self.weight_averaging < 1, "in [0, 1)")
        _require(
            self, "initial_empty_prob", 0 < self.initial_empty_prob < 1, "between 0 and 1, both excluded"
        )

    def spec(self) -> dict[str, Any]:
        """The configuration as plain values, in field order; equal configurations give equal specs."""
        spec = {field.name: getattr(self, field.name) for field in fields(self)}
        spec["alpha"] = self.alpha.spec()
        for name in OPTION_FIELDS:
            spec[name] = dict(sorted(spec[name]))
        return spec

    def data_request(self) -> DataRequest:
        """Which data the trial reads; trials with equal requests share one load."""
        return DataRequest(
            task=self.task,
            source=self.data,
            split=self.split,
            fold=self.fold,
            features=self.features,
            seed=self.seed,
        )


def _require(config: TrialConfig, name: str, holds: bool, rule: str) -> None:
    """Refuse a field whose rule does not hold."""
    if not holds:
        raise ConfigError(f"`{name}` must be {rule}, but got {getattr(config, name)}")


def trial_id(config: TrialConfig, *, data_fingerprint: str) -> str:
    """Identity of a trial: 16 hexadecimal digits of a hash over its configuration and its data, nothing else.

    Floats enter by their shortest exact representation, so that 1 and 1.0 are the same value.
    """
    spec = {
        name: _canonical(value)
        for name, value in config.spec().items()
        if name not in _NEUTRAL or value != _NEUTRAL[name]
    }
    text = json.dumps({"config": spec, "data": data_fingerprint}, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _canonical(value: Any) -> Any:
    """Plain JSON values in which equal numbers look equal."""
    if isinstance(value, Mapping):
        return {str(key): _canonical(item) for key, item in value.items()}
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    return repr(float(value))


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
            events, measures = _estimated_events(config, data, network, device=torch.device(self._device))
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
        ConfigError: A name that is not registered, or an offset to calibrate without validation recordings.
        TrainingError: The loss is no longer finite.
    """
    run = TrialRun(config, data, device=device)
    run.advance(config.iterations)
    return run.result()


def _estimated_events(
    config: TrialConfig, data: TaskData, network: torch.nn.Module, *, device: torch.device
) -> tuple[dict[str, EventList], dict[str, float]]:
    """Decoded events of each test recording, and what was measured on the way: a calibrated offset."""
    options = dict(config.decoding_options)
    offset_s = float(options.get("offset_s", 0.0))
    if not options.get("calibrate_offset"):
        return _decoded(config, data, network, data.test, device=device, offset_s=offset_s), {}
    events = _decoded(config, data, network, data.validation, device=device, offset_s=offset_s)
    offset_s += calibrated_offset_s(
        ((recording.reference, events[recording.name]) for recording in data.validation),
        tolerance_s=config.tolerance_s,
    )
    events = _decoded(config, data, network, data.test, device=device, offset_s=offset_s)
    return events, {"offset_s": offset_s}


def _decoded(
    config: TrialConfig,
    data: TaskData,
    network: torch.nn.Module,
    recordings: Sequence[Recording],
    *,
    device: torch.device,
    offset_s: float,
) -> dict[str, EventList]:
    """Decoded events of recordings, moved by an offset."""
    decoder = decoder_for(
        config.decoding,
        prediction=LOSSES[config.loss].prediction,
        softness_frames=config.softness_s / data.hop_s,
        auto=TASKS.get(config.task).auto_decoding,
        options=dict(config.decoding_options),
    )
    probabilities = event_probabilities(network, recordings, device=device)
    return {
        recording.name: decode(
            probabilities[recording.name],
            decoder,
            grid=recording.grid,
            duration_s=recording.reference.duration_s,
            offset_s=offset_s,
        )
        for recording in recordings
    }
