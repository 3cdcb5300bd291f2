"""Stopped trials and stored weights in MLflow, in the status, in an export and in a plan."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import torch

from analysis.reading.results import load_results
from softloc_core.errors import ConfigError
from sweeps.execution.progress import Counts, ProgressLine
from sweeps.execution.recorder import Recorder
from sweeps.execution.status_file import StatusFile
from sweeps.forecasting.report import PlanOptions, plan_study
from sweeps.inspection.status import status_text
from sweeps.mlflow_view.picture import study_picture
from sweeps.mlflow_view.writer import MlflowWriter, tracking_uri
from sweeps.storage.export import export_study
from sweeps.storage.folder import StudyFolder
from sweeps.storage.provenance import Provenance
from sweeps.storage.records import Reached, completed_record
from sweeps.storage.store import TrialStore
from sweeps.storage.weights import load_weights, weights_file, weights_name
from sweeps.study import Study
from sweeps.testing.simulation import SimulatedTrial
from tests.sweeps.simulated_studies import plan

pytestmark = pytest.mark.filterwarnings(
    "ignore::FutureWarning", "ignore::UserWarning", "ignore::DeprecationWarning", "ignore::ResourceWarning"
)
PROVENANCE = Provenance("sim", "0.1.0", "abc")
STARTED = datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)


def reach(store: TrialStore, study: Study, iterations: int, *, number: int) -> str:
    """Store a trial of the study after some of its 20 iterations, and return its identity."""
    planner = plan(study)
    config = planner.all_trials()[number].config
    data = planner.data_of(config)
    run = SimulatedTrial().begin(config, data)
    run.advance(iterations)
    record = completed_record(
        run.result(),
        PROVENANCE,
        channel_names=("a", "b"),
        host="h",
        started_at=STARTED,
        reached=Reached(iterations, {2: 0.25}),
    )
    store.write_references(data)
    store.write(record.row, record.tables)
    return record.trial_id


@pytest.fixture
def study(make_study: Callable[..., Study]) -> Study:
    return make_study(
        "trials=3", "iterations=20", "stop_early={asha: {}, score_on: test}", "keep_weights=true"
    )


@pytest.fixture
def store(tmp_path: Path, study: Study) -> TrialStore:
    """Return a store with a completed trial with its weights and a stopped trial, of three."""
    store = TrialStore(StudyFolder(tmp_path / "sim"))
    store.folder.write("study.yaml", study.to_yaml().encode())
    identity = reach(store, study, 20, number=0)
    store.folder.write(weights_name(identity), weights_file({"f1": torch.tensor(0.5)}))
    reach(store, study, 2, number=1)
    return store


def children(store: TrialStore, *, tag: str = "status") -> dict[str, Any]:
    """Return MLflow's runs by the value of a tag. The parent run has key `study`."""
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri(Path(str(store.folder.local))))
    [experiment] = [one for one in client.search_experiments() if one.name == "sim"]
    found = client.search_runs([experiment.experiment_id])
    return {run.data.tags.get(tag, "study"): run for run in found}


def written(store: TrialStore) -> int:
    """Write the missing trials to MLflow and return how many."""
    local = Path(str(store.folder.local))
    writer = MlflowWriter(
        store, uri=tracking_uri(local), study="sim", artifact_root=f"file://{local}/mlartifacts"
    )
    number = writer.write_missing()
    writer.finish(picture=None, files=[], status="FINISHED")
    return number


