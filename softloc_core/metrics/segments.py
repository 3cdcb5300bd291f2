"""Scores of segmentations: segmental F1, edit score, frame accuracy."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from softloc_core.events import EventList
from softloc_core.metrics.events import Scores, f_measure, pooled_scores, score_events
from softloc_core.metrics.matching import SLACK

__all__ = [
    "OVERLAPS",
    "edit_score",
    "frame_accuracy",
    "matched_segments",
    "score_segments",
    "segment_f_measure",
]

OVERLAPS = (0.10, 0.25, 0.50)
"""The field's thresholds of intersection over union."""
Pair = tuple[EventList, EventList]


class _Intervals(NamedTuple):
    """Segments of one recording in temporal order; each field is [segment]."""

    start_s: NDArray[np.float64]
    end_s: NDArray[np.float64]
    channel: NDArray[np.int64]


def _intervals(starts: EventList, ignored: Collection[int] = ()) -> _Intervals:
    """Return the segments that begin at these starts, without those of the ignored classes.

    Neighbouring segments of the same class are merged. The first segment is extended back to 0 s, and
    segments without length are dropped.
    """
    start_s = starts.time_s.copy()
    start_s[:1] = 0.0
    kept = np.diff(start_s, append=starts.duration_s) > 0
    start_s, channel = start_s[kept], starts.channel[kept]
    changes = np.diff(channel, prepend=-1) != 0
    start_s, channel = start_s[changes], channel[changes]
    counted = ~np.isin(channel, list(ignored))
    end_s = np.append(start_s[1:], starts.duration_s)[: len(start_s)]
    return _Intervals(start_s[counted], end_s[counted], channel[counted])


def matched_segments(
    reference: EventList, estimated: EventList, *, overlap: float, ignored: Collection[int] = ()
) -> NDArray[np.int64]:
    """Match estimated to reference segments of the same class that overlap enough.

    Each estimated segment, in temporal order, is compared with the reference segment of its class that has
    the largest intersection over union. They match if it is at least `overlap` and the reference segment is
    not matched yet.

    Args:
        reference: Starts of the true segments; each lasts until the next one, and the first starts at 0.
        estimated: Starts of the estimated segments.
        overlap: Smallest intersection over union, in (0, 1], inclusive; `SLACK` is subtracted from it.
        ignored: Classes whose segments do not count, such as the background.

    Returns:
        [pair, (reference, estimated)] indices among the segments that count.

    Source: Lea et al. 2017, segmental F1@k, and its released code.
    """
    true, found = _intervals(reference, ignored), _intervals(estimated, ignored)
    taken: dict[int, int] = {}
    for index in range(len(found.channel)):
        shares = _overlaps(true, found, index)
        best = int(np.argmax(shares)) if len(shares) else -1
        if best >= 0 and shares[best] >= overlap - SLACK and best not in taken:
            taken[best] = index
    return np.array(sorted(taken.items()), dtype=np.int64).reshape(-1, 2)


def _overlaps(true: _Intervals, found: _Intervals, index: int) -> NDArray[np.float64]:
    """Return the intersection over union of one estimated segment with each true one of its class, else 0."""
    inner = np.minimum(found.end_s[index], true.end_s) - np.maximum(found.start_s[index], true.start_s)
    outer = np.maximum(found.end_s[index], true.end_s) - np.minimum(found.start_s[index], true.start_s)
    return np.where(found.channel[index] == true.channel, np.maximum(inner, 0.0) / outer, 0.0)


def segment_f_measure(
    reference: EventList, estimated: EventList, *, overlap: float, ignored: Collection[int] = ()
) -> float:
    """Return the segmental F1 of one recording, in [0, 1]; 1 if there are no segments that count."""
    n_matched = len(matched_segments(reference, estimated, overlap=overlap, ignored=ignored))
    n_reference, n_estimated = (len(_intervals(starts, ignored).channel) for starts in (reference, estimated))
    value = f_measure(n_reference=n_reference, n_estimated=n_estimated, n_matched=n_matched)
    return 1.0 if math.isnan(value) else value


