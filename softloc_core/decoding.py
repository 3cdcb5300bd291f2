"""Event probabilities -> events."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import Field, dataclass, fields, replace
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d
from scipy.signal import find_peaks

from softloc_core.errors import ConfigError
from softloc_core.events import EventList, FrameGrid, seconds_to_frames, whole_frames
from softloc_core.options import Option, OptionValue

__all__ = [
    "AUTO_DECODING",
    "DECODERS",
    "SPARSE_DECODING",
    "AnyDecoder",
    "Decoder",
    "FrameClass",
    "LocalMass",
    "OneEach",
    "PeakPicking",
    "Threshold",
    "decode",
    "decoder_for",
    "decoding_options",
]


_TILT = 0.01


class Decoder(Protocol):
    """Turns one channel's event probabilities into instants; a frozen dataclass.

    Attributes:
        options: Those of its attributes that a study may set.
    """

    options: ClassVar[Mapping[str, Option]]
    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    def __call__(self, event_prob: NDArray[np.float64], *, hop_s: float) -> NDArray[np.float64]:
        """Instants in frames (fractions allowed), ascending, of probabilities [frame]."""
        ...


@dataclass(frozen=True)
class LocalMass:
    """An event wherever a short window holds enough probability mass; for networks that predict points.

    The windowed mass is searched for local maxima; the event stands at the mass's centre within its window,
    so that an event split over neighbouring frames is found, once, and between them.

    Source: the SoftLoc paper's released drum code clears windows of 9 frames (45 ms) that hold a mass of 0.5
    from left to right. Deliberate difference: maxima first, and the centre of mass instead of the window's
    start, which removes that code's early bias of up to a window.

    Attributes:
        mass: Smallest mass of an event, in (0, inf).
        window_s: Length of the window in seconds, at least a frame.
    """

    mass: float
    window_s: float
    options: ClassVar[Mapping[str, Option]] = {
        "mass": Option(0.3, "smallest mass of an event", low=1e-6, high=100.0),
        "window_s": Option(0.05, "length of the window in seconds", low=1e-6, high=1e3),
    }

    def __call__(self, event_prob: NDArray[np.float64], *, hop_s: float) -> NDArray[np.float64]:
        """Instants in frames, ascending."""
        half = _half_width(self.window_s, hop_s=hop_s)
        padded = np.pad(event_prob, half)
        windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1)
        offset = np.arange(-half, half + 1)
        # Slightly more weight in the middle: events a window apart stay two maxima, not one plateau.
        centred = windows @ (1 - _TILT * np.abs(offset) / (half + 1))
        peak = _peaks(centred, height=(1 - _TILT) * self.mass, distance=2 * half + 1)
        mass = windows[peak].sum(axis=1)
        peak, mass = peak[mass >= self.mass - 1e-9], mass[mass >= self.mass - 1e-9]
        return np.sort(peak + windows[peak] @ offset / mass)


@dataclass(frozen=True)
class PeakPicking:
    """An event at every local maximum that is high enough; for networks that predict smeared labels.

    Source: the SoftLoc paper's one-sided baseline picks peaks of at least 0.35 of a lone label's smoothed
    peak. Deliberate difference: that code subtracts each detection and searches the residual; here two events
    must be `distance_s` apart.

    Attributes:
        relative_height: Smallest height, as a share of what one event's smoothed label reaches, in (0, inf).
        distance_s: Smallest time between two events of a class in seconds.
        peak_height: What one event's smoothed label reaches, in (0, 1].
    """

    relative_height: float
    distance_s: float
    peak_height: float = 1.0
    options: ClassVar[Mapping[str, Option]] = {
        "relative_height": Option(0.35, "smallest height, as a share of one event's", low=1e-6, high=100.0),
        "distance_s": Option(0.05, "least distance of two events in seconds", low=1e-6, high=1e3),
    }

    def __call__(self, event_prob: NDArray[np.float64], *, hop_s: float) -> NDArray[np.float64]:
        """Instants in frames, ascending."""
        distance = max(1, whole_frames(self.distance_s, hop_s=hop_s))
        peak = _peaks(event_prob, height=self.relative_height * self.peak_height, distance=distance)
        return peak.astype(np.float64)


@dataclass(frozen=True)
class OneEach:
    """Exactly one event of each class, where it is most probable; for recordings that hold each class once.

    The first frame wins among equals. It never finds nothing: a class that may be absent needs another
    decoder.

    Source: GolfDB (McNally et al. 2019), and the SoftLoc paper's golf experiment: arg-max over time.
    """

    options: ClassVar[Mapping[str, Option]] = {}

    def __call__(self, event_prob: NDArray[np.float64], *, hop_s: float) -> NDArray[np.float64]:
        """The most probable frame."""
        return np.array([np.argmax(event_prob)], dtype=np.float64)


@dataclass(frozen=True)
class Threshold:
    """An event in every frame whose probability is above a threshold, neighbours included.

    For steps that are instants of their own, such as breaths, where two events may be next to each other.

    Source: SoftLoc paper, section 5.2 as in its released code (0.2 for SoftLoc; the arg-max of two classes,
    0.5, for cross entropy).

    Attributes:
        threshold: Probability that an event's must exceed, in [0, 1).
    """

    threshold: float
    options: ClassVar[Mapping[str, Option]] = {
        "threshold": Option(0.5, "probability that an event's frame must exceed", low=0.0, high=1 - 1e-9),
    }

    def __call__(self, event_prob: NDArray[np.float64], *, hop_s: float) -> NDArray[np.float64]:
        """Frames above the threshold, ascending."""
        return np.flatnonzero(event_prob > self.threshold).astype(np.float64)


@dataclass(frozen=True)
class FrameClass:
    """The start of every run of frames whose most probable class is the same; for labels that are segments.

    It looks at all classes at once. Every frame gets a class, so that the starts make up segments that fill
    the recording, the first of them at its beginning; the first class wins among equals.

    Source: Lea et al. 2017 (ED-TCN): arg-max over classes in each frame. Deliberate difference: probabilities
    may be averaged over time first.

    Attributes:
        smoothing_s: Length in seconds of the running mean that is taken of each class's probabilities, made
            an odd number of frames; up to one and a half frames change nothing.
    """

    smoothing_s: float
    options: ClassVar[Mapping[str, Option]] = {
        "smoothing_s": Option(
            0.0, "length in seconds of the running mean of probabilities", low=0.0, high=1e4
        ),
    }

    def starts(self, event_prob: NDArray[np.float64], *, hop_s: float) -> list[NDArray[np.float64]]:
        """Starts of each class's segments in frames, ascending, of probabilities [channel, frame]."""
        half = _half_width(self.smoothing_s, hop_s=hop_s)
        if half > 0:
            event_prob = uniform_filter1d(event_prob, 2 * half + 1, axis=1, mode="nearest")
        best = event_prob.argmax(axis=0)
        start = np.flatnonzero(np.diff(best, prepend=-1))
        return [start[best[start] == channel].astype(np.float64) for channel in range(len(event_prob))]


