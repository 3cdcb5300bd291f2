"""A study in several runs, each with its own budget, on a real Ray."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from sweeps.study import Study

pytestmark = [pytest.mark.ray, pytest.mark.slow]
DRIVER = Path(__file__).with_name("simulated_driver.py")


@pytest.fixture
def run(tmp_path: Path, make_study: Callable[..., Study]) -> Callable[..., tuple[int, str]]:
    """Return a function that runs the study, and returns its exit status and output."""
    study_file = tmp_path / "study_file.yaml"
    study_file.write_text(make_study("trials=12", "objectives=[f1, precision]", "design=nsga2").to_yaml())

    def call(*, fail_below_s: float = 0.0, **budget: float) -> tuple[int, str]:
        done = subprocess.run(
            [sys.executable, str(DRIVER), str(study_file), str(tmp_path / "runs"), "0", str(fail_below_s)],
            env={**os.environ, "SIMULATED_BUDGET": json.dumps(budget)},
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.stderr == ""
        return done.returncode, done.stdout

    return call


def statuses(folder: Path) -> list[str]:
    parts = sorted((folder / "runs" / "sim" / "trials").glob("*.parquet"))
    return [str(pq.read_table(path)["status"][0]) for path in parts]


def test_each_run_stays_within_its_budget_and_the_last_one_completes_the_study(
    tmp_path: Path, run: Callable[..., tuple[int, str]]
) -> None:
    state = tmp_path / "runs" / "sim" / "status.json"
    status, out = run(max_trials=3)
    assert status == 0
    assert "3 of 12 trials completed, stopped because 3 trials were run (--max-trials 3): run the same" in out
    assert statuses(tmp_path) == ["completed"] * 3
    assert json.loads(state.read_text())["state"] == "paused"

    status, out = run(max_failures=2, fail_below_s=1.0)
    assert status == 1
    assert "trials failed (--max-failures 2): run the same command to continue" in out
    # Some trials may have been waiting for a worker already.
    assert 2 <= statuses(tmp_path).count("failed") <= 4

    status, out = run()
    assert status == 0
    assert statuses(tmp_path) == ["completed"] * 12
    assert "12 of 12 trials completed; " in out
    assert "Pareto front of f1 (maximize), precision (maximize): 1 of 12 settings" in out
    assert json.loads(state.read_text())["state"] == "done"
