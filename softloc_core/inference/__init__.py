"""From a trained network's output to events: detection, ensembles of versions, calibrated decoding."""

from softloc_core.inference.calibration import (
    CalibratedDecoder,
    DecodingRule,
    Predictions,
    ScoreEvents,
    calibrated,
    events_of,
    events_of_each,
)
from softloc_core.inference.detector import Detector
from softloc_core.inference.ensemble import ensemble_for
from softloc_core.inference.predictions import SMALLEST_PROB, stored_prob
from softloc_core.inference.voting import played_at

__all__ = [
    "SMALLEST_PROB",
    "CalibratedDecoder",
    "DecodingRule",
    "Detector",
    "Predictions",
    "ScoreEvents",
    "calibrated",
    "ensemble_for",
    "events_of",
    "events_of_each",
    "played_at",
    "stored_prob",
]
