"""Events in seconds, labels in frames, and all conversions between the two."""

from __future__ import annotations

from dataclasses import dataclass
from typing import overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from softloc_core.errors import DataError

__all__ = ["EventList", "FrameGrid", "SegmentList", "nearest_frame", "seconds_to_frames", "whole_frames"]


@dataclass(frozen=True, eq=False)
class EventList:
    """Instantaneous events of one recording, sorted by time, then by channel.

    Attributes:
        time_s: [event] float64, seconds from the start of the recording, within [0, duration_s].
        channel: [event] int64, index of the event's class.
        duration_s: Length of the recording in seconds.

    Raises:
        DataError: A time is not finite or outside the recording, a channel is negative, or the array lengths
            differ.
    """

    time_s: NDArray[np.float64]
    channel: NDArray[np.int64]
    duration_s: float

    def __post_init__(self) -> None:
        time_s = np.asarray(self.time_s, dtype=np.float64).reshape(-1)
        channel = np.asarray(self.channel, dtype=np.int64).reshape(-1)
        if len(time_s) != len(channel):
            raise DataError(
                f"every event needs a channel, but got {len(time_s)} times, {len(channel)} channels"
            )
        if not np.isfinite(self.duration_s) or self.duration_s < 0:
            raise DataError(f"a recording's duration must be finite and >= 0 s, but got {self.duration_s}")
        _validate_times(time_s, self.duration_s)
        if np.any(channel < 0):
            raise DataError(f"channels must be at least 0, but got {int(channel.min())}")
        order = np.lexsort((channel, time_s))
        for name, values in (("time_s", time_s[order]), ("channel", channel[order])):
            values.setflags(write=False)
            object.__setattr__(self, name, values)

    def __len__(self) -> int:
        return len(self.time_s)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, EventList):
            return NotImplemented
        return (
            self.duration_s == other.duration_s
            and np.array_equal(self.time_s, other.time_s)
            and np.array_equal(self.channel, other.channel)
        )

    __hash__ = None  # type: ignore[assignment]

    def channel_time_s(self, channel: int) -> NDArray[np.float64]:
        """Return the times of one class, [event] in seconds, ascending."""
        return np.asarray(self.time_s[self.channel == channel])

    def moved(self, time_s: ArrayLike) -> EventList:
        """Return the same events at other times, clipped to the recording.

        Clipping preserves the number of events, which the count loss needs. The papers' code drops events
        beyond the ends instead; this affects only events within a few noise scales of an end.
        """
        return EventList(np.clip(time_s, 0.0, self.duration_s), self.channel, self.duration_s)


def _validate_times(time_s: NDArray[np.float64], duration_s: float) -> None:
    """Raise an error that names the first time outside the recording."""
    bad = ~(np.isfinite(time_s) & (time_s >= 0) & (time_s <= duration_s))
    if bad.any():
        first_s = time_s[bad][0]
        raise DataError(
            f"event times must be within the recording, 0 to {duration_s:.6g} s, but got {first_s:.6g} s"
        )


@dataclass(frozen=True, eq=False)
class SegmentList(EventList):
    """Segments that fill a recording, one class at a time; each lasts until the next one starts.

    The events of the list are the starts of the segments, so that code that stores, counts or matches events
    also handles segments.

    Attributes:
        time_s: [segment] float64, start of each segment in seconds; the first is 0, and they increase.
        channel: [segment] int64, class of each segment; neighbours may have the same class.
        duration_s: Length of the recording in seconds, above the last start.

    Raises:
        DataError: There is no segment, the first one does not start at 0, or a segment has no length.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        if not len(self):
            raise DataError("a recording's segments must fill it, but got none")
        if self.time_s[0] != 0:
            raise DataError(f"the first segment must start at 0 s, but got {self.time_s[0]:.6g} s")
        starts_s = np.append(self.time_s, self.duration_s)
        if (np.diff(starts_s) <= 0).any():
            empty = int(np.argmin(np.diff(starts_s) > 0))
            raise DataError(
                f"every segment needs a length above 0 s, but got none at {starts_s[empty]:.6g} s"
            )

    @classmethod
    def from_starts(cls, time_s: ArrayLike, channel: ArrayLike, duration_s: float) -> SegmentList:
        """Return the parts of segments that are within the recording, given starts at any time.

        The first segment is extended back to 0 s. Starts before 0 s or after the end are clipped. Of several
        segments that start at the same time the last one is kept, and a segment that starts at the end is
        dropped, because it has no length.

        Args:
            time_s: [segment] starts in seconds, ascending.
            channel: [segment] class of each segment.
            duration_s: Length of the recording in seconds, > 0.

        Raises:
            DataError: There is no start.
        """
        starts_s = np.clip(np.asarray(time_s, dtype=np.float64).reshape(-1), 0.0, duration_s)
        classes = np.asarray(channel, dtype=np.int64).reshape(-1)
        if len(starts_s):
            starts_s[0] = 0.0
        kept = np.diff(starts_s, append=duration_s) > 0
        return cls(starts_s[kept], classes[kept], duration_s)

    @classmethod
    def from_frames(cls, channel: ArrayLike, *, hop_s: float) -> SegmentList:
        """Return the segments given the class of each frame, [frame]; every frame lasts `hop_s`."""
        classes = np.asarray(channel, dtype=np.int64).reshape(-1)
        start = np.flatnonzero(np.diff(classes, prepend=-1))
        return cls((start * hop_s).astype(np.float64), classes[start], len(classes) * hop_s)

    @property
    def start_s(self) -> NDArray[np.float64]:
        """Start of each segment, [segment] in seconds."""
        return self.time_s

    @property
    def end_s(self) -> NDArray[np.float64]:
        """End of each segment, [segment] in seconds."""
        return np.append(self.time_s[1:], self.duration_s)

    def moved(self, time_s: ArrayLike) -> SegmentList:
        """Return the same classes in the same order with other starts.

        The starts are sorted, because an annotator who misplaces a boundary still knows the order of the
        segments. Segments that move beyond an end are lost. The first remaining class fills the beginning of
        the recording, the last one its end. Shifting all starts therefore shifts the whole labelling.
        """
        return SegmentList.from_starts(np.sort(np.asarray(time_s)), self.channel, self.duration_s)


@overload
def seconds_to_frames(time_s: float, *, hop_s: float) -> float: ...
@overload
def seconds_to_frames(time_s: NDArray[np.float64], *, hop_s: float) -> NDArray[np.float64]: ...
def seconds_to_frames(time_s: float | NDArray[np.float64], *, hop_s: float) -> float | NDArray[np.float64]:
    """Convert seconds to frames, with fractions of a frame.

    Args:
        time_s: A time or a duration in seconds, or an array of them; infinity is allowed.
        hop_s: Seconds from one frame to the next, > 0.
    """
    return time_s / hop_s


def whole_frames(duration_s: float, *, hop_s: float) -> int:
    """Return the duration rounded to whole frames; half a frame goes to the even number.

    Args:
        duration_s: A duration in seconds, finite.
        hop_s: Seconds from one frame to the next, > 0.
    """
    return round(seconds_to_frames(duration_s, hop_s=hop_s))


def nearest_frame(position: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the frame nearest to each position in frames; halves are rounded up, see `FrameGrid`."""
    # Rounding to 9 digits undoes rounding errors of a division: 0.145 / 0.01 is 14.499999999999998.
    return np.floor(np.round(position, 9) + 0.5).astype(np.int64)


