"""A worker process is killed, and a node of a cluster is removed."""

from __future__ import annotations

import contextlib
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.faults.fault_study import PATIENCE_S, FaultStudy

pytestmark = [pytest.mark.ray, pytest.mark.slow]
KILLS = 12


def test_a_killed_worker_loses_no_trial(
    make_fault_study: Callable[..., FaultStudy], assert_intact: Callable[..., Any]
) -> None:
    study = make_fault_study(16)
    driver = study.start(trial_s=1.0)
    for stored in (2, 6):
        study.wait_for_parts(stored, driver)
        worker = study.workers(driver)[0]
        with contextlib.suppress(psutil.NoSuchProcess):
            worker.kill()
    assert driver.wait(timeout=PATIENCE_S) == 0, study.output()
    assert json.loads((study.results / "status.json").read_text())["retried"] >= 1
    assert_intact(study, "worker process killed in a trial", times=2)
    assert study.mlflow() == (sorted(path.stem for path in study.parts()), {"FINISHED"})


def test_workers_killed_between_trials_lose_no_trial(
    make_fault_study: Callable[..., FaultStudy], assert_intact: Callable[..., Any]
) -> None:
    # Trials are so short that a kill often hits a worker that is just receiving its next trial.
    study = make_fault_study(80)
    driver = study.start(trial_s=0.05)
    moments = random.Random(7)
    for kill in range(KILLS):
        study.wait_for_parts(2 + 5 * kill, driver)
        time.sleep(moments.uniform(0, 0.1))
        for worker in study.workers(driver)[:1]:
            with contextlib.suppress(psutil.NoSuchProcess):
                worker.kill()
    assert driver.wait(timeout=PATIENCE_S) == 0, study.output()
    assert_intact(study, "worker process killed at a random moment", times=KILLS)


class Nodes:
    """A cluster of nodes in a separate process."""

    def __init__(self, folder: Path, workers: int) -> None:
        # The cluster has its own token, which the driver must present.
        self.environment = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": os.urandom(32).hex()}
        self._errors = (folder / "nodes.err").open("w")
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("cluster_of_nodes.py")), str(workers)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            env={**os.environ, **self.environment},
        )
        self.address = self._answer()

    def remove(self) -> None:
        """Remove a worker node by killing all its processes."""
        self._send("remove")
        assert self._answer() == "removed"

    def end(self) -> None:
        self._send("end")
        self._process.wait(timeout=PATIENCE_S)
        for pipe in (self._process.stdin, self._process.stdout, self._errors):
            assert pipe is not None
            pipe.close()

    def _send(self, word: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{word}\n")
        self._process.stdin.flush()

    def _answer(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[Nodes]:
    """Return a cluster of a head without cores and two workers with one core each."""
    nodes = Nodes(tmp_path, 2)
    yield nodes
    nodes.end()


def test_a_node_that_is_removed_during_a_trial_loses_no_trial(
    nodes: Nodes, make_fault_study: Callable[..., FaultStudy], assert_intact: Callable[..., Any]
) -> None:
    study = make_fault_study(14)
    driver = study.start(trial_s=1.5, SIMULATED_ADDRESS=nodes.address, **nodes.environment)
    study.wait_for_parts(4, driver)
    nodes.remove()
    assert driver.wait(timeout=PATIENCE_S) == 0, study.output()
    assert json.loads((study.results / "status.json").read_text())["retried"] >= 1
    assert_intact(study, "worker node removed in a trial", times=1)


def test_a_driver_killed_on_a_cluster_leaves_the_cluster_usable(
    nodes: Nodes, make_fault_study: Callable[..., FaultStudy], assert_intact: Callable[..., Any]
) -> None:
    study = make_fault_study(10)
    environment = {"SIMULATED_ADDRESS": nodes.address, **nodes.environment}
    driver = study.start(trial_s=0.5, **environment)
    study.wait_for_parts(3, driver)
    study.kill(driver)
    study.finish(**environment)
    verdict = assert_intact(study, "driver killed on a cluster of three nodes", times=1)
    assert verdict.designed == len(study.parts()) == 10
    assert json.loads((study.results / "status.json").read_text())["state"] == "done"
