"""The MLflow server is stopped for the middle third of a study."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.faults.fault_study import PATIENCE_S, FaultStudy

pytestmark = [pytest.mark.ray, pytest.mark.slow]


class Server:
    """An MLflow server with a database, which can be stopped and started again."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        self.address = f"http://127.0.0.1:{self._port}"
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(self._port)]
        command += ["--backend-store-uri", f"sqlite:///{self._folder}/server.db", "--workers", "1"]
        command += ["--default-artifact-root", f"file://{self._folder}/artifacts"]
        with (self._folder / "server.log").open("a") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        deadline = time.monotonic() + PATIENCE_S
        while not self._answers():
            assert time.monotonic() < deadline, (self._folder / "server.log").read_text()
            time.sleep(0.2)

    def stop(self) -> None:
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(timeout=30)
        self._process = None

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.address}/health", timeout=2):
                return True
        except (urllib.error.URLError, OSError):
            return False


def test_a_study_is_complete_in_mlflow_after_the_server_was_stopped(
    tmp_path: Path, make_fault_study: Callable[..., FaultStudy], assert_intact: Callable[..., Any]
) -> None:
    study = make_fault_study(24)
    server = Server(tmp_path)
    server.start()
    try:
        driver = study.start(trial_s=1.0, SIMULATED_TRACKING_URI=server.address)
        study.wait_for_parts(8, driver)
        server.stop()
        study.wait_for_parts(16, driver)
        server.start()
        assert driver.wait(timeout=PATIENCE_S) == 0, study.output()
        assert "cannot write to MLflow" in study.output()
        assert_intact(study, "MLflow stopped for the middle third", times=1)
        study.rebuild("--tracking-uri", server.address)
        assert "0 trials written" in study.rebuild("--tracking-uri", server.address)
        assert _trials_in_mlflow(server.address) == sorted(path.stem for path in study.parts())
    finally:
        server.stop()


def _trials_in_mlflow(address: str) -> list[str]:
    """Return the trial of each finished run."""
    script = (
        "import sys; from mlflow import MlflowClient\n"
        "client = MlflowClient(sys.argv[1])\n"
        "experiments = [item.experiment_id for item in client.search_experiments()]\n"
        "runs = client.search_runs(experiments, \"tags.kind = 'trial'\", max_results=1000)\n"
        "print(*sorted(run.data.tags['trial_id'] for run in runs if run.info.status == 'FINISHED'))"
    )
    command = [sys.executable, "-c", script, address]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=PATIENCE_S)
    return done.stdout.split()
