"""A trial that pauses: to report its score, to be checkpointed, and at its end."""

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
from sweeps.study import CheckpointRule, EarlyStopping, Objective, Study

__all__ = ["BeginTrial", "PausableTrial", "Pause", "PausePlan", "RunTrial", "RunningTrial", "plan_pauses"]

# The score of a report whose value is not finite.
_WORST = -1e9


class RunningTrial(Protocol):
    """A trial in progress: `softloc_core.trial.TrialRun`, or a replacement in tests."""

    @property
    def iterations_done(self) -> int:
        """Number of optimiser steps done."""
        ...

    def advance(self, until: int, *, at_most_s: float = math.inf) -> None:
        """Train until this many iterations are done, or this many seconds have passed."""
        ...

    def scores(self, on: str) -> Scores:
        """Return the scores of the network in its current state."""
        ...

    def result(self) -> TrialResult:
        """Return the result after the iterations done so far."""
        ...

    def state(self) -> dict[str, Any]:
        """Return the state that `load_state` resumes from: tensors and plain values."""
        ...

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Resume from a state of the same trial."""
        ...

    def weights(self) -> Mapping[str, Tensor]:
        """Return the weights that are scored."""
        ...


# run_trial(config, data, *, device) of softloc_core, or a replacement.
RunTrial = Callable[..., TrialResult]
# begin_trial(config, data, *, device)
BeginTrial = Callable[..., RunningTrial]


@dataclass(frozen=True, kw_only=True)
class PausePlan:
    """Why and when the trials of a study pause.

    Attributes:
        begin: Starts a trial.
        stopping: When trials report and on which recordings, or None.
        objective: The metric that a report scores.
        checkpoint: How often trials are checkpointed, or None.
        keep_weights: Whether the weights of a trial are stored at its end.
    """

    begin: BeginTrial
    stopping: EarlyStopping | None
    objective: Objective
    checkpoint: CheckpointRule | None
    keep_weights: bool


def plan_pauses(study: Study, begin: BeginTrial) -> PausePlan | None:
    """Return why and when a study's trials pause; None if each runs from start to end."""
    if study.stop_early is None and study.checkpoint is None and not study.keep_weights:
        return None
    return PausePlan(
        begin=begin,
        stopping=study.stop_early,
        objective=study.objectives[0],
        checkpoint=study.checkpoint,
        keep_weights=study.keep_weights,
    )


@dataclass(frozen=True)
class Pause:
    """What a trial returns when it pauses.

    Attributes:
        reached: How far the trial is.
        result: Its result so far, at a report and at the end.
        score: Score of the last report, larger being better; 0 if there was none.
        fraction: Fraction of the iterations that the last report counts as; 1 at the end.
        state: The state to resume from, if a checkpoint is due. Pack it before the trial continues.
    """

    reached: Reached
    result: TrialResult | None = None
    score: float = 0.0
    fraction: float = 0.0
    state: dict[str, Any] | None = field(default=None, repr=False)


class PausableTrial:
    """One trial, run from pause to pause.

    Attributes:
        note: What was wrong with the checkpoint that the trial should resume from, or None.
    """

    def __init__(
        self, config: TrialConfig, data: TaskData, plan: PausePlan, *, device: str, checkpoint: bytes = b""
    ) -> None:
        """Start the trial, or resume it from a packed checkpoint."""
        self.note: str | None = None
        self._config, self._plan = config, plan
        self._due = {} if plan.stopping is None else plan.stopping.reports(config.iterations)
        self._scores: dict[int, float] = {}
        self._run = plan.begin(config, data, device=device)
        if checkpoint:
            try:
                self._resume(checkpoint)
            except (pickle.UnpicklingError, RuntimeError, KeyError, TypeError, ValueError, EOFError) as error:
                self.note = f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
                self._run = plan.begin(config, data, device=device)
        self._saved_at, self._saved_s = self._run.iterations_done, time.monotonic()

    def next(self) -> Pause:
        """Train until the next pause. Do not call this after the end."""
        while True:
            done = self._run.iterations_done
            if done in self._due and done not in self._scores:
                return self._report(done)
            if done >= self._config.iterations:
                return self._end(done)
            if self._checkpoint_is_due(done):
                return self._checkpoint(done)
            self._run.advance(self._until(done), at_most_s=self._checkpoint_in_s())

    def _report(self, done: int) -> Pause:
        """Score the network in its current state."""
        plan = self._plan
        assert plan.stopping is not None  # reports are due only with early stopping
        result, part = self._run.result(), plan.stopping.score_on
        scores = result.scores if part == "test" else self._run.scores(part)
        gain = plan.objective.gain(asdict(scores))
        score = gain if math.isfinite(gain) else _WORST
        self._scores[done] = score
        reached = Reached(done, dict(self._scores))
        return Pause(reached, result, score, self._due[done])

    def _end(self, done: int) -> Pause:
        """Return the final result, with the weights if they are stored."""
        weights = weights_file(self._run.weights()) if self._plan.keep_weights else b""
        score = self._scores[max(self._scores)] if self._scores else 0.0
        return Pause(Reached(done, dict(self._scores), weights), self._run.result(), score, 1.0)

    def _checkpoint(self, done: int) -> Pause:
        """Return the state to resume from."""
        self._saved_at, self._saved_s = done, time.monotonic()
        state = {"run": self._run.state(), "scores": dict(self._scores)}
        return Pause(Reached(done, dict(self._scores)), state=state)

    def _resume(self, checkpoint: bytes) -> None:
        """Load a packed state."""
        state = unpack(checkpoint)
        self._run.load_state(state["run"])
        self._scores = {int(at): float(score) for at, score in state["scores"].items()}

    def _checkpoint_is_due(self, done: int) -> bool:
        """Whether the trial should be checkpointed now."""
        rule = self._plan.checkpoint
        if rule is None or done == self._saved_at:
            return False
        by_iterations = done - self._saved_at >= rule.every_iterations(self._config.iterations)
        return by_iterations or time.monotonic() - self._saved_s >= rule.every_s

    def _until(self, done: int) -> int:
        """Return the iteration of the next pause that is known in advance."""
        rule, last = self._plan.checkpoint, self._config.iterations
        saved = last if rule is None else self._saved_at + rule.every_iterations(last)
        return min(last, saved, *(at for at in self._due if at > done))

    def _checkpoint_in_s(self) -> float:
        """Return the seconds until a checkpoint is due by time; infinity if none is."""
        rule = self._plan.checkpoint
        if rule is None or math.isinf(rule.every_s):
            return math.inf
        return max(0.0, rule.every_s - (time.monotonic() - self._saved_s))