def test_a_stopped_trial_keeps_its_run_when_it_is_completed_later(store: TrialStore, study: Study) -> None:
    assert (written(store), written(store)) == (2, 0)
    runs = children(store)
    assert (runs["stopped"].info.status, runs["completed"].info.status) == ("KILLED", "FINISHED")
    assert (runs["stopped"].data.metrics["iterations_done"], runs["completed"].data.metrics["f1"] > 0) == (
        2,
        True,
    )
    assert runs["stopped"].data.metrics["reported_score"] == 0.25
    folders = {k: Path(run.info.artifact_uri.removeprefix("file://")) for k, run in runs.items()}
    assert torch.load(folders["completed"] / "weights.pt", weights_only=True)["f1"] == 0.5
    assert not (folders["stopped"] / "weights.pt").exists()
    assert (folders["stopped"] / "recordings.csv").is_file()
    parent = runs["study"].data.metrics
    assert (parent["trials_completed"], parent["trials_stopped"], parent["trials_failed"]) == (1, 1, 0)
    # When completed, the trial keeps its run, which has the new results.
    identity = reach(store, study, 20, number=1)
    assert (written(store), written(store)) == (1, 0)
    again = children(store, tag="trial_id")[identity]
    assert (again.info.run_id, again.info.status) == (runs["stopped"].info.run_id, "FINISHED")
    row = store.load()[identity].row
    assert again.data.metrics["f1"] == pytest.approx(row["f1"])
    assert again.data.metrics["iterations_done"] == 20


def test_the_status_counts_stopped_trials_during_and_after_a_run(store: TrialStore) -> None:
    folder = store.folder
    assert (
        status_text(str(folder))
        == f"{folder}: stored trials, no driver; 1 trials completed, 0 failed, 1 stopped early"
    )
    counts = Counts(designed=9, kept=4, kept_stopped=1, done=2, stopped=1, failed=1, running=1)
    line = ProgressLine(counts)
    recorder = Recorder(store, None, counts, say=lambda _: None)
    recorder.close()
    StatusFile(folder, line, recorder).write("running", [])
    first = status_text(str(folder)).splitlines()[0]
    assert first == f"{folder}: running; 5 of 9 trials completed, 1 failed, 2 stopped early, 1 running"
    assert line.text().startswith("2 stopped early, 1 failed, 1 running")
    assert counts.left == 1


def test_a_study_with_stopped_trials_only_has_started(tmp_path: Path, study: Study) -> None:
    store = TrialStore(StudyFolder(tmp_path / "sim"))
    store.folder.write("study.yaml", study.to_yaml().encode())
    reach(store, study, 2, number=1)
    assert "stored trials, no driver; 0 trials completed, 0 failed, 1 stopped early" in status_text(
        str(store.folder)
    )


def test_an_export_keeps_the_results_of_stopped_trials(store: TrialStore, tmp_path: Path) -> None:
    export_study(str(store.folder), str(tmp_path / "export"))
    exported = load_results(tmp_path / "export")
    assert exported.stopped["iterations_done"].tolist() == [2]
    assert [json.loads(text) for text in exported.stopped["reports"]] == [{"2": 0.25}]
    assert (len(exported.completed), len(load_results(tmp_path / "export", with_stopped=True).completed)) == (
        1,
        2,
    )


def test_the_picture_of_a_study_reports_the_stopped_trials(store: TrialStore) -> None:
    picture = study_picture(str(store.folder))
    assert picture.note.startswith("1 trials completed, 0 failed, 1 stopped early (not in the tables below).")
    assert b"softloc,1,0,1," in picture.files["summary.csv"]


def test_the_weights_of_a_trial_can_be_loaded(store: TrialStore) -> None:
    [identity] = [i for i, trial in store.load().items() if trial.status == "completed"]
    assert load_weights(str(store.folder), identity)["f1"] == 0.5


def test_a_plan_counts_stopped_trials_as_stored_and_forecasts_complete_trials(
    store: TrialStore, study: Study, make_study: Callable[..., Study], tmp_path: Path
) -> None:
    options = PlanOptions(out=str(tmp_path), cache_dir=tmp_path / "cache", cpus=1, gpus=0, trial_s=60.0)
    text = plan_study(study, options).text
    assert "2 already stored, 1 to run" in text
    assert (
        "trials that are stopped early take less time; the forecast is for complete trials\nexpected: "
        in text
    )
    in_full = plan_study(make_study("trials=3", "iterations=20"), options).text
    assert "1 already stored, 2 to run" in in_full and "stopped early" not in in_full
    with pytest.raises(ConfigError, match="`stop_early` needs validation recordings"):
        plan_study(make_study("trials=3", "iterations=20", "stop_early=asha", "split=other"), options)
