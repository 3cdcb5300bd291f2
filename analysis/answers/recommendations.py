"""The user's question: labels are off by about this much; which loss and softness, at what cost, how sure?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.answers.comparisons import Estimate, select_values
from analysis.answers.curves import noise_axis, noise_map, panel_draws
from analysis.answers.maps import StudyMap
from analysis.answers.panels import Panel
from analysis.answers.resampling import Resampling, resample
from analysis.arrays import Array
from analysis.errors import AnalysisError
from analysis.labels import METRIC_LABELS
from analysis.reading import LABEL_NOISE, At, Axis, StoredStudy
from analysis.regression import Bandwidth
from analysis.tables import with_interval, wrapped

__all__ = ["Choice", "Recommendation", "recommend", "recommend_levels"]

_FLAT = 0.01
_N_SOFTNESS = 121


@dataclass(frozen=True, eq=False)
class Choice:
    """One loss at the asked label noise.

    Attributes:
        name: The loss.
        softness_ms: Best softness, with the interval in which the draws have it; None for a loss without.
        flat_ms: Softness range within 0.01 of the best estimate; None for a loss without.
        value: Metric to expect there.
        value_here: The same on the very test recordings of the study: other training runs alone.
        cost: What the label noise takes from the loss, each at its best softness.
        draws: [draw], the metric at that softness.
        support: Effective number of trials behind the estimate.
    """

    name: str
    softness_ms: Estimate | None
    flat_ms: tuple[float, float] | None
    value: Estimate
    value_here: Estimate
    cost: Estimate
    draws: Array
    support: float


@dataclass(frozen=True, eq=False)
class Recommendation:
    """What to use, and how sure that is.

    Attributes:
        noise_ms: The asked label noise.
        least_noise_ms: Lower end of the studied range.
        metric: Column of the trials.
        choices: All losses, the best first.
        probability_best: Share of the draws in which the first choice beats the second; 1 with one loss only.
        level: Probability of the intervals.
        has_recordings: Whether the intervals hold the choice of test recordings.
        notes: What a reader must know of the trials behind it.
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
        """Whether the data can tell the best from the second best, at the intervals' level."""
        return self.probability_best >= 0.5 + self.level / 2

    def table(self, *, by: str = "loss") -> pd.DataFrame:
        """One row a loss."""
        return pd.DataFrame([_row(choice, by=by) for choice in self.choices])

    def text(self) -> str:
        """The answer in a few lines."""
        return "\n".join(wrapped(line) for line in _answer(self))


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
    """Choose loss and softness for labels that are off by about `label_noise_s`.

    Args:
        study: The study.
        label_noise_s: Scale of the label noise in seconds, within the studied range.
        only: Losses to choose from; all when None.
        metric: Numeric column of the trials, larger being better.
        estimator: See `analysis.answers.loss_curves`.
        bandwidth: See `analysis.answers.map_study`.
        by: Column that is chosen, the loss or any other.
        at: Parameters held at a value; see `analysis.answers.loss_curves`.
        standard_error: See `analysis.answers.loss_curves`.
        level: Probability of the intervals, in (0, 1).

    Raises:
        AnalysisError: A noise outside the studied range, an unknown loss, or what `map_study` raises.
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
    """The same for several levels of label noise, from one fit. See `recommend`."""
    study, study_map = noise_map(study, metric=metric, estimator=estimator, bandwidth=bandwidth, by=by, at=at)
    trials = study.scored(metric)
    axis = _noise_axis(study, study_map)
    drawn = resample(study, trials, metric=metric, standard_error=standard_error)
    panels = [panel for panel in study_map.panels if panel.axes[-1].column == LABEL_NOISE]
    found = []
    for noise_s in label_noises_s:
        noise_ms = _validated_noise(axis, axis.shown(trials), noise_s)
        choices = [_choice(panel, noise_ms, drawn.of(panel.rows), level=level) for panel in panels]
        choices.sort(key=lambda choice: -choice.value.value)
        better = float((choices[0].draws > choices[1].draws).mean()) if len(choices) > 1 else 1.0
        found.append(
            Recommendation(
                noise_ms,
                axis.low,
                metric,
                tuple(choices),
                better,
                level,
                drawn.has_recordings,
                notes=study_map.notes,
            )
        )
    return found


def _noise_axis(study: StoredStudy, study_map: StudyMap) -> Axis:
    """The axis of label noise, which a recommendation needs."""
    axis = noise_axis(study_map)
    if axis is None:
        raise AnalysisError(f"a recommendation needs label noise that varies, but {study.location} has none")
    return axis


def _validated_noise(axis: Axis, studied: Array, label_noise_s: float) -> float:
    """The asked label noise in shown units, within what was studied."""
    noise_ms = label_noise_s * axis.factor
    low, high = min(axis.low, float(studied.min())), max(axis.high, float(studied.max()))
    if not low <= noise_ms <= high:
        raise AnalysisError(
            f"`label_noise` must lie within the studied range, {low:g} to {high:g} {axis.unit}, "
            f"but got {noise_ms:g} {axis.unit}"
        )
    return float(noise_ms)


def _choice(panel: Panel, noise_ms: float, drawn: Resampling, *, level: float) -> Choice:
    """One loss at its best softness."""
    at, clean_at = _line(panel, noise_ms), _line(panel, panel.axes[-1].low)
    lines = np.concatenate([at, clean_at])
    mean, support = panel.regression.predict(lines), panel.regression.support(lines)
    draws = panel_draws(panel, lines, drawn)
    n = len(at)
    best = int(np.where(support[:n] >= min(1.0, support[:n].max()), mean[:n], -np.inf).argmax())
    clean_best = int(mean[n:].argmax())
    cost = Estimate.of(
        float(mean[n + clean_best] - mean[best]), draws[:, n + clean_best] - draws[:, best], level=level
    )
    softness = flat = None
    if panel.is_surface:
        softness = Estimate.of(float(at[best, 0]), at[draws[:, :n].argmax(axis=1), 0], level=level)
        flat = _flat_range(at[:, 0], mean[:n], best)
    value = Estimate.of(float(mean[best]), draws[:, best], level=level)
    here = panel_draws(panel, lines[[best]], drawn.same_recordings())
    value_here = Estimate.of(float(mean[best]), here[:, 0], level=level)
    return Choice(panel.name, softness, flat, value, value_here, cost, draws[:, best], float(support[best]))


def _line(panel: Panel, noise_ms: float) -> Array:
    """Points of the panel at one label noise: all softnesses, or the one point of a loss without."""
    if not panel.is_surface:
        return np.array([[noise_ms]])
    softness_ms = panel.axes[0].lattice(_N_SOFTNESS)
    return np.stack([softness_ms, np.full_like(softness_ms, noise_ms)], axis=1)


def _flat_range(softness_ms: Array, mean: Array, best: int) -> tuple[float, float]:
    """The unbroken range around the best that is within 0.01 of it."""
    good = mean >= mean[best] - _FLAT
    low = high = best
    while low > 0 and good[low - 1]:
        low -= 1
    while high < len(mean) - 1 and good[high + 1]:
        high += 1
    return float(softness_ms[low]), float(softness_ms[high])


def _row(choice: Choice, *, by: str) -> dict[str, object]:
    """A choice as a table's row."""
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