AnyDecoder = Decoder | FrameClass
"""A decoder of one class at a time, or of all at once."""


def _half_width(duration_s: float, *, hop_s: float) -> int:
    """Return the frames on either side of the middle one in a window of this duration."""
    return round((seconds_to_frames(duration_s, hop_s=hop_s) - 1) / 2)


def _peaks(values: NDArray[np.float64], *, height: float, distance: int) -> NDArray[np.int64]:
    """Local maxima (the middle of a plateau), the ends of the sequence included."""
    padded = np.concatenate([[-np.inf], values, [-np.inf]])
    peak, _ = find_peaks(padded, height=height, distance=distance)
    return np.asarray(peak - 1, dtype=np.int64)


# The default mass is lower than the papers' 0.5: a short training leaves an event's mass short of one under
# strong label noise, and recall suffers long before precision does.
DECODERS: Mapping[str, AnyDecoder] = {
    "local_mass": LocalMass(mass=0.3, window_s=0.05),
    "local_mass_paper_drums": LocalMass(mass=0.5, window_s=0.045),
    "local_mass_paper_piano": LocalMass(mass=0.35, window_s=0.1),
    "local_mass_150ms": LocalMass(mass=0.3, window_s=0.15),
    "peak_picking": PeakPicking(relative_height=0.35, distance_s=0.05),
    "peak_picking_150ms": PeakPicking(relative_height=0.35, distance_s=0.15),
    "one_each": OneEach(),
    "threshold": Threshold(threshold=0.5),
    "threshold_paper_puffs": Threshold(threshold=0.2),
    "frame_class": FrameClass(smoothing_s=0.0),
}
AUTO_DECODING: Mapping[str, str] = {
    "point": "local_mass",
    "frame": "local_mass",
    "smeared": "peak_picking",
}
"""What `auto` stands for: local mass for networks that predict points or classify frames, peak picking for
those that predict smeared labels."""
SPARSE_DECODING: Mapping[str, str] = {
    "point": "local_mass_150ms",
    "frame": "local_mass_150ms",
    "smeared": "peak_picking_150ms",
}
"""The same for events of a class that are at least 0.3 s apart, as heartbeats and steps are.

A network trained on misaligned labels may lay an event's mass on two waves of the signal 100 ms apart; a
short window then takes them for two events, each off to one side.
"""

