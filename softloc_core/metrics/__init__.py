"""Scores of estimated events: one file a family of measures."""

from softloc_core.metrics.correct_events import correct_event_measures
from softloc_core.metrics.matching import Scores, f_measure, score_events
from softloc_core.metrics.segments import score_segments
from softloc_core.metrics.steps import score_steps

__all__ = ["Scores", "correct_event_measures", "f_measure", "score_events", "score_segments", "score_steps"]
