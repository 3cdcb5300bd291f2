"""The status file that a driver keeps in the study's folder."""

from __future__ import annotations

import io
import json
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console

from sweeps.execution import status_file
from sweeps.execution.progress import Counts, ProgressLine
from sweeps.execution.status_file import StatusFile
from sweeps.storage import StudyFolder


def test_a_thread_writes_the_status_so_that_a_slow_store_delays_no_trial(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = StudyFolder(tmp_path)
    recorder = SimpleNamespace(errors=["one"], ended_by_host={"here": 2})
    line = ProgressLine(Counts(designed=3, done=2), console=Console(file=io.StringIO()))
    monkeypatch.setattr(status_file, "node_loads", lambda: 1 / 0)  # Ray is shutting down
    file = StatusFile(folder, line, recorder)  # type: ignore[arg-type]
    for _ in range(3):
        file.tick()
    file.finish("done")
    last = json.loads(folder.read("status.json") or b"")
    assert (last["state"], last["done"], last["errors"], last["nodes"]) == ("done", 2, ["one"], [])
    assert last["ended_by_host"] == {"here": 2}
    assert "status" not in {thread.name for thread in threading.enumerate()}
