"""Resampling of the trials' values under other training runs and other test recordings.

The samples of all losses belong together: trials on the same wrong labels (same noise level, same replicate)
share their random weight, and all trials share the resampled recordings. A difference between two losses
therefore has the small spread of a paired difference if the study was paired, and a larger spread otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.arrays import Array
from analysis.errors import AnalysisError
from analysis.reading import LABEL_NOISE, StoredStudy, recording_counts

__all__ = ["STANDARD_ERRORS", "Resampling", "limits_of", "resample", "validate_standard_error"]

STANDARD_ERRORS = ("estimator", "bootstrap")
_N_SAMPLES = 400
# Metrics that cannot leave [0, 1].
_SHARES = ("f1", "precision", "recall")


def limits_of(metric: str) -> tuple[float, float]:
    """Return the range of a metric: 0 to 1 for F1 (also of one class), precision and recall."""
    return (0.0, 1.0) if metric.split(".")[0] in _SHARES else (-np.inf, np.inf)


@dataclass(frozen=True, eq=False)
class Resampling:
    """Random changes of the trials' values.

    Attributes:
        weight: [sample, trial], standard normal and equal for trials on the same wrong labels. It multiplies
            the trial's residual (wild cluster bootstrap).
        shift: [sample, trial], change of the value with other test recordings; 0 if no events are stored.
        has_recordings: Whether recordings were resampled.
        limits: Range of the metric; samples are clipped to it.
        widened: Whether samples are spread at least as far as the estimator's standard error, which includes
            a kernel's bias. Otherwise they have the bootstrap's own spread.
    """

    weight: Array
    shift: Array
    has_recordings: bool
    limits: tuple[float, float] = (-np.inf, np.inf)
    widened: bool = True

    def same_recordings(self) -> Resampling:
        """Return the samples of other training runs on the same recordings."""
        return replace(self, shift=np.zeros_like(self.shift), has_recordings=False)

    def of(self, rows: NDArray[np.int64]) -> Resampling:
        """Return the samples of the trials at these positions."""
        return replace(self, weight=self.weight[:, rows], shift=self.shift[:, rows])


def resample(
    study: StoredStudy,
    trials: pd.DataFrame,
    *,
    metric: str,
    standard_error: str = "estimator",
    n: int = _N_SAMPLES,
    seed: int = 0,
) -> Resampling:
    """Sample trial noise and test recordings, with the same samples for all losses.

    Source: Wu (1986) and Cameron, Gelbach and Miller (2008) for the wild cluster bootstrap. Unlike resampling
    of trials, it leaves the design unchanged, so that a level with two replicates is never lost.
    """
    validate_standard_error(standard_error)
    widened = standard_error == "estimator"
    rng = np.random.default_rng(seed)
    keys = [key for key in (LABEL_NOISE, "replicate", "fold", "seed") if key in trials]
    cluster = trials.groupby(keys, sort=True).ngroup().to_numpy()
    weight = rng.standard_normal((n, int(cluster.max()) + 1))[:, cluster]
    limits = limits_of(metric)
    try:
        counts = recording_counts(study)
    except AnalysisError:
        return Resampling(weight, np.zeros_like(weight), False, limits, widened)
    shift = _recording_shift(counts, trials, metric=metric, n=n, rng=rng)
    return Resampling(weight, shift, True, limits, widened)


def validate_standard_error(kind: str) -> None:
    """Raise if the kind of standard error is unknown.

    Raises:
        AnalysisError: The kind is not in `STANDARD_ERRORS`.
    """
    if kind not in STANDARD_ERRORS:
        raise AnalysisError(f"`standard_error` must be one of {', '.join(STANDARD_ERRORS)}, but got {kind}")


def _recording_shift(
    counts: pd.DataFrame, trials: pd.DataFrame, *, metric: str, n: int, rng: np.random.Generator
) -> Array:
    """Return the metric over resampled recordings minus the metric over all, [sample, trial]."""
    recordings = sorted(counts["recording"].unique())
    shape = (len(trials), len(recordings))
    by_trial = counts.groupby(["trial_id", "recording"])[["n_reference", "n_estimated", "n_matched"]].sum()
    index = pd.MultiIndex.from_product([trials["trial_id"], recordings])
    table = {
        name: column.reindex(index, fill_value=0).to_numpy().reshape(shape)
        for name, column in by_trial.items()
    }
    times = rng.multinomial(len(recordings), np.full(len(recordings), 1 / len(recordings)), size=n)
    whole = _pooled({name: part.sum(axis=1)[None] for name, part in table.items()}, metric)
    sampled = _pooled({name: times @ part.T for name, part in table.items()}, metric)
    return np.asarray(np.nan_to_num(sampled - whole))


def _pooled(counts: Mapping[object, Array], metric: str) -> Array:
    """Return F1, precision or recall of summed counts; 0 for metrics that recordings do not add up to."""
    matched = counts["n_matched"]
    totals = {
        "f1": (counts["n_reference"] + counts["n_estimated"]) / 2,
        "precision": counts["n_estimated"],
        "recall": counts["n_reference"],
    }
    return np.zeros(matched.shape) if metric not in totals else matched / np.maximum(totals[metric], 1)
