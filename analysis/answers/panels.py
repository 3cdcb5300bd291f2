"""The surface or curve of one loss: its trials, the regression, and its values on a lattice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.answers.resampling import Resampling, limits_of
from analysis.arrays import Array
from analysis.errors import TooFewPointsError
from analysis.labels import METRIC_LABELS
from analysis.reading import SOFTNESS, Axis, Layout
from analysis.regression import (
    Bandwidth,
    Bootstrapped,
    Fit,
    Grid,
    KernelRegression,
    LevelMeans,
    Regression,
    Section,
    averaging_places,
    binomial_weights,
    bootstrap,
    fit_gaussian_process,
    fit_level_means,
    fit_regression,
    has_levels,
)

__all__ = ["Panel", "fit_panel"]

_LATTICE, _COARSE_LATTICE = (301, 201), (101, 67)
_NEAR = 0.07
_MOST_FOR_A_SECOND_FIT = 600
_N_REPLICAS = 100


@dataclass(frozen=True, eq=False)
class Panel:
    """One loss: its trials over one or two axes, and the mean fitted to them.

    Attributes:
        name: The loss, or another value that the study is grouped by.
        axes: The horizontal and vertical axes, or one axis if the other has no effect on the loss.
        points: [trial, axis], in display units.
        values: [trial], the metric.
        rows: [trial], positions among the study's scored trials.
        regression: The mean over `axes`, which is a section of `whole` if that has more parameters.
        whole: The mean over all varying parameters that the layout includes.
        whole_points: [trial, parameter], the trials' coordinates in these parameters.
        weights: [trial], inversely proportional to the trials' noise variances.
        limits: Range of the metric; the shown mean is clipped to it.
        nearness: [trial], closeness of a trial to the section: 1 on it, towards 0 away from it.
    """

    name: str
    axes: tuple[Axis, ...]
    points: Array
    values: Array
    rows: NDArray[np.int64]
    regression: Regression
    whole: Regression
    whole_points: Array
    weights: Array
    limits: tuple[float, float]
    nearness: Array

    @cached_property
    def fitted(self) -> Array:
        """The estimate at each trial from all its parameters, [trial]."""
        return self.whole.predict(self.whole_points)

    @cached_property
    def leverage(self) -> Array:
        """The weight of each trial in its own estimate, [trial]."""
        return np.asarray(np.diag(self.whole.smoother(self.whole_points)))

    @cached_property
    def process(self) -> Regression | None:
        """A Gaussian process over the plotted axes, for statements about the whole surface.

        This is the regression itself unless that is a kernel regression, and None if there are too many
        trials for a second fit.
        """
        fit = self.whole.fit if isinstance(self.whole, Bootstrapped) else self.whole
        if not isinstance(fit, KernelRegression):
            return self.regression
        if len(self.values) > _MOST_FOR_A_SECOND_FIT:
            return None
        process = fit_gaussian_process(self.whole_points, self.values, self.weights)
        section = self.regression
        return replace(section, whole=process) if isinstance(section, Section) else process

    @property
    def joins_levels(self) -> bool:
        """Whether the panel is a curve through the means of levels."""
        fit = self.whole.fit if isinstance(self.whole, Bootstrapped) else self.whole
        return isinstance(fit, LevelMeans)

    @property
    def is_surface(self) -> bool:
        """Whether the panel has two axes."""
        return len(self.axes) == 2

    @cached_property
    def lattice(self) -> Grid:
        """The plotted points: 301 x 201 of them, or 101 x 67 for a mean."""
        is_mean = isinstance(self.regression, Section) and self.regression.is_mean
        sizes = (_COARSE_LATTICE if is_mean else _LATTICE)[-len(self.axes) :]
        return Grid(tuple(axis.lattice(n) for axis, n in zip(self.axes, sizes, strict=True)))

    @cached_property
    def value(self) -> Array:
        """The mean on the lattice, NaN where the support is below one trial."""
        mean = np.clip(self.regression.predict(self.lattice), *self.limits).reshape(self.lattice.shape)
        value = np.where(self.support >= 1.0, mean, np.nan)
        return value if np.isfinite(value).any() else mean

    @cached_property
    def support(self) -> Array:
        """The effective number of trials on the lattice."""
        return self.regression.support(self.lattice).reshape(self.lattice.shape)

    @cached_property
    def standard_error(self) -> Array:
        """The standard error of the mean on the lattice."""
        return self.regression.standard_error(self.lattice).reshape(self.lattice.shape)

    def table(self, metric: str, *, by: str) -> pd.DataFrame:
        """Return the lattice as rows: loss, axes (in their columns' units), mean, standard error, support."""
        at = self.lattice.points()
        columns = {axis.column: axis.stored(at[:, index]) for index, axis in enumerate(self.axes)}
        estimates = {
            metric: self.value.ravel(),
            f"{metric}_standard_error": self.standard_error.ravel(),
            "support": self.support.ravel(),
        }
        return pd.DataFrame({by: self.name, **columns, **estimates})


def fit_panel(
    name: str,
    trials: pd.DataFrame,
    *,
    layout: Layout,
    uses_softness: Callable[[str], bool],
    metric: str,
    estimator: str,
    bandwidth: Bandwidth,
    resampling: Resampling | None = None,
    joins_levels: bool = False,
) -> Panel:
    """Fit one loss over the axes that have an effect on it.

    Args:
        name: The loss.
        trials: Its trials, indexed by their positions among the study's scored trials.
        layout: The plotted, held and averaged parameters.
        uses_softness: Returns whether a loss uses the softness.
        metric: Numeric column of the trials.
        estimator: See `analysis.regression.ESTIMATORS`.
        bandwidth: In display units; chosen by leave-one-out cross validation when None.
        resampling: Resampling of all scored trials, for standard errors by bootstrap; the estimator's own
            standard error when None.
        joins_levels: Whether to join level means instead if one parameter has few levels with replicates.

    Raises:
        TooFewPointsError: The trials are at fewer than three different points.
    """
    softens = any(uses_softness(str(loss)) for loss in trials["loss"].unique())
    effective = [axis for axis in layout.parameters if softens or axis.column != SOFTNESS]
    known = [axis for axis in effective if np.isfinite(axis.shown(trials)).any()]
    points = np.stack([np.empty(len(trials)), *(axis.shown(trials) for axis in known)], axis=1)[:, 1:]
    finite = np.flatnonzero(np.isfinite(points).all(axis=1))
    points, values = points[finite], trials[metric].to_numpy(dtype=np.float64)[finite]
    varying = [index for index in range(points.shape[1]) if len(points) and np.ptp(points[:, index]) > 0]
    axes = [known[index] for index in varying]
    plotted = tuple(index for index, axis in enumerate(axes) if axis in layout.plotted)
    if not plotted:
        n = len(values)
        raise TooFewPointsError(
            f"a surface needs trials at 3 or more different points, but {name} has {n} trials at one point"
        )
    points = points[:, varying]
    rows = trials.index.to_numpy(dtype=np.int64)[finite]
    weights = _weights(trials.iloc[finite], points, values, metric=metric)
    fit: Fit
    if joins_levels and has_levels(points):
        fit = fit_level_means(points, values, weights)
    else:
        fit = _fitted(points, values, weights, estimator=estimator, bandwidth=bandwidth)
    whole: Regression = fit
    if resampling is not None:
        whole = _bootstrapped(fit, points, values, weights, resampling.of(rows))
    return Panel(
        name,
        tuple(axes[index] for index in plotted),
        points[:, list(plotted)],
        values,
        rows,
        _section(whole, axes, plotted, layout),
        whole=whole,
        whole_points=points,
        weights=weights,
        limits=limits_of(metric),
        nearness=_nearness(points, axes, layout),
    )


def _fitted(points: Array, values: Array, weights: Array, *, estimator: str, bandwidth: Bandwidth) -> Fit:
    """Fit the regression over all parameters of the panel."""
    dimensions = points.shape[1]
    if isinstance(bandwidth, tuple) and len(bandwidth) > dimensions:
        bandwidth = bandwidth[-dimensions:]
    parts = tuple(np.ascontiguousarray(part).tobytes() for part in (points, values, weights))
    return _remembered(parts, dimensions, estimator, bandwidth)


@lru_cache(maxsize=4)
def _remembered(parts: tuple[bytes, ...], dimensions: int, estimator: str, bandwidth: Bandwidth) -> Fit:
    """Return a fit by the content of its trials, because the answers of one report share their fits."""
    points, values, weights = (np.frombuffer(part, dtype=np.float64) for part in parts)
    at = points.reshape(-1, dimensions)
    return fit_regression(at, values, estimator=estimator, bandwidth=bandwidth, weights=weights)


def _bootstrapped(
    fit: Fit, points: Array, values: Array, weights: Array, resampling: Resampling
) -> Bootstrapped:
    """Return the fit with standard errors by bootstrap over settings (with replicates) and recordings."""
    shift = resampling.shift if resampling.has_recordings else None
    replicas = bootstrap(points, values, fit.with_points, weights=weights, shift=shift, n=_N_REPLICAS)
    return Bootstrapped(fit, tuple(replicas))


def _section(whole: Regression, axes: Sequence[Axis], plotted: tuple[int, ...], layout: Layout) -> Regression:
    """Return the regression over the plotted axes only."""
    if len(plotted) == len(axes):
        return whole
    places = {index: np.array([layout.held[axis]]) for index, axis in enumerate(axes) if axis in layout.held}
    averaged = [index for index, axis in enumerate(axes) if index not in (*plotted, *places)]
    ends = [(axes[index].low, axes[index].high) for index in averaged]
    return Section(whole, plotted, places | dict(zip(averaged, averaging_places(ends), strict=True)))


def _nearness(points: Array, axes: Sequence[Axis], layout: Layout) -> Array:
    """Return how close each trial is to the cut, from 1 to 0. A seventh of the range away counts as far."""
    distance = np.zeros(len(points))
    for index, axis in enumerate(axes):
        if axis in layout.held:
            distance += ((points[:, index] - layout.held[axis]) / (_NEAR * (axis.high - axis.low))) ** 2
    return np.asarray(np.exp(-0.5 * distance))


def _weights(trials: pd.DataFrame, points: Array, values: Array, *, metric: str) -> Array:
    """Return binomial weights if trials were scored on different numbers of events, otherwise equal weights.

    If all trials are scored on the same test set, its sampling error is common to all and gives no weights.
    """
    if metric not in METRIC_LABELS or "n_reference" not in trials or trials["n_reference"].nunique() < 2:
        return np.ones(len(values))
    fitted = fit_regression(points, values).predict(points)
    return binomial_weights(values, trials["n_reference"].to_numpy(dtype=np.float64), fitted, metric=metric)
