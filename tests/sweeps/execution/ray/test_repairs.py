"""Tune's controller: a worker that dies during the hand-over of a trial uses up one attempt."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from ray.exceptions import ActorDiedError
from ray.tune.execution.tune_controller import TuneController
from ray.tune.experiment import Trial

from sweeps.execution.ray import repairs as tune_repairs
from sweeps.execution.ray.repairs import repair_retries, slim


class Controller:
    """The part of Tune's controller that handles failures, with the method under test."""

    def __init__(self, status: str, *, is_handed_over: bool) -> None:
        self.trial = SimpleNamespace(status=status, failures=0)
        self._resetting_trials = _Group([self.trial] if is_handed_over else [])

    def _set_trial_status(self, trial: Any, status: str) -> None:
        trial.status = status


class _Group(list[Any]):
    """A set of objects without a hash."""

    def discard(self, item: Any) -> None:
        if item in self:
            self.remove(item)


def tell(controller: Any, trial: Any, exception: Exception) -> None:
    """Treat a running or waiting trial as Tune does."""
    trial.failures += 1
    trial.status = Trial.PENDING if trial.status == Trial.RUNNING else Trial.ERROR


@pytest.fixture
def process(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(TuneController, "_process_trial_failure", TuneController._process_trial_failure)
    monkeypatch.setattr(tune_repairs, "_original", tell)
    repair_retries()
    return TuneController._process_trial_failure


@pytest.mark.parametrize("status", [Trial.PENDING, Trial.RUNNING])
def test_a_death_during_the_hand_over_counts_once(process: Any, status: str) -> None:
    controller = Controller(status, is_handed_over=True)
    for _ in range(2):
        process(controller, controller.trial, ActorDiedError())
    assert (controller.trial.status, controller.trial.failures) == (Trial.PENDING, 1)
    assert controller._resetting_trials == []


def test_other_failures_are_unchanged(process: Any) -> None:
    running = Controller(Trial.RUNNING, is_handed_over=False)
    process(running, running.trial, ActorDiedError())
    assert (running.trial.status, running.trial.failures) == (Trial.PENDING, 1)
    waiting = Controller(Trial.PENDING, is_handed_over=False)
    process(waiting, waiting.trial, ValueError("no worker's death"))
    assert waiting.trial.status == Trial.ERROR


def test_the_repaired_parts_of_ray_exist() -> None:
    # A Tune that renames these would silently not be mended.
    assert {"_process_trial_failure", "_set_trial_status"} <= set(vars(TuneController))
    trial = Trial("any", stub=True)
    trial.update_last_result({"f1": 0.5, "training_iteration": 1})
    assert trial.run_metadata.metric_n_steps
    slim(trial)
    assert not trial.run_metadata.metric_n_steps
    assert not trial.run_metadata.metric_analysis
    assert "f1" not in trial.last_result
