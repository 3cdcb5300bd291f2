# ruff: noqa: E501
"""MLflow as a view: each trial once, all ended, and no error of it reaches the study."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from sweeps.folder import StudyFolder
from sweeps.planning import Planner, load_data
from sweeps.records import Provenance, TrialRecord, completed_record, failed_record
from sweeps.simulation import SimulatedTrial
from sweeps.store import TrialStore
from sweeps.study import Study
from sweeps.tracking import MlflowWriter, TrackerThread, tracking_uri

# MLflow uses deprecated parts of SQLAlchemy, and both leave connections to the garbage collector.
pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning",
    "ignore::PendingDeprecationWarning",
    "ignore::FutureWarning",
    "ignore::ResourceWarning",
    "ignore::pytest.PytestUnraisableExceptionWarning",
)
PROVENANCE = Provenance("sim", "0.1.0", "abc")
STARTED = datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)


@pytest.fixture(scope="module")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh MLflow database; making one takes seconds, copying it none."""
    from mlflow import MlflowClient

    folder = tmp_path_factory.mktemp("template")
    MlflowClient(tracking_uri(folder)).search_experiments()
    return folder / "mlflow.db"


@pytest.fixture
def store(tmp_path: Path, make_study: Callable[..., Study], empty_database: Path) -> TrialStore:
    """Two completed trials and a failed one."""
    (tmp_path / "sim").mkdir()
    shutil.copy(empty_database, tmp_path / "sim" / "mlflow.db")
    study = make_study("trials=3")
    plan = Planner(study, load_data(study, data_root=None, cache_dir=Path("unused")))
    store = TrialStore(StudyFolder(tmp_path / "sim"))
    *good, bad = plan.all_trials()
    for trial in good:
        record = completed_record(
            SimulatedTrial()(trial.config, plan.data_of(trial.config)), PROVENANCE, channel_names=("a", "b"), host="h",
            started_at=STARTED,
        )  # fmt: skip
        store.write(record.row, events=record.events, history=record.history)
    failed = failed_record(
        bad.config, bad.trial_id, PROVENANCE, data_fingerprint="f", error="ValueError: no", log="", host="h",
        device="cpu", started_at=STARTED,
    )  # fmt: skip
    store.write(failed.row)
    return store


def open_writer(store: TrialStore) -> MlflowWriter:
    local = store.folder.local
    assert local is not None
    return MlflowWriter(uri=tracking_uri(local), study="sim", artifact_root=f"file://{local}/mlartifacts")


def runs(store: TrialStore, kind: str) -> list[Any]:
    from mlflow import MlflowClient

    assert store.folder.local is not None
    client = MlflowClient(tracking_uri(store.folder.local))
    experiment = client.get_experiment_by_name("sim")
    return list(client.search_runs([experiment.experiment_id], f"tags.kind = '{kind}'"))


def test_a_study_in_mlflow(store: TrialStore, tmp_path: Path) -> None:
    writer = open_writer(store)
    assert writer.write_missing(store) == 3
    figure = tmp_path / "surface.png"
    figure.write_bytes(b"png")
    writer.finish(text="summary", files=[figure], definition="name: sim", status="FAILED")
    [parent] = runs(store, "study")
    children = runs(store, "trial")
    assert sorted(run.info.status for run in children) == ["FAILED", "FINISHED", "FINISHED"]
    assert parent.info.status == "FAILED"
    assert parent.data.metrics == {"trials_completed": 2.0, "trials_failed": 1.0}
    stored = store.load()
    for run in children:
        row = stored[run.data.tags["trial_id"]].row
        assert run.data.tags["mlflow.parentRunId"] == parent.info.run_id
        assert run.data.params["softness_s"] == str(row["softness_s"])
        assert run.data.params["loss"] == "softloc"
        if row["status"] == "completed":
            assert run.data.metrics["f1"] == row["f1"]
            assert run.data.metrics["f1_a"] == row["f1_per_class"]["a"]
            assert run.data.metrics["loss"] == 0.5  # the curve's last point
        else:
            assert run.data.tags["error"] == "ValueError: no"
    artifacts = {path.name for path in (tmp_path / "sim" / "mlartifacts").rglob("*") if path.is_file()}
    assert artifacts == {"study.yaml", "summary.txt", "surface.png"}


