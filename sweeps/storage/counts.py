"""How many trials a folder holds. It is only read, because its driver may be running elsewhere."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from sweeps.storage.folder import StudyFolder
from sweeps.storage.schema import Row
from sweeps.storage.store import MAX_REQUESTS, read_part

__all__ = ["StoredCounts", "stored_counts"]

_COLUMNS = ("trial_id", "status", "error", "started_at")


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
    with ThreadPoolExecutor(MAX_REQUESTS if folder.local is None else 1) as pool:
        rows = [row for part in pool.map(lambda name: _rows(folder, name), names) for row in part]
    latest: dict[str, Row] = {}
    for row in sorted(rows, key=lambda row: (row["status"] == "completed", row["started_at"])):
        latest[row["trial_id"]] = row
    failed = [row for row in latest.values() if row["status"] == "failed"]
    return StoredCounts(
        completed=sum(row["status"] == "completed" for row in latest.values()),
        failed=len(failed),
        stopped=sum(row["status"] == "stopped" for row in latest.values()),
        errors=tuple(_error(folder, row) for row in failed),
    )


def _rows(folder: StudyFolder, name: str) -> list[Row]:
    """Return the trials of one part."""
    part = read_part(folder.read(f"trials/{name}"), columns=_COLUMNS)
    if part is None or not set(_COLUMNS) <= set(part.column_names):
        return []
    return list(part.to_pylist())


def _error(folder: StudyFolder, row: Row) -> str:
    """Return a failed trial's message with the path of its log."""
    log = folder.path(f"logs/{row['trial_id']}.log")
    return f"trial {row['trial_id']} failed: {row['error']} (log {log})"
