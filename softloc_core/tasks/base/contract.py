"""The contract of a task: what it must provide so that a study can name it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from softloc_core.errors import ConfigError
from softloc_core.events import EventList, FrameGrid
from softloc_core.metrics import Scores
from softloc_core.networks import NetworkBuilder

__all__ = ["DataRequest", "FeatureSum", "Recording", "SourceInfo", "Task", "TaskData", "TaskRegistry"]

TIME_UNITS = ("ms", "s", "frames")
"""Units in which a task may speak of durations."""

FeatureSum = Callable[[Tensor, Tensor], Tensor]
"""Return the features of two superimposed recordings, [*, band], from the features of each."""


@dataclass(frozen=True, eq=False)
class Recording:
    """One recording with its features and annotations.

    Attributes:
        name: Unique within its task's data. It seeds the label noise of the recording.
        group: Who or what produced it (player, collection, person). Splits may keep groups together.
        features: [frame, band] float32, read-only, possibly memory-mapped.
        hop_s: Seconds between frames.
        reference: The true events, used for scoring.
        label: The events to train on, before label noise. Most tasks use the `reference`.
        tolerance_s: Tolerance of this recording in seconds, if the metric sets one for each recording. None
            means that the study's tolerance applies.
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
        """The frame grid of the recording."""
        return FrameGrid(hop_s=self.hop_s, n_frames=len(self.features))

    def with_reference(self, reference: EventList) -> Self:
        """Return the recording with other events in place of its reference, to be scored against them."""
        return replace(self, reference=reference)


@dataclass(frozen=True, eq=False)
class TaskData:
    """Everything that a trial reads: recordings split into train, validation and test.

    Attributes:
        task: The task's name.
        source: The data source's name.
        channel_names: Name of each class, in channel order.
        hop_s: Seconds between frames.
        train: Recordings to train on. Label noise is applied to these only.
        validation: Recordings used neither for training nor for the score; may be empty.
        test: Recordings that are scored.
        fingerprint: Hash of the features, the annotations and the split.
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
    """The data that a trial needs. Trials with equal requests share one load.

    Attributes:
        task: A registered task.
        source: One of the task's sources.
        split: One of the source's splits.
        fold: Index of the fold that is the test set, from 0. It is 0 for a split with a single fold.
        features: Name of the front end, see `softloc_core.features`.
        seed: Seed of random splits and of rendered data.
    """

    task: str
    source: str
    split: str
    fold: int
    features: str
    seed: int


@dataclass(frozen=True)
class SourceInfo:
    """What a user needs to know about a data source.

    Attributes:
        name: Name used in study files.
        description: Description in one line.
        splits: Number of folds of each split, by name. The first split is the default.
        needs_data_root: Whether the source reads recorded data from `--data-root`.
        licence: Licence of the recorded data; empty for rendered data.
        homepage: Where to get the recorded data.
        channel_names: Classes of the source, if they differ from the task's.
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
        """The name of the first split."""
        return next(iter(self.splits))


@runtime_checkable
class Task(Protocol):
    """A detection task.

    A new task of this package is one folder under `tasks/` and one line in `tasks/__init__.py`. A task
    defined elsewhere is added with `TASKS.register`. `SourceTask` and its subclasses `AudioTask` and
    `SignalTask` implement what most tasks share.

    Attributes:
        name: Name used in study files.
        description: Description in one line.
        channel_names: Name of each class, in channel order. A source may define others, see `SourceInfo`.
        tolerance_s: Default tolerance of the scores, in seconds.
        score_name: What `Scores.f1` is in this task, as it is written on an axis, such as `F1` or `PCE`.
        time_unit: Unit in which the task's field speaks of label noise and softness, one of `TIME_UNITS`.
        scores_events_alone: Whether events and their times are all that `score` reads of a recording, so that
            stored events can be scored without the data.
        version: Version of the task's results, from 1. It is raised by hand whenever the score, the rule of a
            split or what is read changes results.
        rates_vary: Whether recordings may be played faster or slower to augment them. This requires that
            frames are equal steps of time.
        feature_sums: How to combine the features of two superimposed recordings, by front end. Features of
            other front ends cannot be superimposed.
        sources: Information about each data source, by name. The first source is the default.
        networks: Builders of the task's networks, by name. The first network is the default.
        auto_decoding: The decoder that `auto` selects, by what the loss makes a network predict.
    """

    name: str
    description: str
    channel_names: tuple[str, ...]
    tolerance_s: float
    score_name: str
    time_unit: str
    scores_events_alone: bool
    version: int
    rates_vary: bool
    feature_sums: Mapping[str, FeatureSum]
    sources: Mapping[str, SourceInfo]
    networks: Mapping[str, NetworkBuilder]
    auto_decoding: Mapping[str, str]

    def defaults(self, network: str) -> Mapping[str, Any]:
        """Return the default `TrialConfig` fields for one of the task's networks."""
        ...

    def load(self, request: DataRequest, *, data_root: Path | None, cache_dir: Path) -> TaskData:
        """Load the recordings with their features, from the cache if they are there.

        Args:
            request: The data to load.
            data_root: Folder of the recorded data; None for rendered data.
            cache_dir: Folder of the feature cache.

        Raises:
            DataError: The data is missing or cannot be used. The message names the file and the line.
            ConfigError: The source, split, fold or front end does not exist.
        """
        ...

    def score(self, data: TaskData, events: Mapping[str, EventList], *, tolerance_s: float) -> Scores:
        """Score the estimated events of the test recordings.

        Args:
            data: The loaded data. Its test recordings hold the reference events.
            events: Estimated events of each test recording, by name.
            tolerance_s: Largest accepted time difference in seconds. A recording's own tolerance takes
                precedence.
        """
        ...


@dataclass
class TaskRegistry:
    """The registered tasks by name.

    Attributes:
        tasks: The tasks by name, in the order of their registration.
    """

    tasks: dict[str, Task] = field(default_factory=dict)

    def register(self, task: Task) -> Task:
        """Register a task and return it.

        Raises:
            ConfigError: A task of that name is registered already, its time unit is unknown, or its version
                is less than 1.
        """
        if task.name in self.tasks:
            raise ConfigError(f"task names must be unique, but {task.name} is already registered")
        if task.time_unit not in TIME_UNITS:
            raise ConfigError(
                f"`time_unit` of a task must be one of {', '.join(TIME_UNITS)}, but got {task.time_unit} in "
                f"{task.name}"
            )
        if task.version < 1:
            raise ConfigError(
                f"`version` of a task must be at least 1, but got {task.version} in {task.name}"
            )
        self.tasks[task.name] = task
        return task

    def unregister(self, name: str) -> Task:
        """Remove the task with this name and return it.

        Raises:
            ConfigError: No task of that name is registered.
        """
        task = self.get(name)
        del self.tasks[name]
        return task

    def get(self, name: str) -> Task:
        """Return the task with this name.

        Raises:
            ConfigError: No task of that name is registered.
        """
        if name not in self.tasks:
            raise ConfigError(f"`task` must be one of {', '.join(sorted(self.tasks))}, but got {name}")
        return self.tasks[name]