def test_writing_everything_again_changes_nothing(store: TrialStore) -> None:
    open_writer(store).write_missing(store)
    before = {run.info.run_id: run.data.metrics for run in runs(store, "trial")}
    assert open_writer(store).write_missing(store) == 0
    assert {run.info.run_id: run.data.metrics for run in runs(store, "trial")} == before
    assert len(runs(store, "study")) == 1


def test_a_run_that_a_killed_driver_left_open_is_completed(
    store: TrialStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = open_writer(store)
    monkeypatch.setattr(writer._client, "set_terminated", lambda *_, **__: None)
    writer.write_missing(store)
    assert {run.info.status for run in runs(store, "trial")} == {"RUNNING"}
    assert open_writer(store).write_missing(store) == 3
    children = runs(store, "trial")
    assert len(children) == 3
    assert "RUNNING" not in {run.info.status for run in children}


def test_a_failed_trial_that_completes_is_the_same_run(store: TrialStore) -> None:
    open_writer(store).write_missing(store)
    [failed] = [trial for trial in store.load().values() if trial.status == "failed"]
    template = next(trial.row for trial in store.load().values() if trial.status == "completed")
    row = {
        **template,
        "trial_id": failed.trial_id,
        **{key: failed.row[key] for key in ("softness_s", "label_noise_s")},
    }
    store.write(row)
    assert open_writer(store).write_missing(store) == 1
    assert [run.info.status for run in runs(store, "trial")] == ["FINISHED"] * 3


def test_a_long_curve_is_thinned_and_keeps_its_end() -> None:
    from sweeps.tracking import _metrics

    history = [
        {"iteration": i, "loss": float(i), "terms": [("count", 1.0)], "alpha": 0.5} for i in range(1, 1001)
    ]
    curve = [(value, step) for key, value, step in _metrics({}, history) if key == "loss"]
    assert len(curve) == 25
    assert curve[-1] == (1000.0, 1000)


class _Broken:
    """A writer whose database is away until told otherwise."""

    away = True

    def __init__(self, inner: MlflowWriter) -> None:
        self._inner = inner

    def _check(self) -> None:
        if type(self).away:
            raise ConnectionError("no route to MLflow\nsecond line")

    def write(self, *arguments: Any) -> None:
        self._check()
        self._inner.write(*arguments)

    def write_missing(self, store: TrialStore) -> int:
        self._check()
        return self._inner.write_missing(store)

    def finish(self, **arguments: Any) -> None:
        self._check()
        self._inner.finish(**arguments)


@pytest.mark.parametrize("returns", [True, False])
def test_mlflow_away_is_said_once_and_made_up_for_at_the_end(
    store: TrialStore, returns: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_Broken, "away", True)
    said: list[str] = []
    tracker = TrackerThread(lambda: _Broken(open_writer(store)), store, warn=said.append)  # type: ignore[arg-type, return-value]
    for trial in store.load().values():
        tracker.record(TrialRecord(trial.row))
    tracker._queue.put(None)
    tracker._thread.join(timeout=30)
    assert not tracker._thread.is_alive()
    monkeypatch.setattr(_Broken, "away", not returns)
    tracker.finish(text="", files=[], definition="", status="FINISHED")
    assert len(said) == 1
    assert said[0].startswith(
        "MLflow cannot be written (ConnectionError: no route to MLflow); the study goes on"
    )
    assert len(runs(store, "trial")) == (3 if returns else 0)


def test_records_reach_mlflow_while_the_study_runs(store: TrialStore) -> None:
    tracker = TrackerThread(lambda: open_writer(store), store, warn=pytest.fail)
    for trial in store.load().values():
        tracker.record(TrialRecord(trial.row, history=tuple(store.rows("history", trial.trial_id))))
    tracker.finish(text="", files=[], definition="name: sim", status="FINISHED")
    assert tracker.problem is None
    assert len(runs(store, "trial")) == 3
    assert runs(store, "study")[0].info.status == "FINISHED"
