"""Bands around a fit, resampling of trials, and the weights that the number of reference events implies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import RegularGridInterpolator
from scipy.optimize import minimize_scalar
from scipy.stats import norm, rankdata

from analysis.arrays import Array
from analysis.regression.kernel import Grid, Regression, coordinates

__all__ = [
    "Band",
    "Bootstrapped",
    "binomial_weights",
    "bootstrap",
    "pointwise_band",
    "simultaneous_band",
    "simultaneous_quantiles",
]

_COARSE = (61, 41)
_MOST_DRAWN = 310


@dataclass(frozen=True, eq=False)
class Band:
    """An estimate with its lower and upper limit, [point]."""

    low: Array
    mean: Array
    high: Array

    def part(self, points: slice) -> Band:
        """The band at some of the points."""
        return Band(self.low[points], self.mean[points], self.high[points])


def pointwise_band(fit: Regression, at: Array | Grid, *, level: float = 0.9) -> Band:
    """Limits that hold the mean at each single point with probability `level`, averaged over the points."""
    mean, width = fit.predict(at), norm.ppf(0.5 + level / 2.0) * fit.standard_error(at)
    return Band(mean - width, mean, mean + width)


def simultaneous_band(
    fit: Regression,
    at: Array | Grid,
    *,
    process: Regression | None = None,
    level: float = 0.9,
    n_draws: int = 400,
    seed: int = 0,
) -> Band:
    """Limits that hold the mean at all points at once with probability `level`.

    The factor on the standard error is the quantile of the largest standardised deviation among surfaces
    drawn from the fit at some 300 of the points, never below the pointwise one.

    A kernel knows the size of its bias on the whole, not at the worst place, and its own simultaneous band
    holds far less than it says. So give it a Gaussian process of the same trials: the limits are then the
    process's around its own mean, widened to hold the kernel's pointwise band.
    """
    sure = fit if process is None else process
    points = coordinates(at)
    few = points[:: -(-len(points) // _MOST_DRAWN)]
    draws = sure.draws(few, n=n_draws, rng=np.random.default_rng(seed))
    spread = draws.std(axis=0)
    deviation = np.abs(draws - draws.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    factor = max(float(np.quantile(deviation.max(axis=1), level)), float(norm.ppf(0.5 + level / 2.0)))
    single = pointwise_band(fit, at, level=level)
    centre, width = sure.predict(at), factor * sure.standard_error(at)
    return Band(np.minimum(single.low, centre - width), single.mean, np.maximum(single.high, centre + width))


def simultaneous_quantiles(draws: Array, *, level: float) -> tuple[Array, Array]:
    """Limits that hold a share `level` of the draws [draw, point] at all points at once, by their ranks."""
    last = max(len(draws) - 1, 1)
    # Equal draws share the rank that is nearest to the middle: many of them at an end are no outliers.
    above = rankdata(draws, method="min", axis=0) - 1.0
    below = rankdata(draws, method="max", axis=0) - 1.0
    outward = np.maximum(np.maximum(above / last - 0.5, 0.5 - below / last), 0.0)
    reach = float(np.quantile(outward.max(axis=1), level))
    low, high = np.quantile(draws, [max(0.5 - reach, 0.0), min(0.5 + reach, 1.0)], axis=0)
    return low, high


def bootstrap(
    points: Array,
    values: Array,
    fit: Callable[[Array, Array, Array], Regression],
    *,
    weights: Array | None = None,
    groups: Array | None = None,
    shift: Array | None = None,
    n: int = 200,
    seed: int = 0,
) -> Iterator[Regression]:
    """Fits to resampled trials.

    Args:
        points: [trial, dimension].
        values: [trial].
        fit: Fits points, values and weights; keep its bandwidth fixed, as repeated trials would shrink a
            chosen one.
        weights: [trial], > 0; equal when None.
        groups: [trial], whatever is drawn as a whole: the setting with its replicates, or the recording. Each
            different point with all its replicates when None.
        shift: [draw, trial], what other test recordings would change of the values; `n` of them are used.
        n: Number of fits.
        seed: Of the resampling.
    """
    weights = np.ones(len(values)) if weights is None else weights
    whole = np.unique(points, axis=0, return_inverse=True)[1].ravel() if groups is None else groups
    members = [np.flatnonzero(whole == group) for group in np.unique(whole)]
    rng = np.random.default_rng(seed)
    for index in range(n):
        moved = values if shift is None else values + shift[index % len(shift)]
        chosen = np.concatenate([members[one] for one in rng.integers(len(members), size=len(members))])
        yield fit(points[chosen], moved[chosen], weights[chosen])


@dataclass(frozen=True, eq=False)
class Bootstrapped:
    """A fit whose standard error is the spread of its bootstrap fits: noise, but no bias.

    Attributes:
        fit: The fit to all trials, which gives the mean.
        replicas: Fits to resampled trials, see `bootstrap`.
    """

    fit: Regression
    replicas: tuple[Regression, ...]

    def predict(self, at: Array | Grid) -> Array:
        """Estimated mean."""
        return self.fit.predict(at)

    def standard_error(self, at: Array | Grid) -> Array:
        """Standard deviation over the bootstrap fits; interpolated on a grid of more than 61 x 41 places."""
        if isinstance(at, Grid) and len(at.axes) == 2 and np.prod(at.shape) > np.prod(_COARSE):
            axes = [np.linspace(axis[0], axis[-1], n) for axis, n in zip(at.axes, _COARSE, strict=True)]
            coarse = self._spread(Grid((axes[0], axes[1]))).reshape(_COARSE)
            return np.asarray(RegularGridInterpolator(axes, coarse)(at.points()))
        return self._spread(at)

    def support(self, at: Array | Grid) -> Array:
        """Effective number of trials."""
        return self.fit.support(at)

    def smoother(self, at: Array | Grid) -> Array:
        """[point, trial]: the share of each trial's value in each estimate."""
        return self.fit.smoother(at)

    def draws(self, at: Array | Grid, *, n: int, rng: np.random.Generator) -> Array:
        """[draw, point]: bootstrap fits, drawn at random where fewer than `n` are there."""
        chosen = np.arange(n) if n <= len(self.replicas) else rng.integers(len(self.replicas), size=n)
        found = {int(index): self.replicas[index].predict(at) for index in np.unique(chosen)}
        return np.array([found[int(index)] for index in chosen])

    @property
    def noise_sd(self) -> float:
        """Standard deviation of a trial of weight 1 around the mean."""
        return self.fit.noise_sd

    def _spread(self, at: Array | Grid) -> Array:
        return np.asarray(np.std([replica.predict(at) for replica in self.replicas], axis=0, ddof=1))


def binomial_weights(values: Array, n_reference: Array, fitted: Array, *, metric: str = "f1") -> Array:
    """Weights of trials that were scored on different numbers of reference events.

    A trial's variance is that of training (the same for all, by maximum likelihood) plus that of the finite
    test set: f (1 - f) / n for a share of n events, f (1 - f) (2 - f) / (2 n) for F1 (delta method on the
    matched share of the union of reference and estimated events). `f` is the pilot fit, not the trial's own
    value: weighting a trial by its own luck would bias the surface.

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
