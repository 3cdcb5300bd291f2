"""Whole studies on a real Ray: finished, interrupted, killed and resumed."""

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

import psutil
import pyarrow.parquet as pq
import pytest

from sweeps.study import Study
from sweeps.testing.simulation import SimulatedTrial
from tests.sweeps.simulated_studies import plan

pytestmark = pytest.mark.ray
DRIVER = Path(__file__).with_name("simulated_driver.py")
TIMEOUT_S = 120.0
NEVER_ENDS_S = 1e4
"""Duration of trials that still run when a test interrupts them, however slow the machine is."""


class Driver:
    """Runs of one simulated study, each in a separate process."""

    def __init__(self, folder: Path, study: Study) -> None:
        self.folder = folder
        self.study_file = folder / "study_file.yaml"
        self.study_file.write_text(study.to_yaml())
        self.results = folder / "runs" / study.name
        self.started: list[subprocess.Popen[str]] = []

    def start(
        self, *overrides: str, trial_s: float = 0.0, fail_below_s: float = 0.0
    ) -> subprocess.Popen[str]:
        arguments = [self.study_file, self.folder / "runs", trial_s, fail_below_s, *overrides]
        process = subprocess.Popen(
            [sys.executable, str(DRIVER), *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.started.append(process)
        return process

    def run(self, *overrides: str, trial_s: float = 0.0, fail_below_s: float = 0.0) -> tuple[int, str, str]:
        process = self.start(*overrides, trial_s=trial_s, fail_below_s=fail_below_s)
        out, err = process.communicate(timeout=TIMEOUT_S)
        return process.returncode, out, err

    def parts(self) -> list[Path]:
        return sorted((self.results / "trials").glob("*.parquet"))

    def metrics(self) -> dict[str, float]:
        rows = [pq.read_table(path).to_pylist()[0] for path in self.parts()]
        assert len({row["trial_id"] for row in rows}) == len(rows)
        return {row["trial_id"]: row["f1"] for row in rows}

    def mlflow(self) -> tuple[list[str], set[str]]:
        """Return the identities of the trials in MLflow, and the states of all runs."""
        with contextlib.closing(sqlite3.connect(self.results / "mlflow.db")) as database:
            identities = database.execute("select value from tags where key = 'trial_id'").fetchall()
            states = database.execute("select distinct status from runs").fetchall()
        return sorted(value for (value,) in identities), {value for (value,) in states}

    def wait_for_parts(self, count: int) -> None:
        deadline = time.monotonic() + TIMEOUT_S
        while len(self.parts()) < count:
            assert time.monotonic() < deadline, "the driver stored nothing"
            time.sleep(0.02)

    def wait_until_running(self) -> None:
        """Wait until the status file says that a trial is running."""
        deadline = time.monotonic() + TIMEOUT_S
        while True:
            with contextlib.suppress(FileNotFoundError, json.JSONDecodeError):
                if json.loads((self.results / "status.json").read_text())["running"]:
                    return
            assert time.monotonic() < deadline, "no trial started"
            time.sleep(0.02)


@pytest.fixture
def driver(tmp_path: Path, make_study: Callable[..., Study]) -> Iterator[Driver]:
    driver = Driver(tmp_path, make_study("trials=16"))
    yield driver
    for process in driver.started:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
        process.wait(timeout=10)
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()


def family(pid: int) -> list[psutil.Process]:
    """Return all descendants of a driver's process."""
    return psutil.Process(pid).children(recursive=True)


def wait_until_gone(processes: list[psutil.Process], *, timeout_s: float) -> list[str]:
    _, alive = psutil.wait_procs(processes, timeout=timeout_s)
    return [" ".join(process.cmdline())[:100] for process in alive if process.is_running()]


def expected_metrics(study: Study) -> dict[str, float]:
    """Return the F1 of every trial, computed without Ray."""
    planner = plan(study)
    return {
        trial.trial_id: SimulatedTrial()(trial.config, planner.data_of(trial.config)).scores.f1
        for trial in planner.all_trials()
    }


def test_a_killed_driver_loses_and_repeats_nothing(driver: Driver, make_study: Callable[..., Study]) -> None:
    process = driver.start(trial_s=2.0)
    driver.wait_for_parts(3)
    children = family(process.pid)
    assert any("raylet" in child.name() for child in children)
    process.kill()
    process.wait(timeout=10)
    # Ray's processes end on their own: workers, scheduler and store at once, its two agents after looking for
    # their scheduler for a minute, while the study already continues.
    agents = [child for child in children if child.is_running() and "Agent" in child.name()]
    assert wait_until_gone([child for child in children if child not in agents], timeout_s=30) == []
    kept = driver.metrics()
    assert 3 <= len(kept) < 16
    times = {path.name: path.stat().st_mtime_ns for path in driver.parts()}

    status, out, err = driver.run()
    assert (status, err) == (0, "")
    assert f"16 trials (16 design points x 1), {len(kept)} already stored" in out
    after = driver.metrics()
    assert len(after) == 16
    assert {identity: after[identity] for identity in kept} == kept
    assert {path.name: path.stat().st_mtime_ns for path in driver.parts() if path.name in times} == times
    assert driver.mlflow() == (sorted(after), {"FINISHED"})
    # The metrics equal those of an undisturbed run, and a third run has nothing to do.
    assert after == expected_metrics(make_study("trials=16"))
    assert wait_until_gone(agents, timeout_s=120) == []
    status, out, _ = driver.run()
    assert status == 0
    assert "16 already stored, 0 to run" in out


def test_ctrl_c_keeps_finished_trials_and_ends_the_workers(driver: Driver) -> None:
    process = driver.start(trial_s=2.0)
    driver.wait_for_parts(2)
    children = family(process.pid)
    asked = time.monotonic()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 130
    assert "interrupted: storing the finished trials" in out
    assert "run the same command to continue" in out
    assert "Traceback" not in out + err
    assert wait_until_gone(children, timeout_s=10) == []
    assert time.monotonic() - asked < 30
    assert 2 <= len(driver.parts()) < 16
    assert json.loads((driver.results / "status.json").read_text())["state"] == "interrupted"


def test_failed_trials_are_reported_and_run_again(driver: Driver) -> None:
    status, out, err = driver.run("trials=8", "label_noise={uniform: [40ms, 80ms]}", fail_below_s=0.06)
    assert (status, err) == (1, "")
    rows = [pq.read_table(path).to_pylist()[0] for path in driver.parts()]
    failed = [row for row in rows if row["status"] == "failed"]
    assert 0 < len(failed) < len(rows) == 8
    for row in failed:
        assert row["label_noise_s"] < 0.06
        assert row["f1"] is None
        assert row["error"].startswith("RuntimeError: label noise")
        log = driver.results / "logs" / f"{row['trial_id']}.log"
        assert f"trial {row['trial_id']} failed: {row['error']} (softloc, softness" in out
        assert f"log {log})" in out
        assert "Traceback" in log.read_text()
    assert f"{len(failed)} failed (run the study again to retry them)" in out
    # The same study without the fault.
    status, out, err = driver.run("trials=8", "label_noise={uniform: [40ms, 80ms]}")
    assert (status, err) == (0, "")
    assert all(pq.read_table(path).to_pylist()[0]["status"] == "completed" for path in driver.parts())
    assert driver.mlflow()[1] == {"FINISHED"}


def test_a_second_driver_is_rejected_and_told_who_the_first_is(driver: Driver) -> None:
    process = driver.start(trial_s=NEVER_ENDS_S)
    driver.wait_until_running()
    status, _, err = driver.run()
    assert status == 2
    assert f"must have one driver, but {driver.results} is run by process {process.pid} on" in err
    process.send_signal(signal.SIGINT)
    process.wait(timeout=60)


def test_no_port_is_open_to_other_machines(driver: Driver) -> None:
    process = driver.start(trial_s=NEVER_ENDS_S)
    driver.wait_until_running()
    listening = [
        (child.name(), connection.laddr)
        for child in [psutil.Process(process.pid), *family(process.pid)]
        for connection in child.net_connections(kind="inet")
        if connection.status == psutil.CONN_LISTEN
    ]
    process.send_signal(signal.SIGINT)
    process.wait(timeout=60)
    assert len(listening) > 3  # Ray is running
    assert {address.ip for _, address in listening} <= {"127.0.0.1", "::1", "::ffff:127.0.0.1"}
