"""Exact-step scores, for signals whose steps are separate observations, such as breaths."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from softloc_core.events import EventList, FrameGrid, whole_frames
from softloc_core.metrics.events import Scores, score_events

__all__ = ["score_steps"]

# Added to tolerances of whole steps, so that the times of whole steps can be compared.
_MARGIN_STEPS = 0.25


def score_steps(
    pairs: Iterable[tuple[EventList, EventList]],
    *,
    channel_names: Sequence[str],
    step_s: float,
    tolerance_steps: int = 0,
) -> Scores:
    """Score events that are correct on the exact step only.

    Times are rounded to steps; several events of one class on the same step count once. With a tolerance of
    0, F1 equals `sklearn.metrics.f1_score` of the concatenated step labels. Because matches are exact, the
    timing error is computed from matches within two steps instead. The measure `f1_one_step` is F1 with a
    tolerance of one step.

    Args:
        pairs: (reference, estimated) of each recording.
        channel_names: Name of each channel.
        step_s: Length of a step in seconds.
        tolerance_steps: Largest accepted difference in steps; 0 accepts the exact step only.

    Source: SoftLoc paper, section 5.2.
    """
    steps = [tuple(_on_steps(events, step_s=step_s) for events in pair) for pair in pairs]
    exact, near, nearby = (
        score_events(
            ((reference, estimated) for reference, estimated in steps),
            channel_names=channel_names,
            tolerance_s=n_steps * step_s,
        )
        for n_steps in (tolerance_steps + _MARGIN_STEPS, 1 + _MARGIN_STEPS, 2 + _MARGIN_STEPS)
    )
    return replace(
        exact,
        timing_mean_s=nearby.timing_mean_s,
        timing_sd_s=nearby.timing_sd_s,
        measures={"f1_one_step": near.f1},
    )


def _on_steps(events: EventList, *, step_s: float) -> EventList:
    """Round each class's events to whole steps and remove duplicates."""
    grid = FrameGrid(hop_s=step_s, n_frames=max(1, whole_frames(events.duration_s, hop_s=step_s)))
    pairs = np.unique(np.stack([grid.to_frames(events.time_s), events.channel]), axis=1)
    return EventList(np.asarray(grid.to_seconds(pairs[0])), pairs[1], events.duration_s)
