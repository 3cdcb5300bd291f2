"""From a study to its panels: one fitted surface a loss, or a curve where a loss has one parameter only."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from analysis.axes import (
    LABEL_NOISE,
    SOFTNESS,
    Axis,
    swept_axes,
    uses_softness,
    with_option_columns,
)
from analysis.regression import Array, Grid, Regression
from analysis.results import AnalysisError, Study
from analysis.surfaces import Bandwidth, fit_regression

__all__ = ["ESTIMATOR_LABELS", "METRIC_LABELS", "Panel", "StudyMap", "map_study"]

METRIC_LABELS = {"f1": "F1", "precision": "precision", "recall": "recall"}
ESTIMATOR_LABELS = {
    "nadaraya_watson": "Nadaraya-Watson",
    "local_linear": "local linear",
    "gaussian_process": "Gaussian process",
}
_LATTICE = (301, 201)


@dataclass(frozen=True, eq=False)
class Panel:
    """One loss: its trials over one or two axes, and the mean fitted to them.

    Attributes:
        loss: Name of the loss.
        axes: Across, then up; one axis where the other does not matter to the loss.
        points: [trial, axis], in shown units.
        values: [trial].
        regression: Mean over `axes`.
    """

    loss: str
    axes: tuple[Axis, ...]
    points: Array
    values: Array
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

    def table(self, metric: str) -> pd.DataFrame:
        """The lattice as rows: loss, axes (in their columns' units), mean, standard error, support."""
        at = self.lattice.points()
        columns = {axis.column: at[:, index] / axis.factor for index, axis in enumerate(self.axes)}
        estimates = {
            metric: self.value.ravel(),
            f"{metric}_standard_error": self.standard_error.ravel(),
            "support": self.support.ravel(),
        }
        return pd.DataFrame({"loss": self.loss, **columns, **estimates})


@dataclass(frozen=True, eq=False)
class StudyMap:
    """All panels of a study on one colour scale.

    Attributes:
        study: The study's name.
        metric: Column that was fitted.
        estimator: Name of the estimator.
        panels: Surfaces first, then curves, each in order of the loss's name.
        notes: What a reader must know: trials left out, parameters averaged over.
    """

    study: str
    metric: str
    estimator: str
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
        return pd.concat([panel.table(self.metric) for panel in self.panels], ignore_index=True)


def map_study(
    study: Study, *, metric: str = "f1", estimator: str = "nadaraya_watson", bandwidth: Bandwidth = None
) -> StudyMap:
    """Fit one panel a loss over softness and label noise, or over whatever else the study sweeps.

    A loss that does not use the softness gets a curve over the other axis. A softness of infinity (the count
    loss alone) has no place on an axis and is left out, with a note.

    Args:
        study: The study.
        metric: Numeric column of the trials.
        estimator: See `analysis.surfaces.ESTIMATORS`.
        bandwidth: In shown units (ms), one number or one an axis; chosen by leave-one-out when None.

    Raises:
        AnalysisError: No completed trial, a metric that is no number, or no loss with trials at three or more
            different points.
    """
    trials = with_option_columns(study.scored(metric))
    axes, notes = _map_axes(study, trials)
    surfaces: list[Panel] = []
    curves: list[Panel] = []
    for loss, group in sorted(trials.groupby("loss"), key=lambda item: str(item[0])):
        try:
            panel = _panel(str(loss), group, axes, metric=metric, estimator=estimator, bandwidth=bandwidth)
        except AnalysisError as error:
            if trials["loss"].nunique() == 1 or "estimator" in str(error) or "bandwidth`" in str(error):
                raise
            notes.append(f"{loss} is not drawn: {error}")
            continue
        (surfaces if panel.is_surface else curves).append(panel)
        n_infinite = len(group) - len(panel.values)
        if n_infinite:
            notes.append(f"{loss}: {n_infinite} trials with infinite softness are left out of the surface")
    if not surfaces and not curves:
        raise AnalysisError(f"a surface needs a loss with 3 different points, but {study.location} has none")
    return StudyMap(study.name, metric, estimator, panels=(*surfaces, *curves), notes=tuple(notes))


def _map_axes(study: Study, trials: pd.DataFrame) -> tuple[tuple[Axis, ...], list[str]]:
    """The two axes (or the one) to draw, and a note on the swept parameters averaged over."""
    swept = swept_axes(study, trials)
    if not swept:
        at = "all at one point" if len(trials) > 1 else "alone"
        raise AnalysisError(
            f"a surface needs trials at 3 or more different points, but {study.location} has "
            f"{len(trials)} completed trial{'s' if len(trials) > 1 else ''} {at}"
        )
    first = [axis for axis in swept if axis.column in (SOFTNESS, LABEL_NOISE)]
    chosen = (first + [axis for axis in swept if axis not in first])[:2]
    if len(chosen) == 2 and chosen[0].column == LABEL_NOISE:
        chosen.reverse()
    rest = [axis.label for axis in swept if axis not in chosen]
    return tuple(chosen), [f"averaged over {', '.join(rest)}"] if rest else []


def _panel(
    loss: str,
    trials: pd.DataFrame,
    axes: tuple[Axis, ...],
    *,
    metric: str,
    estimator: str,
    bandwidth: Bandwidth,
) -> Panel:
    """One loss's fit over the axes that matter to it."""
    mattering = [axis for axis in axes if uses_softness(loss) or axis.column != SOFTNESS]
    points = (
        np.stack([axis.shown(trials) for axis in mattering], axis=1)
        if mattering
        else np.empty((len(trials), 0))
    )
    finite = np.isfinite(points).all(axis=1)
    points, values = points[finite], trials[metric].to_numpy(dtype=np.float64)[finite]
    varying = [index for index in range(points.shape[1]) if len(points) and np.ptp(points[:, index]) > 0]
    if not varying:
        n = len(values)
        raise AnalysisError(
            f"a surface needs trials at 3 or more different points, but {loss} has {n} trials at one"
        )
    width = (
        bandwidth[-len(varying) :]
        if isinstance(bandwidth, tuple) and len(bandwidth) > len(varying)
        else bandwidth
    )
    regression = fit_regression(points[:, varying], values, estimator=estimator, bandwidth=width)
    return Panel(loss, tuple(mattering[index] for index in varying), points[:, varying], values, regression)
