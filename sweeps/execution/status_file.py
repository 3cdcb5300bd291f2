"""The status file of a study's folder. The driver writes it, and `softloc status` reads it."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import logging
import os
import socket
import threading
from collections.abc import Sequence
from datetime import UTC, datetime

from sweeps.execution.progress import ProgressLine
from sweeps.execution.ray.node_load import NodeLoad, node_loads
from sweeps.execution.recorder import Recorder
from sweeps.storage import StudyFolder

__all__ = ["STATUS_FILE", "StatusFile"]

logger = logging.getLogger(__name__)
STATUS_FILE = "status.json"
# Object stores charge by the request, and ten seconds are recent enough for a reader.
_LOCAL_EVERY_S, _REMOTE_EVERY_S = 2.0, 10.0


class StatusFile:
    """Keeps `status.json` in the study's folder and the progress line up to date.

    A separate thread writes the file, so that a slow store does not delay the dispatch of trials.
    """

    def __init__(self, folder: StudyFolder, progress: ProgressLine, recorder: Recorder) -> None:
        self._folder = folder
        self._progress = progress
        self._recorder = recorder
        self._every_s = _LOCAL_EVERY_S if folder.local is not None else _REMOTE_EVERY_S
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def tick(self) -> None:
        """Update the progress line, and start the writing thread at the first call."""
        self._progress.update()
        if self._thread is None:
            self._thread = threading.Thread(target=self._keep_writing, name="status", daemon=True)
            self._thread.start()

    def finish(self, state: str) -> None:
        """Stop the writing thread, and write the last status."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
        self.write(state, [])

    def _keep_writing(self) -> None:
        """Write the status at regular intervals until the end."""
        while True:
            self.write("running", _loads())
            if self._ended.wait(self._every_s):
                return

    def write(self, state: str, loads: Sequence[NodeLoad]) -> None:
        """Write the status. A failed write does not stop the study."""
        progress, recorder = self._progress, self._recorder
        ended = recorder.ended_by_host
        nodes = [{**dataclasses.asdict(load), "ended": ended.get(load.name, 0)} for load in loads]
        content = {
            "state": state,
            **dataclasses.asdict(progress.counts),
            "expected_s": progress.expected_s() if state == "running" else None,
            "per_minute": progress.per_minute(),
            "nodes": nodes,
            "ended_by_host": dict(ended),
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "updated_at": datetime.now(UTC).isoformat(),
            "errors": recorder.errors,
        }
        with contextlib.suppress(OSError):
            self._folder.write(STATUS_FILE, json.dumps(content, indent=1).encode())


def _loads() -> list[NodeLoad]:
    """Return the load of every node; empty while Ray starts or ends."""
    try:
        return node_loads()
    except Exception as error:
        # While Ray's processes start and end, it raises its own errors, gRPC's errors, or a plain Exception.
        # None of them may end a study because of a line in its status.
        logger.info("the load of the nodes is not known: %s", error, exc_info=True)
        return []
