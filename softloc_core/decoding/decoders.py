"""Decoders: what turns the event probabilities of one recording into events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import Field, dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d
from scipy.signal import find_peaks

from softloc_core.events import EventList, FrameGrid, seconds_to_frames, whole_frames
from softloc_core.options import Option

__all__ = [
    "AnyDecoder",
    "Decoder",
    "FrameClass",
    "LocalMass",
    "OneEach",
    "PeakPicking",
    "RisingEdge",
    "Threshold",
    "decode",
    "event_list",
]


# Share by which a window's weights fall off towards its ends.
_TILT = 0.01
# Rounding that a sum of probabilities may have.
_SLACK = 1e-9


class Decoder(Protocol):
    """A frozen dataclass that decodes the event probabilities of one channel.

    Attributes:
        options: Attributes that a study may set.
    """

    options: ClassVar[Mapping[str, Option]]
    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    def __call__(self, event_prob: NDArray[np.float64], *, hop_s: float) -> NDArray[np.float64]:
        """Return the events of probabilities [frame] in frames, with fractions, ascending."""
        ...


@dataclass(frozen=True)
class LocalMass:
    """Decoder that finds an event wherever a short window holds enough mass; for point predictions.

    Events are local maxima of the probability mass in a sliding window. The time of an event is the centre of
    mass of its window, so that an event split over neighbouring frames is found once, between these frames.

    Source: the SoftLoc paper's released drum code, which clears windows of 9 frames (45 ms) that hold a mass
    of 0.5 from left to right. Deliberate difference: the search for maxima, and the centre of mass instead of
    the window's start, remove that code's early bias of up to a window.

    Attributes:
        mass: Smallest mass of an event, in (0, inf).
        window_s: Length of the window in seconds, at least one frame.
    """

    mass: float
    window_s: float
    options: ClassVar[Mapping[str, Option]] = {
        "mass": Option(0.3, "smallest mass of an event", low=1e-6, high=100.0),
        "window_s": Option(0.05, "length of the window in seconds", low=1e-6, high=1e3),
    }

    def __call__(self, event_prob: NDArray[np.float64], *, hop_s: float) -> NDArray[np.float64]:
        """Return the events in frames, ascending."""
        return self.selected(*self.ranked(event_prob, hop_s=hop_s))

    def selected(self, frame: NDArray[np.float64], mass: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the events of at least this mass in frames, ascending, given events and their masses."""
        return np.sort(frame[mass >= self.mass - _SLACK])

    def ranked(
        self, event_prob: NDArray[np.float64], *, hop_s: float
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the events in frames, by window, and the mass of each.

        A larger `mass` finds a part of the same events. So one call yields the events of every larger mass.
        """
        half = _half_width(self.window_s, hop_s=hop_s)
        padded = np.pad(event_prob, half)
        windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1)
        offset = np.arange(-half, half + 1)
        # Slightly more weight in the middle: events a window apart remain two maxima, not one plateau.
        weight = 1 - _TILT * np.abs(offset) / (half + 1)
        centred = np.convolve(padded, weight, mode="valid")
        peak = _peaks(centred, height=(1 - _TILT) * self.mass, distance=2 * half + 1)
        mass = windows[peak].sum(axis=1)
        enough = mass >= self.mass - _SLACK
        peak, mass = peak[enough], mass[enough]
        return peak + windows[peak] @ offset / mass, mass


@dataclass(frozen=True)
class PeakPicking:
    """Decoder that finds an event at every local maximum that is high enough; for smeared predictions.

    Source: the SoftLoc paper's one-sided baseline, which picks peaks of at least 0.35 of a single label's
    smoothed peak. Deliberate difference: that code subtracts each detection and searches the residual; here
    two events must be `distance_s` apart.

    Attributes:
        relative_height: Smallest height as a share of `peak_height`, in (0, inf).
        distance_s: Smallest time between two events of a class in seconds.
        peak_height: Peak of a single event's smoothed label, in (0, 1].
    """

    relative_height: float
    distance_s: float
    peak_height: float = 1.0
    options: ClassVar[Mapping[str, Option]] = {
        "relative_height": Option(
            0.35, "smallest height as a share of a single event's height", low=1e-6, high=100.0
        ),
        "distance_s": Option(0.05, "smallest time between two events in seconds", low=1e-6, high=1e3),
    }

    def __call__(self, event_prob: NDArray[np.float64], *, hop_s: float) -> NDArray[np.float64]:
        """Return the events in frames, ascending."""
        distance = max(1, whole_frames(self.distance_s, hop_s=hop_s))
        peak = _peaks(event_prob, height=self.relative_height * self.peak_height, distance=distance)
        return peak.astype(np.float64)


@dataclass(frozen=True)
class OneEach:
    """Decoder that finds exactly one event of each class, in its most probable frame.

    It suits recordings that hold each class once. On ties the first frame is chosen. It always finds an
    event, so a class that may be absent needs another decoder.

    Source: GolfDB (McNally et al. 2019), and the SoftLoc paper's golf experiment: arg-max over time.
    """

    options: ClassVar[Mapping[str, Option]] = {}

    def __call__(self, event_prob: NDArray[np.float64], *, hop_s: float) -> NDArray[np.float64]:
        """Return the most probable frame."""
        return np.array([np.argmax(event_prob)], dtype=np.float64)


@dataclass(frozen=True)
class Threshold:
    """Decoder that finds an event in every frame above a threshold, even in neighbouring frames.

    It suits signals whose frames are separate observations, such as breaths, where two neighbouring frames
    may both hold an event.

    Source: SoftLoc paper, section 5.2 as in its released code (0.2 for SoftLoc; the arg-max of two classes,
    0.5, for cross entropy).

    Attributes:
        threshold: Probability that must be exceeded, in [0, 1).
    """

    threshold: float
    options: ClassVar[Mapping[str, Option]] = {
        "threshold": Option(0.5, "probability above which a frame is an event", low=0.0, high=1 - 1e-9),
    }

    def __call__(self, event_prob: NDArray[np.float64], *, hop_s: float) -> NDArray[np.float64]:
        """Return the frames above the threshold, ascending."""
        return np.flatnonzero(event_prob > self.threshold).astype(np.float64)


@dataclass(frozen=True)
class RisingEdge:
    """Decoder that finds an event where the probability rises above a threshold; for extended events.

    A network trained on events that last for some time predicts a plateau, and the event is its beginning.
    Two events whose plateaus touch are found as one.

    Attributes:
        threshold: Probability that must be exceeded, in [0, 1).
    """

    threshold: float
    options: ClassVar[Mapping[str, Option]] = {
        "threshold": Option(0.5, "probability above which a frame is an event", low=0.0, high=1 - 1e-9),
    }

    def __call__(self, event_prob: NDArray[np.float64], *, hop_s: float) -> NDArray[np.float64]:
        """Return the first frame of each run above the threshold, ascending."""
        above = event_prob > self.threshold
        return np.flatnonzero(np.diff(above, prepend=False) & above).astype(np.float64)


@dataclass(frozen=True)
class FrameClass:
    """Decoder that finds the starts of segments: runs of frames with the same most probable class.

    This decoder looks at all classes at once. Every frame is assigned a class, so that the segments fill the
    recording. On ties the first class is chosen.

    Source: Lea et al. 2017 (ED-TCN): arg-max over classes in each frame. Deliberate difference: probabilities
    can be averaged over time first.

    Attributes:
        smoothing_s: Length in seconds of a running mean over each class's probabilities, rounded to an odd
            number of frames; up to two frames it has no effect.
    """

    smoothing_s: float
    options: ClassVar[Mapping[str, Option]] = {
        "smoothing_s": Option(
            0.0, "length in seconds of a running mean over the probabilities", low=0.0, high=1e4
        ),
    }

    def starts(self, event_prob: NDArray[np.float64], *, hop_s: float) -> list[NDArray[np.float64]]:
        """Return the starts of each class's segments in frames, ascending, given [channel, frame]."""
        half = _half_width(self.smoothing_s, hop_s=hop_s)
        if half > 0:
            event_prob = uniform_filter1d(event_prob, 2 * half + 1, axis=1, mode="nearest")
        best = event_prob.argmax(axis=0)
        start = np.flatnonzero(np.diff(best, prepend=-1))
        return [start[best[start] == channel].astype(np.float64) for channel in range(len(event_prob))]


AnyDecoder = Decoder | FrameClass
"""A decoder of one class at a time, or of all classes at once."""


def _half_width(duration_s: float, *, hop_s: float) -> int:
    """Return the frames on either side of the middle one in a window of this duration."""
    return round((seconds_to_frames(duration_s, hop_s=hop_s) - 1) / 2)


def _peaks(values: NDArray[np.float64], *, height: float, distance: int) -> NDArray[np.int64]:
    """Return local maxima (the middle of a plateau), which may be at the ends of the sequence."""
    padded = np.concatenate([[-np.inf], values, [-np.inf]])
    peak, _ = find_peaks(padded, height=height, distance=distance)
    return np.asarray(peak - 1, dtype=np.int64)


def decode(
    event_prob: NDArray[np.float64],
    decoder: AnyDecoder,
    *,
    grid: FrameGrid,
    duration_s: float,
    offset_s: float = 0.0,
) -> EventList:
    """Return the events of one recording.

    Args:
        event_prob: [channel, frame] probabilities.
        decoder: Decoder, applied to each channel or to all channels at once.
        grid: Frames of the recording.
        duration_s: Length of the recording in seconds; events are clipped to it.
        offset_s: Time in seconds added to every event, to correct a known bias.
    """
    if isinstance(decoder, FrameClass):
        frames = decoder.starts(event_prob, hop_s=grid.hop_s)
    else:
        frames = [decoder(channel, hop_s=grid.hop_s) for channel in event_prob]
    return event_list(frames, grid=grid, duration_s=duration_s, offset_s=offset_s)


def event_list(
    frames: Sequence[NDArray[np.float64]], *, grid: FrameGrid, duration_s: float, offset_s: float = 0.0
) -> EventList:
    """Return events given in frames, [event] for each channel, as an event list; see `decode`."""
    times = [grid.to_seconds(frame) for frame in frames]
    channels = np.repeat(np.arange(len(times)), [len(time_s) for time_s in times])
    return EventList(np.clip(np.concatenate(times) + offset_s, 0, duration_s), channels, duration_s)
