"""Losses compared where nothing but names varies: cell by cell, in pairs on the same replicates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from analysis.answers.comparisons import select_values
from analysis.errors import AnalysisError
from analysis.labels import METRIC_LABELS
from analysis.reading import (
    CATEGORIES,
    At,
    StoredStudy,
    hold_categories,
    require_columns,
    swept_axes,
    with_option_columns,
)
from analysis.tables import text_table, with_interval, wrapped

__all__ = ["CellComparison", "compare_cells", "has_cells_only"]

_NAMES = (*CATEGORIES, "split")
_PAIR = ("replicate", "fold", "seed", "label_noise_s")


@dataclass(frozen=True, eq=False)
class CellComparison:
    """Losses in every cell of a study that varies names alone.

    Attributes:
        study: The study's name.
        by: Column that is compared.
        metric: Column of the trials.
        level: Probability of the intervals.
        trials: [trial] with the columns `cell`, `by` and the metric.
        summary: One row a loss and cell: number of trials, mean, lowest, highest.
        differences: One row a loss and cell: mean difference from the reference in pairs, with limits.
    """

    study: str
    by: str
    metric: str
    level: float
    trials: pd.DataFrame
    summary: pd.DataFrame
    differences: pd.DataFrame

    def text(self) -> str:
        """For the terminal, at most 80 columns."""
        label = METRIC_LABELS.get(self.metric, self.metric)
        shown = self.summary.assign(
            **{label: [with_interval(*row) for row in self.summary[["mean", "lowest", "highest"]].to_numpy()]}
        )
        blocks = [text_table(shown[["cell", self.by, "trials", label]])]
        if len(self.differences):
            reference = str(self.differences["reference"].iloc[0])
            limits = self.differences[["difference", "low", "high"]].to_numpy()
            less = self.differences.rename(columns={self.by: f"{self.by} less {reference}"})
            less = less.assign(difference=[with_interval(*row) for row in limits])
            blocks.append(text_table(less[["cell", f"{self.by} less {reference}", "pairs", "difference"]]))
        blocks.append(
            wrapped(
                f"Means [lowest, highest]; differences in pairs of the same replicate and fold, with "
                f"{100 * self.level:g} % intervals (Student's t). Label noise does not vary."
            )
        )
        return "\n\n".join(blocks)


def has_cells_only(study: StoredStudy, *, metric: str, by: str, at: At = None) -> bool:
    """Whether no number is swept within any value of `by`, so that there is no curve to draw."""
    held, _ = hold_categories(study, at)
    trials = with_option_columns(held.scored(metric))
    require_columns(trials, [by])
    names_vary = any(trials[name].nunique() > 1 for name in (by, *_NAMES) if name in trials)
    return names_vary and not any(swept_axes(held, group) for _, group in trials.groupby(by))


def compare_cells(
    study: StoredStudy,
    *,
    metric: str = "f1",
    by: str = "loss",
    reference: str | None = None,
    only: Sequence[str] | None = None,
    at: At = None,
    level: float = 0.95,
) -> CellComparison:
    """Compare losses in every combination of the names that vary: splits, networks, data sources.

    Args:
        study: The study.
        metric: Numeric column of the trials.
        by: Column that is compared.
        reference: Value that the others are compared with; cross_entropy when None and there, else the first.
        only: Values to keep; all when None.
        at: Names held at a value.
        level: Probability of the intervals, in (0, 1).

    Raises:
        AnalysisError: A column, a value or a reference that is not there.
    """
    study, _ = hold_categories(study, at)
    if only is not None:
        study = select_values(study, only, by=by)
    trials = study.scored(metric)
    require_columns(trials, [by])
    cells = [name for name in _NAMES if name in trials and name != by and trials[name].nunique() > 1]
    named = trials[cells].astype(str).agg(", ".join, axis=1) if cells else pd.Series("all", trials.index)
    trials = trials.assign(cell=named, **{by: trials[by].astype(str)})
    values = sorted(trials[by].unique())
    chosen = reference or ("cross_entropy" if "cross_entropy" in values else values[0])
    if chosen not in values:
        raise AnalysisError(f"`reference` must be one of {', '.join(values)}, but got {chosen}")
    summary = trials.groupby(["cell", by])[metric].agg(["size", "mean", "min", "max"]).reset_index()
    summary.columns = pd.Index(["cell", by, "trials", "mean", "lowest", "highest"])
    differences = _differences(trials, metric=metric, by=by, reference=chosen, level=level)
    kept = trials[["cell", by, metric]].reset_index(drop=True)
    return CellComparison(study.name, by, metric, level, kept, summary, differences)


def _differences(trials: pd.DataFrame, *, metric: str, by: str, reference: str, level: float) -> pd.DataFrame:
    """Mean paired differences from the reference in every cell, with Student's interval."""
    keys = ["cell", *(name for name in _PAIR if name in trials)]
    wide = trials.pivot_table(index=keys, columns=by, values=metric, aggfunc="mean")
    rows = []
    for name in (column for column in wide.columns if column != reference):
        paired = (wide[name] - wide[reference]).dropna()
        for cell, part in paired.groupby("cell"):
            mean, n = float(part.mean()), len(part)
            half = float(stats.t.ppf(0.5 + level / 2, n - 1) * part.std() / np.sqrt(n)) if n > 1 else np.nan
            rows.append((cell, name, reference, n, mean, mean - half, mean + half))
    columns = ["cell", by, "reference", "pairs", "difference", "low", "high"]
    return pd.DataFrame(rows, columns=columns).sort_values(["cell", by], ignore_index=True)
