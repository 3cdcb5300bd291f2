"""The counts behind stored scores: how many events each test recording adds, checked against the scores."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from analysis.errors import AnalysisError
from analysis.reading.parts import load_table
from analysis.reading.rescoring import COUNTS, SLACK_S, recording_counts, rescored, score_counts
from analysis.reading.results import StoredStudy, require_columns

__all__ = ["at_tolerance", "stored_counts", "validate_matched"]

_SHARES = ("f1", "precision", "recall")
# Scores are sums of whole numbers, so only rounding may separate them.
_ROUNDING = 1e-6


def stored_counts(study: StoredStudy, *, metric: str) -> pd.DataFrame:
    """Return counts by trial, recording and class whose sums give the stored metric of every trial.

    The table `scores`, in which each task counts by its own rule, comes first. Where it is missing, or where
    the study was scored again at another tolerance, the stored events are matched within each trial's
    tolerance.

    Args:
        study: The study.
        metric: `f1`, `precision`, `recall` or `f1.CLASS`.

    Returns:
        A frame with the columns trial_id, recording, channel, n_reference, n_estimated and n_matched.

    Raises:
        AnalysisError: No counts are stored, or their sums do not give the metric. The message says which.
    """
    head, _, channel = metric.partition(".")
    if head not in _SHARES or (channel and head != "f1"):
        raise AnalysisError(f"test recordings do not add up to {study.label(metric)}")
    trials = study.scored(metric)
    reasons = []
    for load in (_score_table, recording_counts):
        try:
            counts = load(study)
        except AnalysisError:
            reasons.append("no events are stored")
            continue
        if channel:
            counts = counts[counts["channel"] == channel]
        n_different = _n_different(counts, trials, metric=metric)
        if n_different and load is recording_counts and not channel:
            n_different = _n_not_matched(study, counts, trials, metric=metric)
        if not n_different:
            return counts
        reasons.append(
            f"the stored events give another {study.label(metric)} than the stored one in {n_different} of "
            f"{len(trials)} trials"
        )
    raise AnalysisError(reasons[-1])


def validate_matched(study: StoredStudy) -> None:
    """Raise unless the score of every trial is the F1 of events matched within the trial's tolerance.

    Raises:
        AnalysisError: Another rule made the scores, so that another tolerance would change the rule as well,
            or no events are stored.
    """
    trials = study.scored("f1")
    n_different = _n_not_matched(study, recording_counts(study), trials, metric="f1")
    if n_different:
        raise AnalysisError(
            "`tolerance` needs a score that counts events matched within a tolerance, but "
            f"{study.score.name} of {study.location} does not: matching its events within the stored "
            f"tolerance gives another value in {n_different} of {len(trials)} trials"
        )


def at_tolerance(study: StoredStudy, tolerance_s: float | None) -> StoredStudy:
    """Return the study scored again at a tolerance in seconds, or unchanged when None.

    Raises:
        AnalysisError: See `validate_matched` and `recording_counts`.
    """
    if tolerance_s is None:
        return study
    validate_matched(study)
    return rescored(study, tolerance_s=tolerance_s)


def _score_table(study: StoredStudy) -> pd.DataFrame:
    """Return the rows of `scores` that belong to the completed trials."""
    counts = load_table(study.location, "scores")
    require_columns(counts, ["trial_id", "recording", "channel", *COUNTS])
    wanted = study.completed["trial_id"]
    counts = counts[counts["trial_id"].isin(wanted)].reset_index(drop=True)
    if not wanted.isin(counts["trial_id"]).all():
        raise AnalysisError(
            f"scores/ of {study.location} must hold every completed trial, but some are missing"
        )
    return counts


def _n_not_matched(study: StoredStudy, counts: pd.DataFrame, trials: pd.DataFrame, *, metric: str) -> int:
    """Return in how many trials matching events does not explain the stored metric.

    Versions before `SLACK_S` lost some of the pairs exactly at the tolerance to rounding. Their metrics are
    between those with all of these pairs and those with none.
    """
    column = metric.partition(".")[0]
    shorter = study.trials.assign(tolerance_s=study.trials["tolerance_s"] - 3 * SLACK_S)
    without = score_counts(recording_counts(replace(study, trials=shorter)))[column]
    with_all = score_counts(counts)[column]
    low, high = (each.reindex(trials["trial_id"]).fillna(0.0).to_numpy() for each in (without, with_all))
    stored = trials[metric].to_numpy(dtype=np.float64)
    return int(((stored < low - _ROUNDING) | (stored > high + _ROUNDING)).sum())


def _n_different(counts: pd.DataFrame, trials: pd.DataFrame, *, metric: str) -> int:
    """Return in how many trials the sums of the counts differ from the stored metric."""
    summed = score_counts(counts)[metric.partition(".")[0]].reindex(trials["trial_id"]).fillna(0.0)
    return int((np.abs(summed.to_numpy() - trials[metric].to_numpy(dtype=np.float64)) > _ROUNDING).sum())