def edit_score(reference: EventList, estimated: EventList, *, ignored: Collection[int] = ()) -> float:
    """Return 1 minus the normalised edit distance between the two sequences of classes, in [0, 1].

    Durations do not matter. Insertions, deletions and replacements cost 1 each, and the distance is divided
    by the length of the longer sequence. Two empty sequences score 1.

    Source: Lea et al. 2016 and 2017, segmental edit score.
    """
    true, found = (_intervals(starts, ignored).channel.tolist() for starts in (reference, estimated))
    previous = list(range(len(found) + 1))
    for row, wanted in enumerate(true, start=1):
        current = [row]
        for column, given in enumerate(found, start=1):
            replaced = previous[column - 1] + (wanted != given)
            current.append(min(previous[column] + 1, current[-1] + 1, replaced))
        previous = current
    longest = max(len(true), len(found))
    return 1 - previous[-1] / longest if longest else 1.0


def frame_accuracy(reference: EventList, estimated: EventList) -> float:
    """Return the share of the recording in which the classes agree, in [0, 1].

    If all boundaries are between frames, this is the share of frames. All classes count.

    Source: Lea et al. 2017.
    """
    true, found = _intervals(reference), _intervals(estimated)
    if not len(found.channel):
        return 0.0
    cut_s = np.unique(np.concatenate([true.start_s, found.start_s]))
    same = [one.channel[np.searchsorted(one.start_s, cut_s, side="right") - 1] for one in (true, found)]
    length_s = np.diff(cut_s, append=reference.duration_s)
    return float(length_s[same[0] == same[1]].sum() / reference.duration_s)


def score_segments(
    pairs: Iterable[Pair],
    *,
    channel_names: Sequence[str],
    tolerance_s: float,
    ignored: Collection[int] = (),
) -> Scores:
    """Score estimated segmentations.

    F1, precision, recall, the counts and the scores per class are F1@10 and its parts, pooled over
    recordings. Timing errors are those of the starts of matched segments, except segments that start at the
    beginning of the recording.

    Further measures:

    * `f1_at_10`, `f1_at_25`, `f1_at_50` and `edit_score`: means over recordings, as in the papers.
    * `frame_accuracy`: pooled over time.
    * `start_f1`: F1 of the segments' starts within the tolerance, pooled over recordings.

    Args:
        pairs: Starts of the (reference, estimated) segments of each recording; a recording without estimated
            starts scores 0.
        channel_names: Name of each class.
        tolerance_s: Largest accepted difference of starts in seconds, inclusive; used by `start_f1` only.
        ignored: Classes whose segments count in `frame_accuracy` only.

    Source: Lea et al. 2017; the SoftLoc paper, tables 4 and 5, whose released evaluation also leaves the
    background out of F1 and edit score.
    """
    pairs = list(pairs)
    counts = np.zeros((len(pairs), len(channel_names), 3), dtype=np.int64)
    errors_s = [np.empty(0)]
    for row, (reference, estimated) in enumerate(pairs):
        true, found = _intervals(reference, ignored), _intervals(estimated, ignored)
        pair = matched_segments(reference, estimated, overlap=OVERLAPS[0], ignored=ignored)
        for column, channel in enumerate((true.channel, found.channel, true.channel[pair[:, 0]])):
            counts[row, :, column] = np.bincount(channel, minlength=len(channel_names))
        inside = pair[true.start_s[pair[:, 0]] > 0]
        errors_s.append(found.start_s[inside[:, 1]] - true.start_s[inside[:, 0]])
    starts = [(_counted_starts(true, ignored), _counted_starts(found, ignored)) for true, found in pairs]
    start_f1 = score_events(starts, channel_names=channel_names, tolerance_s=tolerance_s).f1
    measures = {**_measures(pairs, ignored), "start_f1": start_f1}
    return replace(pooled_scores(counts, np.concatenate(errors_s), channel_names), measures=measures)


def _measures(pairs: Sequence[Pair], ignored: Collection[int]) -> dict[str, float]:
    """Return the papers' measures by name."""
    lengths_s = [reference.duration_s for reference, _ in pairs]
    accuracies = [frame_accuracy(reference, estimated) for reference, estimated in pairs]
    measures = {
        f"f1_at_{round(100 * overlap)}": float(
            np.mean([segment_f_measure(*pair, overlap=overlap, ignored=ignored) for pair in pairs])
        )
        for overlap in OVERLAPS
    }
    measures["edit_score"] = float(np.mean([edit_score(*pair, ignored=ignored) for pair in pairs]))
    return {**measures, "frame_accuracy": float(np.average(accuracies, weights=lengths_s))}


def _counted_starts(starts: EventList, ignored: Collection[int]) -> EventList:
    """Return the starts of the segments that count, except at the beginning of the recording."""
    found = _intervals(starts, ignored)
    kept = found.start_s > 0
    return EventList(found.start_s[kept], found.channel[kept], starts.duration_s)
