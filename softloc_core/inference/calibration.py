"""From event probabilities to events, by a fixed decoder or one calibrated on validation recordings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from softloc_core.decoding import AnyDecoder, decode, decode_with_each
from softloc_core.errors import ConfigError
from softloc_core.events import EventList
from softloc_core.inference.offsets import calibrated_offset_s
from softloc_core.metrics import Scores
from softloc_core.tasks import Recording, TaskData

__all__ = [
    "CalibratedDecoder",
    "DecodingRule",
    "Predictions",
    "ScoreEvents",
    "calibrated",
    "events_of",
    "events_of_each",
]

Predictions = Mapping[str, NDArray[np.float16]]
"""Event probabilities of recordings, [channel, frame] by name; see `stored_prob`."""
ScoreEvents = Callable[[Sequence[Recording], Mapping[str, EventList], float], Scores]
"""Returns the task's scores of recordings, given their estimated events and a tolerance in seconds."""

# Tolerances at which a calibration scores a decoder, in tolerances of the trial.
_TOLERANCES = (1.0, 2.0, 4.0)
# Digits of the score that count. Decoders that are closer are equally good, and the simplest is chosen.
_DIGITS = 3


@dataclass(frozen=True, kw_only=True)
class DecodingRule:
    """How a trial finds its decoder and its time offset.

    Attributes:
        decoders: The decoders to choose from, the simplest first. One decoder is fixed.
        offset_s: Constant time offset in seconds, added to every event.
        calibrate_offset: Whether to measure the remaining offset on the validation recordings.
        is_calibrated: Whether the study asks for a calibrated decoding. A measured offset is then used only
            if it improves the score on the validation recordings.
        tolerance_s: Largest accepted time difference in scoring, in seconds, > 0.
    """

    decoders: tuple[AnyDecoder, ...]
    offset_s: float
    calibrate_offset: bool
    is_calibrated: bool
    tolerance_s: float

    @property
    def needs_validation(self) -> bool:
        """Whether validation recordings are needed."""
        return len(self.decoders) > 1 or self.calibrate_offset

    def require_validation(self, data: TaskData) -> None:
        """Raise if a calibration is requested without validation recordings.

        Raises:
            ConfigError: The split has no validation recordings.
        """
        if self.needs_validation and not data.validation:
            what = "decoding: calibrated" if self.is_calibrated else "decoding_options: calibrate_offset"
            raise ConfigError(
                f"`{what}` needs a split with validation recordings, but got one of {data.task} on "
                f"{data.source} with {len(data.train)} training, no validation and {len(data.test)} test "
                "recordings: name another split, or a fixed decoding such as auto"
            )


@dataclass(frozen=True)
class CalibratedDecoder:
    """A decoder and the time offset in seconds that is added to its events."""

    decoder: AnyDecoder
    offset_s: float

    @property
    def measures(self) -> dict[str, float]:
        """The parameters as measures of a trial: `offset_s`, and each of the decoder as `decoder_NAME`."""
        of_decoder = {
            f"decoder_{item.name}": getattr(self.decoder, item.name) for item in fields(self.decoder)
        }
        return {"offset_s": self.offset_s, **of_decoder}


def calibrated(
    rule: DecodingRule, recordings: Sequence[Recording], predictions: Predictions, score: ScoreEvents
) -> CalibratedDecoder:
    """Choose a decoder and a time offset on validation recordings.

    The decoder with the best mean score over the trial's tolerance, twice and four times it is chosen. The
    two wider ones keep the choice steady where the labels of the validation recordings are themselves
    misaligned by more than the tolerance. Ties, to three digits, go to the simplest decoder. Then the offset
    is measured.

    Args:
        rule: The decoders to choose from.
        recordings: Validation recordings, with the labels to compare with as `reference`.
        predictions: Event probabilities of the recordings.
        score: Scores estimated events.
    """
    best = rule.decoders[0]
    if len(rule.decoders) > 1:
        found = events_of_each(rule.decoders, recordings, predictions)
        scores = [_mean_score(recordings, events, rule, score) for events in found]
        best = rule.decoders[int(np.argmax(np.round(scores, _DIGITS)))]
    return CalibratedDecoder(best, _total_offset_s(rule, best, recordings, predictions, score))


def _mean_score(
    recordings: Sequence[Recording], events: Mapping[str, EventList], rule: DecodingRule, score: ScoreEvents
) -> float:
    """Return the mean F1 over the tolerances; F1 without any event is 0."""
    f1 = [score(recordings, events, factor * rule.tolerance_s).f1 for factor in _TOLERANCES]
    return float(np.mean(np.nan_to_num(f1)))


def _total_offset_s(
    rule: DecodingRule,
    decoder: AnyDecoder,
    recordings: Sequence[Recording],
    predictions: Predictions,
    score: ScoreEvents,
) -> float:
    """Return the constant offset in seconds plus the measured one, if there is one."""
    if not rule.calibrate_offset:
        return rule.offset_s
    events = events_of(CalibratedDecoder(decoder, rule.offset_s), recordings, predictions)
    pairs = [(recording.reference, events[recording.name]) for recording in recordings]
    offset_s = rule.offset_s + calibrated_offset_s(pairs, tolerance_s=rule.tolerance_s)
    if not rule.is_calibrated:
        return offset_s
    moved = events_of(CalibratedDecoder(decoder, offset_s), recordings, predictions)
    before, after = (_mean_score(recordings, found, rule, score) for found in (events, moved))
    return offset_s if round(after, _DIGITS) > round(before, _DIGITS) else rule.offset_s


def events_of(
    chosen: CalibratedDecoder, recordings: Sequence[Recording], predictions: Predictions
) -> dict[str, EventList]:
    """Return the events of each recording by its name."""
    return {
        recording.name: decode(
            predictions[recording.name].astype(np.float64),
            chosen.decoder,
            grid=recording.grid,
            duration_s=recording.reference.duration_s,
            offset_s=chosen.offset_s,
        )
        for recording in recordings
    }


def events_of_each(
    decoders: Sequence[AnyDecoder], recordings: Sequence[Recording], predictions: Predictions
) -> list[dict[str, EventList]]:
    """Return the events of each recording by its name, for each decoder and without a time offset."""
    found = [
        decode_with_each(
            predictions[recording.name].astype(np.float64),
            decoders,
            grid=recording.grid,
            duration_s=recording.reference.duration_s,
        )
        for recording in recordings
    ]
    names = [recording.name for recording in recordings]
    return [dict(zip(names, events, strict=True)) for events in zip(*found, strict=True)]
