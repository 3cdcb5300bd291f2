"""What every data source provides: recordings with their events, splits, and the problems found."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from softloc_core.errors import DataError
from softloc_core.events import EventList
from softloc_core.features import AudioSource
from softloc_core.tasks.base.contract import DataRequest, SourceInfo
from softloc_core.tasks.base.splits import SplitNames

__all__ = [
    "AudioRecording",
    "Found",
    "FoundRecording",
    "Scan",
    "SignalRecording",
    "Source",
    "TimedClass",
    "array_key",
    "collect",
    "named_events",
    "plain_features",
    "read_all",
    "scan_of",
]


TimedClass = tuple[float, str]
"""The time of an annotated event in seconds and the name of its class."""


class FoundRecording(Protocol):
    """A recording that a source found, before its features are computed."""

    @property
    def name(self) -> str:
        """Unique within its source."""
        ...

    @property
    def group(self) -> str:
        """Who or what produced it."""
        ...

    @property
    def reference(self) -> EventList:
        """The true events, used for scoring, with the duration of the recording."""
        ...

    def unreadable(self) -> DataError | None:
        """Read the whole recording and return the error if that fails, or None."""
        ...


@dataclass(frozen=True)
class AudioRecording:
    """A sound recording and its annotated events.

    Attributes:
        name: Unique within its source.
        group: The performer, collection or instrument that it belongs to.
        audio: The samples.
        reference: The true events, used for scoring.
        label: The events to train on, before label noise; None to train on the `reference`.
    """

    name: str
    group: str
    audio: AudioSource
    reference: EventList
    label: EventList | None = None

    def unreadable(self) -> DataError | None:
        """Read all samples and return the error if that fails, or None."""
        try:
            self.audio.load()
        except DataError as problem:
            return problem
        return None


@dataclass(frozen=True, eq=False)
class SignalRecording:
    """A recording of any other kind of signal.

    Attributes:
        name: Unique within its source.
        group: The person, record or video that it belongs to.
        hop_s: Seconds between frames.
        features: Returns the features of the named front end, [frame, band] float32.
        content_key: Hash of the data that the features are computed from.
        reference: The true events, used for scoring.
        label: The events to train on, before label noise; None to train on the `reference`.
        tolerance_s: Tolerance of this recording in seconds, if the metric sets one for each recording. None
            means that the study's tolerance applies.
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
        """Return None, because the whole recording has already been read."""
        return None


Found = TypeVar("Found", bound=FoundRecording)
Item = TypeVar("Item")
Made = TypeVar("Made")


@dataclass(frozen=True)
class Scan(Generic[Found]):
    """The result of reading a source: the usable recordings, and one error for each problem."""

    recordings: tuple[Found, ...]
    problems: tuple[DataError, ...]


class Source(Protocol[Found]):
    """One data source of a task.

    Attributes:
        info: What a user needs to know about the source.
    """

    info: SourceInfo

    def split(self, request: DataRequest, data_root: Path | None) -> SplitNames:
        """Return the names of the recordings in each part, without reading the recordings if possible.

        Raises:
            DataError: There are too few recordings, or a recording has no annotation.
        """
        ...

    def scan(self, data_root: Path | None, *, names: Iterable[str] | None, seed: int) -> Scan[Found]:
        """Read the named recordings, or all of them, and collect all problems.

        Args:
            data_root: Folder of the recorded data; None for rendered data.
            names: The recordings to read; None for all. Problems of other recordings need not be reported.
            seed: Seed of rendered data.
        """
        ...


def read_all(
    items: Iterable[Item],
    read: Callable[[Item], tuple[Made, Sequence[DataError]]],
    *,
    problems: Iterable[DataError] = (),
) -> tuple[list[Made], list[DataError]]:
    """Read all items and return their contents and all problems, both in order.

    Args:
        items: The items to read.
        read: Returns the content of an item and the problems of its parts. Raises DataError if the whole item
            cannot be used.
        problems: Problems found earlier. They come first in the result.
    """
    contents: list[Made] = []
    found = list(problems)
    for item in items:
        try:
            content, of_parts = read(item)
        except DataError as problem:
            found.append(problem)
            continue
        contents.append(content)
        found.extend(of_parts)
    return contents, found


def collect(items: Iterable[Item], use: Callable[[Item], Made]) -> tuple[list[Made], list[DataError]]:
    """Apply `use` to each item and return its results and its errors, both in order."""
    return read_all(items, lambda item: (use(item), ()))


def scan_of(
    names: Iterable[str],
    read: Callable[[str], tuple[Found, Sequence[DataError]]],
    *,
    problems: Iterable[DataError] = (),
) -> Scan[Found]:
    """Read the named recordings and collect all problems; see `read_all`."""
    recordings, found = read_all(names, read, problems=problems)
    return Scan(tuple(recordings), tuple(found))


def array_key(*arrays: NDArray[Any]) -> str:
    """Return the hexadecimal SHA-256 of the values of arrays, for the content key of a recording."""
    return hashlib.sha256(b"".join(array.tobytes() for array in arrays)).hexdigest()


def plain_features(features: NDArray[np.float32]) -> Callable[[str], NDArray[np.float32]]:
    """Return the `features` of a recording whose only front end copies them unchanged."""
    return lambda front_end: features.copy()


def named_events(
    events: Iterable[TimedClass], *, channel_names: Sequence[str], duration_s: float
) -> EventList:
    """Return the events of the named classes as an event list. Events of other classes are left out."""
    kept = [(time_s, channel_names.index(name)) for time_s, name in events if name in channel_names]
    times = np.array([time_s for time_s, _ in kept], dtype=np.float64)
    return EventList(times, np.array([channel for _, channel in kept], dtype=np.int64), duration_s)
