"""Label misalignment: the same unit noise for every loss and every scale (common random numbers).

Whatever is drawn depends on the study's seed, the replicate and the recording only. The scale multiplies
it, and rates are thresholds on it, so that a larger scale moves the same events further and a larger rate
loses the same events and more.
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
class Draw:
    """What a kind of noise draws from.

    Attributes:
        seed: The study's seed.
        replicate: Which repetition.
        recording: The recording's name.
        options: The noise's own parameters, all of them.
    """

    seed: int
    replicate: int
    recording: str
    options: Mapping[str, OptionValue]

    def generator(self, purpose: str = "") -> Generator:
        """A stream of its own for each purpose."""
        return noise_generator(
            seed=self.seed, replicate=self.replicate, recording=self.recording, purpose=purpose
        )

    def number(self, name: str) -> float:
        """One of the options."""
        return float(self.options[name])


UnitShift = Callable[[Draw, int], NDArray[np.float64]]


@dataclass(frozen=True)
class Noise:
    """A kind of misalignment.

    Attributes:
        name: As written in a study file.
        description: One line, with what the scale means.
        unit_shift: The shift of each of that many events at scale 1, [event].
        options: Parameters of this kind, besides `COMMON_OPTIONS`.
    """

    name: str
    description: str
    unit_shift: UnitShift
    options: Mapping[str, Option] = field(default_factory=dict)


COMMON_OPTIONS: Mapping[str, Option] = {
    "outside": Option(
        "clip",
        "events that leave the recording: clipped onto its ends, which keeps their number, or dropped",
        choices=("clip", "drop"),
    ),
    "collision": Option(
        "keep",
        "events of one class at one instant: kept (frames then merge or add them) or merged into one",
        choices=("keep", "merge"),
    ),
    "missing_rate": Option(0.0, "probability that an event has no label", low=0.0, high=1.0),
    "spurious_rate": Option(
        0.0,
        "labels without an event for each true event of the class, anywhere",
        low=0.0,
        high=1.0,
    ),
}


def _normal(draw: Draw, n_events: int) -> NDArray[np.float64]:
    return draw.generator().standard_normal(n_events)


def _binary(draw: Draw, n_events: int) -> NDArray[np.float64]:
    return np.where(draw.generator().random(n_events) < 0.5, -1.0, 1.0)


def _skew_normal(draw: Draw, n_events: int) -> NDArray[np.float64]:
    """Azzalini's representation by two standard normals; its location is 0, so its mean is not."""
    skewness = draw.number("skewness")
    slant = skewness / math.hypot(1.0, skewness)
    first, second = draw.generator().standard_normal((2, n_events))
    shift: NDArray[np.float64] = slant * np.abs(first) + math.sqrt(1 - slant**2) * second
    return shift


def _sequence_shift(draw: Draw, n_events: int) -> NDArray[np.float64]:
    return np.full(n_events, -1.0 if draw.generator().random() < 0.5 else 1.0)


def _uniform(draw: Draw, n_events: int) -> NDArray[np.float64]:
    return draw.generator().uniform(-1.0, 1.0, n_events)


def _laplace(draw: Draw, n_events: int) -> NDArray[np.float64]:
    return draw.generator().laplace(size=n_events)


def _student_t(draw: Draw, n_events: int) -> NDArray[np.float64]:
    shift: NDArray[np.float64] = draw.generator().standard_t(draw.number("degrees"), size=n_events)
    return shift


def _bias(draw: Draw, n_events: int) -> NDArray[np.float64]:
    return np.full(n_events, -1.0 if draw.options["direction"] == "early" else 1.0)


def _annotator(draw: Draw, n_events: int) -> NDArray[np.float64]:
    """Each recording is one annotator's, who has a precision and a habit of being early or late."""
    who = draw.generator("annotator").integers(int(draw.number("annotators")))
    habits = noise_generator(
        seed=draw.seed, replicate=draw.replicate, recording="", purpose=f"annotator {who}"
    )
    factor = 1 + draw.number("scale_spread") * habits.uniform(-1.0, 1.0)
    bias = draw.number("bias_spread") * habits.standard_normal()
    return factor * draw.generator().standard_normal(n_events) + bias


