"""One loss's surface or curve: its trials, the regression, and what is seen of it on a lattice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.answers.resampling import Resampling, limits_of
from analysis.arrays import Array
from analysis.errors import TooFewPointsError
from analysis.labels import METRIC_LABELS
from analysis.reading import SOFTNESS, Axis, Layout, uses_softness
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
        name: The loss, or the value of whatever column the panels stand for.
        axes: Across, then up; one axis where the other does not matter to the loss.
        points: [trial, axis], in shown units.
        values: [trial].
        rows: [trial], positions among the study's scored trials.
        regression: Mean over `axes`; a section of `whole` where that knows more parameters.
        whole: Mean over all parameters that vary and are known.
        whole_points: [trial, parameter], where the trials lie among these.
        weights: [trial], inversely proportional to the trials' noise variances.
        limits: What the metric cannot leave; the drawn mean is held within.
        nearness: [trial], how close to the section a trial lies: 1 on it, towards 0 away from it.
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
        """[trial], the estimate at each trial, knowing all its parameters."""
        return self.whole.predict(self.whole_points)

    @cached_property
    def leverage(self) -> Array:
        """[trial], share of each trial in the estimate at itself."""
        return np.asarray(np.diag(self.whole.smoother(self.whole_points)))

    @cached_property
    def process(self) -> Regression | None:
        """A Gaussian process over the drawn axes, for what a kernel cannot say of a whole surface at once.

        The regression itself where it is one; None where trials are too many for a second fit.
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
        """Whether it is a curve through the means of levels."""
        fit = self.whole.fit if isinstance(self.whole, Bootstrapped) else self.whole
        return isinstance(fit, LevelMeans)

    @property
    def is_surface(self) -> bool:
        """Whether it has two axes."""
        return len(self.axes) == 2

    @cached_property
    def lattice(self) -> Grid:
        """Where it is drawn: steps of 1 / 300 and 1 / 200 of the ranges, three times as long for a mean."""
        is_mean = isinstance(self.regression, Section) and self.regression.is_mean
        sizes = (_COARSE_LATTICE if is_mean else _LATTICE)[-len(self.axes) :]
        return Grid(tuple(axis.lattice(n) for axis, n in zip(self.axes, sizes, strict=True)))

    @cached_property
    def value(self) -> Array:
        """Mean on the lattice, NaN where less than one trial's worth is in reach."""
        mean = np.clip(self.regression.predict(self.lattice), *self.limits).reshape(self.lattice.shape)
        value = np.where(self.support >= 1.0, mean, np.nan)
        return value if np.isfinite(value).any() else mean

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
    metric: str,
    estimator: str,
    bandwidth: Bandwidth,
    resampling: Resampling | None = None,
    joins_levels: bool = False,
) -> Panel:
    """One loss's fit over the axes that matter to it.

    Args:
        name: The loss.
        trials: Its trials, indexed by their positions among the study's scored trials.
        layout: What is drawn, held and averaged over.
        metric: Numeric column of the trials.
        estimator: See `analysis.regression.ESTIMATORS`.
        bandwidth: In shown units; chosen by leave-one-out when None.
        resampling: Of all scored trials, for standard errors by bootstrap; the estimator's own when None.
        joins_levels: Whether trials at few levels of one parameter are read by their means instead.

    Raises:
        TooFewPointsError: Trials at fewer than three different points.
    """
    softens = any(uses_softness(str(loss)) for loss in trials["loss"].unique())
    mattering = [axis for axis in layout.parameters if softens or axis.column != SOFTNESS]
    known = [axis for axis in mattering if np.isfinite(axis.shown(trials)).any()]
    points = np.stack([np.empty(len(trials)), *(axis.shown(trials) for axis in known)], axis=1)[:, 1:]
    finite = np.flatnonzero(np.isfinite(points).all(axis=1))
    points, values = points[finite], trials[metric].to_numpy(dtype=np.float64)[finite]
    varying = [index for index in range(points.shape[1]) if len(points) and np.ptp(points[:, index]) > 0]
    axes = [known[index] for index in varying]
    drawn = tuple(index for index, axis in enumerate(axes) if axis in layout.drawn)
    if not drawn:
        n = len(values)
        raise TooFewPointsError(
            f"a surface needs trials at 3 or more different points, but {name} has {n} trials at one"
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
        tuple(axes[index] for index in drawn),
        points[:, list(drawn)],
        values,
        rows,
        _section(whole, axes, drawn, layout),
        whole=whole,
        whole_points=points,
        weights=weights,
        limits=limits_of(metric),
        nearness=_nearness(points, axes, layout),
    )


def _fitted(points: Array, values: Array, weights: Array, *, estimator: str, bandwidth: Bandwidth) -> Fit:
    """The regression over all parameters that the panel knows."""
    dimensions = points.shape[1]
    if isinstance(bandwidth, tuple) and len(bandwidth) > dimensions:
        bandwidth = bandwidth[-dimensions:]
    return fit_regression(points, values, estimator=estimator, bandwidth=bandwidth, weights=weights)


def _bootstrapped(fit: Fit, points: Array, values: Array, weights: Array, drawn: Resampling) -> Bootstrapped:
    """The fit with standard errors by bootstrap over settings, with their replicates, and recordings."""
    shift = drawn.shift if drawn.has_recordings else None
    replicas = bootstrap(points, values, fit.with_points, weights=weights, shift=shift, n=_N_REPLICAS)
    return Bootstrapped(fit, tuple(replicas))


def _section(whole: Regression, axes: Sequence[Axis], drawn: tuple[int, ...], layout: Layout) -> Regression:
    """The regression over the drawn axes alone."""
    if len(drawn) == len(axes):
        return whole
    places = {index: np.array([layout.held[axis]]) for index, axis in enumerate(axes) if axis in layout.held}
    averaged = [index for index, axis in enumerate(axes) if index not in (*drawn, *places)]
    ends = [(axes[index].low, axes[index].high) for index in averaged]
    return Section(whole, drawn, places | dict(zip(averaged, averaging_places(ends), strict=True)))


def _nearness(points: Array, axes: Sequence[Axis], layout: Layout) -> Array:
    """How close each trial lies to the cut, from 1 to 0: a seventh of a range away counts as far."""
    distance = np.zeros(len(points))
    for index, axis in enumerate(axes):
        if axis in layout.held:
            distance += ((points[:, index] - layout.held[axis]) / (_NEAR * (axis.high - axis.low))) ** 2
    return np.asarray(np.exp(-0.5 * distance))


def _weights(trials: pd.DataFrame, points: Array, values: Array, *, metric: str) -> Array:
    """Binomial weights where trials were scored on different numbers of events, else equal ones.

    Where all are scored on the same test set its sampling is common to all, and weighs none against another.
    """
    if metric not in METRIC_LABELS or "n_reference" not in trials or trials["n_reference"].nunique() < 2:
        return np.ones(len(values))
    fitted = fit_regression(points, values).predict(points)
    return binomial_weights(values, trials["n_reference"].to_numpy(dtype=np.float64), fitted, metric=metric)
