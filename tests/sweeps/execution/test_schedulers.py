"""Schedulers of early stopping, run on simulated trials without Ray."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from sweeps.execution.pauses import PausableTrial, PausePlan
from sweeps.execution.schedulers import make_scheduler, no_report, report
from sweeps.planning import PlannedTrial
from sweeps.study import EarlyStopping, Study
from sweeps.study.early_stopping import RULES
from sweeps.testing.simulation import SimulatedTrial
from tests.sweeps.simulated_studies import plan

pytestmark = pytest.mark.filterwarnings(
    "ignore::FutureWarning", "ignore::UserWarning", "ignore::DeprecationWarning"
)
RULE_NAMES = sorted(RULES)


@dataclass(frozen=True)
class Running:
    """A running trial, with the attributes that Ray's schedulers read."""

    trial_id: str


class Controller:
    """Ray's controller with trials waiting, for which a pausing rule would pause others."""

    def get_live_trials(self) -> list[Any]:
        class Waiting:
            status = "PENDING"

        return [Waiting()]


@dataclass
class Sweep:
    """The result of a study under a scheduler, by trial."""

    ended: dict[str, str]
    reached: dict[str, int]
    reports: dict[str, Mapping[int, float]]
    decisions: set[str]


def run_sweep(study: Study, scheduler: Any, *, workers: int = 4, fail: frozenset[str] = frozenset()) -> Sweep:
    """Run all trials of a study as the dispatcher does but without Ray, `workers` at a time.

    A trial in `fail` fails after its first report.
    """
    assert study.stop_early is not None
    planner = plan(study)
    stages = PausePlan(
        begin=SimulatedTrial().begin,
        stopping=study.stop_early,
        objective=study.objectives[0],
        checkpoint=None,
        keep_weights=False,
    )
    waiting: list[PlannedTrial] = planner.all_trials()
    outcome = Sweep({}, {}, {}, set())
    running: list[tuple[Running, PausableTrial]] = []
    has_reported: set[str] = set()
    while waiting or running:
        while waiting and len(running) < workers:
            planned = waiting.pop(0)
            trial = Running(planned.trial_id)
            scheduler.on_trial_add(Controller(), trial)
            staged = PausableTrial(planned.config, planner.data_of(planned.config), stages, device="cpu")
            running.append((trial, staged))
        trial, staged = running.pop(0)
        if trial.trial_id in fail & has_reported:
            assert trial.trial_id not in outcome.ended
            outcome.ended[trial.trial_id] = "failed"
            scheduler.on_trial_complete(Controller(), trial, no_report())
            continue
        rest = staged.next()
        has_reported.add(trial.trial_id)
        result = {**report(rest.score, rest.fraction), "record": "large"}
        decision = "STOP" if rest.fraction == 1.0 else scheduler.on_trial_result(Controller(), trial, result)
        outcome.decisions.add(decision)
        if decision != "STOP":
            running.append((trial, staged))
            continue
        scheduler.on_trial_complete(Controller(), trial, result)
        assert trial.trial_id not in outcome.ended
        outcome.ended[trial.trial_id] = "completed" if rest.fraction == 1.0 else "stopped"
        outcome.reached[trial.trial_id] = rest.reached.iterations_done
        outcome.reports[trial.trial_id] = rest.reached.reports
    return outcome


def final_f1(study: Study) -> dict[str, float]:
    """Return the score that each trial of a study reaches at its end."""
    planner = plan(study)
    return {
        trial.trial_id: SimulatedTrial().f1(trial.config, planner.data_of(trial.config))
        for trial in planner.all_trials()
    }


@pytest.fixture(params=RULE_NAMES)
def stopping_study(request: pytest.FixtureRequest, make_study: Callable[..., Study]) -> Study:
    return make_study(f"stop_early={{{request.param}: {{}}, score_on: test}}", "iterations=50", "trials=40")


@pytest.mark.parametrize("failing", [0, 3])
def test_each_trial_ends_once_and_the_best_completes(stopping_study: Study, failing: int) -> None:
    assert stopping_study.stop_early is not None
    finals = final_f1(stopping_study)
    by_f1 = sorted(finals, key=lambda identity: finals[identity])
    # Good trials, which are not stopped before they fail.
    fail = frozenset(by_f1[-1 - failing : -1])
    outcome = run_sweep(stopping_study, make_scheduler(stopping_study.stop_early), fail=fail)
    assert set(outcome.ended) == set(finals)
    assert outcome.ended[by_f1[-1]] == "completed"
    stopped = {identity for identity, status in outcome.ended.items() if status == "stopped"}
    assert stopped and all(outcome.reached[identity] < 50 for identity in stopped)
    assert {outcome.reached[i] for i, status in outcome.ended.items() if status == "completed"} == {50}
    assert sum(status == "failed" for status in outcome.ended.values()) == failing
    # No trial is paused.
    assert outcome.decisions == {"STOP", "CONTINUE"}


def test_a_resumed_study_compares_with_the_reports_of_earlier_runs(stopping_study: Study) -> None:
    stopping = stopping_study.stop_early
    assert stopping is not None
    finals = final_f1(stopping_study)
    worst = min(finals, key=lambda identity: finals[identity])
    outcome = run_sweep(stopping_study, make_scheduler(stopping))
    rows = [
        {"trial_id": identity, "iterations": 50, "reports": json.dumps(dict(reports))}
        for identity, reports in outcome.reports.items()
        if identity != worst
    ] + [{"trial_id": "older", "iterations": 50, "reports": None}]
    resumed, fresh = make_scheduler(stopping, rows), make_scheduler(stopping)
    for scheduler, stops in ((resumed, True), (fresh, False)):
        trial = Running(worst)
        scheduler.on_trial_add(Controller(), trial)
        at, fraction = next(iter(stopping.reports(50).items()))
        result = {"score": finals[worst] * (at / 50) ** 0.5, "fraction": fraction}
        decision = scheduler.on_trial_result(Controller(), trial, result)
        # With several brackets, the trial may be in one that ignores the first report.
        assert (decision == "STOP") == stops or stopping.rule == "hyperband"


def test_the_median_rule_does_not_hold_on_to_records() -> None:
    scheduler = make_scheduler(EarlyStopping("median", RULES["median"]))
    trial = Running("a")
    scheduler.on_trial_add(Controller(), trial)
    scheduler.on_trial_result(Controller(), trial, {"score": 0.5, "fraction": 0.3, "record": "large"})
    scheduler.on_trial_complete(Controller(), trial, {"score": 0.5, "fraction": 1.0, "record": "large"})
    assert "large" not in repr(vars(scheduler))
