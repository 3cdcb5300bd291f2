"""How many trials a folder holds, read without touching it: its driver may be at work elsewhere."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from sweeps.storage.folder import StudyFolder

__all__ = ["StoredCounts", "stored_counts"]

_COLUMNS = ("trial_id", "status", "error", "started_at")
# Requests to an object store wait for the network, not for this machine.
_REQUESTS = 16


@dataclass(frozen=True)
class StoredCounts:
    """Trials by how they ended.

    Attributes:
        completed: Went through.
        failed: Failed, and would be run again.
        stopped: Ended early by the study's own rule.
        errors: Of failed trials, message and log path, latest last.
    """

    completed: int
    failed: int
    stopped: int = 0
    errors: tuple[str, ...] = field(default=())

    @property
    def total(self) -> int:
        """All of them."""
        return self.completed + self.failed + self.stopped


def stored_counts(folder: StudyFolder) -> StoredCounts:
    """Count the stored trials, each once; a part that cannot be read is left out and left where it is."""
    names = [name for name in folder.names("trials", suffix=".parquet") if name[0] not in "._"]
    with ThreadPoolExecutor(_REQUESTS if folder.local is None else 1) as pool:
        rows = [row for part in pool.map(lambda name: _rows(folder, name), names) for row in part]
    latest: dict[str, dict[str, Any]] = {}
    for row in sorted(rows, key=lambda row: (row["status"] == "completed", row["started_at"])):
        latest[row["trial_id"]] = row
    failed = [row for row in latest.values() if row["status"] == "failed"]
    return StoredCounts(
        completed=sum(row["status"] == "completed" for row in latest.values()),
        failed=len(failed),
        stopped=sum(row["status"] == "stopped" for row in latest.values()),
        errors=tuple(_error(folder, row) for row in failed),
    )


def _rows(folder: StudyFolder, name: str) -> list[dict[str, Any]]:
    """The trials of one part."""
    content = folder.read(f"trials/{name}")
    if not content:
        return []
    try:
        found: list[dict[str, Any]] = pq.read_table(
            pa.BufferReader(content), columns=list(_COLUMNS)
        ).to_pylist()
    except (pa.ArrowException, OSError, ValueError):
        return []
    return found


def _error(folder: StudyFolder, row: dict[str, Any]) -> str:
    """A failed trial's message and where its log is."""
    log = folder.path(f"logs/{row['trial_id']}.log")
    return f"trial {row['trial_id']} failed: {row['error']} (log {log})"
