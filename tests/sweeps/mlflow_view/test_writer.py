"""MLflow as a view: each trial has one ended run, and errors of MLflow never stop a study."""

from __future__ import annotations

import contextlib
import csv
import hashlib
import json
import shutil
import sqlite3
import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from softloc_core.errors import UserError
from sweeps.mlflow_view.content import BEST_FIRST_TAG, FINAL_METRICS, PARAMETERS, metrics_of
from sweeps.mlflow_view.dashboard import rebuild_mlflow
from sweeps.mlflow_view.database import study_database
from sweeps.mlflow_view.picture import StudyPicture
from sweeps.mlflow_view.thread import MlflowThread
from sweeps.mlflow_view.writer import MlflowWriter, artifact_folders, tracking_uri
from sweeps.storage.environment import driver_environment
from sweeps.storage.folder import StudyFolder
from sweeps.storage.provenance import Provenance
from sweeps.storage.records import TrialRecord, completed_record, failed_record
from sweeps.storage.store import TrialStore
from sweeps.study import Study
from sweeps.testing.simulation import SimulatedTrial
from tests.sweeps.simulated_studies import plan

# MLflow uses deprecated parts of SQLAlchemy, and both leave connections to the garbage collector.
pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning",
    "ignore::PendingDeprecationWarning",
    "ignore::FutureWarning",
    "ignore::ResourceWarning",
    "ignore::pytest.PytestUnraisableExceptionWarning",
)
PROVENANCE = Provenance("sim", "0.1.0", "abc")
PICTURE = StudyPicture(3, {"heat_map.png": b"png"}, "3 trials")
STARTED = datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)


