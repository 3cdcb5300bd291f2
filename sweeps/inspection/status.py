"""The progress of a study, for anyone who can read its folder. The driver may run on another machine."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from sweeps.execution import STATUS_FILE, duration_text
from sweeps.inspection.pareto import own_objectives
from sweeps.storage import StoredCounts, StudyFolder, require_definition, stored_counts

__all__ = ["status_text", "watch_status"]

logger = logging.getLogger(__name__)
# A driver whose status is older than this has ended without saying so.
_SILENT_S = 60.0
_SHOWN_ERRORS = 3


def status_text(study: str) -> str:
    """Return the state of a study in a few lines.

    The counts are those of the status file if a driver is running, and otherwise those of the Parquet files.
    Nothing is written, moved or locked.

    Args:
        study: The study's folder, or any address that pyarrow opens.

    Raises:
        UserError: The folder has no study.
    """
    return _status(StudyFolder(study))[0]


def watch_status(study: str, *, every_s: float = 10.0) -> Iterator[str]:
    """Yield the state of a study repeatedly, until its driver has ended or become silent.

    Args:
        study: The study's folder, or any address that pyarrow opens.
        every_s: Pause between two states, in seconds.

    Raises:
        UserError: The folder has no study.
    """
    folder = StudyFolder(study)
    while True:
        text, is_running = _status(folder)
        yield text
        if not is_running:
            return
        time.sleep(every_s)


def _status(folder: StudyFolder) -> tuple[str, bool]:
    """Return the state as text, and whether a driver is running."""
    definition = require_definition(folder)
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
    objectives = own_objectives(definition)
    if len(objectives) > 1:
        lines.append(f"best in {' and '.join(map(str, objectives))}: softloc pareto {folder}")
    errors = last.get("errors") or counts.errors
    lines += [f"last failed trial: {error}" for error in errors[-_SHOWN_ERRORS:]]
    return "\n".join(lines), is_running


def _last(folder: StudyFolder) -> dict[str, Any]:
    """Return the last status that a driver wrote, or an empty mapping."""
    try:
        found = json.loads(folder.read(STATUS_FILE) or b"{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _reported(last: Mapping[str, Any]) -> StoredCounts:
    """Return the counts that a running driver reports."""
    kept_stopped = int(last.get("kept_stopped", 0))
    stopped = kept_stopped + int(last.get("stopped", 0))
    return StoredCounts(last["kept"] - kept_stopped + last["done"], last["failed"], stopped)


def _age_s(last: Mapping[str, Any]) -> float:
    """Return the seconds since the driver last wrote its status."""
    return (datetime.now(UTC) - datetime.fromisoformat(last["updated_at"])).total_seconds()


def _state(last: Mapping[str, Any], counts: StoredCounts) -> str:
    """Return the driver's state, or why there is none. An export, for example, has trials but no driver."""
    if not last:
        return "stored trials, no driver" if counts.total else "not started"
    age_s = _age_s(last)
    if last["state"] == "running" and age_s > _SILENT_S:
        return f"no sign of its driver for {duration_text(age_s)} (run the study again to resume it)"
    return str(last["state"])


def _pace(last: Mapping[str, Any]) -> list[str]:
    """Return lines with the rate, the expected end, the driver's host, and the load of each node."""
    parts = []
    if last.get("per_minute") is not None:
        parts.append(f"{last['per_minute']:.3g} trials a minute")
    if last.get("expected_s") is not None:
        left_s = max(0.0, last["expected_s"] - _age_s(last))
        finish = datetime.now().astimezone() + timedelta(seconds=left_s)
        parts.append(f"expected to finish in {duration_text(left_s)} ({finish:%a %H:%M %Z})")
    if last.get("retried"):
        parts.append(f"{last['retried']} restarted after a worker died")
    driver = f"driver: process {last['pid']} on {last['host']}, last seen {_age_s(last):.0f} s ago"
    return [*(["; ".join(parts)] if parts else []), driver, *map(_node_text, last.get("nodes", []))]


def _node_text(node: Mapping[str, Any]) -> str:
    """Return the load of a node as text."""
    text = f"node {node['name']} ({node['address']}): {node['cpus_used']:g} of {node['cpus']:g} CPUs"
    text += f", {node['gpus_used']:g} of {node['gpus']:g} GPUs" if node["gpus"] else ""
    return f"{text} in use, {node['ended']} trials ended there"
