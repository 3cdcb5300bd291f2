"""Exact-step scores: for signals whose steps are instants of their own, such as breaths."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from softloc_core.events import EventList, FrameGrid, whole_frames
from softloc_core.metrics.events import Scores, score_events

__all__ = ["score_steps"]

# Steps are whole numbers, compared as times.
_SLACK = 0.25


def score_steps(
    pairs: Iterable[tuple[EventList, EventList]],
    *,
    channel_names: Sequence[str],
    step_s: float,
    tolerance_steps: int = 0,
) -> Scores:
    """Scores in which an event is right on its own step and wrong beside it.

    Times are rounded to steps; several of one class on one step count once. F1 is what
    `sklearn.metrics.f1_score` gives for the labels of all steps laid end to end. Since every match is exact,
    the timing error is that of the matches within two steps, and the measure `f1_one_step` says what F1 would
    be if the neighbouring step were right, too.

    Args:
        pairs: (reference, estimated) of each recording.
        channel_names: Name of each channel.
        step_s: Seconds that a step counts as.
        tolerance_steps: Steps that an event may be off, 0 for the very step.

    Source: SoftLoc paper, section 5.2.
    """
    steps = [tuple(_on_steps(events, step_s=step_s) for events in pair) for pair in pairs]
    exact, near, nearby = (
        score_events(
            ((reference, estimated) for reference, estimated in steps),
            channel_names=channel_names,
            tolerance_s=n_steps * step_s,
        )
        for n_steps in (tolerance_steps + _SLACK, 1 + _SLACK, 2 + _SLACK)
    )
    return replace(
        exact,
        timing_mean_s=nearby.timing_mean_s,
        timing_sd_s=nearby.timing_sd_s,
        measures={"f1_one_step": near.f1},
    )


def _on_steps(events: EventList, *, step_s: float) -> EventList:
    """Each class's events on whole steps, none twice."""
    grid = FrameGrid(hop_s=step_s, n_frames=max(1, whole_frames(events.duration_s, hop_s=step_s)))
    pairs = np.unique(np.stack([grid.to_frames(events.time_s), events.channel]), axis=1)
    return EventList(np.asarray(grid.to_seconds(pairs[0])), pairs[1], events.duration_s)
