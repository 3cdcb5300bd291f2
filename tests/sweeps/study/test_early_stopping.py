"""Early stopping: what a study file may say, when trials report, and what each rule makes of it."""

# ruff: noqa: E501
from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from softloc_core.errors import ConfigError
from sweeps.execution.pauses import StagedTrial, Stages
from sweeps.planning.data import load_data
from sweeps.planning.planner import PlannedTrial, TaskPlanner
from sweeps.study.early_stopping import RULES, EarlyStopping, require_scored_recordings
from sweeps.study.reading import Study, study_from_yaml
from sweeps.testing.simulation import SimulatedTrial

pytestmark = pytest.mark.filterwarnings(
    "ignore::FutureWarning", "ignore::UserWarning", "ignore::DeprecationWarning"
)
RULE_NAMES = sorted(RULES)


def test_a_rule_may_be_named_alone_or_with_its_options(make_study: Callable[..., Study]) -> None:
    assert make_study("stop_early=asha").stop_early == EarlyStopping("asha", {"grace": 0.1, "reduction": 3})
    study = make_study("stop_early={median: {grace: 0.5}, score_on: test}")
    assert study.stop_early == EarlyStopping("median", {"grace": 0.5, "every": 0.1, "trials": 5}, "test")
    assert make_study("stop_early={hyperband: }").stop_early == EarlyStopping("hyperband", RULES["hyperband"])
    assert make_study().stop_early is None
    assert make_study("stop_early=asha", "stop_early=null").stop_early is None


def test_one_option_can_be_overridden(make_study: Callable[..., Study]) -> None:
    study = make_study("stop_early={asha: {grace: 0.2}}", "stop_early.asha.reduction=2")
    assert study.stop_early == EarlyStopping("asha", {"grace": 0.2, "reduction": 2})


