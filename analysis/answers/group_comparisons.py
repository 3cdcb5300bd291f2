"""Comparison of losses within groups of trials, if only names vary, in pairs on the same fold or draw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from analysis.answers.comparisons import select_values
from analysis.errors import AnalysisError
from analysis.reading import (
    At,
    StoredStudy,
    hold_categories,
    require_columns,
    swept_axes,
    with_option_columns,
)

__all__ = ["GroupComparison", "compare_groups", "has_groups_only"]

_PAIR = ("seed", "label_noise_s", "fold", "noise_draw", "replicate")


@dataclass(frozen=True, eq=False)
class GroupComparison:
    """Losses in each group of trials that have the same split, network and other names.

    Attributes:
        study: The study's name.
        by: Column that is compared.
        metric: Column of the trials.
        metric_label: Its display name.
        level: Probability of the intervals.
        trials: One row per trial with the columns `cell` (its group), `by` and the metric.
        summary: One row per loss and group: number of trials, mean, lowest and highest value.
        differences: One row per loss and group: mean paired difference from the reference, with limits, the
            unit that was drawn (`folds` or `draws`) and the number of pairs of units.
    """

    study: str
    by: str
    metric: str
    metric_label: str
    level: float
    trials: pd.DataFrame
    summary: pd.DataFrame
    differences: pd.DataFrame


def has_groups_only(study: StoredStudy, *, metric: str, by: str, at: At = None) -> bool:
    """Return whether names vary but no number is swept for any value of `by`, so that there is no curve."""
    held, _ = hold_categories(study, at)
    trials = with_option_columns(held, held.scored(metric))
    require_columns(trials, [by])
    names_vary = any(trials[name].nunique() > 1 for name in (by, *_names(study)) if name in trials)
    return names_vary and not any(swept_axes(held, group) for _, group in trials.groupby(by))


def compare_groups(
    study: StoredStudy,
    *,
    metric: str = "f1",
    by: str = "loss",
    reference: str | None = None,
    only: Sequence[str] | None = None,
    at: At = None,
    level: float = 0.95,
) -> GroupComparison:
    """Compare losses in every combination of the names that vary: splits, networks, data sources.

    The intervals are Student's, over what was drawn. That is folds if a group has several, because they have
    different test recordings (often of different persons) and the trials of one fold are no further persons.
    Within a fold, the differences are averaged over its draws and replicates. With one fold, it is draws:
    replicates, each with its own draw of wrong labels and its own initial weights.

    Args:
        study: The study.
        metric: Numeric column of the trials.
        by: Column to compare.
        reference: Value that the others are compared with. When None, cross_entropy if the study has it,
            otherwise the first value in alphabetical order.
        only: Values to include; all when None.
        at: Names held at a value.
        level: Probability of the intervals, in (0, 1).

    Raises:
        AnalysisError: A column, a value or the reference does not exist.
    """
    study, _ = hold_categories(study, at)
    if only is not None:
        study = select_values(study, only, by=by)
    trials = study.scored(metric)
    require_columns(trials, [by])
    names = [name for name in _names(study) if name in trials and name != by and trials[name].nunique() > 1]
    groups = trials[names].astype(str).agg(", ".join, axis=1) if names else pd.Series("all", trials.index)
    trials = trials.assign(cell=groups, **{by: trials[by].astype(str)})
    values = sorted(trials[by].unique())
    chosen = reference or ("cross_entropy" if "cross_entropy" in values else values[0])
    if chosen not in values:
        raise AnalysisError(f"`reference` must be one of {', '.join(values)}, but got {chosen}")
    summary = trials.groupby(["cell", by])[metric].agg(["size", "mean", "min", "max"]).reset_index()
    summary.columns = pd.Index(["cell", by, "trials", "mean", "lowest", "highest"])
    differences = _differences(trials, metric=metric, by=by, reference=chosen, level=level)
    kept = trials[["cell", by, metric]].reset_index(drop=True)
    label = study.label(metric)
    return GroupComparison(study.name, by, metric, label, level, kept, summary, differences)


def _differences(trials: pd.DataFrame, *, metric: str, by: str, reference: str, level: float) -> pd.DataFrame:
    """Return the mean paired differences from the reference in every group, with Student's interval."""
    keys = ["cell", *(name for name in _PAIR if name in trials)]
    wide = trials.pivot_table(index=keys, columns=by, values=metric, aggfunc="mean")
    rows = []
    for name in (column for column in wide.columns if column != reference):
        paired = (wide[name] - wide[reference]).dropna()
        for group, part in paired.groupby("cell"):
            unit, drawn = _drawn(part)
            mean, n = float(drawn.mean()), len(drawn)
            half = float(stats.t.ppf(0.5 + level / 2, n - 1) * drawn.std() / np.sqrt(n)) if n > 1 else np.nan
            rows.append((group, name, reference, unit, n, mean, mean - half, mean + half))
    columns = ["cell", by, "reference", "unit", "pairs", "difference", "low", "high"]
    return pd.DataFrame(rows, columns=columns).sort_values(["cell", by], ignore_index=True)


def _drawn(differences: pd.Series) -> tuple[str, pd.Series]:
    """Return the unit that was drawn, and its differences, each a mean over the trials of one unit."""
    levels = [str(name) for name in differences.index.names]
    if "fold" in levels and differences.index.get_level_values("fold").nunique() > 1:
        return "folds", differences.groupby("fold").mean()
    draws = [name for name in ("seed", "noise_draw", "replicate") if name in levels]
    return "draws", differences.groupby(draws).mean() if draws else differences


def _names(study: StoredStudy) -> tuple[str, ...]:
    """Return the columns whose values are names."""
    return (*study.schema.categories, "split")
