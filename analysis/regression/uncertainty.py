"""Bands around a fit, resampling of trials, and weights from the number of reference events."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import RegularGridInterpolator
from scipy.optimize import minimize_scalar
from scipy.stats import norm, rankdata

from analysis.arrays import Array
from analysis.regression.base import Grid, Regression, coordinates

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
_MOST_SAMPLED = 310


@dataclass(frozen=True, eq=False)
class Band:
    """An estimate with its lower and upper limits, [point] each."""

    low: Array
    mean: Array
    high: Array

    def part(self, points: slice) -> Band:
        """Return the band at some of the points."""
        return Band(self.low[points], self.mean[points], self.high[points])


def pointwise_band(fit: Regression, at: Array | Grid, *, level: float = 0.9) -> Band:
    """Return limits that contain the mean at a point with probability `level`, averaged over the points."""
    mean, width = fit.predict(at), norm.ppf(0.5 + level / 2.0) * fit.standard_error(at)
    return Band(mean - width, mean, mean + width)


def simultaneous_band(
    fit: Regression,
    at: Array | Grid,
    *,
    process: Regression | None = None,
    level: float = 0.9,
    n_samples: int = 400,
    seed: int = 0,
) -> Band:
    """Return limits that contain the mean at all points at once with probability `level`.

    The factor on the standard error is a quantile of the largest standardised deviation among surfaces that
    are sampled from the fit at about 300 of the points. It is never below the pointwise factor.

    Args:
        fit: The regression.
        at: The points.
        process: A Gaussian process fitted to the same trials, for kernel regressions. A kernel estimates its
            average bias but not its largest, so its own simultaneous band covers far less than it should.
            The limits are then those of the process around its own mean, widened to include the kernel's
            pointwise band.
        level: Probability, in (0, 1).
        n_samples: Number of sampled surfaces.
        seed: Seed of the samples.
    """
    sure = fit if process is None else process
    points = coordinates(at)
    few = points[:: -(-len(points) // _MOST_SAMPLED)]
    samples = sure.samples(few, n=n_samples, rng=np.random.default_rng(seed))
    spread = samples.std(axis=0)
    deviation = np.abs(samples - samples.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    factor = max(float(np.quantile(deviation.max(axis=1), level)), float(norm.ppf(0.5 + level / 2.0)))
    single = pointwise_band(fit, at, level=level)
    centre, width = sure.predict(at), factor * sure.standard_error(at)
    return Band(np.minimum(single.low, centre - width), single.mean, np.maximum(single.high, centre + width))


def simultaneous_quantiles(samples: Array, *, level: float) -> tuple[Array, Array]:
    """Return limits that contain a share `level` of the samples [sample, point] at all points, by rank."""
    last = max(len(samples) - 1, 1)
    # Equal samples share the rank nearest to the middle, because many of them at one end are not outliers.
    above = rankdata(samples, method="min", axis=0) - 1.0
    below = rankdata(samples, method="max", axis=0) - 1.0
    outward = np.maximum(np.maximum(above / last - 0.5, 0.5 - below / last), 0.0)
    reach = float(np.quantile(outward.max(axis=1), level))
    low, high = np.quantile(samples, [max(0.5 - reach, 0.0), min(0.5 + reach, 1.0)], axis=0)
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
    """Yield fits to resampled trials.

    Args:
        points: [trial, dimension].
        values: [trial].
        fit: Fits points, values and weights. Keep its bandwidth fixed, because repeated trials would make a
            chosen bandwidth shrink.
        weights: [trial], > 0; equal when None.
        groups: [trial], number of the group that is resampled as a whole, such as a setting with its
            replicates or a recording. When None, each distinct point with all its replicates is a group.
        shift: [sample, trial], change of the values with other test recordings; the first `n` rows are used.
        n: Number of fits.
        seed: Seed of the resampling.
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
    """A fit whose standard error is the spread of its bootstrap fits, which contains noise but no bias.

    Attributes:
        fit: The fit to all trials, which predicts the mean.
        replicas: Fits to resampled trials, see `bootstrap`.
    """

    fit: Regression
    replicas: tuple[Regression, ...]

    def predict(self, at: Array | Grid) -> Array:
        """Return the estimated mean."""
        return self.fit.predict(at)

    def standard_error(self, at: Array | Grid) -> Array:
        """Return the standard deviation over the bootstrap fits, interpolated on large grids."""
        if isinstance(at, Grid) and len(at.axes) == 2 and np.prod(at.shape) > np.prod(_COARSE):
            axes = [np.linspace(axis[0], axis[-1], n) for axis, n in zip(at.axes, _COARSE, strict=True)]
            coarse = self._spread(Grid((axes[0], axes[1]))).reshape(_COARSE)
            return np.asarray(RegularGridInterpolator(axes, coarse)(at.points()))
        return self._spread(at)

    def support(self, at: Array | Grid) -> Array:
        """Return the effective number of trials."""
        return self.fit.support(at)

    def smoother(self, at: Array | Grid) -> Array:
        """Return the weight of each trial's value in each estimate, [point, trial]."""
        return self.fit.smoother(at)

    def samples(self, at: Array | Grid, *, n: int, rng: np.random.Generator) -> Array:
        """Return predictions of bootstrap fits, [sample, point], at random if there are fewer than `n`."""
        chosen = np.arange(n) if n <= len(self.replicas) else rng.integers(len(self.replicas), size=n)
        found = {int(index): self.replicas[index].predict(at) for index in np.unique(chosen)}
        return np.array([found[int(index)] for index in chosen])

    @property
    def noise_sd(self) -> float:
        """The standard deviation of a trial of weight 1 around the mean."""
        return self.fit.noise_sd

    def _spread(self, at: Array | Grid) -> Array:
        return np.asarray(np.std([replica.predict(at) for replica in self.replicas], axis=0, ddof=1))


def binomial_weights(values: Array, n_reference: Array, fitted: Array, *, metric: str = "f1") -> Array:
    """Return weights for trials that were scored on different numbers of reference events.

    The variance of a trial is the variance of training (the same for all trials, by maximum likelihood) plus
    that of the finite test set. The latter is f (1 - f) / n for a share of n events, and
    f (1 - f) (2 - f) / (2 n) for F1 (delta method on the matched share of the union of reference and
    estimated events). Here `f` is a pilot fit and not the trial's own value, because weights that depend on
    chance results would bias the surface.

    Args:
        values: [trial], F1, precision or recall.
        n_reference: [trial], number of reference events, > 0.
        fitted: [trial], pilot fit at the trials.
        metric: `f1` for F1; any other name is treated as a share.

    Returns:
        The weights [trial], with mean 1, inversely proportional to the variances.
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
