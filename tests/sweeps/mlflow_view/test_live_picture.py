"""Pictures of a running study, plotted at a limited pace by a separate process."""

from __future__ import annotations

import csv
import logging
import queue
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import psutil
import pytest
from hypothesis import given, strategies as st

from analysis.errors import AnalysisError
from analysis.reading.results import load_results
from sweeps.mlflow_view.live_picture import LivePicture, Pace
from sweeps.mlflow_view.picture import StudyPicture, study_picture, summary_table
from sweeps.storage.folder import StudyFolder
from sweeps.storage.provenance import Provenance
from sweeps.storage.records import completed_record
from sweeps.storage.store import TrialStore
from sweeps.study import Study
from sweeps.testing.simulation import SimulatedTrial
from tests.sweeps.simulated_studies import plan

AT_ONCE = Pace(first_trials=1, every_s=0.0, growth=0.0)


@pytest.fixture
def study(tmp_path: Path, make_study: Callable[..., Study]) -> str:
    """Return the folder of a study with twelve completed trials."""
    planner = plan(make_study())
    store = TrialStore(StudyFolder(tmp_path / "sim"))
    for trial in planner.all_trials():
        record = completed_record(
            SimulatedTrial()(trial.config, planner.data_of(trial.config)),
            Provenance("sim", "0.1.0", "abc"),
            channel_names=("a", "b"),
            host="h",
            started_at=datetime(2026, 1, 2, tzinfo=UTC),
        )
        store.write(record.row)
    return str(tmp_path / "sim")


@given(
    n_plotted=st.integers(0, 5000),
    took_s=st.floats(0, 500),
    more=st.integers(0, 500),
    since_s=st.floats(0, 20000),
)
def test_plots_take_at_most_a_twentieth_of_the_time(
    n_plotted: int, took_s: float, more: int, since_s: float
) -> None:
    pace = Pace()
    due = pace.due(n_trials=n_plotted + more, n_plotted=n_plotted, since_s=since_s, took_s=took_s)
    if due:
        assert since_s >= 60
        assert took_s <= 0.05 * since_s
        assert n_plotted + more >= max(8, 1.05 * n_plotted)
    else:
        assert since_s < max(60, 21 * took_s) or more < max(0.05 * n_plotted, 1) or n_plotted + more < 8


def test_a_picture_has_the_heat_map_and_the_summary(study: str) -> None:
    picture = study_picture(study)
    assert picture.n_trials == 12
    assert set(picture.files) == {"heat_map.png", "summary.csv", "summary.txt"}
    assert picture.files["heat_map.png"].startswith(b"\x89PNG")
    trials = load_results(study).completed
    [row] = csv.DictReader(picture.files["summary.csv"].decode().splitlines())
    best = trials.loc[trials["f1"].idxmax()]
    assert (row["loss"], row["completed"], row["failed"]) == ("softloc", "12", "0")
    assert float(row["f1_mean"]) == pytest.approx(trials["f1"].mean(), rel=1e-5)
    assert float(row["f1_best"]) == pytest.approx(best["f1"], rel=1e-5)
    assert float(row["best_softness_ms"]) == pytest.approx(1000 * best["softness_s"], rel=1e-5)
    assert float(row["best_label_noise_ms"]) == pytest.approx(1000 * best["label_noise_s"], rel=1e-5)
    assert picture.note.startswith("12 trials completed, 0 failed.\n\n| loss | completed |")
    assert StudyPicture.from_json(picture.to_json()) == picture
    assert study_picture(study) == picture  # plotting again produces the same bytes


def test_the_note_says_why_there_is_no_heat_map(study: str) -> None:
    for part in sorted(Path(study, "trials").glob("*"))[2:]:
        part.unlink()
    picture = study_picture(study)
    assert set(picture.files) == {"summary.csv"}
    assert "No heat map: " in picture.note
    assert "3 or more different points" in picture.note


def test_the_summary_includes_a_loss_whose_trials_all_failed(study: str) -> None:
    loaded = load_results(study)
    failed = loaded.trials.head(2).assign(status="failed", f1=float("nan"), loss="count", trial_id=["x", "y"])
    both = type(loaded)(loaded.location, loaded.name, pd.concat([loaded.trials, failed]), {})
    table = summary_table(both).set_index("loss")
    assert table.loc["count", "failed"] == 2
    assert table.loc["count", ["f1_mean", "f1_best", "best_softness_ms"]].isna().all()


def test_a_study_without_trials_has_no_picture(tmp_path: Path) -> None:
    (tmp_path / "trials").mkdir()
    with pytest.raises(AnalysisError, match="has none"):
        study_picture(tmp_path)


def test_a_running_study_is_plotted_by_a_separate_process(study: str) -> None:
    pictures: queue.SimpleQueue[StudyPicture] = queue.SimpleQueue()
    live = LivePicture(study, pace=AT_ONCE)
    started = time.monotonic()
    live.offer(12, pictures.put)
    assert time.monotonic() - started < 0.5  # the caller does not wait
    live.offer(13, pictures.put)  # only one plot at a time
    assert pictures.get(timeout=120) == study_picture(study)
    assert pictures.empty()
    live.stop()
    live.offer(14, pictures.put)
    assert pictures.empty()


def test_a_plot_in_progress_is_ended_with_the_study(study: str) -> None:
    live = LivePicture(study, pace=AT_ONCE)
    live.offer(12, lambda _: pytest.fail("delivered after the end"))
    driver = psutil.Process()
    while not (children := driver.children()):
        time.sleep(0.01)
    live.stop()
    assert not live.is_plotting
    assert not any(child.is_running() for child in children)


def test_a_failed_plot_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    live = LivePicture(str(tmp_path), pace=AT_ONCE)
    with caplog.at_level(logging.WARNING, logger=LivePicture.__module__):
        live.offer(1, lambda _: pytest.fail("nothing was plotted"))
        while live.is_plotting:
            time.sleep(0.01)
    assert "cannot plot the running study: analysis.errors.AnalysisError: a study must" in caplog.text


def test_a_study_of_several_tasks_has_a_heat_map_for_each(
    study: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = load_results(study)
    other = loaded.trials.assign(task="other")
    both = replace(loaded, trials=pd.concat([loaded.trials, other[other.index < 1]], ignore_index=True))
    monkeypatch.setattr("sweeps.mlflow_view.picture.load_results", lambda location: both)
    picture = study_picture(study)
    assert set(picture.files) == {"simulated_heat_map.png", "summary.csv", "simulated_summary.txt"}
    assert "No heat map of other: " in picture.note
    rows = list(csv.DictReader(picture.files["summary.csv"].decode().splitlines()))
    assert [(row["task"], row["loss"], row["completed"]) for row in rows] == [
        ("other", "softloc", "1"),
        ("simulated", "softloc", "12"),
    ]
