"""Events in seconds, labels in frames, and the one place where the one becomes the other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from softloc_core.errors import DataError

__all__ = ["EventList", "FrameGrid"]


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
        # The small nudge undoes the division's last-bit error: 0.145 / 0.01 is 14.499999999999998.
        position = np.asarray(time_s, dtype=np.float64) / self.hop_s
        frame = np.floor(np.round(position, 9) + 0.5).astype(np.int64)
        return np.clip(frame, 0, self.n_frames - 1)

    def to_seconds(self, frame: ArrayLike) -> NDArray[np.float64]:
        """Instant of each frame (fractions of a frame allowed) in seconds."""
        return np.asarray(frame, dtype=np.float64) * self.hop_s

    def label(self, events: EventList, *, n_channels: int, collision: str = "merge") -> NDArray[np.float32]:
        """Events as a [channel, frame] indicator.

        Args:
            events: The events to place.
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
        np.add.at(label, (events.channel, self.to_frames(events.time_s)), 1.0)
        return np.minimum(label, 1.0) if collision == "merge" else label
