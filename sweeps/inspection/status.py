"""How far a study is, for anyone who can read its folder, wherever its driver runs."""

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
# A driver that was silent this long is gone.
_SILENT_S = 60.0
_SHOWN_ERRORS = 3


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
    """What a driver wrote last; nothing where none did."""
    try:
        found = json.loads(folder.read(STATUS_FILE) or b"{}")
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
