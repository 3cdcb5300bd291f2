"""Resampling of the trials' values under other training runs, wrong labels and test recordings.

The samples of all losses belong together: trials on the same draw of wrong labels share their random weight,
and all trials share the resampled recordings. A difference between two losses therefore has the small spread
of a paired difference if the study was paired, and a larger spread otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import chi2

from analysis.arrays import Array
from analysis.errors import AnalysisError
from analysis.reading import COUNTS, LABEL_NOISE, StoredStudy, stored_counts

__all__ = [
    "STANDARD_ERRORS",
    "Resampling",
    "Sources",
    "draws_of",
    "limits_of",
    "resample",
    "validate_standard_error",
]

STANDARD_ERRORS = ("estimator", "bootstrap")
_N_SAMPLES = 800
# Metrics that cannot leave [0, 1].
_SHARES = ("f1", "precision", "recall")
# Fewer draws than this are mentioned to the reader.
_FEW_DRAWS = 5
# A fit that follows every trial leaves no degrees of freedom, but its residuals say little then.
_FEWEST_DEGREES = 4.0


def limits_of(metric: str) -> tuple[float, float]:
    """Return the range of a metric: 0 to 1 for F1 (also of one class), precision and recall."""
    return (0.0, 1.0) if metric.split(".")[0] in _SHARES else (-np.inf, np.inf)


@dataclass(frozen=True)
class Sources:
    """What the intervals include.

    Attributes:
        n_draws: Number of draws of wrong labels that the trials share, in each fold.
        degrees: Degrees of freedom that the draws leave; 0 if there is one draw, whose effect is unknown.
        n_folds: Number of folds with different test recordings; 1 if there is only one test set.
        n_recordings: Number of resampled test recordings; 0 if they were not resampled.
        reason: Why recordings were not resampled; empty if they were.
    """

    n_draws: int
    degrees: int
    n_folds: int
    n_recordings: int
    reason: str = ""

    @property
    def has_recordings(self) -> bool:
        """Whether the intervals include the choice of test recordings."""
        return self.n_recordings > 1 or self.n_folds > 1

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences on what the intervals include and leave out."""
        parts = [f"{self.n_folds} folds"] if self.n_folds > 1 else []
        parts += [_number(self.n_recordings, "test recording")] if self.n_recordings > 1 else []
        notes = ["including the randomness of training. The choice of test recordings is left out: "]
        if self.has_recordings:
            listed = ", ".join(parts)
            notes = [f"including the randomness of training and the choice of test recordings ({listed})."]
        else:
            notes[0] += f"{self.reason or 'there is only one'}."
        if self.n_draws == 1:
            notes.append(
                "All trials share 1 draw of wrong labels. The intervals leave out the difference between "
                "draws."
            )
        elif self.n_draws < _FEW_DRAWS:
            notes.append(
                f"All trials share {self.n_draws} draws of wrong labels. The intervals are widened for "
                f"so few (Student's t with {_number(self.degrees, 'degree')} of freedom)."
            )
        return tuple(notes)


def _number(n: int, name: str) -> str:
    return f"{n} {name}" if n == 1 else f"{n} {name}s"


