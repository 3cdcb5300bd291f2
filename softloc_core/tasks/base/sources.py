"""What every data source gives, before features: recordings with their events, splits, problems met."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from softloc_core.errors import DataError
from softloc_core.events import EventList
from softloc_core.features import AudioSource
from softloc_core.tasks.base.contract import DataRequest, SourceInfo

__all__ = [
    "AudioRecording",
    "Found",
    "FoundRecording",
    "Scan",
    "SignalRecording",
    "Source",
    "SplitNames",
    "TimedClass",
    "checked_split",
    "collect",
    "named_events",
    "plain_features",
    "random_split",
    "read_all",
    "scan_of",
    "training_folds",
]


TimedClass = tuple[float, str]
"""Time of an annotated event in seconds, and the name of its class."""


class FoundRecording(Protocol):
    """A recording that a source found, whatever it is made of."""

    @property
    def name(self) -> str:
        """Unique within its source."""
        ...

    @property
    def group(self) -> str:
        """Who or what made it."""
        ...

    @property
    def reference(self) -> EventList:
        """Its true events, which are scored; they know its duration."""
        ...

    def unreadable(self) -> DataError | None:
        """What only shows when all of it is read, or None."""
        ...


@dataclass(frozen=True)
class AudioRecording:
    """A sound recording and its annotated events.

    Attributes:
        name: Unique within its source.
        group: Performer, collection or instrument that it comes from.
        audio: Its samples.
        reference: Its events, which are scored.
        label: The events to train on before label noise; None where they are those that are scored.
    """

    name: str
    group: str
    audio: AudioSource
    reference: EventList
    label: EventList | None = None

    def unreadable(self) -> DataError | None:
        """What only shows when the samples are read."""
        try:
            self.audio.load()
        except DataError as problem:
            return problem
        return None


@dataclass(frozen=True, eq=False)
class SignalRecording:
    """A recording of any other kind, its features at hand or made from what is.

    Attributes:
        name: Unique within its source.
        group: Person, record or video that it comes from.
        hop_s: Seconds between frames.
        features: Makes the features of a named front end, [frame, band] float32.
        content_key: Hash of what the features are made from.
        reference: Its true events, which are scored.
        label: The events to train on before label noise; None where they are those that are scored.
        tolerance_s: Its own tolerance where the metric sets one a recording, in seconds; None for the
            study's.
    """

    name: str
    group: str
    hop_s: float
    features: Callable[[str], NDArray[np.float32]] = field(repr=False)
    content_key: str
    reference: EventList
    label: EventList | None = None
    tolerance_s: float | None = None

    def unreadable(self) -> DataError | None:
        """Nothing: all of it has been read."""
        return None


Found = TypeVar("Found", bound=FoundRecording)
Item = TypeVar("Item")
Made = TypeVar("Made")


@dataclass(frozen=True)
class Scan(Generic[Found]):
    """What a source found: the recordings that can be used, and one error for everything that cannot."""

    recordings: tuple[Found, ...]
    problems: tuple[DataError, ...]


@dataclass(frozen=True)
class SplitNames:
    """Names of the recordings of each part."""

    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]

    @property
    def all(self) -> tuple[str, ...]:
        """All names, each once."""
        return tuple(dict.fromkeys((*self.train, *self.validation, *self.test)))


class Source(Protocol[Found]):
    """One data source of a task."""

    info: SourceInfo

    def split(self, request: DataRequest, data_root: Path | None) -> SplitNames:
        """Which recordings a request reads, from the names alone where that can be.

        Raises:
            DataError: There are too few recordings, or one lacks its annotation.
        """
        ...

    def scan(self, data_root: Path | None, *, names: Iterable[str] | None, seed: int) -> Scan[Found]:
        """Those recordings, or all of them, with everything that is wrong with them.

        With `names` the problems are of those recordings alone.
        """
        ...


def training_folds(names: tuple[str, ...], *, fold: int, n_folds: int) -> SplitNames:
    """Training recordings dealt in turn into folds, one of which is scored: to choose settings by."""
    test = names[fold::n_folds]
    return SplitNames(train=tuple(name for name in names if name not in test), validation=(), test=test)


def random_split(names: Sequence[str], rng: np.random.Generator) -> SplitNames:
    """Shares of 70, 15 and 15 % to train, validate and test, the first two cut down to whole recordings."""
    shuffled = tuple(names[index] for index in rng.permutation(len(names)))
    n_train, n_validation = int(0.70 * len(names)), int(0.15 * len(names))
    return SplitNames(
        train=shuffled[:n_train],
        validation=shuffled[n_train : n_train + n_validation],
        test=shuffled[n_train + n_validation :],
    )


def checked_split(request: DataRequest, split: SplitNames, where: object) -> SplitNames:
    """The split, if it can be used.

    Raises:
        DataError: A part that must hold recordings is empty.
    """
    for part in ("train", "test"):
        if not getattr(split, part):
            needs = f"fold {request.fold} of the split {request.split} needs a recording to {part}"
            raise DataError(f"{needs}, but got none of {len(split.all)} in {where}")
    return split


def read_all(
    items: Iterable[Item],
    read: Callable[[Item], tuple[Made, Sequence[DataError]]],
    *,
    problems: Iterable[DataError] = (),
) -> tuple[list[Made], list[DataError]]:
    """What was read of each item, with everything that is wrong, both in order.

    Args:
        items: What there is to read.
        read: Gives what an item holds and what is wrong with parts of it; raises DataError where nothing of
            it can be used.
        problems: What was met before; they stand first.
    """
    made: list[Made] = []
    met = list(problems)
    for item in items:
        try:
            content, faults = read(item)
        except DataError as problem:
            met.append(problem)
            continue
        made.append(content)
        met.extend(faults)
    return made, met


def collect(items: Iterable[Item], use: Callable[[Item], Made]) -> tuple[list[Made], list[DataError]]:
    """What `use` makes of each item, and what is wrong with those that it refuses, both in order."""
    return read_all(items, lambda item: (use(item), ()))


def scan_of(
    names: Iterable[str],
    read: Callable[[str], tuple[Found, Sequence[DataError]]],
    *,
    problems: Iterable[DataError] = (),
) -> Scan[Found]:
    """The recordings of those names, with everything that is wrong with them; see `read_all`."""
    recordings, met = read_all(names, read, problems=problems)
    return Scan(tuple(recordings), tuple(met))


def plain_features(features: NDArray[np.float32]) -> Callable[[str], NDArray[np.float32]]:
    """Gives copies of features whose only front end takes them as they are."""
    return lambda front_end: features.copy()


def named_events(
    events: Iterable[TimedClass], *, channel_names: Sequence[str], duration_s: float
) -> EventList:
    """Events of the named classes as an event list; those of other classes are left out."""
    kept = [(time_s, channel_names.index(name)) for time_s, name in events if name in channel_names]
    times = np.array([time_s for time_s, _ in kept], dtype=np.float64)
    return EventList(times, np.array([channel for _, channel in kept], dtype=np.int64), duration_s)
