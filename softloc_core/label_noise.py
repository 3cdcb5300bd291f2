"""Label misalignment with common random numbers: every loss and every scale sees the same unit noise.

The random numbers depend only on the study's seed, the replicate and the recording. The scale multiplies
them, and rates are thresholds on them. A larger scale therefore moves the same events further, and a larger
rate drops the same events and more.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from softloc_core.errors import ConfigError
from softloc_core.events import EventList, SegmentList
from softloc_core.options import Option, OptionValue, resolved_options

__all__ = ["COMMON_OPTIONS", "NOISES", "Noise", "misaligned", "noise_generator", "resolve_noise_options"]


@dataclass(frozen=True)
class NoiseSource:
    """The source of one recording's noise: its random generators and its options.

    Attributes:
        seed: The study's seed.
        replicate: Number of the repetition.
        recording: Name of the recording.
        options: All options of the noise.
    """

    seed: int
    replicate: int
    recording: str
    options: Mapping[str, OptionValue]

    def generator(self, purpose: str = "") -> Generator:
        """Return a new generator; each purpose has a separate stream."""
        return noise_generator(
            seed=self.seed, replicate=self.replicate, recording=self.recording, purpose=purpose
        )

    def number(self, name: str) -> float:
        """Return the value of a numeric option."""
        return float(self.options[name])


UnitShift = Callable[[NoiseSource, int], NDArray[np.float64]]
"""Function of the source and the number of events that returns each event's shift at scale 1, [event]."""


@dataclass(frozen=True)
class Noise:
    """A kind of misalignment.

    Attributes:
        name: Name in study files.
        description: One line that also says what the scale means.
        unit_shift: Function that returns the shift of each event at scale 1.
        options: Options of this kind, in addition to `COMMON_OPTIONS`.
        version: Raise this number whenever the labels change. It enters the identity of trials.
    """

    name: str
    description: str
    unit_shift: UnitShift
    options: Mapping[str, Option] = field(default_factory=dict)
    version: int = 1


COMMON_OPTIONS: Mapping[str, Option] = {
    "outside": Option(
        "clip",
        "events that leave the recording are clipped to its ends, which preserves their number, or dropped",
        choices=("clip", "drop"),
    ),
    "collision": Option(
        "keep",
        "labels of one class at one instant or in one frame are all kept, or merged into one",
        choices=("keep", "merge"),
    ),
    "missing_rate": Option(0.0, "probability that an event has no label", low=0.0, high=1.0),
    "spurious_rate": Option(
        0.0,
        "number of spurious labels per true event of the class, at random times",
        low=0.0,
        high=1.0,
    ),
}
"""Options of every kind of noise."""


def _normal(source: NoiseSource, n_events: int) -> NDArray[np.float64]:
    return source.generator().standard_normal(n_events)


def _binary(source: NoiseSource, n_events: int) -> NDArray[np.float64]:
    return np.where(source.generator().random(n_events) < 0.5, -1.0, 1.0)


def _skew_normal(source: NoiseSource, n_events: int) -> NDArray[np.float64]:
    """Draw by Azzalini's representation with two standard normals; the location is 0, the mean is not."""
    skewness = source.number("skewness")
    slant = skewness / math.hypot(1.0, skewness)
    first, second = source.generator().standard_normal((2, n_events))
    shift: NDArray[np.float64] = slant * np.abs(first) + math.sqrt(1 - slant**2) * second
    return shift


def _sequence_shift(source: NoiseSource, n_events: int) -> NDArray[np.float64]:
    return np.full(n_events, -1.0 if source.generator().random() < 0.5 else 1.0)


def _uniform(source: NoiseSource, n_events: int) -> NDArray[np.float64]:
    return source.generator().uniform(-1.0, 1.0, n_events)


def _laplace(source: NoiseSource, n_events: int) -> NDArray[np.float64]:
    return source.generator().laplace(size=n_events)


def _student_t(source: NoiseSource, n_events: int) -> NDArray[np.float64]:
    shift: NDArray[np.float64] = source.generator().standard_t(source.number("degrees"), size=n_events)
    return shift


def _bias(source: NoiseSource, n_events: int) -> NDArray[np.float64]:
    return np.full(n_events, -1.0 if source.options["direction"] == "early" else 1.0)


def _annotator(source: NoiseSource, n_events: int) -> NDArray[np.float64]:
    """Draw from a recording's annotator, who has an individual precision and an individual bias."""
    who = source.generator("annotator").integers(int(source.number("annotators")))
    habits = noise_generator(
        seed=source.seed, replicate=source.replicate, recording="", purpose=f"annotator {who}"
    )
    factor = 1 + source.number("scale_spread") * habits.uniform(-1.0, 1.0)
    bias = source.number("bias_spread") * habits.standard_normal()
    return factor * source.generator().standard_normal(n_events) + bias