@dataclass(frozen=True, eq=False)
class Resampling:
    """Random changes of the trials' values.

    Attributes:
        weight: [sample, trial], standard normal and equal for trials on the same draw of wrong labels. It
            multiplies the trial's residual (wild cluster bootstrap).
        fold_weight: [sample, trial], Student's t and equal for trials of the same fold. It multiplies the
            mean residual of the fold; 0 if there is only one fold.
        fold: [trial], number of the trial's fold.
        shift: [sample, trial], change of the value with other test recordings; 0 if they are not resampled.
        order: [sample], ranks in (0, 1) that stretch the samples of all losses together to Student's t.
        sources: What the samples include.
        limits: Range of the metric; samples are clipped to it.
        widened: Whether samples are spread at least as far as the estimator's standard error, which includes
            a kernel's bias. Otherwise they have the bootstrap's own spread.
    """

    weight: Array
    fold_weight: Array
    fold: NDArray[np.int64]
    shift: Array
    order: Array
    sources: Sources
    limits: tuple[float, float] = (-np.inf, np.inf)
    widened: bool = True

    @property
    def has_recordings(self) -> bool:
        """Whether test recordings were resampled."""
        return self.sources.has_recordings

    def same_recordings(self) -> Resampling:
        """Return the samples of other training runs on the same recordings."""
        return replace(self, shift=np.zeros_like(self.shift), fold_weight=np.zeros_like(self.fold_weight))

    def of(self, rows: NDArray[np.int64]) -> Resampling:
        """Return the samples of the trials at these positions."""
        parts = {name: getattr(self, name)[:, rows] for name in ("weight", "fold_weight", "shift")}
        return replace(self, **parts, fold=self.fold[rows])

    def stretch(self, degrees_of_freedom: float) -> Array:
        """Return factors, [sample], that turn normal samples into Student's t.

        Args:
            degrees_of_freedom: Those of the residuals. The number of draws may leave fewer.
        """
        left = max(degrees_of_freedom, _FEWEST_DEGREES)
        if self.sources.degrees:
            left = min(left, float(self.sources.degrees))
        return np.asarray(np.sqrt(left / chi2.ppf(self.order, left)))


def resample(
    study: StoredStudy,
    trials: pd.DataFrame,
    *,
    metric: str,
    by: str,
    standard_error: str = "estimator",
    n: int = _N_SAMPLES,
    seed: int = 0,
) -> Resampling:
    """Sample training, draws of wrong labels and test recordings, with the same samples for all losses.

    A draw is what the study's seed and the trial's `noise_draw` (its replicate if that is 0 or missing)
    determine, separately in each fold. With a single draw for all trials, its effect cannot be told from the
    surface. Each trial then has a weight of its group, which trials of other groups with the same label noise
    share: the first with the first, the second with the second. So differences are paired, and the trials of
    one group at one level do not cancel.

    Recordings are weighted at random (Rubin's Bayesian bootstrap), all trials alike. The sums of a trial
    cover the recordings of that trial's fold, so that no fold loses all of them, and folds are averaged as in
    the estimate itself. The spread is stretched by sqrt((n + 1) / (n - 1)) for n recordings, which makes the
    variance of a mean unbiased. With folds of different recordings the mean residual of a fold is random as
    well, with K - 1 degrees of freedom for K folds.

    Source: Wu (1986) and Cameron, Gelbach and Miller (2008) for the wild cluster bootstrap; Rubin (1981).
    Unlike resampling of trials, it leaves the design unchanged, so that a level with two replicates is never
    lost.
    """
    validate_standard_error(standard_error)
    rng = np.random.default_rng(seed)
    fold, fold_weight, n_folds = _folds(trials, n=n, rng=rng)
    draws, n_draws = draws_of(trials)
    cluster = _joint(fold, draws) if n_draws > 1 else _pairs(trials, fold, by=by)
    degrees = max(int(cluster.max()) + 1 - n_folds, 1) if n_draws > 1 else 0
    weight = rng.standard_normal((n, int(cluster.max()) + 1))[:, cluster]
    order = rng.permutation((np.arange(n) + 0.5) / n)
    shift, n_recordings, reason = np.zeros_like(weight), 0, ""
    try:
        counts = stored_counts(study, metric=metric)
        shift = _recording_shift(counts, trials, metric=metric, n=n, rng=rng)
        n_recordings = counts["recording"].nunique()
    except AnalysisError as error:
        reason = str(error)
    sources = Sources(n_draws, degrees, n_folds, n_recordings, reason)
    widened = standard_error == "estimator"
    return Resampling(weight, fold_weight, fold, shift, order, sources, limits_of(metric), widened)


