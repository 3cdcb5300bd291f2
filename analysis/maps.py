"""From a study to its panels: one fitted surface a loss, or a curve where a loss has one parameter only."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.axes import (
    CATEGORIES,
    LABEL_NOISE,
    SOFTNESS,
    Axis,
    swept_axes,
    uses_softness,
    with_option_columns,
)
from analysis.regression import Array, Grid, Regression
from analysis.results import Study, TooFewPointsError, require_columns
from analysis.surfaces import Bandwidth, fit_regression
from analysis.uncertainty import binomial_weights

__all__ = ["ESTIMATOR_LABELS", "METRIC_LABELS", "Panel", "StudyMap", "map_study"]

METRIC_LABELS = {"f1": "F1", "precision": "precision", "recall": "recall"}
ESTIMATOR_LABELS = {
    "nadaraya_watson": "Nadaraya-Watson",
    "local_linear": "local linear",
    "gaussian_process": "Gaussian process",
    "steered_process": "steered Gaussian process",
}

_LATTICE = (301, 201)

# A hundred trials over the plane stand about a tenth of its side apart.
_ENOUGH_TRIALS = 100


@dataclass(frozen=True, eq=False)
class Panel:
    """One loss: its trials over one or two axes, and the mean fitted to them.

    Attributes:
        name: The loss, or the value of whatever column the panels stand for.
        axes: Across, then up; one axis where the other does not matter to the loss.
        points: [trial, axis], in shown units.
        values: [trial].
        rows: [trial], positions among the study's scored trials.
        regression: Mean over `axes`.
    """

    name: str
    axes: tuple[Axis, ...]
    points: Array
    values: Array
    rows: NDArray[np.int64]
    regression: Regression

    @property
    def is_surface(self) -> bool:
        """Whether it has two axes."""
        return len(self.axes) == 2

    @cached_property
    def lattice(self) -> Grid:
        """Where it is drawn: steps of 1 / 300 and 1 / 200 of the ranges."""
        sizes = _LATTICE if self.is_surface else _LATTICE[1:]
        return Grid(tuple(axis.lattice(n) for axis, n in zip(self.axes, sizes, strict=True)))

    @cached_property
    def value(self) -> Array:
        """Mean on the lattice, NaN where less than one trial's worth is in reach."""
        value = np.where(
            self.support >= 1.0, self.regression.predict(self.lattice).reshape(self.lattice.shape), np.nan
        )
        return (
            value if np.isfinite(value).any() else self.regression.predict(self.lattice).reshape(value.shape)
        )

    @cached_property
    def support(self) -> Array:
        """Effective number of trials on the lattice."""
        return self.regression.support(self.lattice).reshape(self.lattice.shape)

    @cached_property
    def standard_error(self) -> Array:
        """Standard error of the mean on the lattice."""
        return self.regression.standard_error(self.lattice).reshape(self.lattice.shape)

    def table(self, metric: str, *, by: str) -> pd.DataFrame:
        """The lattice as rows: loss, axes (in their columns' units), mean, standard error, support."""
        at = self.lattice.points()
        columns = {axis.column: at[:, index] / axis.factor for index, axis in enumerate(self.axes)}
        estimates = {
            metric: self.value.ravel(),
            f"{metric}_standard_error": self.standard_error.ravel(),
            "support": self.support.ravel(),
        }
        return pd.DataFrame({by: self.name, **columns, **estimates})


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
    """

    study: str
    metric: str
    estimator: str
    by: str
    panels: tuple[Panel, ...]
    notes: tuple[str, ...]

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


def chosen_estimator(name: str, *, bandwidth: Bandwidth, n_trials: int) -> str:
    """What `auto` stands for: the papers' Nadaraya-Watson where trials stand close, else a Gaussian process.

    With few trials a kernel of local support leaves most of the map blank, while a process says what it can
    and how sure it is. A bandwidth belongs to a kernel, so that giving one decides for Nadaraya-Watson.
    """
    if name != "auto":
        return name
    return "nadaraya_watson" if bandwidth is not None or n_trials >= _ENOUGH_TRIALS else "gaussian_process"


def map_study(
    study: Study,
    *,
    metric: str = "f1",
    estimator: str = "nadaraya_watson",
    bandwidth: Bandwidth = None,
    by: str = "loss",
) -> StudyMap:
    """Fit one panel a loss over softness and label noise, or over whatever else the study sweeps.

    A loss that does not use the softness gets a curve over the other axis. A softness of infinity (the count
    loss alone) has no place on an axis and is left out, with a note.

    Args:
        study: The study.
        metric: Numeric column of the trials.
        estimator: See `analysis.surfaces.ESTIMATORS`, or `auto` (`chosen_estimator`).
        bandwidth: In shown units (ms), one number or one an axis; chosen by leave-one-out when None.
        by: Column whose values get a panel each.

    Raises:
        AnalysisError: No completed trial, a metric that is no number, or no loss with trials at three or more
            different points.
    """
    trials = with_option_columns(study.scored(metric))
    require_columns(trials, [by])
    axes, notes = _map_axes(study, trials, by=by)
    estimator = chosen_estimator(
        estimator, bandwidth=bandwidth, n_trials=int(trials[by].value_counts().max())
    )
    panels: list[Panel] = []
    reasons: list[TooFewPointsError] = []
    for name, group in sorted(trials.groupby(by), key=lambda item: str(item[0])):
        try:
            panel = _panel(str(name), group, axes, metric=metric, estimator=estimator, bandwidth=bandwidth)
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
    ordered = (*(one for one in panels if one.is_surface), *(one for one in panels if not one.is_surface))
    return StudyMap(study.name, metric, estimator, by, panels=ordered, notes=tuple(notes))


def _map_axes(study: Study, trials: pd.DataFrame, *, by: str) -> tuple[tuple[Axis, ...], list[str]]:
    """The two axes (or the one) to draw, and a note on the swept parameters averaged over."""
    swept = swept_axes(study, trials)
    if not swept:
        at = "all at one point" if len(trials) > 1 else "alone"
        raise TooFewPointsError(
            f"a surface needs trials at 3 or more different points, but {study.location} has "
            f"{len(trials)} completed trial{'s' if len(trials) > 1 else ''} {at}"
        )
    first = [axis for axis in swept if axis.column in (SOFTNESS, LABEL_NOISE)]
    chosen = (first + [axis for axis in swept if axis not in first])[:2]
    if len(chosen) == 2 and chosen[0].column == LABEL_NOISE:
        chosen.reverse()
    rest = [axis.label for axis in swept if axis not in chosen]
    rest += [name for name in CATEGORIES if name != by and name in trials and trials[name].nunique() > 1]
    return tuple(chosen), [f"averaged over {', '.join(rest)}"] if rest else []


def _panel(
    name: str,
    trials: pd.DataFrame,
    axes: tuple[Axis, ...],
    *,
    metric: str,
    estimator: str,
    bandwidth: Bandwidth,
) -> Panel:
    """One loss's fit over the axes that matter to it."""
    softens = any(uses_softness(str(loss)) for loss in trials["loss"].unique())
    mattering = [axis for axis in axes if softens or axis.column != SOFTNESS]
    points = (
        np.stack([axis.shown(trials) for axis in mattering], axis=1)
        if mattering
        else np.empty((len(trials), 0))
    )
    finite = np.flatnonzero(np.isfinite(points).all(axis=1))
    points, values = points[finite], trials[metric].to_numpy(dtype=np.float64)[finite]
    varying = [index for index in range(points.shape[1]) if len(points) and np.ptp(points[:, index]) > 0]
    if not varying:
        n = len(values)
        raise TooFewPointsError(
            f"a surface needs trials at 3 or more different points, but {name} has {n} trials at one"
        )
    width = (
        bandwidth[-len(varying) :]
        if isinstance(bandwidth, tuple) and len(bandwidth) > len(varying)
        else bandwidth
    )
    points = points[:, varying]
    weights = _weights(trials.iloc[finite], points, values, metric=metric)
    regression = fit_regression(points, values, estimator=estimator, bandwidth=width, weights=weights)
    rows = trials.index.to_numpy(dtype=np.int64)[finite]
    return Panel(name, tuple(mattering[index] for index in varying), points, values, rows, regression)


def _weights(trials: pd.DataFrame, points: Array, values: Array, *, metric: str) -> Array | None:
    """Binomial weights where trials were scored on different numbers of events, else None.

    Where all are scored on the same test set its sampling is common to all, and weighs none against another.
    """
    if metric not in METRIC_LABELS or "n_reference" not in trials or trials["n_reference"].nunique() < 2:
        return None
    fitted = fit_regression(points, values).predict(points)
    return binomial_weights(values, trials["n_reference"].to_numpy(dtype=np.float64), fitted, metric=metric)
