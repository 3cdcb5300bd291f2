"""Trials that train nothing and follow a known surface, to test and measure everything around a trial."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import torch

from softloc_core.decoding import AUTO_DECODING
from softloc_core.errors import ConfigError
from softloc_core.events import EventList
from softloc_core.losses import Constant
from softloc_core.metrics import Scores, score_events
from softloc_core.networks import CompactNetwork, NetworkBuilder
from softloc_core.tasks import TASKS, DataRequest, FeatureSum, Recording, SourceInfo, TaskData
from softloc_core.training import HistoryPoint
from softloc_core.trial import TrialConfig, TrialResult, trial_id

__all__ = ["SimulatedRun", "SimulatedTask", "SimulatedTrial", "register_simulated_task"]

_CHANNELS = ("a", "b")


class SimulatedTask:
    """A task with tiny recordings, whose trials `SimulatedTrial` simulates.

    The split `other` has no validation recordings.
    """

    name = "simulated"
    description = "trials that train nothing, with a known surface"
    channel_names: tuple[str, ...] = _CHANNELS
    tolerance_s = 0.05
    score_name, time_unit, scores_events_alone, version = "F1", "ms", True, 1
    sources: Mapping[str, SourceInfo] = {
        "plain": SourceInfo("plain", "here", {"fixed": 1, "other": 2}, needs_data_root=False)
    }
    networks: Mapping[str, NetworkBuilder] = {"none": CompactNetwork}
    auto_decoding: Mapping[str, str] = AUTO_DECODING
    rates_vary = True
    feature_sums: Mapping[str, FeatureSum] = MappingProxyType({})

    def defaults(self, network: str) -> Mapping[str, Any]:
        """Return the default fields of TrialConfig."""
        return {
            "features": "none", "network": network, "loss": "softloc", "loss_options": (),
            "measure": "squared", "softness_s": 0.1, "alpha": Constant(0.5), "noise": "normal",
            "noise_options": (), "label_noise_s": 0.0, "validation_labels": "misaligned", "iterations": 2,
            "batch_size": 1, "excerpt_s": 0.5, "learning_rate": 1e-3,
            "learning_rate_schedule": "constant", "weight_averaging": 0.0,
            "weight_decay": 0.0, "gradient_clip": 1.0, "gain_db": 0.0, "band_gain_db": 0.0,
            "rate_variation": 0.0, "rate_centre": 1.0, "rate_share": 1.0, "stacking": 0.0,
            "initial_empty_prob": 0.8, "decoding": "auto", "decoding_options": (), "ensemble_options": (),
            "tolerance_s": 0.05,
        }  # fmt: skip

    def load(self, request: DataRequest, *, data_root: Path | None, cache_dir: Path) -> TaskData:
        """Return the recordings, without reading or writing anything."""
        if request.source not in self.sources:
            raise ConfigError(f"`data` must be one of {', '.join(self.sources)}, but got {request.source}")
        recordings = [_recording(name) for name in ("one", "two", "three")]
        return TaskData(
            task=self.name,
            source=request.source,
            channel_names=_CHANNELS,
            hop_s=0.01,
            train=(recordings[0],),
            validation=() if request.split == "other" else (recordings[2],),
            test=(recordings[1],),
            fingerprint=f"simulated-{request.split}-{request.fold}-{request.seed}",
        )

    def score(self, data: TaskData, events: Mapping[str, EventList], *, tolerance_s: float) -> Scores:
        """Return the scores of estimated events. `SimulatedTrial` does not use them."""
        pairs = ((recording.reference, events[recording.name]) for recording in data.test)
        return score_events(pairs, channel_names=data.channel_names, tolerance_s=tolerance_s)


def _recording(name: str) -> Recording:
    """Return a recording of one second with three events."""
    features = np.zeros((100, 1), dtype=np.float32)
    features.setflags(write=False)
    events = EventList(np.array([0.1, 0.4, 0.7]), np.array([0, 1, 0]), 1.0)
    return Recording(name=name, group=name, features=features, hop_s=0.01, reference=events, label=events)


def register_simulated_task() -> None:
    """Register the simulated task unless it is registered."""
    if SimulatedTask.name not in TASKS.tasks:
        TASKS.register(SimulatedTask())


@dataclass(frozen=True)
class SimulatedTrial:
    """A replacement for `run_trial` whose F1 falls with label noise, less so near a softness of 100 ms.

    Attributes:
        duration_s: Duration of a trial in seconds, during which it sleeps.
        noise_sd: Standard deviation of F1 between trials.
        fail_below_s: Trials with a label noise below this fail; 0 for no failures.
        log: File to which trials append a line when they start or resume; empty for none.
    """

    duration_s: float = 0.0
    noise_sd: float = 0.01
    fail_below_s: float = 0.0
    log: str = ""

    def __call__(self, config: TrialConfig, data: TaskData, *, device: str = "cpu") -> TrialResult:
        """Return the result, which depends only on the configuration and the data."""
        run = self.begin(config, data, device=device)
        run.advance(config.iterations)
        return run.result()

    def begin(self, config: TrialConfig, data: TaskData, *, device: str = "cpu") -> SimulatedRun:
        """Start a trial that can be advanced in steps."""
        return SimulatedRun(self, config, data, device)

    def f1(self, config: TrialConfig, data: TaskData) -> float:
        """Return the F1 that a trial reaches at its end."""
        identity = trial_id(config, data_fingerprint=data.fingerprint)
        noise = np.random.default_rng(int(identity, 16)).standard_normal()
        softness_s = min(config.softness_s, 1.0)
        value = 0.9 - 4 * config.label_noise_s * abs(softness_s - 0.1) + self.noise_sd * noise
        return float(np.clip(value, 0, 1))


class SimulatedRun:
    """A running simulated trial, which waits instead of training. Its F1 grows with the iterations.

    Attributes:
        iterations_done: Number of iterations done.
    """

    def __init__(self, trial: SimulatedTrial, config: TrialConfig, data: TaskData, device: str) -> None:
        self.iterations_done = 0
        self._trial, self._config, self._data, self._device = trial, config, data, device
        self._identity = trial_id(config, data_fingerprint=data.fingerprint)
        self._train_s = 0.0
        self._note("starts")

    def advance(self, until: int, *, at_most_s: float = math.inf) -> None:
        """Wait as long as the iterations take.

        Args:
            until: Number of iterations to reach.
            at_most_s: Longest time to wait, in seconds; at least one iteration is done.

        Raises:
            RuntimeError: The trial is one of those that fail.
        """
        trial, config = self._trial, self._config
        if config.label_noise_s < trial.fail_below_s:
            raise RuntimeError(f"label noise {config.label_noise_s:g} s is below {trial.fail_below_s:g} s")
        iteration_s = trial.duration_s / config.iterations
        wanted = min(until, config.iterations) - self.iterations_done
        if iteration_s > 0 and math.isfinite(at_most_s):
            wanted = min(wanted, max(1, math.ceil(at_most_s / iteration_s)))
        time.sleep(wanted * iteration_s)
        self._train_s += wanted * iteration_s
        self.iterations_done += wanted

    def scores(self, on: str) -> Scores:
        """Return the current scores, which are the same for all recordings."""
        return self.result().scores

    def result(self) -> TrialResult:
        """Return the current result, with F1 proportional to the square root of the iterations done."""
        share = (self.iterations_done / self._config.iterations) ** 0.5
        return TrialResult(
            config=self._config,
            trial_id=self._identity,
            data_fingerprint=self._data.fingerprint,
            scores=_scores(share * self._trial.f1(self._config, self._data)),
            events={recording.name: recording.reference for recording in self._data.test},
            history=(HistoryPoint(1, 1.0, {"count": 0.5}, 0.5), HistoryPoint(2, 0.5, {"count": 0.25}, 0.5)),
            train_s=self._train_s,
            device=self._device,
        )

    def state(self) -> dict[str, Any]:
        """Return the state of the trial."""
        return {"iterations_done": self.iterations_done, "train_s": self._train_s}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Resume from a state."""
        self.iterations_done, self._train_s = int(state["iterations_done"]), float(state["train_s"])
        self._note(f"resumes after {self.iterations_done}")

    def weights(self) -> dict[str, torch.Tensor]:
        """Return a single weight, the F1 at the end."""
        return {"f1": torch.tensor(self._trial.f1(self._config, self._data))}

    def _note(self, text: str) -> None:
        """Append a line to the log."""
        if self._trial.log:
            with Path(self._trial.log).open("a", encoding="utf-8") as log:
                log.write(f"{self._identity} {text}\n")


def _scores(f1: float) -> Scores:
    """Return scores with this F1."""
    return Scores(
        f1=f1,
        precision=f1,
        recall=f1,
        n_reference=3,
        n_estimated=3,
        n_matched=3,
        f1_per_class=dict.fromkeys(_CHANNELS, f1),
        timing_mean_s=0.0,
        timing_sd_s=0.0,
    )
