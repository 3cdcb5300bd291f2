"""F1 over label noise of each loss, with draws that carry the noise of trials and of test recordings."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from analysis.answers.maps import StudyMap, map_study
from analysis.answers.panels import Panel
from analysis.answers.resampling import Resampling, resample
from analysis.arrays import Array
from analysis.errors import AnalysisError
from analysis.reading import LABEL_NOISE, At, Axis, StoredStudy, View, hold_categories
from analysis.regression import Bandwidth, Grid

__all__ = ["LossCurve", "loss_curves", "noise_axis", "noise_map", "panel_draws"]


@dataclass(frozen=True, eq=False)
class LossCurve:
    """One loss over label noise, at one softness where it uses one.

    Attributes:
        name: Its name.
        noise_ms: [point], label noise in shown units, from the lowest.
        softness_ms: Softness the curve is drawn at; None for a loss without.
        mean: [point].
        draws: [draw, point].
    """

    name: str
    noise_ms: Array
    softness_ms: float | None
    mean: Array
    draws: Array

    def interval(self, *, level: float = 0.95) -> tuple[Array, Array]:
        """Pointwise limits from the draws, [point] each."""
        low, high = np.quantile(self.draws, [0.5 - level / 2, 0.5 + level / 2], axis=0)
        return low, high

    @cached_property
    def area(self) -> tuple[float, Array]:
        """Mean over the noise range, and its draws: the area under the curve over the width of the range."""
        return float(self.mean.mean()), self.draws.mean(axis=1)


def loss_curves(
    study: StoredStudy,
    *,
    metric: str = "f1",
    estimator: str = "auto",
    bandwidth: Bandwidth = None,
    softness_ms: float | None = None,
    by: str = "loss",
    at: At = None,
    standard_error: str = "estimator",
    n_points: int = 101,
) -> tuple[StudyMap, tuple[LossCurve, ...], Resampling]:
    """One curve a loss over the label noise.

    Args:
        study: The study.
        metric: Numeric column of the trials.
        estimator: See `analysis.regression.ESTIMATORS`, or `auto`: level means where label noise alone
            varies, at few of them with two trials or more at each, else a Gaussian process.
        bandwidth: See `analysis.answers.map_study`.
        softness_ms: Softness of the losses that use one; when None, each gets the one with the largest area
            under its curve, as somebody would choose who does not know how wrong the labels are.
        by: Column whose values get a curve each.
        at: Parameters held at a value, by name (`analysis.reading.View`); all others than softness and label
            noise are averaged over.
        standard_error: `estimator` for intervals at least as wide as its standard error, or `bootstrap`.
        n_points: Points of a curve.

    Raises:
        AnalysisError: What `map_study` raises, or a study in which the label noise does not vary.
    """
    study, study_map = noise_map(study, metric=metric, estimator=estimator, bandwidth=bandwidth, by=by, at=at)
    panels = [panel for panel in study_map.panels if panel.axes[-1].column == LABEL_NOISE]
    if not panels:
        raise AnalysisError(f"losses are compared over label noise, but it does not vary in {study.location}")
    trials = study.scored(metric)
    drawn = resample(study, trials, metric=metric, standard_error=standard_error)
    curves = tuple(
        _curve(panel, panel.axes[-1].lattice(n_points), drawn.of(panel.rows), softness_ms=softness_ms)
        for panel in panels
    )
    return study_map, curves, drawn


def noise_map(
    study: StoredStudy, *, metric: str, estimator: str, bandwidth: Bandwidth, by: str, at: At
) -> tuple[StoredStudy, StudyMap]:
    """The trials that have what `at` holds, and their panels over the label noise; see `loss_curves`."""
    study, places = hold_categories(study, at)
    study_map = map_study(
        study,
        metric=metric,
        estimator=estimator,
        bandwidth=bandwidth,
        by=by,
        view=View(at=places, over_noise=True),
        prefers_process=True,
    )
    return study, study_map


def panel_draws(panel: Panel, at: Array | Grid, drawn: Resampling) -> Array:
    """[draw, point]: the panel's mean under every draw, within the metric's range."""
    fit = panel.regression
    residual = (panel.values - panel.fitted) / np.sqrt(np.maximum(1.0 - panel.leverage, 0.2))
    smoother = fit.smoother(at).T
    noise = (drawn.weight * residual) @ smoother
    if drawn.widened:
        spread, error = noise.std(axis=0), fit.standard_error(at)
        noise *= np.maximum(1.0, np.divide(error, spread, out=np.ones_like(error), where=spread > 0))
    low, high = drawn.limits
    return np.asarray(np.clip(fit.predict(at) + noise + drawn.shift @ smoother, low, high))


def _curve(panel: Panel, noise_ms: Array, drawn: Resampling, *, softness_ms: float | None) -> LossCurve:
    """One loss's curve."""
    if not panel.is_surface:
        chosen, at = None, noise_ms[:, None]
    else:
        chosen = _best_softness(panel, noise_ms) if softness_ms is None else softness_ms
        at = np.stack([np.full_like(noise_ms, chosen), noise_ms], axis=1)
    mean = np.clip(panel.regression.predict(at), *drawn.limits)
    return LossCurve(panel.name, noise_ms, chosen, mean, panel_draws(panel, at, drawn))


def _best_softness(panel: Panel, noise_ms: Array) -> float:
    """The softness with the largest mean over the noise range, on a lattice of 61."""
    softness_ms = panel.axes[0].lattice(61)
    grid = Grid((softness_ms, noise_ms[:: max(1, len(noise_ms) // 20)]))
    return float(softness_ms[panel.regression.predict(grid).reshape(grid.shape).mean(axis=1).argmax()])


def noise_axis(study_map: StudyMap) -> Axis | None:
    """The axis of label noise, where it varies."""
    axes = [axis for panel in study_map.panels for axis in panel.axes if axis.column == LABEL_NOISE]
    return axes[0] if axes else None
