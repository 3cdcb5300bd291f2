"""The Task contract: what a task must give so that a study can name it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from softloc_core.errors import ConfigError
from softloc_core.events import EventList, FrameGrid
from softloc_core.metrics import Scores
from softloc_core.networks import NetworkBuilder

__all__ = ["DataRequest", "FeatureSum", "Recording", "SourceInfo", "Task", "TaskData", "TaskRegistry"]

FeatureSum = Callable[[Tensor, Tensor], Tensor]
"""Features of two recordings at once, [*, band], from the features of each."""


@dataclass(frozen=True, eq=False)
class Recording:
    """One recording with its features and its annotations.

    Attributes:
        name: Unique within its task's data; label noise is seeded by it.
        group: Who or what made it (player, collection, person); splits may keep groups whole.
        features: [frame, band] float32, read-only, possibly memory-mapped.
        hop_s: Seconds between frames.
        reference: The true events, for scoring.
        label: The events to train on before label noise; the same as `reference` for most tasks.
        tolerance_s: Its own tolerance where the metric sets one a recording; None for the study's.
    """

    name: str
    group: str
    features: NDArray[np.float32]
    hop_s: float
    reference: EventList
    label: EventList
    tolerance_s: float | None = None

    @property
    def grid(self) -> FrameGrid:
        """The recording's frames."""
        return FrameGrid(hop_s=self.hop_s, n_frames=len(self.features))


@dataclass(frozen=True, eq=False)
class TaskData:
    """All that a trial reads: recordings split into train, validation and test.

    Attributes:
        task: The task's name.
        source: The data source's name.
        channel_names: Name of each class, in channel order.
        hop_s: Seconds between frames.
        train: Recordings to train on; the only ones whose labels are ever noised.
        validation: Recordings held out of training and of the score; may be empty.
        test: Recordings that are scored.
        fingerprint: Hash of the features' and annotations' content and of the split.
    """

    task: str
    source: str
    channel_names: tuple[str, ...]
    hop_s: float
    train: tuple[Recording, ...]
    validation: tuple[Recording, ...]
    test: tuple[Recording, ...]
    fingerprint: str


@dataclass(frozen=True)
class DataRequest:
    """Which data a trial wants; trials with equal requests share one load.

    Attributes:
        task: A registered task.
        source: One of the task's sources.
        split: One of the source's splits.
        fold: Which part of the split is the test set, from 0; 0 where a split has one part only.
        features: Name of the front end, see `softloc_core.features.cache`.
        seed: Seeds the splits that are drawn and the data that is rendered.
    """

    task: str
    source: str
    split: str
    fold: int
    features: str
    seed: int


@dataclass(frozen=True)
class SourceInfo:
    """What a user must know of a data source.

    Attributes:
        name: As written in a study file.
        description: One line.
        splits: Splits by name, the default first, each with its number of folds.
        needs_data_root: Whether it reads recorded data from `--data-root`.
        licence: Of the recorded data; empty for what is rendered here.
        homepage: Where to get it.
        channel_names: Its classes, where they are not the task's.
    """

    name: str
    description: str
    splits: Mapping[str, int]
    needs_data_root: bool
    licence: str = ""
    homepage: str = ""
    channel_names: tuple[str, ...] = ()

    @property
    def default_split(self) -> str:
        """The first split."""
        return next(iter(self.splits))


@runtime_checkable
class Task(Protocol):
    """One task. A new one is a file under `tasks/` and a line in `tasks/__init__.py`.

    `softloc_core.tasks.base.source_task` has what most tasks share.

    Attributes:
        name: As written in a study file.
        description: One line.
        channel_names: Name of each class, in channel order; a source may have others, see `SourceInfo`.
        tolerance_s: Of the task's scores, in seconds.
        sources: What is known of each data source, by name, the default first.
        networks: Builders of its networks, by name, the default first.
        auto_decoding: The decoder that `auto` stands for, by what the loss makes a network predict.
        rates_vary: Whether a recording may be played faster or slower: frames are equal steps of time.
        feature_sums: What two recordings at once are, by front end; those left out cannot be summed.
    """

    name: str
    description: str
    channel_names: tuple[str, ...]
    tolerance_s: float
    rates_vary: bool
    feature_sums: Mapping[str, FeatureSum]
    sources: Mapping[str, SourceInfo]
    networks: Mapping[str, NetworkBuilder]
    auto_decoding: Mapping[str, str]

    def defaults(self, network: str) -> Mapping[str, Any]:
        """TrialConfig fields that a study file need not write, for one of the task's networks."""
        ...

    def load(self, request: DataRequest, *, data_root: Path | None, cache_dir: Path) -> TaskData:
        """Recordings with features, from the cache where they are already there.

        Raises:
            DataError: Data that is absent or cannot be used; the message names the file and the line.
            ConfigError: A source, split, fold or front end that does not exist.
        """
        ...

    def score(self, data: TaskData, events: Mapping[str, EventList], *, tolerance_s: float) -> Scores:
        """Scores of the estimated events of each test recording, by its name.

        Args:
            data: What was loaded; its test recordings hold the reference.
            events: The estimate of each test recording.
            tolerance_s: Largest accepted time difference in seconds; a recording's own goes before it.
        """
        ...


@dataclass
class TaskRegistry:
    """Tasks by name."""

    tasks: dict[str, Task] = field(default_factory=dict)

    def register(self, task: Task) -> Task:
        """Make a task known; its name must be new."""
        if task.name in self.tasks:
            raise ConfigError(f"task names must be unique, but {task.name} is registered already")
        self.tasks[task.name] = task
        return task

    def get(self, name: str) -> Task:
        """The task of that name."""
        if name not in self.tasks:
            raise ConfigError(f"`task` must be one of {', '.join(sorted(self.tasks))}, but got {name}")
        return self.tasks[name]
