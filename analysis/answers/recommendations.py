"""Recommendations: which loss and softness to use for labels with a given noise, at what cost, how sure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.answers.comparisons import Estimate, select_values
from analysis.answers.curves import noise_axis, noise_map
from analysis.answers.maps import StudyMap
from analysis.answers.panels import Panel
from analysis.answers.resampling import Resampling, Sources, resample
from analysis.answers.ridges import flat_range
from analysis.answers.selection import Selection, panel_noise, panel_samples, select
from analysis.arrays import Array
from analysis.errors import AnalysisError
from analysis.reading import LABEL_NOISE, At, Axis, StoredStudy
from analysis.regression import Bandwidth

__all__ = ["Choice", "Recommendation", "recommend", "recommend_levels"]

_N_SOFTNESS = 121


@dataclass(frozen=True, eq=False)
class Choice:
    """One loss at the requested label noise.

    Attributes:
        name: The loss.
        softness: Best softness in display units, with the interval of the best softness among the
            samples; None for a loss that does not use it.
        flat: Softness range in display units in which the metric is within 0.01 of the best; None for a loss
            that does not use it.
        value: Expected metric at the best softness.
        value_here: The same on the test recordings of this study, for other training runs only.
        cost: Loss of the metric due to the label noise, with the best softness both with and without noise.
        samples: [sample], the metric at the best softness.
        support: Effective number of trials behind the estimate.
    """

    name: str
    softness: Estimate | None
    flat: tuple[float, float] | None
    value: Estimate
    value_here: Estimate
    cost: Estimate
    samples: Array
    support: float


@dataclass(frozen=True, eq=False)
class Recommendation:
    """The recommended loss and softness, with their uncertainty.

    Attributes:
        noise: The requested label noise, in the unit of `axis`.
        axis: The label noise over its studied range. The softness has the same unit.
        metric: Column of the trials.
        metric_label: Its display name.
        choices: All losses, the best first.
        probability_best: Share of the samples in which the first choice is better than the second; 1 if there
            is only one loss.
        level: Probability of the intervals.
        sources: What the intervals include.
        notes: Notes for the reader on the underlying trials.
    """

    noise: float
    axis: Axis
    metric: str
    metric_label: str
    choices: tuple[Choice, ...]
    probability_best: float
    level: float
    sources: Sources
    notes: tuple[str, ...] = ()

    @property
    def is_certain(self) -> bool:
        """Whether the best differs from the second best at the level of the intervals."""
        return self.probability_best >= 0.5 + self.level / 2

    def table(self, *, by: str = "loss") -> pd.DataFrame:
        """Return one row per loss."""
        return pd.DataFrame([_row(choice, self.axis, by=by) for choice in self.choices])


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
    resampling = resample(study, trials, metric=metric, by=by, standard_error=standard_error)
    panels = [panel for panel in study_map.panels if panel.axes[-1].column == LABEL_NOISE]
    found = []
    for noise_s in label_noises_s:
        noise = _validated_noise(axis, axis.shown(trials), noise_s)
        choices = [_choice(panel, noise, resampling.of(panel.rows), level=level) for panel in panels]
        choices.sort(key=lambda choice: -choice.value.value)
        better = float((choices[0].samples > choices[1].samples).mean()) if len(choices) > 1 else 1.0
        found.append(
            Recommendation(
                noise,
                axis,
                metric,
                study.label(metric),
                tuple(choices),
                better,
                level,
                resampling.sources,
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
    noise = label_noise_s * axis.factor
    low, high = min(axis.low, float(studied.min())), max(axis.high, float(studied.max()))
    if not low <= noise <= high:
        raise AnalysisError(
            f"`label_noise` must be within the studied range, {low:g} to {high:g} {axis.unit}, "
            f"but got {noise:g} {axis.unit}"
        )
    return float(noise)


def _choice(panel: Panel, noise: float, resampling: Resampling, *, level: float) -> Choice:
    """Return one loss at its best softness."""
    at, clean_at = _line(panel, noise), _line(panel, panel.axes[-1].low)
    support = panel.regression.support(at)
    found = _best(panel, at, resampling, allowed=support >= min(1.0, support.max()))
    clean = _best(panel, clean_at, resampling, allowed=np.ones(len(clean_at), dtype=bool))
    gain = Selection.joint(found.gain, clean.gain)
    lines = np.stack([at[found.index], clean_at[clean.index]])
    samples = panel_samples(panel, lines, resampling, selection=gain)
    expected = np.clip(panel.regression.predict(lines) - gain.mean, *resampling.limits)
    cost = Estimate.of(float(expected[1] - expected[0]), samples[:, 1] - samples[:, 0], level=level)
    softness = flat = None
    if panel.is_surface:
        softness = Estimate.of(float(at[found.index, 0]), at[found.sampled, 0], level=level)
        low, high = flat_range(found.mean, found.index)
        flat = float(at[low, 0]), float(at[high, 0])
    value = Estimate.of(float(expected[0]), samples[:, 0], level=level)
    here = panel_samples(panel, lines, resampling.same_recordings(), selection=gain)[:, 0]
    value_here = Estimate.of(float(expected[0]), here, level=level)
    near = float(support[found.index])
    return Choice(panel.name, softness, flat, value, value_here, cost, samples[:, 0], near)


@dataclass(frozen=True, eq=False)
class _Best:
    """The best of several points: its index, that of each resampled study, all means, and its gain."""

    index: int
    sampled: NDArray[np.int64]
    mean: Array
    gain: Selection


def _best(panel: Panel, at: Array, resampling: Resampling, *, allowed: NDArray[np.bool_]) -> _Best:
    """Return the best of the points that are allowed."""
    mean, noise = panel.regression.predict(at), panel_noise(panel, at, resampling)
    score = np.where(allowed, mean, -np.inf)
    sampled = (score + noise).argmax(axis=1)
    gain = select(score, noise, noise) if len(at) > 1 else Selection.none(len(noise))
    return _Best(int(score.argmax()), sampled, mean, gain)


def _line(panel: Panel, noise: float) -> Array:
    """Return the panel's points at one label noise: all values of the softness, or one point without it."""
    if not panel.is_surface:
        return np.array([[noise]])
    softness = panel.axes[0].lattice(_N_SOFTNESS)
    return np.stack([softness, np.full_like(softness, noise)], axis=1)


def _row(choice: Choice, axis: Axis, *, by: str) -> dict[str, object]:
    """Return a choice as a row of the table, with durations in ms."""
    low, high = choice.flat or (None, None)
    return {
        by: choice.name,
        "softness_ms": None if choice.softness is None else axis.to_ms(choice.softness.value),
        "flat_from_ms": None if low is None else axis.to_ms(low),
        "flat_to_ms": None if high is None else axis.to_ms(high),
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
