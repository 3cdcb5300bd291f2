"""Studies that stop trials early and checkpoint running ones, on a real Ray: nothing is lost or repeated."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pyarrow.parquet as pq
import pytest
import torch

from softloc_core.trial.run import TrialRun
from sweeps.storage.weights import load_weights
from sweeps.study import Study
from sweeps.study.early_stopping import RULES
from sweeps.testing.simulation import SimulatedTrial
from tests.sweeps.simulated_studies import plan

pytestmark = [pytest.mark.ray, pytest.mark.slow]
DRIVER = Path(__file__).with_name("simulated_driver.py")
PATIENCE_S = 300.0


class Runs:
    """Drivers of one study, each in a separate process."""

    def __init__(self, folder: Path, study: Study) -> None:
        self.folder, self.study = folder, study
        self.results = folder / "runs" / study.name
        self.log = folder / "begun.txt"
        self.file = folder / "study_file.yaml"
        self.file.write_text(study.to_yaml())
        self.started: list[subprocess.Popen[str]] = []

    def start(self, *overrides: str, trial_s: float, **environment: str) -> subprocess.Popen[str]:
        arguments = [self.file, self.folder / "runs", trial_s, 0.0, *overrides]
        process = subprocess.Popen(
            [sys.executable, str(DRIVER), *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env={**os.environ, "SIMULATED_LOG": str(self.log), **environment},
        )
        self.started.append(process)
        return process

    def run(self, *overrides: str, trial_s: float) -> str:
        process = self.start(*overrides, trial_s=trial_s)
        out, err = process.communicate(timeout=PATIENCE_S)
        assert (process.returncode, err) == (0, "")
        return out

    def rows(self) -> dict[str, dict[str, Any]]:
        parts = sorted((self.results / "trials").glob("[!.]*.parquet"))
        rows = [row for part in parts for row in pq.read_table(part).to_pylist(maps_as_pydicts="strict")]
        assert len({row["trial_id"] for row in rows}) == len(rows)
        return {row["trial_id"]: row for row in rows}

    def statuses(self) -> list[str]:
        return [str(row["status"]) for row in self.rows().values()]

    def mlflow(self) -> dict[str, str]:
        """Return how the run of each trial ended in MLflow."""
        with contextlib.closing(sqlite3.connect(self.results / "mlflow.db")) as database:
            query = (
                "select tags.value, runs.status from tags join runs using (run_uuid) where key = 'trial_id'"
            )
            found = database.execute(query).fetchall()
        assert len({identity for identity, _ in found}) == len(found)
        return dict(found)

    def wait(self, condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < deadline and process.poll() is None
            time.sleep(0.02)


@pytest.fixture
def make_runs(tmp_path: Path, make_study: Callable[..., Study]) -> Iterator[Callable[..., Runs]]:
    made: list[Runs] = []

    def make(*overrides: str) -> Runs:
        made.append(Runs(tmp_path, make_study("iterations=20", *overrides)))
        return made[-1]

    yield make
    for process in (process for runs in made for process in runs.started):
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
        process.wait(timeout=10)
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()


def finals(study: Study) -> dict[str, float]:
    planner = plan(study)
    return {
        trial.trial_id: SimulatedTrial().f1(trial.config, planner.data_of(trial.config))
        for trial in planner.all_trials()
    }


def kill_workers(driver: subprocess.Popen[str]) -> None:
    for child in psutil.Process(driver.pid).children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            if "Trainable" in " ".join(child.cmdline()):
                child.kill()


@pytest.mark.parametrize("rule", sorted(RULES))
def test_some_trials_are_stopped_and_the_best_completes(rule: str, make_runs: Callable[..., Runs]) -> None:
    runs = make_runs("trials=24", f"stop_early={{{rule}: {{}}, score_on: test}}")
    out = runs.run(trial_s=0.2)
    rows, expected = runs.rows(), finals(runs.study)
    assert set(rows) == set(expected)
    stopped = {identity for identity, row in rows.items() if row["status"] == "stopped"}
    assert 0 < len(stopped) < 24
    assert rows[max(expected, key=lambda identity: expected[identity])]["status"] == "completed"
    for identity, row in rows.items():
        assert row["f1"] == pytest.approx(expected[identity] * (row["iterations_done"] / 20) ** 0.5)
        assert (row["iterations_done"] < 20) == (identity in stopped)
        assert pq.read_table(runs.results / "events" / f"{identity}.parquet").num_rows == 3
    assert f"{24 - len(stopped)} of 24 trials completed, {len(stopped)} stopped early; " in out
    assert runs.mlflow() == {i: "KILLED" if i in stopped else "FINISHED" for i in rows}
    # Stopped trials are final in a study that stops early, and run in full in one that does not.
    assert "24 already stored, 0 to run" in runs.run(trial_s=0.0)
    out = runs.run("stop_early=null", trial_s=0.0)
    assert f"{24 - len(stopped)} already stored, {len(stopped)} to run" in out
    assert {i: row["f1"] for i, row in runs.rows().items()} == pytest.approx(expected)
    assert set(runs.statuses()) == {"completed"}
    assert set(runs.mlflow().values()) == {"FINISHED"}


def test_a_killed_driver_keeps_stopped_trials(make_runs: Callable[..., Runs]) -> None:
    runs = make_runs("trials=20", "stop_early={asha: {}, score_on: test}")
    process = runs.start(trial_s=1.0)
    runs.wait(lambda: "stopped" in runs.statuses() and len(runs.rows()) >= 5, process)
    process.kill()
    process.wait(timeout=10)
    kept = runs.rows()
    runs.run(trial_s=0.2)
    rows = runs.rows()
    assert set(rows) == set(finals(runs.study))
    assert {identity: rows[identity] for identity in kept} == kept
    assert set(runs.mlflow()) == set(rows)


def test_a_design_that_learns_receives_stopped_trials(make_runs: Callable[..., Runs]) -> None:
    runs = make_runs("design=tpe", "trials=14", "stop_early={asha: {}, score_on: test}")
    runs.run("trials=8", trial_s=0.2)
    runs.run(trial_s=0.2)
    assert len(runs.rows()) == 14 and set(runs.statuses()) <= {"completed", "stopped"}


def test_a_trial_resumes_after_its_worker_was_killed(make_runs: Callable[..., Runs]) -> None:
    runs = make_runs("trials=3", "checkpoint={every: 0.1}", "keep_weights=true")
    process = runs.start(trial_s=8.0)
    folder = runs.results / "checkpoints"
    runs.wait(lambda: len(list(folder.glob("[!.]*.pt"))) > 0, process)
    kill_workers(process)
    out, err = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, err) == (0, ""), out
    assert {i: row["f1"] for i, row in runs.rows().items()} == pytest.approx(finals(runs.study))
    assert "resumes after" in runs.log.read_text()
    assert list(folder.glob("*")) == []
    assert {path.stem for path in (runs.results / "weights").glob("*.pt")} == set(runs.rows())


def test_a_trial_resumes_after_its_driver_was_killed(make_runs: Callable[..., Runs]) -> None:
    runs = make_runs("trials=2", "checkpoint={every: 0.1}")
    process = runs.start(trial_s=8.0)
    folder = runs.results / "checkpoints"
    runs.wait(lambda: len(list(folder.glob("[!.]*.pt"))) == 2, process)
    process.kill()
    process.wait(timeout=10)
    [damaged, whole] = sorted(folder.glob("[!.]*.pt"))
    damaged.write_bytes(damaged.read_bytes()[:-5])
    runs.run(trial_s=0.0)
    lines = runs.log.read_text().splitlines()
    assert sum(line.startswith(f"{whole.stem} resumes after") for line in lines) == 1
    assert not any(line.startswith(f"{damaged.stem} resumes after") for line in lines)
    assert [path.name for path in folder.glob("*")] == [f"{damaged.name}.unusable"]
    log = (runs.results / "logs" / "driver.log").read_text()
    assert f"trial {damaged.stem} starts again" in log and "it is damaged" in log
    assert {i: row["f1"] for i, row in runs.rows().items()} == pytest.approx(finals(runs.study))


def test_a_killed_training_gives_the_same_result_bit_for_bit(
    make_runs: Callable[..., Runs],
) -> None:
    study_keys = ("checkpoint={every: 0.05}", "keep_weights=true", "stop_early={asha: {}, score_on: test}")
    runs = make_runs("trials=1", "iterations=200", "batch_size=4", "weight_averaging=0.9", *study_keys)
    process = runs.start(trial_s=0.0, SIMULATED_TRAINING="1")
    folder = runs.results / "checkpoints"
    runs.wait(lambda: len(list(folder.glob("[!.]*.pt"))) == 1, process)
    kill_workers(process)
    out, err = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, err) == (0, ""), out
    assert json.loads((runs.results / "status.json").read_text())["retried"] == 1
    assert "resumes from its checkpoint" in (runs.results / "logs" / "driver.log").read_text()
    planner = plan(runs.study)
    [trial] = planner.all_trials()
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    undisturbed = TrialRun(trial.config, planner.data_of(trial.config))
    undisturbed.advance(200)
    torch.set_num_threads(threads)
    weights = load_weights(str(runs.results), trial.trial_id)
    assert all(torch.equal(value, weights[name]) for name, value in undisturbed.weights().items())
    history = pq.read_table(runs.results / "history" / f"{trial.trial_id}.parquet").to_pylist()
    points = undisturbed.result().history
    assert [(row["iteration"], row["loss"]) for row in history] == [(p.iteration, p.loss) for p in points]
    assert runs.rows()[trial.trial_id]["f1"] == undisturbed.result().scores.f1