@pytest.mark.parametrize("rule", RULE_NAMES)
def test_what_a_study_writes_it_reads_back(make_study: Callable[..., Study], rule: str) -> None:
    study = make_study(f"stop_early={{{rule}: {{}}, score_on: training}}", "checkpoint={every: 10min}",
                       "keep_weights=true")  # fmt: skip
    assert study_from_yaml(study.to_yaml(), name="again") == study
    assert (study.checkpoint and study.checkpoint.every_s, study.keep_weights) == (600.0, True)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("pbt", "`stop_early` must be one of asha, median, hyperband, or a mapping from one to its options, "
         "but got pbt in "),
        ("3", "but got 3 in"),
        ("{ashe: {}}", "must be a known key; did you mean asha? (one of asha, median, hyperband, score_on), "
         "but got ashe in "),
        ("{score_on: test}", "`stop_early` must name exactly one of asha, median, hyperband, but got"),
        ("{asha: {}, median: {}}", "`stop_early` must name exactly one of"),
        ("{asha: {}, score_on: guess}", "`stop_early.score_on` must be one of validation, training, test, "
         "but got guess in"),
        ("{asha: {every: 0.1}}", "must be a known key (one of grace, reduction), but got every in"),
        ("{asha: {grace: 0}}", "`stop_early.asha.grace` must be a number above 0 and below 1 (a fraction of "
         "the iterations), but got 0 in"),
        ("{asha: {grace: true}}", "but got True in"),
        ("{asha: {grace: 1}}", "but got 1 in"),
        ("{asha: {reduction: 1}}", "`stop_early.asha.reduction` must be a number above 1, but got 1 in"),
        ("{asha: {reduction: .inf}}", "must be a number above 1, but got inf in"),
        ("{median: {every: -1}}", "`stop_early.median.every` must be a number above 0 and below 1"),
        ("{median: {trials: 2.5}}", "`stop_early.median.trials` must be a whole number, at least 1, but got 2.5"),
        ("{hyperband: {brackets: 0}}", "must be a whole number, at least 1, but got 0 in"),
        ("{hyperband: {brackets: 4}}", "`stop_early` must have at most as many brackets as reports (3 with this "
         "grace and reduction), but got"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(make_study: Callable[..., Study], value: str, message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        make_study(f"stop_early={value}")
    assert message in str(refused.value)
    assert str(refused.value).endswith(f"in --set stop_early={value}")


def test_a_message_names_the_line(make_study: Callable[..., Study]) -> None:
    text = make_study().to_yaml() + "stop_early:\n  asha:\n    grace: 2\n"
    line = text.splitlines().index("    grace: 2") + 1
    with pytest.raises(ConfigError, match=rf"but got 2 in studies/x.yaml, line {line}$"):
        study_from_yaml(text, name="studies/x.yaml")


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (("design=nsga2", "objectives=[f1, precision]"), "must be left out of a study with several objectives, "
         "but got it beside f1, precision in"),
        (("objectives=[train_s]",), "needs an objective that a trial has before its end: a score, but got train_s"),
        (("design=adaptive",), "must be left out of `design: adaptive`, which learns the surface"),
        (("task=[simulated, drums]", "data={simulated: plain, drums: synthetic}"), "must be left out of a study of "
         "several tasks, whose scores say nothing of each other, but got it beside simulated, drums in"),
    ],
)  # fmt: skip
def test_what_does_not_go_together_is_refused(
    make_study: Callable[..., Study], overrides: tuple[str, ...], message: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        make_study("stop_early=asha", *overrides)
    assert message in str(refused.value)


def test_without_validation_recordings_a_study_must_say_what_is_scored(
    make_study: Callable[..., Study],
) -> None:
    data = load_data(make_study(), data_root=None, cache_dir=Path("unused"))
    with pytest.raises(ConfigError) as refused:
        require_scored_recordings(make_study("stop_early=asha"), data)
    assert str(refused.value) == (
        "`stop_early` needs validation recordings to judge trials by, but simulated on plain has none in "
        "--set stop_early=asha: choose another split, or say `score_on: training` (their wrong labels) or "
        "`score_on: test` (trials are then stopped by the scores that the study reports)"
    )
    require_scored_recordings(make_study("stop_early={asha: {}, score_on: test}"), data)
    require_scored_recordings(make_study(), data)


def test_rungs_and_reports() -> None:
    assert EarlyStopping("asha", RULES["asha"]).reports(1000) == {
        100: pytest.approx(0.1),
        300: pytest.approx(0.3),
        900: pytest.approx(0.9),
    }
    median = EarlyStopping("median", {"grace": 0.5, "every": 0.2, "trials": 1})
    assert list(median.reports(10)) == [5, 7, 9]
    # A trial of one iteration has nothing to report before its end.
    assert EarlyStopping("asha", RULES["asha"]).reports(1) == {}


@given(
    st.sampled_from(RULE_NAMES), st.floats(0.01, 0.99), st.floats(1.1, 8), st.integers(1, 5000)
)  # fmt: skip
def test_reports_lie_within_the_trial(rule: str, fraction: float, reduction: float, iterations: int) -> None:
    options = {**RULES[rule], "grace": fraction, "every": fraction, "reduction": reduction}
    stopping = EarlyStopping(rule, options)
    assert list(stopping.fractions) == sorted(set(stopping.fractions))
    assert stopping.fractions[0] > 0 and stopping.fractions[-1] < 1
    reports = stopping.reports(iterations)
    assert all(0 < at < iterations and at >= part * iterations - 1e-6 for at, part in reports.items())


@dataclass(frozen=True)
class Running:
    """A trial as Ray's schedulers see one."""

    trial_id: str


class Controller:
    """Ray's controller with trials that wait, so that a rule that pauses would."""

    def get_live_trials(self) -> list[Any]:
        class Waiting:
            status = "PENDING"

        return [Waiting()]


@dataclass
class Swept:
    """What came of a study under a scheduler."""

    ended: dict[str, str]
    reached: dict[str, int]
    reports: dict[str, Mapping[int, float]]
    decisions: set[str]


def sweep(study: Study, scheduler: Any, *, workers: int = 4, fail: frozenset[str] = frozenset()) -> Swept:
    """Every trial of a study, `workers` at a time in turn, as the dispatcher runs them but without Ray."""
    from sweeps.execution.schedulers import no_report, report

    assert study.stop_early is not None
    plan = TaskPlanner(study, load_data(study, data_root=None, cache_dir=Path("unused")))
    stages = Stages(
        begin=SimulatedTrial().begin,
        stopping=study.stop_early,
        objective=study.objectives[0],
        checkpoint=None,
        keep_weights=False,
    )
    waiting: list[PlannedTrial] = plan.all_trials()
    swept = Swept({}, {}, {}, set())
    running: list[tuple[Running, StagedTrial]] = []
    while waiting or running:
        while waiting and len(running) < workers:
            planned = waiting.pop(0)
            trial = Running(planned.trial_id)
            scheduler.on_trial_add(Controller(), trial)
            staged = StagedTrial(planned.config, plan.data_of(planned.config), stages, device="cpu")
            running.append((trial, staged))
        trial, staged = running.pop(0)
        if trial.trial_id in fail and staged._run.iterations_done:
            assert trial.trial_id not in swept.ended
            swept.ended[trial.trial_id] = "failed"
            scheduler.on_trial_complete(Controller(), trial, no_report())
            continue
        rest = staged.next()
        told = {**report(rest.score, rest.fraction), "record": "large"}
        decision = "STOP" if rest.fraction == 1.0 else scheduler.on_trial_result(Controller(), trial, told)
        swept.decisions.add(decision)
        if decision != "STOP":
            running.append((trial, staged))
            continue
        scheduler.on_trial_complete(Controller(), trial, told)
        assert trial.trial_id not in swept.ended
        swept.ended[trial.trial_id] = "completed" if rest.fraction == 1.0 else "stopped"
        swept.reached[trial.trial_id] = rest.reached.iterations_done
        swept.reports[trial.trial_id] = rest.reached.reports
    return swept


def final_f1(study: Study) -> dict[str, float]:
    plan = TaskPlanner(study, load_data(study, data_root=None, cache_dir=Path("unused")))
    return {
        trial.trial_id: SimulatedTrial().f1(trial.config, plan.data_of(trial.config))
        for trial in plan.all_trials()
    }


@pytest.fixture(params=RULE_NAMES)
def stopping_study(request: pytest.FixtureRequest, make_study: Callable[..., Study]) -> Study:
    return make_study(f"stop_early={{{request.param}: {{}}, score_on: test}}", "iterations=50", "trials=40")


@pytest.mark.parametrize("failing", [0, 3])
def test_each_trial_ends_once_some_are_stopped_and_the_best_completes(
    stopping_study: Study, failing: int
) -> None:
    from sweeps.execution.schedulers import make_scheduler

    assert stopping_study.stop_early is not None
    finals = final_f1(stopping_study)
    by_f1 = sorted(finals, key=lambda identity: finals[identity])
    # Good ones, which are not stopped before they fail.
    fail = frozenset(by_f1[-1 - failing : -1])
    swept = sweep(stopping_study, make_scheduler(stopping_study.stop_early), fail=fail)
    assert set(swept.ended) == set(finals)
    assert swept.ended[by_f1[-1]] == "completed"
    stopped = {identity for identity, status in swept.ended.items() if status == "stopped"}
    assert stopped and all(swept.reached[identity] < 50 for identity in stopped)
    assert {swept.reached[i] for i, status in swept.ended.items() if status == "completed"} == {50}
    assert sum(status == "failed" for status in swept.ended.values()) == failing
    # No trial waits for others.
    assert swept.decisions == {"STOP", "CONTINUE"}


def test_a_study_that_goes_on_judges_by_what_was_reported_before(stopping_study: Study) -> None:
    from sweeps.execution.schedulers import make_scheduler

    stopping = stopping_study.stop_early
    assert stopping is not None
    finals = final_f1(stopping_study)
    worst = min(finals, key=lambda identity: finals[identity])
    swept = sweep(stopping_study, make_scheduler(stopping))
    rows = [
        {"trial_id": identity, "iterations": 50, "reports": json.dumps(dict(reports))}
        for identity, reports in swept.reports.items()
        if identity != worst
    ] + [{"trial_id": "older", "iterations": 50, "reports": None}]
    told, fresh = make_scheduler(stopping, rows), make_scheduler(stopping)
    for scheduler, stops in ((told, True), (fresh, False)):
        trial = Running(worst)
        scheduler.on_trial_add(Controller(), trial)
        at, fraction = next(iter(stopping.reports(50).items()))
        told_now = {"score": finals[worst] * (at / 50) ** 0.5, "fraction": fraction}
        decision = scheduler.on_trial_result(Controller(), trial, told_now)
        # Of several brackets, a trial may fall into one that does not look at the first report.
        assert (decision == "STOP") == stops or stopping.rule == "hyperband"


def test_the_median_rule_keeps_no_records() -> None:
    from sweeps.execution.schedulers import make_scheduler

    scheduler = make_scheduler(EarlyStopping("median", RULES["median"]))
    trial = Running("a")
    scheduler.on_trial_add(Controller(), trial)
    scheduler.on_trial_result(Controller(), trial, {"score": 0.5, "fraction": 0.3, "record": "large"})
    scheduler.on_trial_complete(Controller(), trial, {"score": 0.5, "fraction": 1.0, "record": "large"})
    assert "large" not in repr(vars(scheduler))
