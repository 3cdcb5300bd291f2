"""Looking over a data source before a study: what is there, and everything that is wrong with it."""

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
    """A recording that can be used.

    Attributes:
        name: Unique within its source.
        group: Who or what made it.
        duration_s: Length in seconds.
        n_events: Number of events of each class by name, in channel order.
    """

    name: str
    group: str
    duration_s: float
    n_events: Mapping[str, int]


@dataclass(frozen=True)
class SourceReport:
    """What a look over a data source found.

    Attributes:
        task: The task's name.
        source: The source's name.
        recordings: Every recording that can be read, in the order of names.
        problems: One line for each thing that is wrong, naming the file and the line; training would stop at
            the first of them.
    """

    task: str
    source: str
    recordings: tuple[RecordingSummary, ...]
    problems: tuple[str, ...]

    @property
    def duration_s(self) -> float:
        """Length of all recordings in seconds."""
        return sum(recording.duration_s for recording in self.recordings)

    @property
    def n_events(self) -> Mapping[str, int]:
        """Number of events of each class in all recordings."""
        total: dict[str, int] = {}
        for recording in self.recordings:
            for name, count in recording.n_events.items():
                total[name] = total.get(name, 0) + count
        return total


@runtime_checkable
class CheckableTask(Task, Protocol):
    """A task whose sources can be looked over."""

    def check(self, source: str, *, data_root: Path | None) -> SourceReport:
        """Read every recording and annotation of a source, whole, and collect what is wrong.

        Raises:
            ConfigError: An unknown source, or no data root where one is needed.
        """
        ...


def check_source(task: Task, source: str, *, data_root: Path | None) -> SourceReport:
    """Look over one of a task's sources: every problem at once, rather than the first.

    Args:
        task: A registered task.
        source: One of its sources.
        data_root: The folder of recorded data; None for what is rendered.

    Raises:
        ConfigError: An unknown source, no data root where one is needed, or a task that cannot be checked.
    """
    if source not in task.sources:
        raise ConfigError(f"`data` must be one of {', '.join(task.sources)}, but got {source}")
    if not isinstance(task, CheckableTask):
        raise ConfigError(f"a task must be able to check its data, but {task.name} is not")
    return task.check(source, data_root=data_root)
