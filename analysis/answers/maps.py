"""From a study to its panels: one fitted surface a loss, or a curve where a loss has one parameter only."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, partial

import numpy as np
import pandas as pd

from analysis.answers.panels import Panel, fit_panel
from analysis.answers.resampling import resample, validate_standard_error
from analysis.errors import AnalysisError, TooFewPointsError
from analysis.labels import METRIC_LABELS
from analysis.reading import (
    CATEGORIES,
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
from analysis.regression import Bandwidth

__all__ = ["ESTIMATOR_LABELS", "StudyMap", "chosen_estimator", "map_study"]

ESTIMATOR_LABELS = {
    "nadaraya_watson": "Nadaraya-Watson",
    "local_linear": "local linear",
    "gaussian_process": "Gaussian process",
    "level_means": "means of the levels",
    "steered_process": "steered Gaussian process",
}
# A hundred trials over the plane stand about a tenth of its side apart.
_ENOUGH_TRIALS = 100


@dataclass(frozen=True, eq=False)
class StudyMap:
    """All panels of a study on one colour scale.

    Attributes:
        study: The study's name.
        metric: Column that was fitted.
        estimator: Name of the estimator.
        by: Column whose values the panels stand for.
        panels: Surfaces first, then curves, each in order of the loss's name.
        notes: What a reader must know: trials left out, parameters averaged over.
        held: The parameters held at a value, in words.
    """

    study: str
    metric: str
    estimator: str
    by: str
    panels: tuple[Panel, ...]
    notes: tuple[str, ...]
    held: tuple[str, ...] = ()

    @property
    def metric_label(self) -> str:
        """The metric's name for people."""
        return METRIC_LABELS.get(self.metric, self.metric.replace("_", " "))

    @cached_property
    def limits(self) -> tuple[float, float]:
        """Ends of the colour scale: the panels' extremes, rounded outwards."""
        low = min(float(np.nanmin(panel.value)) for panel in self.panels)
        high = max(float(np.nanmax(panel.value)) for panel in self.panels)
        step = 0.01 if high - low < 0.2 else 0.05
        low, high = math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step
        return (low, high) if high > low else (low - step, high + step)

    def table(self) -> pd.DataFrame:
        """All panels' lattices, one below the other."""
        return pd.concat([panel.table(self.metric, by=self.by) for panel in self.panels], ignore_index=True)


def chosen_estimator(name: str, *, bandwidth: Bandwidth, n_trials: int, dimensions: int = 2) -> str:
    """What `auto` stands for: the papers' Nadaraya-Watson where trials stand close, else a Gaussian process.

    With few trials a kernel of local support leaves most of the map blank, while a process says what it can
    and how sure it is. A bandwidth belongs to a kernel, so that giving one decides for Nadaraya-Watson.
    """
    if name != "auto":
        return name
    stand_close = n_trials >= _ENOUGH_TRIALS ** (max(dimensions, 2) / 2)
    return "nadaraya_watson" if bandwidth is not None or stand_close else "gaussian_process"


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
    """Fit one panel a loss over softness and label noise, or over whatever else the study sweeps.

    A loss that does not use the softness gets a curve over the other axis. A softness of infinity (the count
    loss alone) has no place on an axis and is left out, with a note. Where more than two parameters vary, the
    regression knows up to four of them, and the map is a cut or a mean through it; with a bandwidth, which
    belongs to the drawn axes, trials are averaged as they lie.

    Args:
        study: The study.
        metric: Numeric column of the trials.
        estimator: See `analysis.regression.ESTIMATORS`, or `auto`: level means for a curve through few
            of them with two trials or more at each, else `chosen_estimator`.
        bandwidth: In shown units (ms), one number or one a drawn axis; chosen by leave-one-out when None.
        by: Column whose values get a panel each.
        view: What is drawn, held and averaged over; softness and label noise by default. A task, a loss, a
            fold and the like may be held, too, which keeps the trials that have it.
        standard_error: `estimator`, or `bootstrap` over settings (with all their replicates) and, where
            events are stored, test recordings.
        prefers_process: Whether `auto` takes a Gaussian process however many trials there are.

    Raises:
        AnalysisError: No completed trial, several tasks, a metric that is no number, a view that the study
            does not have, or no loss with trials at three or more different points.
    """
    view = view or View()
    study, places = hold_categories(study, view.at)
    view = replace(view, at=places)
    validate_one_task(study, by=by)
    trials = with_option_columns(study.scored(metric))
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
    resampling = resample(study, trials, metric=metric) if standard_error == "bootstrap" else None
    fit = partial(
        fit_panel,
        layout=layout,
        metric=metric,
        estimator=estimator,
        bandwidth=bandwidth,
        resampling=resampling,
        joins_levels=joins_levels,
    )
    notes = _layout_notes(layout, trials, by=by)
    panels, left_out = _panels(trials, by, fit)
    notes += left_out
    if (note := stopped_note(study)) is not None:
        notes.append(note)
    ordered = (*(one for one in panels if one.is_surface), *(one for one in panels if not one.is_surface))
    held = tuple(f"{axis.label} {axis.text(place)}" for axis, place in layout.held.items())
    if all(panel.joins_levels for panel in panels):
        estimator = "level_means"
    return StudyMap(study.name, metric, estimator, by, panels=ordered, notes=tuple(notes), held=held)


def _panels(
    trials: pd.DataFrame, by: str, fit: Callable[[str, pd.DataFrame], Panel]
) -> tuple[list[Panel], list[str]]:
    """A panel for every value of `by` that has enough trials, and what is left out."""
    panels: list[Panel] = []
    notes: list[str] = []
    reasons: list[TooFewPointsError] = []
    for name, group in sorted(trials.groupby(by), key=lambda item: str(item[0])):
        try:
            panel = fit(str(name), group)
        except TooFewPointsError as error:
            reasons.append(error)
            notes.append(f"{name} is not drawn: {error}")
            continue
        panels.append(panel)
        if len(panel.values) < len(group):
            n_infinite = len(group) - len(panel.values)
            notes.append(f"{name}: {n_infinite} trials with infinite softness are left out of the surface")
    if not panels:
        raise reasons[0]
    return panels, notes


def _layout(study: StoredStudy, trials: pd.DataFrame, view: View, *, by: str, bandwidth: Bandwidth) -> Layout:
    """Which axes the map has."""
    swept = [axis for axis in swept_axes(study, trials, by=by) if axis.column != by]
    if not swept:
        at = "all at one point" if len(trials) > 1 else "alone"
        raise TooFewPointsError(
            f"a surface needs trials at 3 or more different points, but {study.location} has "
            f"{len(trials)} completed trial{'s' if len(trials) > 1 else ''} {at}"
        )
    layout = view.layout(swept, location=study.location)
    if bandwidth is None:
        return layout
    if view.at:
        raise AnalysisError("`bandwidth` belongs to the drawn axes: leave it out, or hold no parameter")
    return layout.drawn_only()


def _layout_notes(layout: Layout, trials: pd.DataFrame, *, by: str) -> list[str]:
    """What a reader must know of the parameters that are not drawn."""
    notes = [f"at {axis.label} {axis.text(place)}" for axis, place in layout.held.items()]
    rest = [axis.label for axis in (*layout.averaged, *layout.ignored)]
    groups = trials.groupby(by)
    rest += [
        name for name in CATEGORIES if name != by and name in trials and groups[name].nunique().max() > 1
    ]
    return [*notes, f"averaged over {', '.join(rest)}"] if rest else notes
