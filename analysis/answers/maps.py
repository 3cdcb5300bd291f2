"""Maps of a study: one fitted surface per loss, or a curve if a loss has only one parameter."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial

import numpy as np
import pandas as pd

from analysis.answers.panels import Panel, fit_panel
from analysis.answers.resampling import resample, validate_standard_error
from analysis.errors import AnalysisError, TooFewPointsError
from analysis.labels import metric_label
from analysis.reading import (
    Layout,
    StoredStudy,
    View,
    hold_categories,
    require_columns,
    stopped_note,
    swept_axes,
    validate_one_task,
    with_option_columns,
)
from analysis.regression import RENAMED_ESTIMATORS, Bandwidth

__all__ = ["ESTIMATOR_LABELS", "StudyMap", "chosen_estimator", "map_study"]

ESTIMATOR_LABELS = {
    "nadaraya_watson": "Nadaraya-Watson",
    "local_linear": "local linear",
    "gaussian_process": "Gaussian process",
    "level_means": "means of the levels",
    "contour_process": "Gaussian process along contours",
}
# A hundred trials in a plane are about a tenth of its side apart.
_ENOUGH_TRIALS = 100


@dataclass(frozen=True, eq=False)
class StudyMap:
    """All panels of a study on one colour scale.

    Attributes:
        study: The study's name.
        metric: Column that was fitted.
        estimator: Name of the estimator.
        by: Column whose values have one panel each.
        panels: Surfaces first, then curves, each in alphabetical order of the losses.
        notes: Notes for the reader, such as trials left out and parameters averaged over.
        held: The parameters held at a value, as text.
        score: Name of the score that the column `f1` holds.
    """

    study: str
    metric: str
    estimator: str
    by: str
    panels: tuple[Panel, ...]
    notes: tuple[str, ...]
    held: tuple[str, ...] = ()
    score: str = "F1"

    @property
    def metric_label(self) -> str:
        """The display name of the metric."""
        return metric_label(self.metric, score=self.score)

    @cached_property
    def limits(self) -> tuple[float, float]:
        """The ends of the colour scale, which are the panels' extremes rounded outwards."""
        low = min(float(np.nanmin(panel.value)) for panel in self.panels)
        high = max(float(np.nanmax(panel.value)) for panel in self.panels)
        step = 0.01 if high - low < 0.2 else 0.05
        low, high = math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step
        return (low, high) if high > low else (low - step, high + step)

    def table(self) -> pd.DataFrame:
        """Return the lattices of all panels as one table."""
        return pd.concat([panel.table(self.metric, by=self.by) for panel in self.panels], ignore_index=True)


def chosen_estimator(name: str, *, bandwidth: Bandwidth, n_trials: int, dimensions: int = 2) -> str:
    """Return the estimator that `auto` means: the papers' Nadaraya-Watson for many trials, else a process.

    With few trials, a kernel with local support leaves most of the map blank, whereas a Gaussian process
    makes use of every trial and reports its uncertainty. A bandwidth belongs to a kernel, so giving one
    selects Nadaraya-Watson.
    """
    if name != "auto":
        return RENAMED_ESTIMATORS.get(name, name)
    is_dense = n_trials >= _ENOUGH_TRIALS ** (max(dimensions, 2) / 2)
    return "nadaraya_watson" if bandwidth is not None or is_dense else "gaussian_process"


