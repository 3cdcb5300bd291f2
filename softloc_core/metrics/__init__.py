"""Scores of estimated events; each file holds one family of measures."""

from softloc_core.metrics.correct_events import correct_event_measures
from softloc_core.metrics.events import Scores, f_measure, mean_over_recordings, score_events
from softloc_core.metrics.exact_steps import score_steps
from softloc_core.metrics.matching import SLACK, matched_errors
from softloc_core.metrics.pictures import Objects, score_pictures
from softloc_core.metrics.segments import score_segments

__all__ = [
    "SLACK",
    "Objects",
    "Scores",
    "correct_event_measures",
    "f_measure",
    "matched_errors",
    "mean_over_recordings",
    "score_events",
    "score_pictures",
    "score_segments",
    "score_steps",
]
