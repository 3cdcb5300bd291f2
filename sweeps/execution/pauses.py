"""A trial run in stages: it rests to report its score, to be saved, and at its end."""

from __future__ import annotations

import math
import pickle
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

from torch import Tensor

from softloc_core.metrics import Scores
from softloc_core.tasks import TaskData
from softloc_core.trial import TrialConfig, TrialResult
from sweeps.storage import Reached, unpack, weights_file
from sweeps.study import CheckpointRule, EarlyStopping, Objective

__all__ = ["BeginTrial", "Rest", "RunningTrial", "StagedTrial", "Stages"]

# The score of a report that is no number.
_WORST = -1e9


class RunningTrial(Protocol):
    """A trial under way: `softloc_core.trial.run.TrialRun`, or what stands in for it."""

    @property
    def iterations_done(self) -> int:
        """Optimiser steps done."""
        ...

    def advance(self, until: int, *, at_most_s: float = math.inf) -> None:
        """Train until so many iterations are done, or so many seconds are over."""
        ...

    def scores(self, on: str) -> Scores:
        """Scores of the network as it is."""
        ...

    def result(self) -> TrialResult:
        """What the trial gives after the iterations done so far."""
        ...

    def state(self) -> dict[str, Any]:
        """What `load_state` goes on from: tensors and plain values."""
        ...

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on from a state of the same trial."""
        ...

    def weights(self) -> Mapping[str, Tensor]:
        """The weights that are scored."""
        ...


# begin_trial(config, data, *, device)
BeginTrial = Callable[..., RunningTrial]


@dataclass(frozen=True, kw_only=True)
class Stages:
    """What a study wants of its trials before their end.

    Attributes:
        begin: Begins a trial.
        stopping: When trials report and on which recordings, or None.
        objective: What a report scores.
        checkpoint: How often trials are saved, or None.
        keep_weights: Whether the weights of a trial are kept at its end.
    """

    begin: BeginTrial
    stopping: EarlyStopping | None
    objective: Objective
    checkpoint: CheckpointRule | None
    keep_weights: bool


@dataclass(frozen=True)
class Rest:
    """Where a trial rests.

    Attributes:
        result: What it gives so far, at a report and at the end.
        reached: How far it came.
        score: Of the last report, larger being better; 0 where there was none.
        fraction: Of the iterations: what the last report stands for, 1 at the end.
        state: What it goes on from, where it is to be saved; to be packed before it trains on.
    """

    reached: Reached
    result: TrialResult | None = None
    score: float = 0.0
    fraction: float = 0.0
    state: dict[str, Any] | None = field(default=None, repr=False)


class StagedTrial:
    """One trial from rest to rest.

    Attributes:
        note: What was wrong with the checkpoint that it was to go on from, or None.
    """

    def __init__(
        self, config: TrialConfig, data: TaskData, stages: Stages, *, device: str, checkpoint: bytes = b""
    ) -> None:
        """Begin, or go on from a packed checkpoint."""
        self.note: str | None = None
        self._config, self._stages = config, stages
        self._due = {} if stages.stopping is None else stages.stopping.reports(config.iterations)
        self._scores: dict[int, float] = {}
        self._run = stages.begin(config, data, device=device)
        if checkpoint:
            try:
                self._go_on(checkpoint)
            except (pickle.UnpicklingError, RuntimeError, KeyError, TypeError, ValueError, EOFError) as error:
                self.note = f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
                self._run = stages.begin(config, data, device=device)
        self._saved_at, self._saved_s = self._run.iterations_done, time.monotonic()

    def next(self) -> Rest:
        """Train on to where the trial rests next; after its end there is nothing to ask for."""
        while True:
            done = self._run.iterations_done
            if done in self._due and done not in self._scores:
                return self._report(done)
            if done >= self._config.iterations:
                return self._end(done)
            if self._is_to_be_saved(done):
                return self._save(done)
            self._run.advance(self._until(done), at_most_s=self._saves_in_s())

    def _report(self, done: int) -> Rest:
        """Score the network as it is."""
        stages = self._stages
        assert stages.stopping is not None  # only then a report is due
        result, part = self._run.result(), stages.stopping.score_on
        scores = result.scores if part == "test" else self._run.scores(part)
        gain = stages.objective.gain(asdict(scores))
        score = gain if math.isfinite(gain) else _WORST
        self._scores[done] = score
        reached = Reached(done, dict(self._scores))
        return Rest(reached, result, score, self._due[done])

    def _end(self, done: int) -> Rest:
        """The end."""
        weights = weights_file(self._run.weights()) if self._stages.keep_weights else b""
        score = self._scores[max(self._scores)] if self._scores else 0.0
        return Rest(Reached(done, dict(self._scores), weights), self._run.result(), score, 1.0)

    def _save(self, done: int) -> Rest:
        """What the trial goes on from."""
        self._saved_at, self._saved_s = done, time.monotonic()
        state = {"run": self._run.state(), "scores": dict(self._scores)}
        return Rest(Reached(done, dict(self._scores)), state=state)

    def _go_on(self, checkpoint: bytes) -> None:
        """Take over a packed state."""
        state = unpack(checkpoint)
        self._run.load_state(state["run"])
        self._scores = {int(at): float(score) for at, score in state["scores"].items()}

    def _is_to_be_saved(self, done: int) -> bool:
        """Whether a checkpoint is due."""
        rule = self._stages.checkpoint
        if rule is None or done == self._saved_at:
            return False
        by_iterations = done - self._saved_at >= rule.every_iterations(self._config.iterations)
        return by_iterations or time.monotonic() - self._saved_s >= rule.every_s

    def _until(self, done: int) -> int:
        """The iteration of the next rest that is known beforehand."""
        rule, last = self._stages.checkpoint, self._config.iterations
        saved = last if rule is None else self._saved_at + rule.every_iterations(last)
        return min(last, saved, *(at for at in self._due if at > done))

    def _saves_in_s(self) -> float:
        """Seconds until a checkpoint is due by time."""
        rule = self._stages.checkpoint
        if rule is None or math.isinf(rule.every_s):
            return math.inf
        return max(0.0, rule.every_s - (time.monotonic() - self._saved_s))