@pytest.fixture(scope="module")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an empty MLflow database. Creating one takes seconds, but copies are fast."""
    from mlflow import MlflowClient

    folder = tmp_path_factory.mktemp("template")
    MlflowClient(tracking_uri(folder)).search_experiments()
    return folder / "mlflow.db"


@pytest.fixture
def store(tmp_path: Path, make_study: Callable[..., Study], empty_database: Path) -> TrialStore:
    """Return a store with two completed trials and a failed one."""
    (tmp_path / "sim").mkdir()
    shutil.copy(empty_database, tmp_path / "sim" / "mlflow.db")
    study = make_study("trials=3")
    planner = plan(study)
    store = TrialStore(StudyFolder(tmp_path / "sim"))
    store.folder.write("study.yaml", b"name: sim")
    store.folder.append(
        "environment.jsonl", json.dumps({**driver_environment(), "since": "2026-01-01T00:00:00Z"}).encode()
    )
    *good, bad = planner.all_trials()
    store.write_references(planner.data_of(bad.config))
    for trial in good:
        record = completed_record(
            SimulatedTrial()(trial.config, planner.data_of(trial.config)),
            PROVENANCE,
            channel_names=("a", "b"),
            host="h",
            started_at=STARTED,
        )
        store.write(record.row, events=record.events, history=record.history)
    failed = failed_record(
        bad.config,
        bad.trial_id,
        PROVENANCE,
        data_fingerprint="f",
        error="ValueError: no",
        log="",
        host="h",
        device="cpu",
        started_at=STARTED,
    )
    store.write(failed.row)
    return store


def open_writer(store: TrialStore) -> MlflowWriter:
    local = store.folder.local
    assert local is not None
    root = f"file://{local}/mlartifacts"
    return MlflowWriter(store, uri=tracking_uri(local), study="sim", artifact_root=root)


def artifacts(run: Any) -> set[str]:
    folder = Path(run.info.artifact_uri.removeprefix("file://"))
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def client_of(store: TrialStore) -> Any:
    from mlflow import MlflowClient

    assert store.folder.local is not None
    return MlflowClient(tracking_uri(store.folder.local))


def runs(store: TrialStore, kind: str) -> list[Any]:
    client = client_of(store)
    experiment = client.get_experiment_by_name("sim")
    return list(client.search_runs([experiment.experiment_id], f"tags.kind = '{kind}'"))


def test_a_study_has_a_parent_run_and_a_child_run_for_each_trial(store: TrialStore, tmp_path: Path) -> None:
    writer = open_writer(store)
    assert writer.write_missing() == 3
    figure = tmp_path / "surface.png"
    figure.write_bytes(b"png")
    writer.finish(picture=PICTURE, files=[figure], status="FAILED")
    [parent] = runs(store, "study")
    children = runs(store, "trial")
    assert sorted(run.info.status for run in children) == ["FAILED", "FINISHED", "FINISHED"]
    assert parent.info.status == "FAILED"
    assert parent.data.metrics == {"trials_completed": 2.0, "trials_stopped": 0.0, "trials_failed": 1.0}
    stored = store.load()
    for run in children:
        row = stored[run.data.tags["trial_id"]].row
        assert run.data.tags["mlflow.parentRunId"] == parent.info.run_id
        assert run.data.params["softness_s"] == str(row["softness_s"])
        assert run.data.params["loss"] == "softloc"
        assert artifacts(run) >= {"study.yaml", "environment.json"}
        if row["status"] == "completed":
            assert run.data.metrics["f1"] == row["f1"]
            assert run.data.metrics["f1_a"] == row["f1_per_class"]["a"]
            assert run.data.metrics["loss"] == 0.5  # last point of the curve
        else:
            assert run.data.tags["error"] == "ValueError: no"
    assert parent.data.tags["mlflow.note.content"] == "3 trials"
    assert artifacts(parent) == {"study.yaml", "environments.json", "heat_map.png", "figures/surface.png"}


def test_new_and_existing_experiments_get_the_view_that_lists_the_best_first(store: TrialStore) -> None:
    client, (key, view) = client_of(store), BEST_FIRST_TAG
    open_writer(store)
    experiment = client.get_experiment_by_name("sim")
    assert experiment.tags[key] == view
    client.set_experiment_tag(experiment.experiment_id, key, "an older view")
    open_writer(store)
    assert client.get_experiment_by_name("sim").tags[key] == view
    shown = set(json.loads(view)["selectedColumns"])
    known = {f"metrics.`{name}`" for name in FINAL_METRICS} | {f"params.`{name}`" for name in PARAMETERS}
    assert shown <= known


def test_the_run_of_a_trial_has_study_environment_and_recording_scores(store: TrialStore) -> None:
    open_writer(store).write_missing()
    run = next(run for run in runs(store, "trial") if run.info.status == "FINISHED")
    folder = Path(run.info.artifact_uri.removeprefix("file://"))
    assert folder.joinpath("study.yaml").read_text() == "name: sim"
    environment = json.loads(folder.joinpath("environment.json").read_text())
    assert environment["packages"]["mlflow"] == metadata.version("mlflow")
    lines = list(csv.DictReader(folder.joinpath("recordings.csv").read_text().splitlines()))
    assert [(line["recording"], line["channel"]) for line in lines] == [
        ("two", "all"),
        ("two", "a"),
        ("two", "b"),
    ]
    # The simulated trial's estimates equal the reference.
    assert [line["f1"] for line in lines] == ["1.0000"] * 3
    assert [line["n_matched"] for line in lines] == ["3", "2", "1"]


def everything(store: TrialStore) -> dict[str, Any]:
    """Return everything in MLflow: the rows of its database and the contents of its artifacts."""
    local = store.folder.local
    assert local is not None
    with contextlib.closing(sqlite3.connect(local / "mlflow.db")) as database:
        tables = ("experiments", "runs", "metrics", "latest_metrics", "params", "tags")
        found: dict[str, Any] = {
            table: sorted(map(repr, database.execute(f"select * from {table}"))) for table in tables
        }
    files = (path for path in sorted((local / "mlartifacts").rglob("*")) if path.is_file())
    found["files"] = {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    return found


def test_rebuilding_twice_changes_nothing(store: TrialStore) -> None:
    local = store.folder.local
    assert local is not None
    (local / "figures").mkdir()
    (local / "figures" / "surface.svg").write_text("<svg/>")
    assert rebuild_mlflow(str(local), uri=None) == "3 trials written to MLflow, 0 already there"
    before = everything(store)
    assert {Path(name).name for name in before["files"]} == {
        "study.yaml",
        "environment.json",
        "environments.json",
        "recordings.csv",
        "summary.csv",
        "surface.svg",
    }
    assert rebuild_mlflow(str(local), uri=None) == "0 trials written to MLflow, 3 already there"
    assert everything(store) == before


def test_a_run_of_an_earlier_version_is_completed(store: TrialStore) -> None:
    writer = open_writer(store)
    writer.write_missing()
    run = next(run for run in runs(store, "trial") if run.info.status == "FINISHED")
    shutil.rmtree(run.info.artifact_uri.removeprefix("file://"))
    client_of(store).delete_tag(run.info.run_id, "view")
    assert open_writer(store).write_missing() == 1
    assert artifacts(run) == {"study.yaml", "environment.json", "recordings.csv"}


def test_a_run_that_a_killed_driver_left_open_is_completed(
    store: TrialStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("mlflow.MlflowClient.set_terminated", lambda *_, **__: None)
        open_writer(store).write_missing()
    assert {run.info.status for run in runs(store, "trial")} == {"RUNNING"}
    assert open_writer(store).write_missing() == 3
    children = runs(store, "trial")
    assert len(children) == 3
    assert "RUNNING" not in {run.info.status for run in children}


def test_a_failed_trial_that_completes_later_keeps_its_run(store: TrialStore) -> None:
    open_writer(store).write_missing()
    assert any("error" in run.data.tags for run in runs(store, "trial"))
    [failed] = [trial for trial in store.load().values() if trial.status == "failed"]
    template = next(trial.row for trial in store.load().values() if trial.status == "completed")
    row = {
        **template,
        "trial_id": failed.trial_id,
        **{key: failed.row[key] for key in ("softness_s", "label_noise_s")},
    }
    store.write(row)
    assert open_writer(store).write_missing() == 1
    assert [run.info.status for run in runs(store, "trial")] == ["FINISHED"] * 3
    assert not any("error" in run.data.tags for run in runs(store, "trial"))


def test_a_long_curve_is_thinned_and_keeps_its_last_point() -> None:
    history = [
        {"iteration": i, "loss": float(i), "terms": [("count", 1.0)], "alpha": 0.5} for i in range(1, 1001)
    ]
    curve = [(value, step) for key, value, step in metrics_of({}, history) if key == "loss"]
    assert len(curve) == 25
    assert curve[-1] == (1000.0, 1000)


def test_a_database_is_created_completely_or_not_at_all(
    tmp_path: Path, empty_database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    created: list[Path] = []

    class Client:
        """Creates a database as MLflow does. The first time, the disk is full in the middle of it."""

        def __init__(self, uri: str) -> None:
            created.append(Path(uri.removeprefix("sqlite:///")))
            shutil.copy(empty_database, created[-1])

        def search_experiments(self, **_: Any) -> None:
            if len(created) == 1:
                raise OSError("disk full")

    monkeypatch.setattr("mlflow.MlflowClient", Client)
    (tmp_path / ".mlflow.db.1.partial").write_text("left by a killed driver")
    (tmp_path / ".mlflow.db.1.partial-journal").write_text("left by a killed driver")
    with pytest.raises(OSError, match="disk full"):
        study_database(tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert study_database(tmp_path) == f"sqlite:///{tmp_path}/mlflow.db"
    assert [path.name for path in tmp_path.iterdir()] == ["mlflow.db"]
    assert study_database(tmp_path) == f"sqlite:///{tmp_path}/mlflow.db"
    assert len(created) == 2


def test_a_damaged_database_is_reported_in_one_line(
    store: TrialStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlflow.store.db.utils.MAX_RETRY_COUNT", 1)
    local = store.folder.local
    assert local is not None
    (local / "mlflow.db").write_bytes(b"no database" * 1000)
    message = r"MLflow's database must be writable, but .*mlflow.db: .*not a database.*move it away"
    with pytest.raises(UserError, match=message) as caught:
        rebuild_mlflow(str(local), uri=None)
    assert "\n" not in str(caught.value)


class _Broken:
    """A writer whose database is unavailable while `is_away`."""

    is_away = True

    def __init__(self, inner: MlflowWriter) -> None:
        self._inner = inner

    def _check(self) -> None:
        if type(self).is_away:
            raise ConnectionError("no route to MLflow\nsecond line")

    def write(self, *arguments: Any, **named: Any) -> None:
        self._check()
        self._inner.write(*arguments, **named)

    def write_missing(self) -> int:
        self._check()
        return self._inner.write_missing()

    def finish(self, **arguments: Any) -> None:
        self._check()
        self._inner.finish(**arguments)


@pytest.mark.parametrize("returns", [True, False])
def test_an_unavailable_mlflow_is_reported_once_and_completed_at_the_end(
    store: TrialStore, returns: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_Broken, "is_away", True)
    messages: list[str] = []
    thread = MlflowThread(lambda: _Broken(open_writer(store)), warn=messages.append)  # type: ignore[arg-type, return-value]
    for trial in store.load().values():
        thread.record(TrialRecord(trial.row))
    thread.abandon()
    monkeypatch.setattr(_Broken, "is_away", not returns)
    thread.finish(files=[], status="FINISHED")
    assert len(messages) == 1
    assert messages[0].startswith(
        "cannot write to MLflow (ConnectionError: no route to MLflow); the study continues"
    )
    assert len(runs(store, "trial")) == (3 if returns else 0)


class _Locked(_Broken):
    """A writer whose database is locked by another process for the next `n_locked` calls."""

    n_locked = 0

    def _check(self) -> None:
        if type(self).n_locked > 0:
            type(self).n_locked -= 1
            raise RuntimeError("(sqlite3.OperationalError) database is locked [SQL: UPDATE runs ...]")


@pytest.mark.parametrize(("n_locked", "n_messages"), [(3, 0), (4, 1)])
def test_a_locked_database_is_retried(
    store: TrialStore, n_locked: int, n_messages: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_Locked, "n_locked", 0)
    messages: list[str] = []
    thread = MlflowThread(
        lambda: _Locked(open_writer(store)), warn=messages.append, lock_pauses_s=(0.0, 0.0, 0.0)
    )  # type: ignore[arg-type, return-value]
    thread.abandon()
    monkeypatch.setattr(_Locked, "n_locked", n_locked)
    thread.finish(files=[], status="FINISHED")
    assert len(messages) == n_messages
    assert all("database is locked" in text for text in messages)
    assert runs(store, "study")[0].info.status == ("RUNNING" if n_messages else "FINISHED")


def test_an_mlflow_that_becomes_available_again_is_written_before_the_end(
    store: TrialStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_Broken, "is_away", True)
    attempts: list[int] = []

    def connect() -> MlflowWriter:
        attempts.append(len(attempts))
        return _Broken(open_writer(store))  # type: ignore[return-value]

    thread = MlflowThread(connect, warn=lambda _: None, reconnect_s=0.0, rest=0.0)
    first, *others = store.load().values()
    thread.record(TrialRecord(first.row))
    while len(attempts) < 2:
        time.sleep(0.01)
    monkeypatch.setattr(_Broken, "is_away", False)
    for trial in others:
        thread.record(TrialRecord(trial.row))
    thread.abandon()
    assert thread.problem is None
    assert len(runs(store, "trial")) == 3


class _Live:
    """Delivers a picture at every third trial, at once."""

    def __init__(self) -> None:
        self.stopped = False

    def offer(self, n_trials: int, deliver: Callable[[StudyPicture], None]) -> None:
        if n_trials % 3 == 0:
            deliver(PICTURE)

    def now(self) -> StudyPicture:
        return StudyPicture(3, {"heat_map.png": b"the last"}, "the end")

    def stop(self) -> None:
        self.stopped = True


def test_the_heat_map_is_updated_as_trials_arrive(store: TrialStore) -> None:
    writers: list[MlflowWriter] = []

    def keep() -> MlflowWriter:
        writers.append(open_writer(store))
        return writers[-1]

    live = _Live()
    thread = MlflowThread(keep, warn=pytest.fail, live=live)  # type: ignore[arg-type]
    for trial in store.load().values():
        thread.record(TrialRecord(trial.row))
    thread.abandon()
    assert live.stopped
    [parent] = runs(store, "study")
    heat_map = Path(parent.info.artifact_uri.removeprefix("file://")) / "heat_map.png"
    assert heat_map.read_bytes() == b"png"
    assert parent.data.tags["mlflow.note.content"] == "3 trials"
    assert parent.info.status == "RUNNING"
    thread.finish(files=[], status="FINISHED")
    assert heat_map.read_bytes() == b"the last"
    [parent] = runs(store, "study")
    assert parent.data.tags["mlflow.note.content"] == "the end"


def test_trials_are_written_to_mlflow_while_the_study_runs(store: TrialStore) -> None:
    thread = MlflowThread(lambda: open_writer(store), warn=pytest.fail)
    for trial in store.load().values():
        events, history = (tuple(store.rows(table, trial.trial_id)) for table in ("events", "history"))
        thread.record(TrialRecord(trial.row, events, history))
    thread.finish(files=[], status="FINISHED")
    assert thread.problem is None
    assert len(runs(store, "trial")) == 3
    assert runs(store, "study")[0].info.status == "FINISHED"


def test_figures_keep_their_folders_below_the_common_one() -> None:
    alone = [Path("/runs/a/figures/surface.png"), Path("/runs/a/figures/report.html")]
    assert [folder for _, folder in artifact_folders(alone)] == ["figures", "figures"]
    tasks = [Path("/runs/a/figures/golf/surface.png"), Path("/runs/a/figures/gait/surface.png")]
    assert [folder for _, folder in artifact_folders(tasks)] == ["figures/golf", "figures/gait"]
    assert list(artifact_folders([])) == []
