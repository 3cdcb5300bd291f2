"""Trials that train nothing: a known surface, to test and measure everything around a trial."""

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
    """A task of two tiny recordings whose trials `SimulatedTrial` runs."""

    name = "simulated"
    description = "trials that train nothing, with a known surface"
    channel_names: tuple[str, ...] = _CHANNELS
    tolerance_s = 0.05
    sources: Mapping[str, SourceInfo] = {
        "plain": SourceInfo("plain", "here", {"fixed": 1, "other": 2}, needs_data_root=False)
    }
    networks: Mapping[str, NetworkBuilder] = {"none": CompactNetwork}
    auto_decoding: Mapping[str, str] = AUTO_DECODING
    rates_vary = True
    feature_sums: Mapping[str, FeatureSum] = MappingProxyType({})

    def defaults(self, network: str) -> Mapping[str, Any]:
        """TrialConfig fields that a study file need not write."""
        return {
            "features": "none", "network": network, "loss": "softloc", "loss_options": (),
            "measure": "squared", "softness_s": 0.1, "alpha": Constant(0.5), "noise": "normal",
            "noise_options": (), "label_noise_s": 0.0, "iterations": 2, "batch_size": 1, "excerpt_s": 0.5,
            "learning_rate": 1e-3, "learning_rate_schedule": "constant", "weight_averaging": 0.0,
            "weight_decay": 0.0, "gradient_clip": 1.0, "gain_db": 0.0, "band_gain_db": 0.0,
            "rate_variation": 0.0, "rate_centre": 1.0, "rate_share": 1.0, "stacking": 0.0,
            "initial_empty_prob": 0.8, "decoding": "auto", "decoding_options": (), "ensemble_options": (),
            "tolerance_s": 0.05,
        }  # fmt: skip

    def load(self, request: DataRequest, *, data_root: Path | None, cache_dir: Path) -> TaskData:
        """The two recordings; nothing is read or written."""
        if request.source not in self.sources:
            raise ConfigError(f"`data` must be one of {', '.join(self.sources)}, but got {request.source}")
        recordings = [_recording(name) for name in ("one", "two")]
        return TaskData(
            task=self.name,
            source=request.source,
            channel_names=_CHANNELS,
            hop_s=0.01,
            train=(recordings[0],),
            validation=(),
            test=(recordings[1],),
            fingerprint=f"simulated-{request.split}-{request.fold}-{request.seed}",
        )

    def score(self, data: TaskData, events: Mapping[str, EventList], *, tolerance_s: float) -> Scores:
        """Scores of estimated events; `SimulatedTrial` makes its own."""
        pairs = ((recording.reference, events[recording.name]) for recording in data.test)
        return score_events(pairs, channel_names=data.channel_names, tolerance_s=tolerance_s)


def _recording(name: str) -> Recording:
    """One second, three events."""
    features = np.zeros((100, 1), dtype=np.float32)
    features.setflags(write=False)
    events = EventList(np.array([0.1, 0.4, 0.7]), np.array([0, 1, 0]), 1.0)
    return Recording(name=name, group=name, features=features, hop_s=0.01, reference=events, label=events)


def register_simulated_task() -> None:
    """Make the task known, where it is not yet."""
    if SimulatedTask.name not in TASKS.tasks:
        TASKS.register(SimulatedTask())


@dataclass(frozen=True)
class SimulatedTrial:
    """A stand-in for `run_trial`: F1 falls with label noise, less so with a softness that fits.

    Attributes:
        duration_s: How long a trial sleeps.
        noise_sd: Standard deviation of F1 between trials.
        fail_below_s: Trials with a label noise below this fail, to try failures; 0 fails none.
        log: File that trials run in stages write a line to when they begin or go on; empty for none.
    """

    duration_s: float = 0.0
    noise_sd: float = 0.01
    fail_below_s: float = 0.0
    log: str = ""

    def __call__(self, config: TrialConfig, data: TaskData, *, device: str = "cpu") -> TrialResult:
        """The result, the same for the same configuration."""
        run = self.begin(config, data, device=device)
        run.advance(config.iterations)
        return run.result()

    def begin(self, config: TrialConfig, data: TaskData, *, device: str = "cpu") -> SimulatedRun:
        """A trial under way."""
        return SimulatedRun(self, config, data, device)

    def f1(self, config: TrialConfig, data: TaskData) -> float:
        """F1 of a trial at its end."""
        identity = trial_id(config, data_fingerprint=data.fingerprint)
        draw = np.random.default_rng(int(identity, 16)).standard_normal()
        softness_s = min(config.softness_s, 1.0)
        value = 0.9 - 4 * config.label_noise_s * abs(softness_s - 0.1) + self.noise_sd * draw
        return float(np.clip(value, 0, 1))


class SimulatedRun:
    """A simulated trial under way: it waits instead of training, and F1 grows with the iterations.

    Attributes:
        iterations_done: Iterations waited for.
    """

    def __init__(self, trial: SimulatedTrial, config: TrialConfig, data: TaskData, device: str) -> None:
        self.iterations_done = 0
        self._trial, self._config, self._data, self._device = trial, config, data, device
        self._identity = trial_id(config, data_fingerprint=data.fingerprint)
        self._train_s = 0.0
        self._note("begins")

    def advance(self, until: int, *, at_most_s: float = math.inf) -> None:
        """Wait; trials that are to fail do so here."""
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
        """Scores as they are, whatever they are asked of."""
        return self.result().scores

    def result(self) -> TrialResult:
        """F1 in proportion to the root of the iterations done."""
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
        """How far it is."""
        return {"iterations_done": self.iterations_done, "train_s": self._train_s}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on."""
        self.iterations_done, self._train_s = int(state["iterations_done"]), float(state["train_s"])
        self._note(f"goes on after {self.iterations_done}")

    def weights(self) -> dict[str, torch.Tensor]:
        """One weight: the F1 at the end."""
        return {"f1": torch.tensor(self._trial.f1(self._config, self._data))}

    def _note(self, text: str) -> None:
        """A line of the log."""
        if self._trial.log:
            with Path(self._trial.log).open("a", encoding="utf-8") as log:
                log.write(f"{self._identity} {text}\n")


def _scores(f1: float) -> Scores:
    """Scores with that F1."""
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
