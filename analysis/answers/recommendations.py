"""Recommendations: which loss and softness to use for labels with a given noise, at what cost, how sure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.answers.comparisons import Estimate, select_values
from analysis.answers.curves import noise_axis, noise_map, panel_samples
from analysis.answers.maps import StudyMap
from analysis.answers.panels import Panel
from analysis.answers.resampling import Resampling, resample
from analysis.arrays import Array
from analysis.errors import AnalysisError
from analysis.reading import LABEL_NOISE, At, Axis, StoredStudy
from analysis.regression import Bandwidth

__all__ = ["FLAT_WITHIN", "Choice", "Recommendation", "recommend", "recommend_levels"]

FLAT_WITHIN = 0.01
"""Loss of the metric within which the softness counts as equally good."""
_N_SOFTNESS = 121


@dataclass(frozen=True, eq=False)
class Choice:
    """One loss at the requested label noise.

    Attributes:
        name: The loss.
        softness_ms: Best softness, with the interval of the best softness among the samples; None for a loss
            that does not use it.
        flat_ms: Softness range in which the metric is within 0.01 of the best; None for a loss that does not
            use it.
        value: Expected metric at the best softness.
        value_here: The same on the test recordings of this study, for other training runs only.
        cost: Loss of the metric due to the label noise, with the best softness both with and without noise.
        samples: [sample], the metric at the best softness.
        support: Effective number of trials behind the estimate.
    """

    name: str
    softness_ms: Estimate | None
    flat_ms: tuple[float, float] | None
    value: Estimate
    value_here: Estimate
    cost: Estimate
    samples: Array
    support: float


@dataclass(frozen=True, eq=False)
class Recommendation:
    """The recommended loss and softness, with their uncertainty.

    Attributes:
        noise_ms: The requested label noise.
        least_noise_ms: Lower end of the studied range.
        metric: Column of the trials.
        choices: All losses, the best first.
        probability_best: Share of the samples in which the first choice is better than the second; 1 if there
            is only one loss.
        level: Probability of the intervals.
        has_recordings: Whether the intervals include the choice of test recordings.
        notes: Notes for the reader on the underlying trials.
    """

    noise_ms: float
    least_noise_ms: float
    metric: str
    choices: tuple[Choice, ...]
    probability_best: float
    level: float
    has_recordings: bool
    notes: tuple[str, ...] = ()

    @property
    def is_certain(self) -> bool:
        """Whether the best differs from the second best at the level of the intervals."""
        return self.probability_best >= 0.5 + self.level / 2

    def table(self, *, by: str = "loss") -> pd.DataFrame:
        """Return one row per loss."""
        return pd.DataFrame([_row(choice, by=by) for choice in self.choices])


def recommend(
    study: StoredStudy,
    *,
    label_noise_s: float,
    only: Sequence[str] | None = None,
    metric: str = "f1",
    estimator: str = "auto",
    bandwidth: Bandwidth = None,
    by: str = "loss",
    at: At = None,
    standard_error: str = "estimator",
    level: float = 0.95,
) -> Recommendation:
    """Recommend a loss and softness for labels that are off by about `label_noise_s`.

    Args:
        study: The study, from `load_results`.
        label_noise_s: Scale of the label noise in seconds, within the studied range.
        only: Losses to choose from; all when None.
        metric: Numeric column of the trials, larger being better.
        estimator: See `compare_losses`.
        bandwidth: See `compare_losses`.
        by: Column to choose from, the loss or any other.
        at: Parameters held at a value; see `compare_losses`.
        standard_error: See `compare_losses`.
        level: Probability of the intervals, in (0, 1).

    Returns:
        The recommendation. Its `choices` are ordered with the best first, and `table()` is a data frame.

    Raises:
        AnalysisError: The noise is outside the studied range, a loss is unknown, or `map_study` raises.
    """
    if only is not None:
        study = select_values(study, only, by=by)
    (found,) = recommend_levels(
        study,
        [label_noise_s],
        metric=metric,
        estimator=estimator,
        bandwidth=bandwidth,
        by=by,
        at=at,
        standard_error=standard_error,
        level=level,
    )
    return found


def recommend_levels(
    study: StoredStudy,
    label_noises_s: Sequence[float],
    *,
    metric: str = "f1",
    estimator: str = "auto",
    bandwidth: Bandwidth = None,
    by: str = "loss",
    at: At = None,
    standard_error: str = "estimator",
    level: float = 0.95,
) -> list[Recommendation]:
    """Recommend for several levels of label noise from one fit. See `recommend`."""
    study, study_map = noise_map(study, metric=metric, estimator=estimator, bandwidth=bandwidth, by=by, at=at)
    trials = study.scored(metric)
    axis = _noise_axis(study, study_map)
    resampling = resample(study, trials, metric=metric, standard_error=standard_error)
    panels = [panel for panel in study_map.panels if panel.axes[-1].column == LABEL_NOISE]
    found = []
    for noise_s in label_noises_s:
        noise_ms = _validated_noise(axis, axis.shown(trials), noise_s)
        choices = [_choice(panel, noise_ms, resampling.of(panel.rows), level=level) for panel in panels]
        choices.sort(key=lambda choice: -choice.value.value)
        better = float((choices[0].samples > choices[1].samples).mean()) if len(choices) > 1 else 1.0
        found.append(
            Recommendation(
                noise_ms,
                axis.low,
                metric,
                tuple(choices),
                better,
                level,
                resampling.has_recordings,
                notes=study_map.notes,
            )
        )
    return found


def _noise_axis(study: StoredStudy, study_map: StudyMap) -> Axis:
    """Return the axis of label noise, which a recommendation needs."""
    axis = noise_axis(study_map)
    if axis is None:
        raise AnalysisError(f"a recommendation needs label noise that varies, but {study.location} has none")
    return axis


def _validated_noise(axis: Axis, studied: Array, label_noise_s: float) -> float:
    """Return the requested label noise in display units. Raise if it is outside the studied range."""
    noise_ms = label_noise_s * axis.factor
    low, high = min(axis.low, float(studied.min())), max(axis.high, float(studied.max()))
    if not low <= noise_ms <= high:
        raise AnalysisError(
            f"`label_noise` must be within the studied range, {low:g} to {high:g} {axis.unit}, "
            f"but got {noise_ms:g} {axis.unit}"
        )
    return float(noise_ms)


def _choice(panel: Panel, noise_ms: float, resampling: Resampling, *, level: float) -> Choice:
    """Return one loss at its best softness."""
    at, clean_at = _line(panel, noise_ms), _line(panel, panel.axes[-1].low)
    lines = np.concatenate([at, clean_at])
    mean, support = panel.regression.predict(lines), panel.regression.support(lines)
    samples = panel_samples(panel, lines, resampling)
    n = len(at)
    best = int(np.where(support[:n] >= min(1.0, support[:n].max()), mean[:n], -np.inf).argmax())
    clean_best = int(mean[n:].argmax())
    cost = Estimate.of(
        float(mean[n + clean_best] - mean[best]), samples[:, n + clean_best] - samples[:, best], level=level
    )
    softness = flat = None
    if panel.is_surface:
        softness = Estimate.of(float(at[best, 0]), at[samples[:, :n].argmax(axis=1), 0], level=level)
        flat = _flat_range(at[:, 0], mean[:n], best)
    value = Estimate.of(float(mean[best]), samples[:, best], level=level)
    here = panel_samples(panel, lines[[best]], resampling.same_recordings())
    value_here = Estimate.of(float(mean[best]), here[:, 0], level=level)
    return Choice(panel.name, softness, flat, value, value_here, cost, samples[:, best], float(support[best]))


def _line(panel: Panel, noise_ms: float) -> Array:
    """Return the panel's points at one label noise: all values of the softness, or one point without it."""
    if not panel.is_surface:
        return np.array([[noise_ms]])
    softness_ms = panel.axes[0].lattice(_N_SOFTNESS)
    return np.stack([softness_ms, np.full_like(softness_ms, noise_ms)], axis=1)


def _flat_range(softness_ms: Array, mean: Array, best: int) -> tuple[float, float]:
    """Return the contiguous range around the best in which the mean is within `FLAT_WITHIN` of it."""
    good = mean >= mean[best] - FLAT_WITHIN
    low = high = best
    while low > 0 and good[low - 1]:
        low -= 1
    while high < len(mean) - 1 and good[high + 1]:
        high += 1
    return float(softness_ms[low]), float(softness_ms[high])


def _row(choice: Choice, *, by: str) -> dict[str, object]:
    """Return a choice as a row of the table."""
    low, high = choice.flat_ms or (None, None)
    return {
        by: choice.name,
        "softness_ms": choice.softness_ms.value if choice.softness_ms else None,
        "flat_from_ms": low,
        "flat_to_ms": high,
        "value": choice.value.value,
        "value_low": choice.value.low,
        "value_high": choice.value.high,
        "value_here_low": choice.value_here.low,
        "value_here_high": choice.value_here.high,
        "cost": choice.cost.value,
        "cost_low": choice.cost.low,
        "cost_high": choice.cost.high,
        "support": choice.support,
    }