NOISES: Mapping[str, Noise] = {
    noise.name: noise
    for noise in (
        Noise("normal", "normal with the scale as standard deviation", _normal),
        Noise(
            "rounded_normal",
            "normal with the scale as standard deviation, rounded to whole steps (halves are rounded up)",
            _normal,
            {"step_s": Option(0.01, "length of a step in seconds", low=1e-6, high=1e6)},
        ),
        Noise(
            "binary", "early or late by the scale with equal probability, each event independently", _binary
        ),
        Noise(
            "skew_normal",
            "skew normal of location 0 with the scale as its scale parameter",
            _skew_normal,
            {
                "skewness": Option(
                    -2.0, "shape parameter; if negative, labels tend to be early", low=-100.0, high=100.0
                )
            },
        ),
        Noise(
            "sequence_shift",
            "early or late by the scale with equal probability, the same for the whole recording",
            _sequence_shift,
        ),
        Noise("uniform", "uniform with the scale as half the width", _uniform),
        Noise("laplace", "Laplace with the scale as mean absolute deviation", _laplace),
        Noise(
            "student_t",
            "Student's t times the scale",
            _student_t,
            {"degrees": Option(3.0, "degrees of freedom", low=0.1, high=1e6)},
        ),
        Noise(
            "bias",
            "every label late (or early) by the scale",
            _bias,
            {"direction": Option("late", "direction of the bias", choices=("late", "early"))},
        ),
        Noise(
            "annotator",
            "normal, with the scale factor and the bias of each recording's annotator",
            _annotator,
            {
                "annotators": Option(3.0, "number of annotators", low=1.0, high=1e6),
                "scale_spread": Option(
                    0.5, "half the range of the annotators' scale factors around 1", low=0.0, high=1.0
                ),
                "bias_spread": Option(
                    0.5, "standard deviation of their biases, as a multiple of the scale", low=0.0, high=100.0
                ),
            },
        ),
    )
}


def noise_generator(*, seed: int, replicate: int, recording: str, purpose: str = "") -> Generator:
    """Return the generator of one recording's label noise.

    It depends on the arguments only, so that all losses are trained on the same labels.
    """
    text = f"label noise\0{seed}\0{replicate}\0{recording}" + (f"\0{purpose}" if purpose else "")
    return np.random.default_rng(int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], "big"))


def resolve_noise_options(noise: str, options: Mapping[str, Any]) -> dict[str, OptionValue]:
    """Return all options of a noise: the given ones, validated, and the defaults of the others.

    Raises:
        ConfigError: The noise or an option is unknown, or a value is not allowed.
    """
    if noise not in NOISES:
        raise ConfigError(f"`noise` must be one of {', '.join(NOISES)}, but got {noise}")
    known = {**NOISES[noise].options, **COMMON_OPTIONS}
    return resolved_options(options, known=known, key="noise_options", owner=noise)


def misaligned(
    events: EventList,
    *,
    noise: str,
    scale_s: float,
    seed: int,
    replicate: int,
    recording: str,
    options: Mapping[str, Any] | None = None,
) -> EventList:
    """Return the events at misaligned times, with missing and spurious labels if the options say so.

    Args:
        events: True events of one recording. For a `SegmentList`, the starts move and the segments still fill
            the recording; the options `outside` and `collision` then have no effect.
        noise: One of `NOISES`.
        scale_s: Scale of the misalignment in seconds, >= 0; 0 moves nothing.
        seed: The study's seed.
        replicate: Number of the draw: the repetition, or a negative number for a draw that repetitions share.
        recording: Name of the recording.
        options: Options of the noise, including `COMMON_OPTIONS`.

    Raises:
        ConfigError: The noise or an option is unknown, or the scale is negative or not finite.

    Source: SoftLoc paper, eq. 1 (normal) and sections 5.2 and 5.3 (rounded, binary, skewed, one shift per
    sequence). Deliberate differences from the released code: Each recording has its own seed; there, forked
    workers share one. Events that leave the recording are by default clipped to its ends, which preserves
    their number; there, they are dropped.
    """
    source = NoiseSource(seed, replicate, recording, resolve_noise_options(noise, options or {}))
    if not (scale_s >= 0 and math.isfinite(scale_s)):
        raise ConfigError(f"`label_noise` must be finite and at least 0 s, but got {scale_s}")
    shift_s = scale_s * NOISES[noise].unit_shift(source, len(events))
    if "step_s" in source.options:
        shift_s = np.floor(shift_s / source.number("step_s") + 0.5) * source.number("step_s")
    moved = _moved(events, shift_s, source)
    if source.number("spurious_rate"):
        moved = _with_spurious(moved, events, source)
    return _merged(moved) if source.options["collision"] == "merge" else moved


def _moved(events: EventList, shift_s: NDArray[np.float64], source: NoiseSource) -> EventList:
    """Return the labels of the events that are not missing, at their misaligned times."""
    time_s = events.time_s + shift_s
    kept = source.generator("missing").random(len(events)) >= source.number("missing_rate")
    if isinstance(events, SegmentList):
        # A segment without a label joins the segment before it. At least one segment must remain.
        kept |= ~kept.any()
        return SegmentList.from_starts(np.sort(time_s)[kept], events.channel[kept], events.duration_s)
    if source.options["outside"] == "drop":
        kept &= (time_s >= 0) & (time_s <= events.duration_s)
    time_s = np.clip(time_s[kept], 0.0, events.duration_s)
    return EventList(time_s, events.channel[kept], events.duration_s)


def _with_spurious(labels: EventList, events: EventList, source: NoiseSource) -> EventList:
    """Add spurious labels; each true event may cause one of its class, at a random time."""
    chance, place = source.generator("spurious").random((2, len(events)))
    added = chance < source.number("spurious_rate")
    time_s = np.concatenate([labels.time_s, place[added] * events.duration_s])
    channel = np.concatenate([labels.channel, events.channel[added]])
    if isinstance(labels, SegmentList):
        order = np.argsort(time_s, kind="stable")
        return SegmentList.from_starts(time_s[order], channel[order], events.duration_s)
    return EventList(time_s, channel, events.duration_s)


def _merged(labels: EventList) -> EventList:
    """Merge labels of the same class and time; segments never share a time."""
    if isinstance(labels, SegmentList):
        return labels
    pairs = np.unique(np.stack([labels.time_s, labels.channel]), axis=1)
    return EventList(pairs[0], pairs[1].astype(np.int64), labels.duration_s)
