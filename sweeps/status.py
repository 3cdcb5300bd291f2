"""How far a study is, for anyone who can read its folder."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import socket
import time
from datetime import UTC, datetime
from typing import Any

from softloc_core.errors import UserError
from sweeps.folder import StudyFolder
from sweeps.progress import ProgressLine, duration_text
from sweeps.recorder import Recorder
from sweeps.store import TrialStore

__all__ = ["StatusFile", "status_text"]

_STATUS_EVERY_S = 2.0
# A driver writes every two seconds; one that was silent this long is gone.
_SILENT_S = 60.0


class StatusFile:
    """Keeps `status.json` of the study's folder and the progress line up to date."""

    def __init__(self, folder: StudyFolder, progress: ProgressLine, recorder: Recorder) -> None:
        self._folder = folder
        self._progress = progress
        self._recorder = recorder
        self._written_s = -_STATUS_EVERY_S

    def tick(self) -> None:
        """Called often."""
        self._progress.update()
        if time.monotonic() - self._written_s >= _STATUS_EVERY_S:
            self.write("running")

    def write(self, state: str) -> None:
        """Write the status; one that cannot be written is no reason to stop."""
        self._written_s = time.monotonic()
        content = {
            "state": state,
            **dataclasses.asdict(self._progress.counts),
            "expected_s": self._progress.expected_s() if state == "running" else None,
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "updated_at": datetime.now(UTC).isoformat(),
            "errors": self._recorder.errors,
        }
        with contextlib.suppress(OSError):
            self._folder.write("status.json", json.dumps(content, indent=1).encode())


def status_text(study: str) -> str:
    """A study's state in a few lines, from its status file and its Parquet.

    Raises:
        UserError: No study there.
    """
    folder = StudyFolder(study)
    if folder.read("study.yaml") is None:
        raise UserError(f"a study's folder must hold study.yaml, but {study} does not")
    content = folder.read("status.json")
    last: dict[str, Any] = json.loads(content) if content else {}
    stored = TrialStore(folder).load().values()
    completed = sum(trial.status == "completed" for trial in stored)
    designed = last.get("designed", "an unknown number of")
    lines = [
        f"{study}: {_state(last)}; {completed} of {designed} trials completed, "
        f"{len(stored) - completed} failed"
    ]
    if last.get("state") == "running" and "not heard of" not in lines[0]:
        lines.append(_pace(last))
    lines += [f"last failed trial: {error}" for error in last.get("errors", [])[-3:]]
    return "\n".join(lines)


def _state(last: dict[str, Any]) -> str:
    """The driver's state, or that it is silent."""
    if not last:
        return "not begun"
    age_s = (datetime.now(UTC) - datetime.fromisoformat(last["updated_at"])).total_seconds()
    if last["state"] == "running" and age_s > _SILENT_S:
        return f"its driver was not heard of for {duration_text(age_s)} (run the study again to go on)"
    return str(last["state"])


def _pace(last: dict[str, Any]) -> str:
    """What is running and when it is expected to end."""
    text = f"{last['running']} running on {last['host']} (process {last['pid']})"
    if last.get("expected_s") is not None:
        text += f"; expected to finish in {duration_text(last['expected_s'])}"
    return text
