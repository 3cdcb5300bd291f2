"""Events in seconds, labels in frames, and the one place where the one becomes the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from softloc_core.errors import DataError

__all__ = ["EventList", "FrameGrid", "SegmentList", "nearest_frame", "seconds_to_frames", "whole_frames"]


@dataclass(frozen=True, eq=False)
class EventList:
    """Instantaneous events of one recording, sorted by time, then channel.

    Attributes:
        time_s: [event] float64, seconds from the start of the recording, within [0, duration_s].
        channel: [event] int64, index of the event's class.
        duration_s: Length of the recording in seconds.

    Raises:
        DataError: When a time is not finite or lies outside the recording, or the lengths differ.
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
        """Times of one class, [event] in seconds, ascending."""
        return np.asarray(self.time_s[self.channel == channel])

    def moved(self, time_s: ArrayLike) -> EventList:
        """The same events at other times; those beyond the recording's ends are clipped onto them.

        Clipping keeps the number of events, on which the count loss rests. The papers' code drops such events
        instead; the difference touches only events within a few noise scales of an end.
        """
        return EventList(np.clip(time_s, 0.0, self.duration_s), self.channel, self.duration_s)


def _validate_times(time_s: NDArray[np.float64], duration_s: float) -> None:
    """Refuse the first time that is not within the recording."""
    bad = ~(np.isfinite(time_s) & (time_s >= 0) & (time_s <= duration_s))
    if bad.any():
        first_s = time_s[bad][0]
        raise DataError(
            f"event times must lie within the recording, 0 to {duration_s:.6g} s, but got {first_s:.6g} s"
        )


@dataclass(frozen=True, eq=False)
class SegmentList(EventList):
    """Segments that fill a recording, one class at a time: each lasts until the next one starts.

    Its events are the segments' starts, so that whatever stores, counts or matches events reads segments too.

    Attributes:
        time_s: [segment] float64, start of each segment in seconds; the first at 0, each later than the last.
        channel: [segment] int64, class of each segment; a class may follow itself.
        duration_s: Length of the recording in seconds, above the last start.

    Raises:
        DataError: No segment, a first one that does not start at 0, two at one time, or one without length.
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
        """Segments from starts anywhere: what is left of them within the recording.

        The class before the first start is that of the first segment. Starts before 0 s or past the end are
        clipped, of several at one time the last one given stays, and one at the very end has no length: it
        goes.

        Args:
            time_s: [segment] starts in seconds, ascending.
            channel: [segment] their classes.
            duration_s: Length of the recording in seconds, > 0.

        Raises:
            DataError: No start at all.
        """
        starts_s = np.clip(np.asarray(time_s, dtype=np.float64).reshape(-1), 0.0, duration_s)
        classes = np.asarray(channel, dtype=np.int64).reshape(-1)
        if len(starts_s):
            starts_s[0] = 0.0
        kept = np.diff(starts_s, append=duration_s) > 0
        return cls(starts_s[kept], classes[kept], duration_s)

    @classmethod
    def from_frames(cls, channel: ArrayLike, *, hop_s: float) -> SegmentList:
        """Segments from the class of each frame, [frame]; the recording lasts `hop_s` for each of them."""
        classes = np.asarray(channel, dtype=np.int64).reshape(-1)
        start = np.flatnonzero(np.diff(classes, prepend=-1))
        return cls((start * hop_s).astype(np.float64), classes[start], len(classes) * hop_s)

    @property
    def start_s(self) -> NDArray[np.float64]:
        """[segment] starts in seconds."""
        return self.time_s

    @property
    def end_s(self) -> NDArray[np.float64]:
        """[segment] ends in seconds."""
        return np.append(self.time_s[1:], self.duration_s)

    def moved(self, time_s: ArrayLike) -> SegmentList:
        """The same classes in the same order with other starts.

        The starts are sorted, for an annotator who errs about a boundary still knows what follows what.
        What moves beyond an end is lost; the first class that is left fills the beginning, the last one the
        end. So a shift of all starts is a shift of the whole labelling.
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
    """The frame nearest to each position in frames; half-way goes up. `FrameGrid` says what follows."""
    # The small nudge undoes a division's last-bit error: 0.145 / 0.01 is 14.499999999999998.
    return np.floor(np.round(position, 9) + 0.5).astype(np.int64)


@dataclass(frozen=True)
class FrameGrid:
    """Frames of one recording; frame k stands for the instant `k * hop_s`, its analysis window's centre.

    The rounding rule: a time belongs to the nearest frame, and half-way goes up, `floor(time / hop + 1/2)`.
    A time that rounds past the last frame (at most half a hop late) belongs to the last one. So seconds ->
    frames -> seconds errs by at most half a hop, except within that last half hop, and frames -> seconds ->
    frames is the identity.

    Attributes:
        hop_s: Seconds from one frame to the next, > 0.
        n_frames: Number of frames, >= 1.
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
        """Frames a second."""
        return 1.0 / self.hop_s

    def to_frames(self, time_s: ArrayLike) -> NDArray[np.int64]:
        """Nearest frame of each time, within [0, n_frames - 1]."""
        frame = nearest_frame(seconds_to_frames(np.asarray(time_s, dtype=np.float64), hop_s=self.hop_s))
        return np.clip(frame, 0, self.n_frames - 1)

    def to_seconds(self, frame: ArrayLike) -> NDArray[np.float64]:
        """Instant of each frame (fractions of a frame allowed) in seconds."""
        return np.asarray(frame, dtype=np.float64) * self.hop_s

    def label(self, events: EventList, *, n_channels: int, collision: str = "merge") -> NDArray[np.float32]:
        """Events as a [channel, frame] indicator; segments as the class of every frame.

        Args:
            events: The events to place; a `SegmentList` sets every frame of a segment, from the one nearest
                to its start on, and `collision` has nothing to decide.
            n_channels: Rows of the result; every event's channel must be below it.
            collision: What several events of one channel in one frame become: `merge` (one, as an indicator;
                the papers' drum code does so) or `add` (their number).

        Raises:
            DataError: When a channel is too large or `collision` is neither.
        """
        if collision not in ("merge", "add"):
            raise DataError(f"`collision` must be merge or add, but got {collision}")
        if len(events) and int(events.channel.max()) >= n_channels:
            raise DataError(f"channels must be below {n_channels}, but got {int(events.channel.max())}")
        label = np.zeros((n_channels, self.n_frames), dtype=np.float32)
        if isinstance(events, SegmentList):
            # The last segment that starts by a frame is the frame's.
            frame = np.arange(self.n_frames)
            segment = np.searchsorted(self.to_frames(events.time_s), frame, side="right") - 1
            label[events.channel[segment], frame] = 1.0
            return label
        np.add.at(label, (events.channel, self.to_frames(events.time_s)), 1.0)
        return np.minimum(label, 1.0) if collision == "merge" else label
