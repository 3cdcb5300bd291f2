"""How many trials a folder holds. It is only read, because its driver may be running elsewhere."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from sweeps.storage.folder import StudyFolder

__all__ = ["StoredCounts", "stored_counts"]

_COLUMNS = ("trial_id", "status", "error", "started_at")
# Requests to an object store wait for the network, so many run at once.
_REQUESTS = 16


@dataclass(frozen=True)
class StoredCounts:
    """Numbers of trials by how they ended.

    Attributes:
        completed: Trials that completed.
        failed: Trials that failed, and would run again.
        stopped: Trials that the study's rule stopped early.
        errors: Message and log path of each failed trial, latest last.
    """

    completed: int
    failed: int
    stopped: int = 0
    errors: tuple[str, ...] = field(default=())

    @property
    def total(self) -> int:
        """Number of all trials."""
        return self.completed + self.failed + self.stopped


def stored_counts(folder: StudyFolder) -> StoredCounts:
    """Count the stored trials, each once. A part that cannot be read is skipped and left unchanged."""
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
    """Return the trials of one part."""
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
    """Return a failed trial's message with the path of its log."""
    log = folder.path(f"logs/{row['trial_id']}.log")
    return f"trial {row['trial_id']} failed: {row['error']} (log {log})"
