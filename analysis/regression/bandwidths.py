"""Bandwidth selection, one bandwidth per axis, by leave-one-out cross validation or AICc."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
from scipy.optimize import minimize

from analysis.arrays import Array
from analysis.errors import AnalysisError, TooFewPointsError
from analysis.regression.kernel import KernelRegression

__all__ = ["CRITERIA", "Criterion", "merge_replicates", "select_bandwidth"]

Criterion = Literal["leave_one_out", "aicc"]
_MOST_TRIALS = 600
_FACTORS = np.geomspace(0.15, 2.4, 5)


def select_bandwidth(
    points: Array,
    values: Array,
    *,
    degree: int,
    criterion: Criterion = "leave_one_out",
    weights: Array | None = None,
) -> Array:
    """Return the bandwidth of each axis that best predicts trials that were left out.

    Trials at the same point are merged first, so that a setting is left out with all its replicates.
    Otherwise replicates would predict each other and the bandwidth would shrink to zero. Above 600 points the
    search uses a fixed subset and narrows the result by the rate n^(-1 / (4 + dimensions)).

    Args:
        points: [trial, dimension].
        values: [trial].
        degree: 0 for Nadaraya-Watson, 1 for local linear.
        criterion: `leave_one_out`, or `aicc` (Hurvich, Simonoff and Tsai 1998), which smooths a little more.
        weights: [trial], > 0; equal when None.

    Returns:
        The bandwidths [dimension], in the units of the points.

    Raises:
        AnalysisError: An unknown criterion, or fewer than three different points.
    """
    if criterion not in CRITERIA:
        raise AnalysisError(f"`criterion` must be one of {', '.join(CRITERIA)}, but got {criterion}")
    trials = merge_replicates(points, values, weights=weights)
    if len(trials[0]) < 3:
        raise TooFewPointsError(
            f"a bandwidth needs trials at 3 or more different points, but got {len(trials[0])}"
        )
    points, values, weights, narrower = _subset(*trials)
    spread = points.std(axis=0)
    spread = np.where(spread > 0, spread, 1.0)

    def score(log_factor: Array) -> float:
        bandwidth = spread * np.exp(np.clip(log_factor, -5.0, 3.0))
        fit = KernelRegression(points, values, bandwidth=bandwidth, degree=degree, weights=weights)
        return CRITERIA[criterion](fit) + 1e-3 * _beyond(log_factor)

    starts = np.log(
        np.stack(np.meshgrid(*[_FACTORS] * min(points.shape[1], 2)), axis=-1).reshape(
            -1, min(points.shape[1], 2)
        )
    )
    starts = np.hstack([starts, np.zeros((len(starts), points.shape[1] - starts.shape[1]))])
    best = min(starts, key=score)
    found = minimize(score, best, method="Nelder-Mead", options={"xatol": 0.02, "fatol": 1e-9, "maxfev": 80})
    return np.asarray(spread * np.exp(np.clip(found.x, -5.0, 3.0)) * narrower)


def merge_replicates(
    points: Array, values: Array, *, weights: Array | None = None
) -> tuple[Array, Array, Array]:
    """Return each distinct point once, with the weighted mean of its trials and their total weight."""
    weights = np.ones(len(values)) if weights is None else weights
    unique, index = np.unique(points, axis=0, return_inverse=True)
    total: Array = np.bincount(index.ravel(), weights=weights).astype(np.float64)
    mean = np.bincount(index.ravel(), weights=weights * values) / total
    return unique, mean, total


def _subset(points: Array, values: Array, weights: Array) -> tuple[Array, Array, Array, float]:
    """Return a fixed subset of at most `_MOST_TRIALS` points, and the factor that narrows its bandwidth."""
    n, dimensions = points.shape
    if n <= _MOST_TRIALS:
        return points, values, weights, 1.0
    chosen = np.random.default_rng(0).choice(n, size=_MOST_TRIALS, replace=False)
    return points[chosen], values[chosen], weights[chosen], (_MOST_TRIALS / n) ** (1.0 / (4.0 + dimensions))


def _beyond(log_factor: Array) -> float:
    """Return how far the search is outside the sensible range, so that it does not drift on a plateau."""
    return float(np.maximum(np.abs(log_factor + 1.0) - 4.0, 0.0).sum())


def _leave_one_out(fit: KernelRegression) -> float:
    """Return the logarithm of the weighted mean squared leave-one-out error."""
    error = fit.values - fit.leave_one_out()
    if not np.isfinite(error).all():
        return np.inf
    return float(np.log(np.average(error**2, weights=fit.weights) + 1e-300))


def _aicc(fit: KernelRegression) -> float:
    """Return the corrected Akaike criterion of a linear smoother (Hurvich, Simonoff and Tsai 1998)."""
    n, used = len(fit.values), fit.degrees_of_freedom
    if n - used - 2.0 <= 0:
        return np.inf
    residual = float(np.average((fit.values - fit.fitted) ** 2, weights=fit.weights))
    return float(np.log(residual + 1e-300)) + (n + used) / (n - used - 2.0)


CRITERIA: dict[str, Callable[[KernelRegression], float]] = {"leave_one_out": _leave_one_out, "aicc": _aicc}