def draws_of(trials: pd.DataFrame) -> tuple[NDArray[np.int64], int]:
    """Return the number of each trial's draw of wrong labels, [trial], and how many draws there are."""
    zero = pd.Series(0, index=trials.index)
    own = trials.get("noise_draw", zero).fillna(0).astype(int)
    replicate = trials.get("replicate", zero).where(own == 0, -1)
    number = _joint(trials.get("seed", zero), own, replicate)
    return number, int(number.max()) + 1


def _pairs(trials: pd.DataFrame, fold: NDArray[np.int64], *, by: str) -> NDArray[np.int64]:
    """Return the number of the pair (or larger tuple) that each trial belongs to, at most one of a group."""
    level = trials.get(LABEL_NOISE, pd.Series(0.0, index=trials.index))
    group = trials.get(by, pd.Series(0, index=trials.index))
    turn = trials.groupby([fold, level.to_numpy(), group.astype(str).to_numpy()], dropna=False).cumcount()
    return _joint(fold, level, turn)


def _joint(*columns: object) -> NDArray[np.int64]:
    """Return the number of each row's combination of values, [row]."""
    frame = pd.DataFrame({str(index): np.asarray(column) for index, column in enumerate(columns)})
    return frame.groupby(list(frame), sort=True, dropna=False).ngroup().to_numpy().astype(np.int64)


def validate_standard_error(kind: str) -> None:
    """Raise if the kind of standard error is unknown.

    Raises:
        AnalysisError: The kind is not in `STANDARD_ERRORS`.
    """
    if kind not in STANDARD_ERRORS:
        raise AnalysisError(f"`standard_error` must be one of {', '.join(STANDARD_ERRORS)}, but got {kind}")


def _folds(trials: pd.DataFrame, *, n: int, rng: np.random.Generator) -> tuple[NDArray[np.int64], Array, int]:
    """Return the fold of each trial, the random weight of its mean residual, and the number of folds."""
    fold = _joint(trials.get("fold", pd.Series(0, index=trials.index)))
    n_folds = int(fold.max()) + 1
    if n_folds == 1:
        return fold, np.zeros((n, len(trials))), 1
    # The residuals of K folds add up to 0, which hides one of them.
    weight = rng.standard_t(n_folds - 1, (n, n_folds)) * np.sqrt(n_folds / (n_folds - 1))
    return fold, weight[:, fold], n_folds


def _recording_shift(
    counts: pd.DataFrame, trials: pd.DataFrame, *, metric: str, n: int, rng: np.random.Generator
) -> Array:
    """Return the metric over reweighted recordings minus the metric over all, [sample, trial]."""
    recordings = sorted(counts["recording"].unique())
    index = pd.MultiIndex.from_product([trials["trial_id"], recordings])
    shape = (len(trials), len(recordings))
    by_recording = counts.groupby(["trial_id", "recording"])[list(COUNTS)].sum().reindex(index, fill_value=0)
    table = {name: by_recording[name].to_numpy(dtype=np.float64).reshape(shape) for name in COUNTS}
    times = rng.standard_exponential((n, len(recordings)))
    sampled = _pooled({name: times @ part.T for name, part in table.items()}, metric)
    whole = _pooled({name: part.sum(axis=1)[None] for name, part in table.items()}, metric)
    n_own = (table["n_reference"] + table["n_estimated"] > 0).sum(axis=1)
    stretch = np.sqrt((n_own + 1) / np.maximum(n_own - 1, 1))
    return np.asarray((sampled - whole) * stretch)


def _pooled(counts: Mapping[str, Array], metric: str) -> Array:
    """Return F1, precision or recall of summed counts; 0 where there is nothing to count."""
    totals = {
        "f1": (counts["n_reference"] + counts["n_estimated"]) / 2,
        "precision": counts["n_estimated"],
        "recall": counts["n_reference"],
    }
    total = totals[metric.partition(".")[0]]
    matched = counts["n_matched"]
    return np.asarray(np.divide(matched, total, out=np.zeros_like(matched), where=total > 0))
