"""The dashboard serves MLflow on localhost, and ends all processes that it started."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import psutil

COMMAND = "import sys; from sweeps.cli.app import main; sys.argv[0] = 'softloc'; main()"


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2) as reply:
            return bool(reply.status == 200)
    except OSError:
        return False


def wait_until(holds, *, within_s: float) -> bool:
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        if holds():
            return True
        time.sleep(0.2)
    return False


def test_it_serves_on_localhost_and_ends_all_its_processes(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").touch()
    port = free_port()
    driver = subprocess.Popen(
        [sys.executable, "-c", COMMAND, "dashboard", str(tmp_path), "--port", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert wait_until(lambda: answers(port), within_s=300)
        children = psutil.Process(driver.pid).children(recursive=True)
        assert children
        listening = [
            connection.laddr
            for process in (psutil.Process(driver.pid), *children)
            for connection in process.net_connections(kind="inet")
            if connection.status == psutil.CONN_LISTEN
        ]
        assert port in {address.port for address in listening}
        assert {address.ip for address in listening} == {"127.0.0.1"}
        # No command line has the database's address, which may contain a password.
        assert not any("mlflow.db" in " ".join(process.cmdline()) for process in children)
        driver.send_signal(signal.SIGTERM)
        assert driver.wait(timeout=40) == 0
        _, alive = psutil.wait_procs(children, timeout=20)
        assert not alive, [process.cmdline() for process in alive]
        assert not answers(port)
    finally:
        driver.kill()
