"""Scores at any tolerance, computed from the stored events without training and without data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.arrays import Array
from analysis.errors import AnalysisError
from analysis.reading.parts import load_table
from analysis.reading.results import StoredStudy, require_columns

__all__ = [
    "COUNTS",
    "SLACK_S",
    "match_counts",
    "recording_counts",
    "rescored",
    "score_counts",
    "tolerance_curve",
]

Counts = NDArray[np.int64]
COUNTS = ["n_reference", "n_estimated", "n_matched"]
"""The columns of counts."""
SLACK_S = 1e-9
"""Time in seconds by which a difference may exceed the tolerance, as in the scores that trials store. It
exceeds rounding errors; without it, 0.35 s - 0.3 s exceeds a tolerance of 0.05 s."""
_KEYS = ["recording", "channel"]
_TRIALS_AT_ONCE = 1000


def match_counts(
    reference_s: Array,
    estimated_s: Array,
    reference_group: Counts,
    estimated_group: Counts,
    *,
    tolerance_s: float | Array,
) -> Counts:
    """Count the largest number of one-to-one pairs within the tolerance (inclusive) in each group.

    On a line, a sweep from the left is optimal: either the two earliest unmatched events match, or the
    earlier one cannot match any later event. No bipartite matching is needed, and one pass handles all
    groups. The number of pairs equals that of `mir_eval.util.match_events` with `SLACK_S` added to the
    tolerance, although the pairs may differ.

    Args:
        reference_s: [reference], seconds.
        estimated_s: [estimated], seconds.
        reference_group: [reference], index of the group (one class of one recording of one trial), from 0.
        estimated_group: [estimated].
        tolerance_s: Largest accepted time difference in seconds, > 0; one for all groups, or [group].
            `SLACK_S` is added to it.

    Returns:
        The number of pairs, [group].
    """
    n_groups = 1 + int(max(reference_group.max(initial=-1), estimated_group.max(initial=-1)))
    counts: Counts = np.zeros(n_groups, dtype=np.int64)
    within = np.broadcast_to(np.asarray(tolerance_s) + SLACK_S, (n_groups,)).tolist()
    left = _ordered(reference_s, reference_group)
    right = _ordered(estimated_s, estimated_group)
    i = j = 0
    while i < len(left) and j < len(right):
        (group, time_s), (other_group, other_s) = left[i], right[j]
        if group != other_group:
            i, j = (i + 1, j) if group < other_group else (i, j + 1)
        elif abs(time_s - other_s) <= within[group]:
            counts[group] += 1
            i, j = i + 1, j + 1
        else:
            i, j = (i + 1, j) if time_s < other_s else (i, j + 1)
    return counts


def recording_counts(study: StoredStudy, *, tolerance_s: float | None = None) -> pd.DataFrame:
    """Count events and matches in the test recordings of each completed trial, the basis of pooled scores.

    Args:
        study: A study whose folder holds `events` and `references`.
        tolerance_s: Largest accepted time difference in seconds; each trial's own when None.

    Returns:
        A frame with the columns trial_id, recording, channel, n_reference, n_estimated and n_matched.

    Raises:
        AnalysisError: The tolerance is not above 0, or a table is missing.
    """
    if tolerance_s is not None and not (np.isfinite(tolerance_s) and tolerance_s > 0):
        raise AnalysisError(f"`tolerance` must be above 0 s, but got {tolerance_s:g} s")
    events = load_table(study.location, "events")
    references = load_table(study.location, "references")
    require_columns(events, ["trial_id", *_KEYS, "time_s"])
    require_columns(references, ["data_fingerprint", *_KEYS, "time_s"])
    trials = study.completed
    own = trials["tolerance_s"] if tolerance_s is None else pd.Series(tolerance_s, index=trials.index)
    unknown = set(trials["data_fingerprint"]) - set(references["data_fingerprint"])
    if unknown:
        raise AnalysisError(
            f"references/ must hold the test events of every trial's data, but {study.location} lacks "
            f"those of {len(unknown)} of {trials['data_fingerprint'].nunique()} data sets"
        )
    wanted = trials[["trial_id", "data_fingerprint"]].assign(tolerance_s=own.astype(float))
    parts = [
        _counts(wanted.iloc[start : start + _TRIALS_AT_ONCE], events, references.dropna(subset=["time_s"]))
        for start in range(0, len(wanted), _TRIALS_AT_ONCE)
    ]
    return pd.concat(parts, ignore_index=True)


def score_counts(counts: pd.DataFrame, *, by: Sequence[str] = ("trial_id",)) -> pd.DataFrame:
    """Return pooled scores (f1, precision, recall) and the three counts of each trial or other group.

    Args:
        counts: The result of `recording_counts`.
        by: Columns to group by. They become the index.
    """
    pooled = counts.groupby(list(by))[COUNTS].sum()
    total = pooled["n_reference"] + pooled["n_estimated"]
    return pooled.assign(
        f1=2 * pooled["n_matched"] / total.where(total > 0),
        precision=pooled["n_matched"] / pooled["n_estimated"].clip(lower=1),
        recall=pooled["n_matched"] / pooled["n_reference"].clip(lower=1),
    )


def rescored(study: StoredStudy, *, tolerance_s: float) -> StoredStudy:
    """Return the study at another tolerance, with new f1 (also per class), precision, recall and counts."""
    counts = recording_counts(study, tolerance_s=tolerance_s)
    scores = score_counts(counts)
    trials = study.trials.set_index("trial_id")
    done = trials.index.isin(study.completed["trial_id"])
    for column in scores:
        values = pd.to_numeric(trials[column], errors="coerce").astype("float64")
        values[done] = scores[column].reindex(trials.index[done])
        trials[column] = values
    of_class = score_counts(counts, by=("trial_id", "channel"))["f1"].unstack()
    known: dict[object, object] = {identity: row.dropna().to_dict() for identity, row in of_class.iterrows()}
    trials["f1_per_class"] = pd.Series(known, dtype=object).reindex(trials.index)
    return replace(study, trials=trials.assign(tolerance_s=tolerance_s).reset_index())


def tolerance_curve(study: StoredStudy, tolerances_s: Array) -> pd.DataFrame:
    """Return F1 of every completed trial at each tolerance, with the columns trial_id, tolerance_s and f1."""
    parts = []
    for tolerance_s in tolerances_s:
        scores = score_counts(recording_counts(study, tolerance_s=float(tolerance_s)))
        parts.append(scores.reset_index()[["trial_id", "f1"]].assign(tolerance_s=float(tolerance_s)))
    return pd.concat(parts, ignore_index=True)


def _ordered(time_s: Array, group: Counts) -> list[tuple[int, float]]:
    """Return ordered (group, time) pairs as plain numbers, which a loop reads several times faster."""
    order = np.lexsort((time_s, group))
    return list(zip(group[order].tolist(), time_s[order].tolist(), strict=True))


def _counts(trials: pd.DataFrame, events: pd.DataFrame, references: pd.DataFrame) -> pd.DataFrame:
    """Return the counts of some trials by trial, recording and class, in that order."""
    keys = ["trial_id", *_KEYS]
    parts = [
        part.merge(trials, on=on)[[*keys, "time_s", "tolerance_s"]]
        for part, on in (
            (references[["data_fingerprint", *_KEYS, "time_s"]], "data_fingerprint"),
            (events[[*keys, "time_s"]], "trial_id"),
        )
    ]
    both = pd.concat(parts, ignore_index=True)
    group: Counts = both.groupby(keys, sort=True).ngroup().to_numpy().astype(np.int64)
    is_reference = np.arange(len(both)) < len(parts[0])
    time_s = both["time_s"].to_numpy(dtype=np.float64)
    first = both.assign(group=group).drop_duplicates("group").sort_values("group")
    n_groups = len(first)
    matched = match_counts(
        time_s[is_reference],
        time_s[~is_reference],
        group[is_reference],
        group[~is_reference],
        tolerance_s=first["tolerance_s"].to_numpy(dtype=np.float64),
    )
    return first[keys].assign(
        n_reference=np.bincount(group[is_reference], minlength=n_groups),
        n_estimated=np.bincount(group[~is_reference], minlength=n_groups),
        n_matched=matched,
    )
