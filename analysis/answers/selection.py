"""The value at a chosen softness, without the advantage of having been chosen on the same trials.

The largest of several noisy estimates is too large on average. Here the resampled surfaces choose as well:
each chooses its own best softness, and the mean of what it gains there by chance estimates what the study
gained. For a linear smoother and Gaussian noise this is unbiased for a choice on trials with twice the
variance.

Source: Breiman (1992), the little bootstrap; Efron (2014) for the correction of selected estimates.
Deliberate difference: the uncertainty of the correction is added to the samples with a factor of `_SHARE`,
which simulations of studies with known means determine (`benchmarks/analysis_intervals.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from analysis.answers.panels import Panel
from analysis.answers.resampling import Resampling
from analysis.arrays import Array
from analysis.regression import Grid

__all__ = ["Selection", "panel_noise", "panel_samples", "select"]

_SHARE = 0.4
_LEAST_LEFT = 0.05


@dataclass(frozen=True, eq=False)
class Selection:
    """What a choice gains by chance.

    Attributes:
        mean: The expected gain, of any shape (...).
        deviation: [sample, ...], deviations from it in the resampled studies.
    """

    mean: Array
    deviation: Array

    @classmethod
    def none(cls, n_samples: int, *shape: int) -> Selection:
        """Return the selection of values that were fixed in advance."""
        return cls(np.zeros(shape), np.zeros((n_samples, *shape)))

    @classmethod
    def joint(cls, *parts: Selection) -> Selection:
        """Return the selections of single values as one, [part]."""
        means = np.array([part.mean for part in parts])
        return cls(means, np.stack([part.deviation for part in parts], axis=1))

    def over(self, function: Callable[[Array], Array]) -> Selection:
        """Return the selection after a linear function of its last axis."""
        return Selection(function(self.mean), np.apply_along_axis(function, -1, self.deviation))


def select(score: Array, score_noise: Array, gain: Array) -> Selection:
    """Return what the choice of the best candidate gains by chance.

    Args:
        score: [candidate], the score to choose by.
        score_noise: [sample, candidate], noise of the score in resampled studies.
        gain: [sample, candidate, ...], noise of what is quoted for the candidate.
    """
    chosen = (score + score_noise).argmax(axis=1)
    found = gain[np.arange(len(gain)), chosen]
    return Selection(found.mean(axis=0), found - found.mean(axis=0))


def panel_noise(panel: Panel, at: Array | Grid, resampling: Resampling) -> Array:
    """Return the deviation of the panel's mean in every resampling, [sample, point], without recordings.

    Residuals are divided by what the fit left of them (1 - leverage), as if each trial had been predicted by
    the others, because a process that follows a dozen trials leaves small residuals everywhere. For the means
    of levels, whose leverage is not fitted, it is the square root, which makes the variance unbiased.
    """
    fit, smoother = panel.regression, panel.regression.smoother(at).T
    residual = _residual(panel)
    noise = (resampling.weight * (residual - _fold_means(residual, resampling))) @ smoother
    if resampling.widened:
        spread, error = noise.std(axis=0), fit.standard_error(at)
        noise *= np.maximum(1.0, np.divide(error, spread, out=np.ones_like(error), where=spread > 0))
    return np.asarray(noise)


def _residual(panel: Panel) -> Array:
    left = np.maximum(1.0 - panel.leverage, _LEAST_LEFT)
    return np.asarray((panel.values - panel.fitted) / (np.sqrt(left) if panel.joins_levels else left))


def _fold_means(residual: Array, resampling: Resampling) -> Array:
    """Return the mean residual of each trial's fold, [trial]; 0 if there is only one fold."""
    if resampling.sources.n_folds == 1:
        return np.zeros_like(residual)
    count = np.maximum(np.bincount(resampling.fold), 1)
    return np.asarray((np.bincount(resampling.fold, residual) / count)[resampling.fold])


def panel_samples(
    panel: Panel, at: Array | Grid, resampling: Resampling, *, selection: Selection | None = None
) -> Array:
    """Return the panel's mean in every resampling, [sample, point], clipped to the metric's range.

    Args:
        panel: The panel.
        at: The points.
        resampling: Resampling of the panel's trials.
        selection: What the choice of the points gained by chance, [point]; nothing when None.
    """
    noise = panel_noise(panel, at, resampling)
    mean = panel.regression.predict(at)
    if selection is not None:
        mean = mean - selection.mean
        # The reversed order makes the deviations independent of the noise.
        noise = noise + _SHARE * selection.deviation[::-1]
    noise *= resampling.stretch(len(panel.values) - float(panel.leverage.sum()))[:, None]
    folds = resampling.fold_weight * _fold_means(_residual(panel), resampling)
    recordings = (resampling.shift + folds) @ panel.regression.smoother(at).T
    return np.asarray(np.clip(mean + noise + recordings, *resampling.limits))
