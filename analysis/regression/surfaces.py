"""Robustness surfaces: the mean of a metric over two swept parameters, with its error and support."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from analysis.arrays import Array
from analysis.errors import AnalysisError, TooFewPointsError
from analysis.regression.bandwidths import Criterion, select_bandwidth
from analysis.regression.base import Fit, Grid, Regression
from analysis.regression.contour_process import fit_contour_process
from analysis.regression.gaussian_process import fit_gaussian_process
from analysis.regression.kernel import KernelRegression

__all__ = [
    "ESTIMATORS",
    "RENAMED_ESTIMATORS",
    "Bandwidth",
    "Surface",
    "SurfaceGrid",
    "fit_regression",
    "fit_surface",
]

Bandwidth = float | tuple[float, ...] | None


@dataclass(frozen=True, eq=False)
class SurfaceGrid:
    """A surface evaluated on a lattice, ready to plot or store.

    Attributes:
        x: [column].
        y: [row].
        value: [row, column], estimated mean.
        standard_error: [row, column].
        support: [row, column], effective number of trials.
    """

    x: Array
    y: Array
    value: Array
    standard_error: Array
    support: Array

    @property
    def supported(self) -> Array:
        """The values where the support is at least one trial, NaN elsewhere."""
        return np.where(self.support >= 1.0, self.value, np.nan)


@dataclass(frozen=True, eq=False)
class Surface:
    """A fitted surface z(x, y).

    Attributes:
        x: [trial], first parameter.
        y: [trial], second parameter.
        z: [trial], the metric.
        estimator: Name of the estimator.
        regression: The underlying fit.
    """

    x: Array
    y: Array
    z: Array
    estimator: str
    regression: Regression

    def predict(self, x: ArrayLike, y: ArrayLike) -> Array:
        """Return the estimated mean at (x, y), which are broadcast against each other."""
        return _at(self.regression.predict, x, y)

    def standard_error(self, x: ArrayLike, y: ArrayLike) -> Array:
        """Return the standard error of the estimated mean."""
        return _at(self.regression.standard_error, x, y)

    def support(self, x: ArrayLike, y: ArrayLike) -> Array:
        """Return the effective number of trials behind the estimate. Below 1 the estimate means little."""
        return _at(self.regression.support, x, y)

    def on_grid(self, x: Array, y: Array) -> SurfaceGrid:
        """Return the surface at every combination of `x` and `y`."""
        grid = Grid((x, y))

        def rows(function: Callable[[Array | Grid], Array]) -> Array:
            return function(grid).reshape(grid.shape).T

        fit = self.regression
        return SurfaceGrid(
            x, y, value=rows(fit.predict), standard_error=rows(fit.standard_error), support=rows(fit.support)
        )


def fit_surface(
    x: ArrayLike,
    y: ArrayLike,
    z: ArrayLike,
    *,
    estimator: str = "nadaraya_watson",
    bandwidth: Bandwidth = None,
    criterion: Criterion = "leave_one_out",
    weights: ArrayLike | None = None,
) -> Surface:
    """Fit a surface z(x, y) to scattered trials.

    Args:
        x: [trial], first parameter, e.g. softness in ms.
        y: [trial], second parameter, e.g. label noise in ms.
        z: [trial], the metric.
        estimator: `nadaraya_watson`, `local_linear`, `gaussian_process` or `contour_process`.
        bandwidth: Standard deviation of the kernel in the units of x and y, one number or one per axis;
            chosen by `criterion` when None. For the kernel estimators only.
        criterion: How to choose the bandwidth, `leave_one_out` or `aicc`.
        weights: [trial], inversely proportional to the trials' noise variances; equal when None.

    Returns:
        The surface, with methods `predict`, `standard_error`, `support` and `on_grid`.

    Raises:
        AnalysisError: Values that are not finite, different lengths, an unknown estimator, a bandwidth that
            is not above 0, or trials at fewer than three different points.

    Example:
        >>> x, y = [0, 50, 100, 0, 50, 100], [0, 0, 0, 80, 80, 80]
        >>> surface = fit_surface(x, y, [0.8, 0.8, 0.8, 0.5, 0.6, 0.7], bandwidth=20.0)
        >>> round(float(surface.predict(100, 80)), 2)
        0.7
    """
    xs, ys, zs = (np.asarray(values, dtype=np.float64).ravel() for values in (x, y, z))
    if not len(xs) == len(ys) == len(zs):
        raise AnalysisError(
            f"x, y and z must have the same length, but got {len(xs)}, {len(ys)} and {len(zs)}"
        )
    regression = fit_regression(
        np.stack([xs, ys], axis=1),
        zs,
        estimator=estimator,
        bandwidth=bandwidth,
        criterion=criterion,
        weights=weights,
    )
    return Surface(x=xs, y=ys, z=zs, estimator=estimator, regression=regression)


def fit_regression(
    points: ArrayLike,
    values: ArrayLike,
    *,
    estimator: str = "nadaraya_watson",
    bandwidth: Bandwidth = None,
    criterion: Criterion = "leave_one_out",
    weights: ArrayLike | None = None,
) -> Fit:
    """Fit a regression in one to four dimensions.

    Args:
        points: [trial, dimension].
        values: [trial], the metric.
        estimator: See `fit_surface`.
        bandwidth: See `fit_surface`.
        criterion: See `fit_surface`.
        weights: See `fit_surface`.

    Raises:
        AnalysisError: As in `fit_surface`.
    """
    estimator = RENAMED_ESTIMATORS.get(estimator, estimator)
    at, z = np.asarray(points, dtype=np.float64), np.asarray(values, dtype=np.float64)
    weight = np.ones(len(z)) if weights is None else np.asarray(weights, dtype=np.float64)
    _validate_trials(at, z, weight)
    if estimator not in ESTIMATORS:
        raise AnalysisError(f"`estimator` must be one of {', '.join(ESTIMATORS)}, but got {estimator}")
    return ESTIMATORS[estimator](at, z, weight, _bandwidth(bandwidth, at.shape[1]), criterion)


def _validate_trials(points: Array, values: Array, weights: Array) -> None:
    """Raise if no surface can be fitted to these trials."""
    if not 1 <= points.shape[1] <= 4:
        raise AnalysisError(f"a surface has 1 to 4 parameters, but got {points.shape[1]}")
    if not (np.isfinite(points).all() and np.isfinite(values).all()):
        raise AnalysisError("parameters and metric must be finite numbers, but some are not")
    if weights.shape != values.shape or not (weights > 0).all():
        raise AnalysisError("there must be one weight above 0 for every trial")
    n_different = len(np.unique(points, axis=0))
    if n_different < 3:
        where = "all at one point" if n_different == 1 else f"at {n_different} points"
        count = "1 trial" if len(values) == 1 else f"{len(values)} trials {where}"
        raise TooFewPointsError(f"a surface needs trials at 3 or more different points, but got {count}")


def _bandwidth(bandwidth: Bandwidth, dimensions: int) -> Array | None:
    """Return one bandwidth per axis, or None if it must be chosen."""
    if bandwidth is None:
        return None
    widths = np.asarray(bandwidth, dtype=np.float64).ravel()
    if len(widths) not in (1, dimensions) or not (np.isfinite(widths) & (widths > 0)).all():
        raise AnalysisError(f"`bandwidth` must be above 0, one number or one per axis, but got {bandwidth}")
    return np.broadcast_to(widths, (dimensions,)).copy()


def _kernel(degree: int) -> Fitter:
    """Return the fitter of a kernel estimator of this degree."""

    def fit(
        points: Array, values: Array, weights: Array, bandwidth: Array | None, criterion: Criterion
    ) -> Fit:
        if bandwidth is None:
            bandwidth = select_bandwidth(points, values, degree=degree, criterion=criterion, weights=weights)
        return KernelRegression(points, values, bandwidth=bandwidth, degree=degree, weights=weights)

    return fit


def _process(fit: Callable[[Array, Array, Array], Fit]) -> Fitter:
    """Return the fitter of a Gaussian process, which chooses its length scales itself."""

    def fitted(
        points: Array, values: Array, weights: Array, bandwidth: Array | None, criterion: Criterion
    ) -> Fit:
        if bandwidth is not None:
            raise AnalysisError("`bandwidth` must be left out for a process, which fits its length scales")
        return fit(points, values, weights)

    return fitted


Fitter = Callable[[Array, Array, Array, Array | None, Criterion], Fit]
ESTIMATORS: Mapping[str, Fitter] = {
    "nadaraya_watson": _kernel(0),
    "local_linear": _kernel(1),
    "gaussian_process": _process(fit_gaussian_process),
    "contour_process": _process(fit_contour_process),
}
RENAMED_ESTIMATORS: Mapping[str, str] = {"steered_process": "contour_process"}
"""Former names of estimators, which are still accepted."""


def _at(function: Callable[[Array | Grid], Array], x: ArrayLike, y: ArrayLike) -> Array:
    """Return the values of a function of points at broadcast coordinates."""
    xs, ys = np.broadcast_arrays(np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64))
    return function(np.stack([xs.ravel(), ys.ravel()], axis=1)).reshape(xs.shape)
