"""What every source of drum recordings gives, before features: audio, events, and the problems met."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from softloc_core.audio import AudioSource
from softloc_core.errors import DataError
from softloc_core.events import EventList
from softloc_core.tasks.base import DataRequest, SourceInfo
from softloc_core.tasks.drum_annotations import DRUM_CHANNELS, TimedClass

__all__ = ["DrumRecording", "DrumSource", "Scan", "SplitNames", "drum_events", "training_folds"]


@dataclass(frozen=True)
class DrumRecording:
    """A recording and its annotated drum hits.

    Attributes:
        name: Unique within its source.
        group: Drummer, collection or kit that it comes from.
        audio: Its samples.
        events: Its hits, channels in the order of `DRUM_CHANNELS`.
    """

    name: str
    group: str
    audio: AudioSource
    events: EventList


@dataclass(frozen=True)
class Scan:
    """What a source found: the recordings that can be used, and one error for everything that cannot."""

    recordings: tuple[DrumRecording, ...]
    problems: tuple[DataError, ...]


@dataclass(frozen=True)
class SplitNames:
    """Names of the recordings of each part."""

    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]

    @property
    def all(self) -> tuple[str, ...]:
        """All names."""
        return (*self.train, *self.validation, *self.test)


class DrumSource(Protocol):
    """One source of the drum task."""

    info: SourceInfo

    def split(self, request: DataRequest, data_root: Path | None) -> SplitNames:
        """Which recordings a request reads, from the names alone.

        Raises:
            DataError: There are too few recordings, or one lacks its annotation.
        """
        ...

    def scan(self, data_root: Path | None, *, names: Iterable[str] | None, seed: int) -> Scan:
        """Those recordings, or all of them, with everything that is wrong with them.

        With `names` the problems are of those recordings alone.
        """
        ...


def drum_events(events: Iterable[TimedClass], *, duration_s: float) -> EventList:
    """Hi-hat, kick and snare hits as an event list; other classes are left out."""
    kept = [(time_s, DRUM_CHANNELS.index(name)) for time_s, name in events if name in DRUM_CHANNELS]
    times = np.array([time_s for time_s, _ in kept], dtype=np.float64)
    return EventList(times, np.array([channel for _, channel in kept], dtype=np.int64), duration_s)


def training_folds(names: tuple[str, ...], *, fold: int, n_folds: int) -> SplitNames:
    """Training recordings dealt in turn into folds, one of which is scored: to choose settings by."""
    test = names[fold::n_folds]
    return SplitNames(train=tuple(name for name in names if name not in test), validation=(), test=test)
