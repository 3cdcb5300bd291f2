"""F1 over label noise of each loss, with draws that carry the noise of trials and of test recordings.

The draws of all losses belong together: trials on the same wrong labels (same noise level, same replicate)
share their random weight, and all trials share the resampled recordings. So a difference between two losses
has the small spread of a paired difference where the study was paired, and the large one where it was not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from analysis.axes import LABEL_NOISE, Axis
from analysis.maps import Panel, StudyMap, map_study
from analysis.regression import Array, Grid
from analysis.rescoring import recording_counts
from analysis.results import AnalysisError, Study
from analysis.surfaces import Bandwidth

__all__ = ["LossCurve", "Resampling", "loss_curves", "noise_axis", "panel_draws", "resample"]

_N_DRAWS = 400
# Metrics that cannot leave [0, 1].
_SHARES = ("f1", "precision", "recall")


@dataclass(frozen=True, eq=False)
class Resampling:
    """What the trials' values could have been.

    Attributes:
        weight: [draw, trial], standard normal, equal for trials on the same wrong labels: multiplies a
            trial's residual (wild cluster bootstrap).
        shift: [draw, trial], change of the value with other test recordings; 0 where none are stored.
        has_recordings: Whether recordings were resampled.
        limits: Range of the metric; draws are clipped to it.
    """

    weight: Array
    shift: Array
    has_recordings: bool
    limits: tuple[float, float] = (-np.inf, np.inf)

    def of(self, panel: Panel) -> Resampling:
        """The draws of one panel's trials, in its order."""
        return Resampling(
            self.weight[:, panel.rows], self.shift[:, panel.rows], self.has_recordings, self.limits
        )


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


def resample(
    study: Study, trials: pd.DataFrame, *, metric: str, n: int = _N_DRAWS, seed: int = 0
) -> Resampling:
    """Draws of trial noise and of test recordings, common to all losses.

    Source: Wu (1986) and Cameron, Gelbach and Miller (2008) for the wild cluster bootstrap. Differs from
    resampling trials in that the design stays as it is, so that a level with two replicates is never lost.
    """
    rng = np.random.default_rng(seed)
    keys = [key for key in (LABEL_NOISE, "replicate", "fold", "seed") if key in trials]
    cluster = trials.groupby(keys, sort=True).ngroup().to_numpy()
    weight = rng.standard_normal((n, int(cluster.max()) + 1))[:, cluster]
    limits = (0.0, 1.0) if metric in _SHARES else (-np.inf, np.inf)
    try:
        counts = recording_counts(study)
    except AnalysisError:
        return Resampling(weight, np.zeros_like(weight), False, limits)
    shift = _recording_shift(counts, trials, metric=metric, n=n, rng=rng)
    return Resampling(weight, shift, True, limits)


def loss_curves(
    study: Study,
    *,
    metric: str = "f1",
    estimator: str = "gaussian_process",
    bandwidth: Bandwidth = None,
    softness_ms: float | None = None,
    by: str = "loss",
    n_points: int = 101,
) -> tuple[StudyMap, tuple[LossCurve, ...], Resampling]:
    """One curve a loss over the label noise.

    Args:
        study: The study.
        metric: Numeric column of the trials.
        estimator: See `analysis.surfaces.ESTIMATORS`.
        bandwidth: See `analysis.maps.map_study`.
        softness_ms: Softness of the losses that use one; when None, each gets the one with the largest area
            under its curve, as somebody would choose who does not know how wrong the labels are.
        by: Column whose values get a curve each.
        n_points: Points of a curve.

    Raises:
        AnalysisError: What `map_study` raises, or a study in which the label noise does not vary.
    """
    study_map = map_study(study, metric=metric, estimator=estimator, bandwidth=bandwidth, by=by)
    panels = [panel for panel in study_map.panels if panel.axes[-1].column == LABEL_NOISE]
    if not panels:
        raise AnalysisError(f"losses are compared over label noise, but it does not vary in {study.location}")
    trials = study.scored(metric)
    drawn = resample(study, trials, metric=metric)
    curves = tuple(
        _curve(panel, panel.axes[-1].lattice(n_points), drawn.of(panel), softness_ms=softness_ms)
        for panel in panels
    )
    return study_map, curves, drawn


def panel_draws(panel: Panel, at: Array | Grid, drawn: Resampling) -> Array:
    """[draw, point]: the panel's mean under every draw, at least as uncertain as its standard error."""
    fit = panel.regression
    residual = panel.values - fit.predict(panel.points)
    leverage = np.diag(fit.smoother(panel.points))
    residual = residual / np.sqrt(np.maximum(1.0 - leverage, 0.2))
    smoother = fit.smoother(at).T
    noise = (drawn.weight * residual) @ smoother
    spread, error = noise.std(axis=0), fit.standard_error(at)
    noise = noise * np.maximum(1.0, np.divide(error, spread, out=np.ones_like(error), where=spread > 0))
    low, high = drawn.limits
    return np.asarray(np.clip(fit.predict(at) + noise + drawn.shift @ smoother, low, high))


def _curve(panel: Panel, noise_ms: Array, drawn: Resampling, *, softness_ms: float | None) -> LossCurve:
    """One loss's curve."""
    if not panel.is_surface:
        at = noise_ms[:, None]
        return LossCurve(
            panel.name, noise_ms, None, panel.regression.predict(at), panel_draws(panel, at, drawn)
        )
    chosen = _best_softness(panel, noise_ms) if softness_ms is None else softness_ms
    at = np.stack([np.full_like(noise_ms, chosen), noise_ms], axis=1)
    return LossCurve(
        panel.name, noise_ms, chosen, panel.regression.predict(at), panel_draws(panel, at, drawn)
    )


def _best_softness(panel: Panel, noise_ms: Array) -> float:
    """The softness with the largest mean over the noise range, on a lattice of 61."""
    softness_ms = panel.axes[0].lattice(61)
    grid = Grid((softness_ms, noise_ms[:: max(1, len(noise_ms) // 20)]))
    return float(softness_ms[panel.regression.predict(grid).reshape(grid.shape).mean(axis=1).argmax()])


def _recording_shift(
    counts: pd.DataFrame, trials: pd.DataFrame, *, metric: str, n: int, rng: np.random.Generator
) -> Array:
    """[draw, trial]: the metric over resampled recordings less the metric over all."""
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
    drawn = _pooled({name: times @ part.T for name, part in table.items()}, metric)
    return np.asarray(np.nan_to_num(drawn - whole))


def _pooled(counts: Mapping[object, Array], metric: str) -> Array:
    """F1, precision or recall of summed counts; 0 for any other metric, which recordings do not add up to."""
    matched = counts["n_matched"]
    totals = {
        "f1": (counts["n_reference"] + counts["n_estimated"]) / 2,
        "precision": counts["n_estimated"],
        "recall": counts["n_reference"],
    }
    return np.zeros(matched.shape) if metric not in totals else matched / np.maximum(totals[metric], 1)


def noise_axis(study_map: StudyMap) -> Axis | None:
    """The axis of label noise, where it varies."""
    axes = [axis for panel in study_map.panels for axis in panel.axes if axis.column == LABEL_NOISE]
    return axes[0] if axes else None