def map_study(
    study: StoredStudy,
    *,
    metric: str = "f1",
    estimator: str = "nadaraya_watson",
    bandwidth: Bandwidth = None,
    by: str = "loss",
    view: View | None = None,
    standard_error: str = "estimator",
    prefers_process: bool = False,
) -> StudyMap:
    """Fit one panel per loss over softness and label noise, or over other swept parameters.

    A loss that does not use the softness gets a curve over the other axis. Trials with infinite softness (the
    count loss alone) have no place on an axis and are left out with a note. If more than two parameters vary,
    the regression covers up to four of them, and the map is a cut through it or a mean over it. A bandwidth
    belongs to the plotted axes. If one is given, other parameters are averaged over as the trials are
    distributed.

    Args:
        study: The study, from `load_results`.
        metric: Numeric column of the trials.
        estimator: An estimator of `fit_surface`, or `auto`: level means for a curve with few levels and two
            or more trials at each, Nadaraya-Watson for about 100 trials or more per loss, otherwise a
            Gaussian process.
        bandwidth: Standard deviation of the kernel in display units (ms), one number or one per plotted axis;
            chosen by leave-one-out cross validation when None.
        by: Column whose values get one panel each.
        view: The plotted, held and averaged parameters; softness and label noise by default.
        standard_error: `estimator`, or `bootstrap` over settings (with all their replicates) and, if events
            are stored, test recordings.
        prefers_process: Whether `auto` means a Gaussian process for any number of trials.

    Returns:
        The map: `panels` with the fits, `table()` with the values on a lattice, and `notes`.

    Raises:
        AnalysisError: No trial completed, the study has several tasks, the metric is not numeric, the study
            does not have the view, or no loss has trials at three or more different points.
    """
    view = view or View()
    study, places = hold_categories(study, view.at)
    view = replace(view, at=places)
    validate_one_task(study, by=by)
    trials = with_option_columns(study, study.scored(metric))
    require_columns(trials, [by])
    layout = _layout(study, trials, view, by=by, bandwidth=bandwidth)
    joins_levels = estimator == "auto" and bandwidth is None
    if joins_levels and prefers_process:
        estimator = "gaussian_process"
    estimator = chosen_estimator(
        estimator,
        bandwidth=bandwidth,
        n_trials=int(trials[by].value_counts().max()),
        dimensions=len(layout.parameters),
    )
    validate_standard_error(standard_error)
    resampling = resample(study, trials, metric=metric, by=by) if standard_error == "bootstrap" else None
    fit = partial(
        fit_panel,
        layout=layout,
        uses_softness=study.schema.uses_softness,
        metric=metric,
        estimator=estimator,
        bandwidth=bandwidth,
        resampling=resampling,
        joins_levels=joins_levels,
    )
    notes = _layout_notes(layout, trials, categories=study.schema.categories, by=by)
    panels, left_out = _panels(trials, by, fit)
    notes += left_out
    if (note := stopped_note(study)) is not None:
        notes.append(note)
    ordered = (*(one for one in panels if one.is_surface), *(one for one in panels if not one.is_surface))
    held = tuple(f"{axis.label} {axis.text(place)}" for axis, place in layout.held.items())
    if all(panel.joins_levels for panel in panels):
        estimator = "level_means"
    score = study.score.name
    return StudyMap(study.name, metric, estimator, by, ordered, tuple(notes), held=held, score=score)


def _panels(
    trials: pd.DataFrame, by: str, fit: Callable[[str, pd.DataFrame], Panel]
) -> tuple[list[Panel], list[str]]:
    """Return a panel for every value of `by` with enough trials, and notes on what is left out."""
    panels: list[Panel] = []
    notes: list[str] = []
    reasons: list[TooFewPointsError] = []
    for name, group in sorted(trials.groupby(by), key=lambda item: str(item[0])):
        try:
            panel = fit(str(name), group)
        except TooFewPointsError as error:
            reasons.append(error)
            notes.append(f"{name} is not shown: {error}")
            continue
        panels.append(panel)
        if len(panel.values) < len(group):
            n_infinite = len(group) - len(panel.values)
            notes.append(f"{name}: {n_infinite} trials with infinite softness are not part of the surface")
    if not panels:
        raise reasons[0]
    return panels, notes


def _layout(study: StoredStudy, trials: pd.DataFrame, view: View, *, by: str, bandwidth: Bandwidth) -> Layout:
    """Return the axes of the map."""
    swept = [axis for axis in swept_axes(study, trials, by=by) if axis.column != by]
    if not swept:
        trials_at = f"{len(trials)} completed trials at one point" if len(trials) > 1 else "1 completed trial"
        raise TooFewPointsError(
            f"a surface needs trials at 3 or more different points, but {study.location} has {trials_at}"
        )
    layout = view.layout(swept, location=study.location)
    if bandwidth is None:
        return layout
    if view.at:
        raise AnalysisError("`bandwidth` belongs to the plotted axes: leave it out, or hold no parameter")
    return layout.plotted_only()


def _layout_notes(layout: Layout, trials: pd.DataFrame, *, categories: Sequence[str], by: str) -> list[str]:
    """Return notes on the parameters that are not plotted."""
    notes = [f"at {axis.label} {axis.text(place)}" for axis, place in layout.held.items()]
    rest = [axis.label for axis in (*layout.averaged, *layout.ignored)]
    groups = trials.groupby(by)
    rest += [
        name for name in categories if name != by and name in trials and groups[name].nunique().max() > 1
    ]
    return [*notes, f"averaged over {', '.join(rest)}"] if rest else notes
