"""Writing to MLflow: each trial has one run, which ends."""

from __future__ import annotations

import contextlib
import csv
import hashlib
import json
import shutil
import sqlite3
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from sweeps.mlflow_view.content import BEST_FIRST_TAG, FINAL_METRICS, PARAMETERS, metrics_of
from sweeps.mlflow_view.dashboard import rebuild_mlflow
from sweeps.mlflow_view.picture import StudyPicture
from sweeps.mlflow_view.writer import artifact_folders
from sweeps.storage.store import TrialStore
from tests.sweeps.mlflow_view.stored_runs import artifacts, client_of, open_writer, runs

# MLflow uses deprecated parts of SQLAlchemy, and both leave connections to the garbage collector.
pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning",
    "ignore::PendingDeprecationWarning",
    "ignore::FutureWarning",
    "ignore::ResourceWarning",
    "ignore::pytest.PytestUnraisableExceptionWarning",
)
PICTURE = StudyPicture(3, {"heat_map.png": b"png"}, "3 trials")


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
        **{key: failed.row[key] for key in ("softness_s", "label_noise_s", "noise_draw")},
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


def test_figures_keep_their_folders_below_the_common_one() -> None:
    alone = [Path("/runs/a/figures/surface.png"), Path("/runs/a/figures/report.html")]
    assert [folder for _, folder in artifact_folders(alone)] == ["figures", "figures"]
    tasks = [Path("/runs/a/figures/golf/surface.png"), Path("/runs/a/figures/gait/surface.png")]
    assert [folder for _, folder in artifact_folders(tasks)] == ["figures/golf", "figures/gait"]
    assert list(artifact_folders([])) == []