def _answer(found: Recommendation) -> list[str]:
    """The lines of a recommendation."""
    best, label = found.choices[0], METRIC_LABELS.get(found.metric, found.metric)
    softness = f" with a softness of {best.softness_ms.value:.0f} ms" if best.softness_ms else ""
    lines = [f"Labels off by {found.noise_ms:g} ms: use {best.name}{softness}."]
    if best.flat_ms and best.softness_ms:
        lines.append(
            f"Softness from {best.flat_ms[0]:.0f} to {best.flat_ms[1]:.0f} ms is within {_FLAT:g} of it; the "
            f"optimum itself lies between {best.softness_ms.low:.0f} and {best.softness_ms.high:.0f} ms."
        )
    price = (
        f"; the wrong labels cost {_interval(best.cost)} of it"
        if found.noise_ms > found.least_noise_ms
        else ""
    )
    lines.append(f"{label} to expect: {_interval(best.value)}{price}.")
    if found.has_recordings:
        here = best.value_here
        lines.append(
            f"On the very recordings of this study, trained anew: {here.low:.3f} to {here.high:.3f}; the "
            "rest is the chance of which recordings are scored."
        )
    lines += _runner_up(found, label)
    if best.support < 3:
        lines.append(f"Few trials are near: the estimate rests on {best.support:.1f}. Run more there.")
    source = (
        "training and of the test recordings" if found.has_recordings else "training alone (no events stored)"
    )
    lines.append(f"Intervals: {100 * found.level:g} %, from the chance of {source}.")
    return lines + [f"{note[0].upper()}{note[1:]}." for note in found.notes]


def _runner_up(found: Recommendation, label: str) -> list[str]:
    """How the best stands to the second best."""
    if len(found.choices) == 1:
        return ["The study holds no other loss: it cannot tell whether one would be better."]
    best, second = found.choices[:2]
    softness = f" (softness {second.softness_ms.value:.0f} ms)" if second.softness_ms else ""
    chance = f"{100 * found.probability_best:.0f} %"
    verdict = (
        f"{best.name} is better with a probability of {chance}."
        if found.is_certain
        else f"the data cannot tell them apart: {best.name} is better with a probability of {chance} only."
    )
    return [f"Next: {second.name}{softness}, {label} {_interval(second.value)}; {verdict}"]


def _interval(estimate: Estimate) -> str:
    return with_interval(estimate.value, estimate.low, estimate.high)
