"""A driver is killed and restarted many times, and two drivers are started at once."""

from __future__ import annotations

import random
import subprocess
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.faults.fault_study import PATIENCE_S, FaultStudy

pytestmark = [pytest.mark.ray, pytest.mark.slow]
KILLS = 30


def test_thirty_kills_at_random_moments_lose_no_trial(
    make_fault_study: Callable[..., FaultStudy], assert_intact: Callable[..., Any]
) -> None:
    study = make_fault_study(40)
    moments = random.Random(11)
    stored: list[int] = []
    for _ in range(KILLS):
        process = study.start(trial_s=0.3)
        _wait_for_a_moment(study, process, moments)
        study.kill(process)
        # Stored trials stay stored.
        assert len(study.parts()) >= (stored[-1] if stored else 0)
        stored.append(len(study.parts()))
    study.finish()
    assert 0 < stored[-1] <= 40
    assert_intact(study, "driver killed with -9 at a random moment", times=KILLS)
    designed = sorted(path.stem for path in study.parts())
    study.rebuild()
    assert study.mlflow() == (designed, {"FINISHED"})
    assert "0 trials written" in study.rebuild()


def _wait_for_a_moment(study: FaultStudy, process: subprocess.Popen[str], moments: random.Random) -> None:
    """Wait for up to ten seconds, or until some more trials are stored, with equal probability."""
    if moments.random() < 0.5:
        time.sleep(moments.uniform(0, 10))
        return
    goal = len(study.parts()) + moments.randint(1, 3)
    deadline = time.monotonic() + PATIENCE_S
    while process.poll() is None and len(study.parts()) < goal:
        assert time.monotonic() < deadline, study.output()
        time.sleep(0.01)
    time.sleep(moments.uniform(0, 0.3))


def test_a_second_driver_is_rejected_and_the_lock_of_a_dead_one_is_taken_over(
    make_fault_study: Callable[..., FaultStudy], assert_intact: Callable[..., Any]
) -> None:
    study = make_fault_study(12)
    # The trials are long enough for the second driver to be rejected before the first one ends.
    first = study.start(trial_s=8.0)
    study.wait_for_parts(2, first)
    second = study.start()
    assert second.wait(timeout=PATIENCE_S) == 2
    assert f"must have one driver, but {study.results} is run by process {first.pid} on" in study.output()
    assert first.poll() is None
    assert len(study.parts()) < 12
    study.kill(first)
    # The lock still names the dead driver.
    assert f'"pid": {first.pid}' in (study.results / "driver.lock").read_text()
    study.finish()
    assert_intact(study, "two drivers at once, then the first killed", times=2)
