"""The driver's log is appended to, on any filesystem, and its errors do not stop a study."""

from __future__ import annotations

import errno
import logging
from pathlib import Path
from types import SimpleNamespace

import pytest
from pyarrow import fs

from sweeps.storage import log as module
from sweeps.storage.folder import StudyFolder
from sweeps.storage.log import driver_log

logger = logging.getLogger("sweeps.somewhere")


@pytest.fixture(params=["local", "remote"])
def folder(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StudyFolder:
    if request.param == "local":
        return StudyFolder(tmp_path)
    store = fs._MockFileSystem()
    opened = SimpleNamespace(from_uri=lambda location: (store, location.partition("//")[2]))
    monkeypatch.setattr(fs, "FileSystem", opened)
    return StudyFolder("memory://bucket/sim")


def lines(folder: StudyFolder) -> list[str]:
    return (folder.read("logs/driver.log") or b"").decode().splitlines()


def test_a_second_driver_appends_to_the_log(folder: StudyFolder) -> None:
    before = logging.getLogger().level, list(logging.getLogger().handlers)
    for number in (1, 2):
        with driver_log(folder):
            logger.info("driver %d", number)
    assert [line.split(": ")[-1] for line in lines(folder)] == ["driver 1", "driver 2"]
    assert "INFO sweeps.somewhere" in lines(folder)[0]
    assert (logging.getLogger().level, list(logging.getLogger().handlers)) == before


def test_without_log_lines_nothing_is_written(folder: StudyFolder) -> None:
    with driver_log(folder):
        pass
    assert lines(folder) == []


def test_a_full_disk_prints_no_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(handler: logging.Handler) -> None:
        if isinstance(handler, logging.FileHandler):
            raise OSError(errno.ENOSPC, "No space left on device")

    with driver_log(StudyFolder(tmp_path)):
        monkeypatch.setattr(logging.StreamHandler, "flush", full)
        logger.info("lost")
        monkeypatch.undo()
        logger.info("kept")
    assert "kept" in lines(StudyFolder(tmp_path))[-1]
    assert capsys.readouterr().err == ""


def test_on_an_object_store_lines_are_sent_every_half_minute_and_resent_after_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[bytes] = []
    away = True

    def append(name: str, content: bytes) -> None:
        if away:
            raise OSError("the network is away")
        sent.append(content)

    remote = SimpleNamespace(local=None, append=append)
    now = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    with driver_log(remote):  # type: ignore[arg-type]
        logger.info("one")
        now[0] = 31.0
        logger.info("two")
        away = False
        logger.info("three")
        assert sent == []
        now[0] = 62.0
        logger.info("four")
        assert [line.split()[-1] for line in sent[0].splitlines()] == [b"one", b"two", b"three", b"four"]
        logger.info("five")
    assert sent[1].split()[-1] == b"five"
