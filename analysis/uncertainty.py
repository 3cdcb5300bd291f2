"""Bands around a fit, resampling of trials, and the weights that the number of reference events implies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.stats import norm

from analysis.regression import Array, Grid, Regression

__all__ = ["Band", "binomial_weights", "bootstrap", "pointwise_band", "simultaneous_band"]


@dataclass(frozen=True, eq=False)
class Band:
    """An estimate with its lower and upper limit, [point]."""

    low: Array
    mean: Array
    high: Array


def pointwise_band(fit: Regression, at: Array | Grid, *, level: float = 0.9) -> Band:
    """Limits that hold the mean at each single point with probability `level`, averaged over the points."""
    mean, width = fit.predict(at), norm.ppf(0.5 + level / 2.0) * fit.standard_error(at)
    return Band(mean - width, mean, mean + width)


def simultaneous_band(
    fit: Regression, at: Array | Grid, *, level: float = 0.9, n_draws: int = 400, seed: int = 0
) -> Band:
    """Limits that hold the mean at all points at once with probability `level`.

    The factor on the standard error is the quantile of the largest standardised deviation among surfaces
    drawn from the fit, never below the pointwise one. Give a coarse lattice (some 500 points): the factor
    hardly depends on it. Meant for the processes: a kernel's bias at the worst place of a surface is larger
    than its plug-in knows, and its simultaneous bands hold less than they say (benchmarks/README.md).
    """
    draws = fit.draws(at, n=n_draws, rng=np.random.default_rng(seed))
    spread = draws.std(axis=0)
    deviation = np.abs(draws - draws.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    factor = max(float(np.quantile(deviation.max(axis=1), level)), float(norm.ppf(0.5 + level / 2.0)))
    mean, width = fit.predict(at), factor * fit.standard_error(at)
    return Band(mean - width, mean, mean + width)


def bootstrap(
    points: Array,
    values: Array,
    fit: Callable[[Array, Array], Regression],
    *,
    groups: Array | None = None,
    n: int = 200,
    seed: int = 0,
) -> Iterator[Regression]:
    """Fits to resampled trials.

    Args:
        points: [trial, dimension].
        values: [trial].
        fit: Fits points and values; keep its bandwidth fixed, as repeated trials would shrink a chosen one.
        groups: [trial], whatever is drawn as a whole: the setting with its replicates, or the recording. Each
            different point with all its replicates when None.
        n: Number of fits.
        seed: Of the resampling.
    """
    whole = np.unique(points, axis=0, return_inverse=True)[1].ravel() if groups is None else groups
    members = [np.flatnonzero(whole == group) for group in np.unique(whole)]
    rng = np.random.default_rng(seed)
    for _ in range(n):
        chosen = np.concatenate([members[index] for index in rng.integers(len(members), size=len(members))])
        yield fit(points[chosen], values[chosen])


def binomial_weights(values: Array, n_reference: Array, fitted: Array, *, metric: str = "f1") -> Array:
    """Weights of trials that were scored on different numbers of reference events.

    A trial's variance is that of training (the same for all, by maximum likelihood) plus that of the finite
    test
    set: f (1 - f) / n for a share of n events, f (1 - f) (2 - f) / (2 n) for F1 (delta method on the matched
    share of the union of reference and estimated events). `f` is the pilot fit, not the trial's own value:
    weighting a trial by its own luck would bias the surface.

    Args:
        values: [trial], F1, precision or recall.
        n_reference: [trial], number of reference events, > 0.
        fitted: [trial], pilot fit at the trials.
        metric: `f1` for F1, anything else for a plain share.

    Returns:
        [trial], mean 1, inversely proportional to the variances.
    """
    share = np.clip(fitted, 0.01, 0.99)
    sampling = share * (1.0 - share) / np.maximum(n_reference, 1)
    if metric == "f1":
        sampling = sampling * (2.0 - share) / 2.0
    squared = (values - fitted) ** 2

    def surprise(log_between: float) -> float:
        variance = np.exp(log_between) + sampling
        return float(np.sum(np.log(variance) + squared / variance))

    between = np.exp(minimize_scalar(surprise, bounds=(np.log(1e-9), 0.0), method="bounded").x)
    weights = 1.0 / (between + sampling)
    return np.asarray(weights / weights.mean())
