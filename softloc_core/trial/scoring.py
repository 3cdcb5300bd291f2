"""Decoding and scoring of a trial's event probabilities, with or without the network that predicted them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from softloc_core.decoding import (
    CALIBRATED,
    AnyDecoder,
    FrameClass,
    calibration_grid,
    decoder_for,
    decoding_options,
)
from softloc_core.events import EventList, seconds_to_frames
from softloc_core.inference import (
    CalibratedDecoder,
    DecodingRule,
    Predictions,
    calibrated,
    events_of,
    events_of_each,
)
from softloc_core.losses import get_loss
from softloc_core.metrics import Scores
from softloc_core.tasks import TASKS, Recording, TaskData
from softloc_core.trial.config import TrialConfig

__all__ = [
    "ScoredEvents",
    "decoding_rule",
    "score_predictions",
    "trial_decoder",
]

# The parameter of a decoder that trades precision for recall.
_THRESHOLDS = ("mass", "threshold")


@dataclass(frozen=True)
class ScoredEvents:
    """What the event probabilities of a trial were decoded to.

    Attributes:
        scores: Scores on the test recordings. The measures `offset_s` and `decoder_*` are the parameters
            found by calibration. `f1_oracle` is the best F1 of any decoder of the grid on the test recordings
            themselves: an upper bound that no user can reach, which shows what decoding costs.
        events: Estimated events of each test recording, by name.
        validation: Scores on the validation recordings against their labels; None if there are none.
    """

    scores: Scores
    events: Mapping[str, EventList]
    validation: Scores | None


def trial_decoder(config: TrialConfig, *, hop_s: float) -> AnyDecoder:
    """Return the fixed decoder of a trial; for a calibrated decoding, the one its grid is centred on.

    Raises:
        ConfigError: The loss, the decoding or an option is unknown, or options are out of range.
    """
    auto = TASKS.get(config.task).auto_decoding
    is_calibrated = config.decoding == CALIBRATED
    return decoder_for(
        "auto" if is_calibrated else config.decoding,
        # The same grid for every loss: that of the losses whose networks predict an event as one point.
        prediction="point" if is_calibrated else get_loss(config.loss).prediction,
        softness_frames=seconds_to_frames(config.softness_s, hop_s=hop_s),
        auto=auto,
        options=dict(config.decoding_options),
    )


def decoding_rule(config: TrialConfig, *, hop_s: float) -> DecodingRule:
    """Return how a trial finds its decoder and its time offset.

    Args:
        config: Configuration of the trial.
        hop_s: Seconds between frames of its data.

    Raises:
        ConfigError: The loss, the decoding or an option is unknown, or options are out of range.
    """
    options = decoding_options(dict(config.decoding_options))
    decoder = trial_decoder(config, hop_s=hop_s)
    is_calibrated = config.decoding == CALIBRATED
    measures_offset = is_calibrated and not isinstance(decoder, FrameClass)
    grid = calibration_grid(decoder, tolerance_s=config.tolerance_s, options=options)
    return DecodingRule(
        decoders=grid if is_calibrated else (decoder,),
        offset_s=float(options.get("offset_s", 0.0)),
        calibrate_offset=bool(options.get("calibrate_offset", measures_offset)),
        is_calibrated=is_calibrated,
        tolerance_s=config.tolerance_s,
    )


def score_predictions(
    config: TrialConfig, data: TaskData, *, validation: Predictions, test: Predictions
) -> ScoredEvents:
    """Decode and score the event probabilities of a trial.

    Args:
        config: Configuration of the trial.
        data: The recordings. The `reference` of the validation recordings holds the labels to calibrate on.
        validation: Event probabilities of the validation recordings.
        test: Event probabilities of the test recordings.

    Raises:
        ConfigError: The decoding or an option is unknown, or it needs validation recordings.
    """
    rule = decoding_rule(config, hop_s=data.hop_s)
    rule.require_validation(data)

    def score(recordings: Sequence[Recording], events: Mapping[str, EventList], tolerance_s: float) -> Scores:
        return TASKS.get(config.task).score(
            replace(data, test=tuple(recordings)), events, tolerance_s=tolerance_s
        )

    chosen = CalibratedDecoder(rule.decoders[0], rule.offset_s)
    measures: dict[str, float] = {}
    if rule.needs_validation:
        chosen = calibrated(rule, data.validation, validation, score)
        measures = chosen.measures
    scores, events = _scored_with(config, data, chosen, test)
    if len(rule.decoders) > 1:
        measures |= _threshold_free(config, data, rule, test)
    on_validation = None
    if data.validation:
        on_validation, _ = _scored_with(config, replace(data, test=data.validation), chosen, validation)
    return ScoredEvents(replace(scores, measures={**scores.measures, **measures}), events, on_validation)


def _scored_with(
    config: TrialConfig, data: TaskData, chosen: CalibratedDecoder, predictions: Predictions
) -> tuple[Scores, dict[str, EventList]]:
    """Return scores and events of the test recordings with a decoder that is already chosen."""
    events = events_of(chosen, data.test, predictions)
    return TASKS.get(config.task).score(data, events, tolerance_s=config.tolerance_s), events


def _threshold_free(
    config: TrialConfig, data: TaskData, rule: DecodingRule, predictions: Predictions
) -> dict[str, float]:
    """Return the measures that do not depend on the choice of a decoder; see `ScoredEvents`.

    They are found with each decoder of the grid on the test recordings, without a time offset.
    """
    task = TASKS.get(config.task)
    scores = [
        task.score(data, events, tolerance_s=config.tolerance_s)
        for events in events_of_each(rule.decoders, data.test, predictions)
    ]
    curves: dict[AnyDecoder, list[Scores]] = {}
    for decoder, score in zip(rule.decoders, scores, strict=True):
        threshold = next((name for name in _THRESHOLDS if hasattr(decoder, name)), None)
        if threshold is not None:
            curves.setdefault(replace(decoder, **{threshold: 0.5}), []).append(score)
    measures = {"f1_oracle": float(np.max(np.nan_to_num([score.f1 for score in scores])))}
    if curves:
        measures["average_precision"] = max(_average_precision(curve) for curve in curves.values())
    return measures


def _average_precision(curve: Sequence[Scores]) -> float:
    """Return the area under a curve of precision over recall, in [0, 1], given its points in any order.

    The precision at a recall is the best one at this recall or a larger one.
    """
    points = sorted((score.recall, score.precision) for score in curve)
    recall = np.array([0.0, *(point[0] for point in points)])
    precision = np.array([point[1] for point in points])
    best = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.diff(recall) @ best)
