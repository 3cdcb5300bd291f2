"""The heat map of a running study: drawn at a pace, by a process of its own, and in the study's run."""

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
import pytest
from hypothesis import given, strategies as st

from analysis.errors import AnalysisError
from analysis.reading.results import load_results
from sweeps.mlflow_view import live_picture as live_view
from sweeps.mlflow_view.live_picture import LiveView, Pace
from sweeps.mlflow_view.picture import StudyView, study_view, summary_table
from sweeps.storage.folder import StudyFolder
from sweeps.storage.records import Provenance, completed_record
from sweeps.storage.store import TrialStore
from sweeps.study import Study
from sweeps.testing.simulation import SimulatedTrial
from tests.sweeps.simulated_studies import plan

AT_ONCE = Pace(first_trials=1, every_s=0.0, growth=0.0)


@pytest.fixture
def study(tmp_path: Path, make_study: Callable[..., Study]) -> str:
    """Twelve completed trials."""
    planner = plan(make_study())
    store = TrialStore(StudyFolder(tmp_path / "sim"))
    for trial in planner.all_trials():
        record = completed_record(
            SimulatedTrial()(trial.config, planner.data_of(trial.config)), Provenance("sim", "0.1.0", "abc"),
            channel_names=("a", "b"), host="h", started_at=datetime(2026, 1, 2, tzinfo=UTC),
        )  # fmt: skip
        store.write(record.row)
    return str(tmp_path / "sim")


@given(
    n_drawn=st.integers(0, 5000),
    took_s=st.floats(0, 500),
    more=st.integers(0, 500),
    since_s=st.floats(0, 20000),
)
def test_the_pace_never_takes_much(n_drawn: int, took_s: float, more: int, since_s: float) -> None:
    pace = Pace()
    due = pace.due(n_trials=n_drawn + more, n_drawn=n_drawn, since_s=since_s, took_s=took_s)
    if due:
        assert since_s >= 60
        assert took_s <= 0.05 * since_s
        assert n_drawn + more >= max(8, 1.05 * n_drawn)
    else:
        assert since_s < max(60, 21 * took_s) or more < max(0.05 * n_drawn, 1) or n_drawn + more < 8


def test_a_view_holds_the_map_and_the_summary(study: str) -> None:
    view = study_view(study)
    assert view.n_trials == 12
    assert set(view.files) == {"heat_map.png", "summary.csv", "summary.txt"}
    assert view.files["heat_map.png"].startswith(b"\x89PNG")
    trials = load_results(study).completed
    [row] = csv.DictReader(view.files["summary.csv"].decode().splitlines())
    best = trials.loc[trials["f1"].idxmax()]
    assert (row["loss"], row["completed"], row["failed"]) == ("softloc", "12", "0")
    assert float(row["f1_mean"]) == pytest.approx(trials["f1"].mean(), rel=1e-5)
    assert float(row["f1_best"]) == pytest.approx(best["f1"], rel=1e-5)
    assert float(row["best_softness_ms"]) == pytest.approx(1000 * best["softness_s"], rel=1e-5)
    assert float(row["best_label_noise_ms"]) == pytest.approx(1000 * best["label_noise_s"], rel=1e-5)
    assert view.note.startswith("12 trials completed, 0 failed.\n\n| loss | completed |")
    assert StudyView.from_json(view.to_json()) == view
    assert study_view(study) == view  # the same files, byte by byte


def test_a_study_without_a_map_says_why(study: str) -> None:
    for part in sorted(Path(study, "trials").glob("*"))[2:]:
        part.unlink()
    view = study_view(study)
    assert set(view.files) == {"summary.csv"}
    assert "No heat map: " in view.note
    assert "3 or more different points" in view.note


def test_a_loss_whose_trials_all_failed_stands_in_the_summary(study: str) -> None:
    loaded = load_results(study)
    failed = loaded.trials.head(2).assign(status="failed", f1=float("nan"), loss="count", trial_id=["x", "y"])
    both = type(loaded)(loaded.location, loaded.name, pd.concat([loaded.trials, failed]), {})
    table = summary_table(both).set_index("loss")
    assert table.loc["count", "failed"] == 2
    assert table.loc["count", ["f1_mean", "f1_best", "best_softness_ms"]].isna().all()


def test_a_study_without_trials_has_no_view(tmp_path: Path) -> None:
    (tmp_path / "trials").mkdir()
    with pytest.raises(AnalysisError, match="has none"):
        study_view(tmp_path)


def test_a_running_study_is_drawn_by_a_process_of_its_own(study: str) -> None:
    views: queue.SimpleQueue[StudyView] = queue.SimpleQueue()
    live = LiveView(study, pace=AT_ONCE)
    began = time.monotonic()
    live.offer(12, views.put)
    assert time.monotonic() - began < 0.5  # who offers does not wait
    live.offer(13, views.put)  # one at a time
    assert views.get(timeout=120) == study_view(study)
    assert views.empty()
    live.stop()
    live.offer(14, views.put)
    assert views.empty()


def test_a_drawing_under_way_is_ended_with_the_study(study: str) -> None:
    live = LiveView(study, pace=AT_ONCE)
    live.offer(12, lambda _: pytest.fail("delivered after the end"))
    while live._process is None:
        time.sleep(0.01)
    live.stop()
    assert live._process.poll() is not None
    assert live._thread is not None
    assert not live._thread.is_alive()


def test_a_drawing_that_fails_is_let_go(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    live = LiveView(str(tmp_path), pace=AT_ONCE)
    with caplog.at_level(logging.WARNING, logger=live_view.__name__):
        live.offer(1, lambda _: pytest.fail("nothing was drawn"))
        assert live._thread is not None
        live._thread.join(timeout=120)
    assert (
        "the study could not be drawn while it runs: analysis.errors.AnalysisError: a study must"
        in caplog.text
    )


def test_a_view_of_several_tasks_has_a_map_of_each(study: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from sweeps.mlflow_view import picture as module

    loaded = load_results(study)
    other = loaded.trials.assign(task="other")
    both = replace(loaded, trials=pd.concat([loaded.trials, other[other.index < 1]], ignore_index=True))
    monkeypatch.setattr(module, "load_results", lambda location: both)
    view = study_view(study)
    assert set(view.files) == {"simulated_heat_map.png", "summary.csv", "simulated_summary.txt"}
    assert "No heat map of other: " in view.note
    rows = list(csv.DictReader(view.files["summary.csv"].decode().splitlines()))
    assert [(row["task"], row["loss"], row["completed"]) for row in rows] == [
        ("other", "softloc", "1"),
        ("simulated", "softloc", "12"),
    ]
