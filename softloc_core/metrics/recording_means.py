"""Means over recordings of their own scores, as papers on music report them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from softloc_core.events import EventList
from softloc_core.metrics.events import score_events

__all__ = ["mean_over_recordings"]


def mean_over_recordings(
    pairs: Iterable[tuple[EventList, EventList]], *, channel_names: Sequence[str], tolerance_s: float
) -> dict[str, float]:
    """F1, precision and recall of each recording, their unweighted means: `f1_mean` and its like.

    As in the papers' scores, a recording whose reference or estimate is empty counts as 0.

    Source: `mir_eval.transcription.precision_recall_f1_overlap` without offsets, a piece at a time.
    Deliberate difference: distances are compared as they are, where mir_eval rounds them to 0.1 ms first.

    Args:
        pairs: (reference, estimated) of each recording, at least one.
        channel_names: Name of each channel.
        tolerance_s: Largest accepted time difference in seconds, inclusive.
    """
    each = [score_events([pair], channel_names=channel_names, tolerance_s=tolerance_s) for pair in pairs]
    rows = [(s.f1, s.precision, s.recall) if s.n_matched else (0.0, 0.0, 0.0) for s in each]
    names = ("f1_mean", "precision_mean", "recall_mean")
    return {name: float(mean) for name, mean in zip(names, np.mean(rows, axis=0), strict=True)}
