"""How far a study is, for anyone who can read its folder, wherever its driver runs."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import logging
import os
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from softloc_core.errors import UserError
from sweeps.execution.progress import ProgressLine, duration_text
from sweeps.execution.ray.node_load import NodeLoad, node_loads
from sweeps.execution.recorder import Recorder
from sweeps.inspection.pareto import own_objectives
from sweeps.storage.counts import StoredCounts, stored_counts
from sweeps.storage.folder import StudyFolder

__all__ = ["StatusFile", "status_text", "watch_status"]

logger = logging.getLogger(__name__)
_NAME = "status.json"
# An object store is billed by the request, and nobody reads faster than this.
_LOCAL_EVERY_S, _REMOTE_EVERY_S = 2.0, 10.0
# A driver that was silent this long is gone.
_SILENT_S = 60.0
_SHOWN_ERRORS = 3


class StatusFile:
    """Keeps `status.json` of the study's folder and the progress line up to date.

    The file is written by a thread of its own: a slow store must not hold up the dispatch of trials.
    """

    def __init__(self, folder: StudyFolder, progress: ProgressLine, recorder: Recorder) -> None:
        self._folder = folder
        self._progress = progress
        self._recorder = recorder
        self._every_s = _LOCAL_EVERY_S if folder.local is not None else _REMOTE_EVERY_S
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def tick(self) -> None:
        """Called often."""
        self._progress.update()
        if self._thread is None:
            self._thread = threading.Thread(target=self._keep_writing, name="status", daemon=True)
            self._thread.start()

    def write(self, state: str) -> None:
        """Write the last status."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
        self._write(state, [])

    def _keep_writing(self) -> None:
        """Write now and again until the end."""
        while True:
            self._write("running", _loads())
            if self._ended.wait(self._every_s):
                return

    def _write(self, state: str, loads: list[NodeLoad]) -> None:
        """Write the status; one that cannot be written is no reason to stop."""
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
            self._folder.write(_NAME, json.dumps(content, indent=1).encode())


def status_text(study: str) -> str:
    """A study's state in a few lines, from its status file or, where no driver is heard of, its Parquet.

    Nothing is written, moved or locked.

    Args:
        study: The study's folder, or any address that pyarrow opens.

    Raises:
        UserError: No study there.
    """
    return _status(StudyFolder(study))[0]


def watch_status(study: str, *, every_s: float = 10.0) -> Iterator[str]:
    """The state again and again, until the driver has ended or is not heard of any more."""
    folder = StudyFolder(study)
    while True:
        text, is_running = _status(folder)
        yield text
        if not is_running:
            return
        time.sleep(every_s)


def _status(folder: StudyFolder) -> tuple[str, bool]:
    """The state in words, and whether a driver is at work."""
    definition = folder.read("study.yaml")
    if definition is None:
        raise UserError(f"a study's folder must hold study.yaml, but {folder} does not")
    last = _last(folder)
    is_running = last.get("state") == "running" and _age_s(last) <= _SILENT_S
    counts = _reported(last) if is_running else stored_counts(folder)
    of = f" of {last['designed']}" if "designed" in last else ""
    text = (
        f"{folder}: {_state(last, counts)}; {counts.completed}{of} trials completed, {counts.failed} failed"
    )
    text += f", {counts.stopped} stopped early" if counts.stopped else ""
    lines = [text + (f", {last['running']} running" if is_running else "")]
    if is_running:
        lines += _pace(last)
    objectives = own_objectives(definition, str(folder))
    if len(objectives) > 1:
        lines.append(f"best in {' and '.join(map(str, objectives))}: softloc pareto {folder}")
    errors = last.get("errors") or counts.errors
    lines += [f"last failed trial: {error}" for error in errors[-_SHOWN_ERRORS:]]
    return "\n".join(lines), is_running


def _last(folder: StudyFolder) -> dict[str, Any]:
    """What a driver wrote last; nothing where none did."""
    try:
        found = json.loads(folder.read(_NAME) or b"{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _reported(last: Mapping[str, Any]) -> StoredCounts:
    """The counts of a driver that is at work."""
    kept_stopped = int(last.get("kept_stopped", 0))
    stopped = kept_stopped + int(last.get("stopped", 0))
    return StoredCounts(last["kept"] - kept_stopped + last["done"], last["failed"], stopped)


def _age_s(last: Mapping[str, Any]) -> float:
    """Seconds since the driver was heard of."""
    return (datetime.now(UTC) - datetime.fromisoformat(last["updated_at"])).total_seconds()


def _state(last: Mapping[str, Any], counts: StoredCounts) -> str:
    """The driver's state, or that it is silent or was never here (an export has trials and no driver)."""
    if not last:
        return "stored trials, no driver" if counts.total else "not begun"
    age_s = _age_s(last)
    if last["state"] == "running" and age_s > _SILENT_S:
        return f"its driver was not heard of for {duration_text(age_s)} (run the study again to go on)"
    return str(last["state"])


def _pace(last: Mapping[str, Any]) -> list[str]:
    """Rate, expected end, where the driver runs, and the load of every node."""
    parts = []
    if last.get("per_minute") is not None:
        parts.append(f"{last['per_minute']:.3g} trials a minute")
    if last.get("expected_s") is not None:
        left_s = max(0.0, last["expected_s"] - _age_s(last))
        finish = datetime.now().astimezone() + timedelta(seconds=left_s)
        parts.append(f"expected to finish in {duration_text(left_s)} ({finish:%a %H:%M %Z})")
    if last.get("retried"):
        parts.append(f"{last['retried']} started again after a worker died")
    driver = f"driver: process {last['pid']} on {last['host']}, heard of {_age_s(last):.0f} s ago"
    return [*(["; ".join(parts)] if parts else []), driver, *map(_node_text, last.get("nodes", []))]


def _node_text(node: Mapping[str, Any]) -> str:
    """A node's load in words."""
    text = f"node {node['name']} ({node['address']}): {node['cpus_used']:g} of {node['cpus']:g} CPUs"
    text += f", {node['gpus_used']:g} of {node['gpus']:g} GPUs" if node["gpus"] else ""
    return f"{text} in use, {node['ended']} trials ended there"


def _loads() -> list[NodeLoad]:
    """Load of every node; unknown while Ray starts or ends."""
    try:
        return node_loads()
    except Exception as error:
        # Ray raises its own errors, gRPC's, or bare ones, as its processes come and go; none of them may end
        # a study over a line of its status.
        logger.info("the load of the nodes is not known: %s", error, exc_info=True)
        return []