NOISES: Mapping[str, Noise] = {
    noise.name: noise
    for noise in (
        Noise("normal", "normal with the scale as standard deviation", _normal),
        Noise(
            "rounded_normal",
            "normal with the scale as standard deviation, rounded to whole steps (half a step goes up)",
            _normal,
            {"step_s": Option(0.01, "length of a step in seconds", low=1e-6, high=1e6)},
        ),
        Noise("binary", "the scale, early or late with equal probability, each event by itself", _binary),
        Noise(
            "skew_normal",
            "skew normal of location 0 with the scale as its scale parameter",
            _skew_normal,
            {
                "skewness": Option(
                    -2.0, "shape parameter; below 0 the labels tend to be early", low=-100.0, high=100.0
                )
            },
        ),
        Noise("sequence_shift", "the scale, early or late, the whole recording together", _sequence_shift),
        Noise("uniform", "uniform with the scale as half width", _uniform),
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
            {"direction": Option("late", "which way", choices=("late", "early"))},
        ),
        Noise(
            "annotator",
            "normal, with a scale factor and a bias of each recording's annotator",
            _annotator,
            {
                "annotators": Option(3.0, "number of annotators", low=1.0, high=1e6),
                "scale_spread": Option(
                    0.5, "half the range of the annotators' scale factors around 1", low=0.0, high=1.0
                ),
                "bias_spread": Option(
                    0.5, "standard deviation of their biases, in scales", low=0.0, high=100.0
                ),
            },
        ),
    )
}


def noise_generator(*, seed: int, replicate: int, recording: str, purpose: str = "") -> Generator:
    """The generator of one recording's label noise; nothing else enters, so losses see the same labels."""
    text = f"label noise\0{seed}\0{replicate}\0{recording}" + (f"\0{purpose}" if purpose else "")
    return np.random.default_rng(int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], "big"))


def resolve_noise_options(noise: str, options: Mapping[str, Any]) -> dict[str, OptionValue]:
    """All options of a noise, the given ones checked and the others at their defaults.

    Raises:
        ConfigError: An unknown noise, an unknown option, or a value that is not allowed.
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
    """The events at wrong times, some of them lost or made up where the options say so.

    Args:
        events: True events of one recording; of a `SegmentList` the starts move and the segments follow, so
            that it still fills the recording (`outside` and `collision` have nothing to decide there).
        noise: One of `NOISES`.
        scale_s: Scale of the misalignment in seconds, >= 0; 0 moves nothing.
        seed: The study's seed.
        replicate: Which repetition.
        recording: The recording's name.
        options: The noise's own parameters and those of `COMMON_OPTIONS`.

    Raises:
        ConfigError: An unknown noise or option, or a scale that is negative or not finite.

    Source: SoftLoc paper, eq. 1 (normal) and sections 5.2 and 5.3 (rounded, binary, skewed, one shift a
    sequence). Deliberate differences from the released code: each recording has its own seed (there, forked
    workers share one), and events that leave the recording are by default clipped onto its ends, which
    keeps their number (there, they are dropped).
    """
    draw = Draw(seed, replicate, recording, resolve_noise_options(noise, options or {}))
    if not (scale_s >= 0 and math.isfinite(scale_s)):
        raise ConfigError(f"`label_noise` must be finite and at least 0 s, but got {scale_s}")
    shift_s = scale_s * NOISES[noise].unit_shift(draw, len(events))
    if "step_s" in draw.options:
        shift_s = np.floor(shift_s / draw.number("step_s") + 0.5) * draw.number("step_s")
    moved = _moved(events, shift_s, draw)
    if draw.number("spurious_rate"):
        moved = _with_spurious(moved, events, draw)
    return _merged(moved) if draw.options["collision"] == "merge" else moved


def _moved(events: EventList, shift_s: NDArray[np.float64], draw: Draw) -> EventList:
    """The events that keep their label, at their label's time."""
    time_s = events.time_s + shift_s
    kept = draw.generator("missing").random(len(events)) >= draw.number("missing_rate")
    if isinstance(events, SegmentList):
        # A segment without its label is part of the one before it; one of them must stay.
        kept |= ~kept.any()
        return SegmentList.from_starts(np.sort(time_s)[kept], events.channel[kept], events.duration_s)
    if draw.options["outside"] == "drop":
        kept &= (time_s >= 0) & (time_s <= events.duration_s)
    time_s = np.clip(time_s[kept], 0.0, events.duration_s)
    return EventList(time_s, events.channel[kept], events.duration_s)


def _with_spurious(labels: EventList, events: EventList, draw: Draw) -> EventList:
    """Labels joined by some that stand for nothing; each true event may bring one of its own class."""
    chance, place = draw.generator("spurious").random((2, len(events)))
    added = chance < draw.number("spurious_rate")
    time_s = np.concatenate([labels.time_s, place[added] * events.duration_s])
    channel = np.concatenate([labels.channel, events.channel[added]])
    if isinstance(labels, SegmentList):
        order = np.argsort(time_s, kind="stable")
        return SegmentList.from_starts(time_s[order], channel[order], events.duration_s)
    return EventList(time_s, channel, events.duration_s)


def _merged(labels: EventList) -> EventList:
    """One label for each class and instant; segments are one at a time as they are."""
    if isinstance(labels, SegmentList):
        return labels
    pairs = np.unique(np.stack([labels.time_s, labels.channel]), axis=1)
    return EventList(pairs[0], pairs[1].astype(np.int64), labels.duration_s)
