"""Checks of a data source before a study: what it contains and everything that is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from softloc_core.errors import ConfigError
from softloc_core.tasks.base.contract import Task

__all__ = ["CheckableTask", "RecordingSummary", "SourceReport", "check_source"]


@dataclass(frozen=True)
class RecordingSummary:
    """Summary of a usable recording.

    Attributes:
        name: Unique within its source.
        group: Who or what produced it.
        duration_s: Length in seconds.
        n_events: Number of events of each class, by name, in channel order.
    """

    name: str
    group: str
    duration_s: float
    n_events: Mapping[str, int]


@dataclass(frozen=True)
class SourceReport:
    """The result of checking a data source.

    Attributes:
        task: The task's name.
        source: The source's name.
        recordings: Every readable recording, sorted by name.
        problems: One line for each problem, which names the file and the line. Training would stop at the
            first one.
    """

    task: str
    source: str
    recordings: tuple[RecordingSummary, ...]
    problems: tuple[str, ...]

    @property
    def duration_s(self) -> float:
        """Total length of the recordings in seconds."""
        return sum(recording.duration_s for recording in self.recordings)

    @property
    def n_events(self) -> Mapping[str, int]:
        """Total number of events of each class."""
        total: dict[str, int] = {}
        for recording in self.recordings:
            for name, count in recording.n_events.items():
                total[name] = total.get(name, 0) + count
        return total


@runtime_checkable
class CheckableTask(Task, Protocol):
    """A task that can check its sources."""

    def check(self, source: str, *, data_root: Path | None) -> SourceReport:
        """Read every recording and annotation of a source completely and collect all problems.

        Raises:
            ConfigError: The source does not exist, or it needs a data root and none is given.
        """
        ...


def check_source(task: Task, source: str, *, data_root: Path | None) -> SourceReport:
    """Check one of a task's sources and report all problems at once.

    Args:
        task: A registered task.
        source: Name of one of its sources.
        data_root: Folder of the recorded data; None for rendered data.

    Raises:
        ConfigError: The source does not exist, it needs a data root and none is given, or the task does not
            implement `check`.
    """
    if source not in task.sources:
        raise ConfigError(f"`data` must be one of {', '.join(task.sources)}, but got {source}")
    if not isinstance(task, CheckableTask):
        raise ConfigError(f"to check its data, a task must implement `check`, but {task.name} does not")
    return task.check(source, data_root=data_root)
