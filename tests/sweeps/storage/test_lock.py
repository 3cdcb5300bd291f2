"""A study has one driver at a time, on a disk with locks and on a filesystem without."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from pyarrow import fs

from sweeps.storage import lock as lock_module
from sweeps.storage.folder import StudyFolder
from sweeps.storage.lock import StudyLockedError, study_lock

HOLDER = """
import sys, time
from sweeps.storage.folder import StudyFolder
from sweeps.storage.lock import study_lock
with study_lock(StudyFolder(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def remote(monkeypatch: pytest.MonkeyPatch) -> StudyFolder:
    """Return a folder on an in-memory filesystem, which has no locks."""
    store = fs._MockFileSystem()
    opened = SimpleNamespace(from_uri=lambda location: (store, location.partition("//")[2]))
    monkeypatch.setattr(fs, "FileSystem", opened)
    monkeypatch.setattr(lock_module, "_SETTLE_S", 0.01)
    return StudyFolder("memory://bucket/sim")


def write_holder(folder: StudyFolder, *, silent_s: float) -> None:
    renewed = (datetime.now(UTC) - timedelta(seconds=silent_s)).isoformat()
    holder = {"host": "far", "pid": 7, "since": "2026-01-02T03:04:05+00:00", "token": "t", "renewed": renewed}
    folder.write("driver.lock", json.dumps(holder).encode())


def test_a_lock_on_a_disk_ends_with_its_process_even_if_it_is_killed(tmp_path: Path) -> None:
    folder = StudyFolder(tmp_path / "sim")
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder)], stdout=subprocess.PIPE, text=True, cwd=Path.cwd()
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        refused = rf"{folder} is run by process {holder.pid} on {socket.gethostname()} since 20\d\d-"
        with pytest.raises(StudyLockedError, match=refused), study_lock(folder):
            pass
        holder.kill()
    # The file still names the dead driver, but its lock is gone.
    assert json.loads((tmp_path / "sim" / "driver.lock").read_text())["pid"] == holder.pid
    with study_lock(folder):
        assert json.loads((tmp_path / "sim" / "driver.lock").read_text())["pid"] == os.getpid()
    assert (tmp_path / "sim" / "driver.lock").read_text() == ""


@pytest.mark.parametrize("content", ["", "{", "[1]", '{"pid": 1}'])
def test_the_error_names_no_holder_if_the_lock_file_is_empty(tmp_path: Path, content: str) -> None:
    folder = StudyFolder(tmp_path)
    with study_lock(folder):
        (tmp_path / "driver.lock").write_text(content)
        with pytest.raises(StudyLockedError, match="is run by another process"), study_lock(folder):
            pass


def test_a_lease_is_not_taken_over_while_its_holder_lives(remote: StudyFolder) -> None:
    write_holder(remote, silent_s=20)
    refused = "memory://bucket/sim is run by process 7 on far since 2026-01-02T03:04:05 UTC"
    with pytest.raises(StudyLockedError, match=refused), study_lock(remote):
        pass


@pytest.mark.parametrize("content", [None, b"", b"{", b'{"pid": 3}'])
def test_an_expired_lease_is_taken_over_and_released(remote: StudyFolder, content: bytes | None) -> None:
    if content is None:
        write_holder(remote, silent_s=61)
    else:
        remote.write("driver.lock", content)
    with study_lock(remote):
        assert json.loads(remote.read("driver.lock") or b"")["pid"] == os.getpid()
        with pytest.raises(StudyLockedError, match=f"process {os.getpid()} on"), study_lock(remote):
            pass
    assert remote.read("driver.lock") == b""


def test_if_two_drivers_start_at_once_the_first_writer_gets_the_error(
    remote: StudyFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock_module.time, "sleep", lambda seconds: write_holder(remote, silent_s=0))
    with pytest.raises(StudyLockedError, match="process 7 on far"), study_lock(remote):
        pass


def test_a_lease_is_renewed_through_failures_until_it_is_lost(
    remote: StudyFolder, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(lock_module, "_RENEW_S", 0.01)
    write, away, renewed = remote.write, threading.Event(), threading.Event()

    def sometimes(name: str, content: bytes) -> None:
        if away.is_set():
            away.clear()
            raise OSError("the network is away")
        write(name, content)
        renewed.set()

    monkeypatch.setattr(remote, "write", sometimes)
    with study_lock(remote):
        away.set()
        while away.is_set():
            time.sleep(0.001)
        renewed.clear()
        assert renewed.wait(5)
        write("driver.lock", b'{"token": "other"}')
        while "taken over" not in caplog.text:
            time.sleep(0.001)
    assert "could not be renewed: the network is away" in caplog.text
    assert remote.read("driver.lock") == b'{"token": "other"}'
