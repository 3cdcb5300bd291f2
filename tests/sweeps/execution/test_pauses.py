"""Trials that pause: when they pause, what they return, and that pauses do not change the result."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from softloc_core.tasks import TaskData
from softloc_core.trial.run import TrialConfig, TrialRun, run_trial
from sweeps.execution.pauses import PausableTrial, Pause, PausePlan, plan_pauses
from sweeps.execution.progress import Counts
from sweeps.execution.recorder import Recorder
from sweeps.execution.time_limit import TrialTimeoutError, time_limit
from sweeps.planning.source import trial_source
from sweeps.storage.checkpoints import Checkpoints, Origin, pack
from sweeps.storage.folder import StudyFolder
from sweeps.storage.provenance import Provenance
from sweeps.storage.records import Reached, TrialRecord, completed_record, failed_record
from sweeps.storage.store import StoredTrial, TrialStore
from sweeps.study import Study
from sweeps.study.checkpoint_rule import CheckpointRule
from sweeps.study.early_stopping import RULES, EarlyStopping
from sweeps.study.objectives import F1
from sweeps.testing.simulation import SimulatedTrial
from tests.sweeps.simulated_studies import plan

pytestmark = pytest.mark.filterwarnings(
    "ignore::FutureWarning", "ignore::UserWarning", "ignore::DeprecationWarning"
)
ORIGIN = Origin("0.1.0", "abc", "cpu")
ASHA = EarlyStopping("asha", RULES["asha"], "test")


def pause_plan(begin: Callable[..., Any], **changed: Any) -> PausePlan:
    wanted = {"stopping": ASHA, "checkpoint": CheckpointRule(0.25), "keep_weights": True, **changed}
    return PausePlan(begin=begin, objective=F1, **wanted)


def planned(study: Study, number: int = 0) -> tuple[TrialConfig, TaskData]:
    planner = plan(study)
    config = planner.all_trials()[number].config
    return config, planner.data_of(config)


def all_pauses(trial: PausableTrial) -> list[Pause]:
    found = [trial.next()]
    while found[-1].fraction < 1.0:
        found.append(trial.next())
    return found


def test_a_trial_pauses_to_report_to_be_checkpointed_and_at_its_end(make_study: Callable[..., Study]) -> None:
    config, data = planned(make_study("iterations=20"))
    found = all_pauses(PausableTrial(config, data, pause_plan(SimulatedTrial().begin), device="cpu"))
    kinds = [
        (pause.reached.iterations_done, "saved" if pause.state else "scored", round(pause.fraction, 3))
        for pause in found
    ]
    assert kinds == [
        (2, "scored", 0.1),
        (5, "saved", 0.0),
        (6, "scored", 0.3),
        (10, "saved", 0.0),
        (15, "saved", 0.0),
        (18, "scored", 0.9),
        (20, "scored", 1.0),
    ]
    assert list(found[-1].reached.reports) == [2, 6, 18]
    assert found[-1].reached.weights and not any(pause.reached.weights for pause in found[:-1])
    assert found[-1].result == SimulatedTrial()(config, data)


def test_checkpoints_can_be_due_by_time(make_study: Callable[..., Study]) -> None:
    config, data = planned(make_study("iterations=20"))
    wanted = pause_plan(
        SimulatedTrial(duration_s=0.4).begin, stopping=None, checkpoint=CheckpointRule("0.1s")
    )
    found = all_pauses(PausableTrial(config, data, wanted, device="cpu"))
    assert 2 <= len(found[:-1]) <= 4
    assert all(pause.state is not None and pause.result is None for pause in found[:-1])


def test_a_score_that_is_not_finite_is_the_worst(make_study: Callable[..., Study]) -> None:
    study = make_study("iterations=20", "objectives={measures.speed: maximize}")
    config, data = planned(study)
    wanted = replace(pause_plan(SimulatedTrial().begin), objective=study.objectives[0])
    assert PausableTrial(config, data, wanted, device="cpu").next().score == -1e9


@pytest.fixture
def real_trial(make_study: Callable[..., Study]) -> tuple[TrialConfig, TaskData]:
    """Return a trial that trains on four seconds of noise."""
    config, data = planned(make_study("iterations=12"))
    rng = np.random.default_rng(0)
    recordings = [
        replace(data.test[0], name=name, features=rng.normal(-40, 5, (100, 8)).astype(np.float32))
        for name in ("a", "b", "c", "d")
    ]
    training = replace(config, task="drums", network="compact", gain_db=3.0, weight_averaging=0.9)
    return training, replace(
        data, train=tuple(recordings[:2]), validation=(recordings[2],), test=(recordings[3],)
    )


def test_a_real_trial_with_pauses_gives_the_same_result_as_without(
    real_trial: tuple[TrialConfig, TaskData],
) -> None:
    config, data = real_trial
    at_once = run_trial(config, data)
    wanted = pause_plan(TrialRun, stopping=replace(ASHA, score_on="validation"))
    trial, found, saved = PausableTrial(config, data, wanted, device="cpu"), [Pause(Reached(0))], []
    while found[-1].fraction < 1.0:
        found.append(trial.next())
        if (state := found[-1].state) is not None:
            saved.append(pack(state, trial_id="x", origin=ORIGIN))
    same(found[-1].result, at_once)
    # Resume from each checkpoint, as another process would.
    assert len(saved) == 3
    for checkpoint in saved:
        again = PausableTrial(config, data, wanted, device="cpu", checkpoint=checkpoint)
        assert again.note is None
        last = all_pauses(again)[-1]
        same(last.result, at_once)
        assert last.reached == found[-1].reached


def same(first: Any, second: Any) -> None:
    assert first.history == second.history and first.events == second.events
    assert repr(first.scores) == repr(second.scores)


def test_a_trial_starts_again_if_its_checkpoint_does_not_fit_and_reports_why(
    real_trial: tuple[TrialConfig, TaskData],
) -> None:
    config, data = real_trial
    state = {"run": {**TrialRun(config, data).state(), "network": {}}, "scores": {}}
    checkpoint = pack(state, trial_id="x", origin=ORIGIN)
    trial = PausableTrial(config, data, pause_plan(TrialRun), device="cpu", checkpoint=checkpoint)
    assert trial.note is not None and trial.note.startswith("RuntimeError: Error(s) in loading state_dict")
    same(all_pauses(trial)[-1].result, run_trial(config, data))


def test_the_time_limit_counts_the_time_before_a_pause() -> None:
    with time_limit(0.2, spent_s=0.0):
        time.sleep(0.01)
    began_s = time.monotonic()
    with (
        pytest.raises(TrialTimeoutError, match=r"must end within 0.2 s, but this one did not"),
        time_limit(0.2, spent_s=0.19),
    ):
        time.sleep(5)
    assert time.monotonic() - began_s < 3


@pytest.fixture
def kept(tmp_path: Path, make_study: Callable[..., Study]) -> Callable[..., tuple[StudyFolder, Counts]]:
    """Return a function that stores a completed, a stopped and a failed trial with a recorder."""

    def keep(host: str | None = "h") -> tuple[StudyFolder, Counts]:
        folder, counts = StudyFolder(tmp_path / "study"), Counts(designed=3)
        checkpoints = Checkpoints(folder, ORIGIN)
        recorder = Recorder(TrialStore(folder), None, counts, say=lambda _: None, checkpoints=checkpoints)
        for record in records(make_study("iterations=20"), host=host):
            recorder.save(record.trial_id, b"state")
            recorder.put(record)
        recorder.close()
        return folder, counts

    return keep


def records(study: Study, *, host: str | None) -> list[TrialRecord]:
    """Return a completed trial with weights, a stopped trial and a failed trial."""
    provenance, now = Provenance("sim", "0.1.0", "abc"), datetime.now(UTC)
    found = []
    for number, reached in enumerate((Reached(20, {2: 0.5}, b"weights"), Reached(2, {2: 0.1}))):
        config, data = planned(study, number)
        result = SimulatedTrial()(config, data)
        found.append(
            completed_record(
                result, provenance, channel_names=("a", "b"), host="h", started_at=now, reached=reached
            )
        )
    config, data = planned(study, 2)
    failed = failed_record(
        config, "f" * 16, provenance, data_fingerprint=data.fingerprint, error="ValueError: x", log="Trace",
        host=host, device="cpu", started_at=now,
    )  # fmt: skip
    return [*found, failed]


def test_a_stopped_trial_counts_as_neither_done_nor_failed(
    kept: Callable[..., tuple[StudyFolder, Counts]],
) -> None:
    folder, counts = kept()
    assert (counts.done, counts.stopped, counts.failed, counts.left) == (1, 1, 1, 0)
    assert (counts.completed, counts.stopped_early) == (1, 1)
    stored = TrialStore(folder).load()
    assert sorted(trial.status for trial in stored.values()) == ["completed", "failed", "stopped"]
    [stopped] = [trial.row for trial in stored.values() if trial.status == "stopped"]
    assert (stopped["iterations_done"], stopped["reports"]) == (2, '{"2": 0.1}')
    assert stopped["f1"] is not None and stopped["error"] is None


def test_a_checkpoint_is_deleted_with_its_trial_unless_the_workers_died(
    kept: Callable[..., tuple[StudyFolder, Counts]],
) -> None:
    folder, _ = kept()
    assert folder.names("checkpoints") == []
    assert len(folder.names("weights")) == 1
    folder, _ = kept(host=None)
    assert folder.names("checkpoints") == [f"{'f' * 16}.pt"]


def test_a_trial_that_runs_again_keeps_no_rows_of_its_stopped_run(
    kept: Callable[..., tuple[StudyFolder, Counts]],
) -> None:
    folder, _ = kept()
    store = TrialStore(folder)
    [stopped] = [trial for trial in store.load().values() if trial.status == "stopped"]
    assert store.rows("events", stopped.trial_id)
    store.write({**stopped.row, "status": "completed", "iterations_done": 20})
    assert store.rows("events", stopped.trial_id) == store.rows("history", stopped.trial_id) == []


def stored_as(statuses: Mapping[str, str], row: Mapping[str, Any]) -> dict[str, StoredTrial]:
    return {i: StoredTrial(i, status, {**row, "trial_id": i}) for i, status in statuses.items()}


@pytest.mark.parametrize("design", ["random", "tpe"])
def test_stopped_trials_are_final_only_in_a_study_that_stops_early(
    make_study: Callable[..., Study], tmp_path: Path, design: str
) -> None:
    folder = StudyFolder(tmp_path / "study")

    def source(stored: Mapping[str, StoredTrial], *overrides: str) -> Any:
        study = make_study(f"design={design}", "trials=6", *overrides)
        planner = plan(study)
        return trial_source(planner, stored, folder)

    first = source({})
    designed = [first.next().setting_id for _ in range(6)]
    row = {"f1": 0.5, "started_at": datetime.now(UTC), "reports": None}
    stored = stored_as({designed[0]: "completed", designed[1]: "stopped", designed[2]: "failed"}, row)
    early = source(stored, "stop_early={asha: {}, score_on: test}")
    assert (early.n_kept, early.n_kept_stopped, early.n_left) == (2, 1, 4)
    in_full = source(stored)
    assert (in_full.n_kept, in_full.n_kept_stopped, in_full.n_left) == (1, 0, 5)
    given = {in_full.next().setting_id for _ in range(5)}
    assert designed[1] in given and designed[0] not in given


def test_only_a_study_that_asks_for_it_has_pauses(make_study: Callable[..., Study]) -> None:
    assert plan_pauses(make_study(), TrialRun) is None
    plan = plan_pauses(make_study("keep_weights=true"), TrialRun)
    assert plan is not None and plan.keep_weights and plan.checkpoint is None
    plan = plan_pauses(make_study("stop_early={asha: {}, score_on: test}"), TrialRun)
    assert plan is not None and plan.stopping == ASHA
    plan = plan_pauses(make_study("checkpoint={every: 0.25}"), TrialRun)
    assert plan is not None and plan.checkpoint == CheckpointRule(0.25)