# What a study may set besides the decoders' own attributes.
_OPTIONS: Mapping[str, Option] = {
    "offset_s": Option(0.0, "seconds added to every decoded time", low=-10.0, high=10.0),
    "calibrate_offset": Option(False, "whether what is still missing is measured on validation recordings"),
}


def decoder_for(
    name: str,
    *,
    prediction: str,
    softness_frames: float,
    auto: Mapping[str, str] = AUTO_DECODING,
    options: Mapping[str, OptionValue] | None = None,
) -> AnyDecoder:
    """The decoder that a configuration names.

    Args:
        name: One of `DECODERS`, or `auto`.
        prediction: What the loss makes a network predict: `point`, `frame` or `smeared`.
        softness_frames: Standard deviation of the labels' smoothing in frames; sets what height a peak is
            compared with.
        auto: The decoder that `auto` stands for, by prediction.
        options: Attributes of decoders, replaced; those of decoders that are not used change nothing, so
            that a study over losses may set them for each.

    Raises:
        ConfigError: An unknown name, an option that no decoder has, or a value out of range.
    """
    if name != "auto" and name not in DECODERS:
        raise ConfigError(f"`decoding` must be one of auto, {', '.join(DECODERS)}, but got {name}")
    decoder = DECODERS[auto[prediction] if name == "auto" else name]
    if isinstance(decoder, PeakPicking) and prediction == "smeared":
        height = min(1.0, 1 / (math.sqrt(2 * math.pi) * softness_frames)) if softness_frames > 0 else 1.0
        decoder = replace(decoder, peak_height=height)
    given = decoding_options(options or {})
    own = {field.name for field in fields(decoder)}
    return replace(decoder, **{key: value for key, value in given.items() if key in own})


def decoding_options(given: Mapping[str, OptionValue]) -> dict[str, OptionValue]:
    """The options that are given, once they are known to be allowed.

    Raises:
        ConfigError: An option that no decoder has, or a value out of range.
    """
    known = {
        **_OPTIONS,
        **{key: option for decoder in DECODERS.values() for key, option in decoder.options.items()},
    }
    for key in given:
        if key not in known:
            raise ConfigError(f"`decoding_options` must be among {', '.join(known)}, but got {key}")
    return {key: known[key].validate(f"decoding_options: {key}", value) for key, value in given.items()}


def decode(
    event_prob: NDArray[np.float64],
    decoder: AnyDecoder,
    *,
    grid: FrameGrid,
    duration_s: float,
    offset_s: float = 0.0,
) -> EventList:
    """Events of one recording.

    Args:
        event_prob: [channel, frame] probabilities.
        decoder: Applied to each channel, or to all of them at once.
        grid: The recording's frames.
        duration_s: Its length in seconds; events are clipped onto its ends.
        offset_s: Added to every time, in seconds; against a bias that is known.
    """
    if isinstance(decoder, FrameClass):
        frames = decoder.starts(event_prob, hop_s=grid.hop_s)
    else:
        frames = [decoder(channel, hop_s=grid.hop_s) for channel in event_prob]
    times = [grid.to_seconds(frame) for frame in frames]
    channels = np.repeat(np.arange(len(times)), [len(time_s) for time_s in times])
    return EventList(np.clip(np.concatenate(times) + offset_s, 0, duration_s), channels, duration_s)