@dataclass(frozen=True)
class FrameGrid:
    """Frames of one recording; frame k represents the instant `k * hop_s`, the centre of its window.

    A time belongs to the nearest frame, with halves rounded up: `floor(time / hop + 1/2)`. Times after the
    last frame belong to the last frame. Converting seconds to frames and back is therefore off by at most
    half a hop, except after the last frame. Converting frames to seconds and back is the identity.

    Attributes:
        hop_s: Seconds from one frame to the next, > 0.
        n_frames: Number of frames, >= 1.

    Raises:
        DataError: The hop is not above 0, or there is no frame.
    """

    hop_s: float
    n_frames: int

    def __post_init__(self) -> None:
        if not self.hop_s > 0:
            raise DataError(f"the hop between frames must be above 0 s, but got {self.hop_s}")
        if self.n_frames < 1:
            raise DataError(f"a grid needs at least one frame, but got {self.n_frames}")

    @property
    def frame_rate_hz(self) -> float:
        """Frames per second."""
        return 1.0 / self.hop_s

    def to_frames(self, time_s: ArrayLike) -> NDArray[np.int64]:
        """Return the frame nearest to each time in seconds, within [0, n_frames - 1]."""
        frame = nearest_frame(seconds_to_frames(np.asarray(time_s, dtype=np.float64), hop_s=self.hop_s))
        return np.clip(frame, 0, self.n_frames - 1)

    def to_seconds(self, frame: ArrayLike) -> NDArray[np.float64]:
        """Return the instant of each frame in seconds; fractions of a frame are allowed."""
        return np.asarray(frame, dtype=np.float64) * self.hop_s

    def label(self, events: EventList, *, n_channels: int, collision: str = "merge") -> NDArray[np.float32]:
        """Return a label, [channel, frame] float32, that marks the frames of the events.

        Args:
            events: Events to place. For a `SegmentList`, all frames of a segment are marked, beginning with
                the frame nearest to its start, and `collision` has no effect.
            n_channels: Number of rows of the label; every event's channel must be below it.
            collision: Value of a frame with several events of one channel: with `merge` it is 1, as in the
                papers' drum code; with `add` it is their number.

        Raises:
            DataError: A channel is too large, or `collision` is unknown.
        """
        if collision not in ("merge", "add"):
            raise DataError(f"`collision` must be merge or add, but got {collision}")
        if len(events) and int(events.channel.max()) >= n_channels:
            raise DataError(f"channels must be below {n_channels}, but got {int(events.channel.max())}")
        label = np.zeros((n_channels, self.n_frames), dtype=np.float32)
        if isinstance(events, SegmentList):
            # A frame belongs to the last segment that starts at or before it.
            frame = np.arange(self.n_frames)
            segment = np.searchsorted(self.to_frames(events.time_s), frame, side="right") - 1
            label[events.channel[segment], frame] = 1.0
            return label
        np.add.at(label, (events.channel, self.to_frames(events.time_s)), 1.0)
        return np.minimum(label, 1.0) if collision == "merge" else label
