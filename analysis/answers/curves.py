"""The metric over label noise for each loss, with samples that include training and test recordings."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from analysis.answers.maps import StudyMap, map_study
from analysis.answers.panels import Panel
from analysis.answers.resampling import Resampling, resample
from analysis.answers.selection import Selection, panel_noise, panel_samples, select
from analysis.arrays import Array
from analysis.errors import AnalysisError
from analysis.reading import LABEL_NOISE, At, Axis, StoredStudy, View, hold_categories
from analysis.regression import Bandwidth, Grid

__all__ = ["LossCurve", "loss_curves", "noise_axis", "noise_map"]

_N_SOFTNESS, _N_FEW = 61, 20


@dataclass(frozen=True, eq=False)
class LossCurve:
    """The metric of one loss over label noise, at a fixed softness if the loss uses it.

    Attributes:
        name: The loss.
        noise: [point], label noise in display units, ascending.
        softness: Softness of the curve in display units; None for a loss that does not use it.
        mean: [point], the estimated mean, without the advantage of having chosen the softness on it.
        samples: [sample, point], random curves around it.
    """

    name: str
    noise: Array
    softness: float | None
    mean: Array
    samples: Array

    def interval(self, *, level: float = 0.95) -> tuple[Array, Array]:
        """Return pointwise limits from the samples, [point] each."""
        low, high = np.quantile(self.samples, [0.5 - level / 2, 0.5 + level / 2], axis=0)
        return low, high

    @cached_property
    def area(self) -> tuple[float, Array]:
        """The mean over the noise range (area under the curve divided by the width), and its samples."""
        return float(self.mean.mean()), self.samples.mean(axis=1)


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
    """Fit one curve per loss over the label noise.

    Args:
        study: The study.
        metric: Numeric column of the trials.
        estimator: See `analysis.regression.ESTIMATORS`, or `auto`: level means if only label noise varies and
            has few levels with two or more trials each, otherwise a Gaussian process.
        bandwidth: See `analysis.answers.map_study`.
        softness_ms: Softness in ms of the losses that use it. When None, each loss gets the softness with the
            largest area under its curve, the choice of a user who does not know how wrong the labels are.
        by: Column whose values get one curve each.
        at: Parameters held at a value, by name (`analysis.reading.View`). Other parameters than softness and
            label noise are averaged over.
        standard_error: `estimator` for intervals at least as wide as its standard error, or `bootstrap`.
        n_points: Number of points per curve.

    Returns:
        The map behind the curves, the curves, and the resampling that they share.

    Raises:
        AnalysisError: `map_study` raises, or the label noise does not vary.
    """
    study, study_map = noise_map(study, metric=metric, estimator=estimator, bandwidth=bandwidth, by=by, at=at)
    panels = [panel for panel in study_map.panels if panel.axes[-1].column == LABEL_NOISE]
    if not panels:
        raise AnalysisError(f"losses are compared over label noise, but it does not vary in {study.location}")
    trials = study.scored(metric)
    resampling = resample(study, trials, metric=metric, by=by, standard_error=standard_error)
    curves = tuple(
        _curve(
            panel,
            panel.axes[-1].lattice(n_points),
            resampling.of(panel.rows),
            softness=_shown(softness_ms, panel),
        )
        for panel in panels
    )
    return study_map, curves, resampling


def noise_map(
    study: StoredStudy, *, metric: str, estimator: str, bandwidth: Bandwidth, by: str, at: At
) -> tuple[StoredStudy, StudyMap]:
    """Return the trials that match `at`, and their panels over the label noise; see `loss_curves`."""
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


def _curve(panel: Panel, noise: Array, resampling: Resampling, *, softness: float | None) -> LossCurve:
    """Return the curve of one loss."""
    if not panel.is_surface:
        at = noise[:, None]
        mean = np.clip(panel.regression.predict(at), *resampling.limits)
        return LossCurve(panel.name, noise, None, mean, panel_samples(panel, at, resampling))
    bias = Selection.none(len(resampling.order), len(noise))
    if softness is None:
        softness, bias = _best_softness(panel, noise, resampling)
    at = np.stack([np.full_like(noise, softness), noise], axis=1)
    mean = np.clip(panel.regression.predict(at) - bias.mean, *resampling.limits)
    samples = panel_samples(panel, at, resampling, selection=bias)
    return LossCurve(panel.name, noise, softness, mean, samples)


def _best_softness(panel: Panel, noise: Array, resampling: Resampling) -> tuple[float, Selection]:
    """Return the softness with the largest mean over the noise range, on a lattice of 61 values.

    The selection is that of the value at each noise, [point].
    """
    softness, few = panel.axes[0].lattice(_N_SOFTNESS), noise[:: max(1, len(noise) // _N_FEW)]
    grid = Grid((softness, few))
    mean = panel.regression.predict(grid).reshape(grid.shape)
    noise_of = panel_noise(panel, grid, resampling).reshape(-1, *grid.shape)
    best = mean.mean(axis=1)
    found = select(best, noise_of.mean(axis=2), noise_of)
    return float(softness[int(best.argmax())]), found.over(lambda part: np.interp(noise, few, part))


def _shown(softness_ms: float | None, panel: Panel) -> float | None:
    """Return a softness in the display unit."""
    return softness_ms if softness_ms is None else panel.axes[0].of_ms(softness_ms)


def noise_axis(study_map: StudyMap) -> Axis | None:
    """Return the axis of label noise, or None if it does not vary."""
    axes = [axis for panel in study_map.panels for axis in panel.axes if axis.column == LABEL_NOISE]
    return axes[0] if axes else None
