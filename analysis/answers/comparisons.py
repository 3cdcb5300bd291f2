"""Losses against each other on the same wrong labels: differences, crossings, robustness radius, area."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.answers.curves import LossCurve, loss_curves
from analysis.answers.maps import StudyMap
from analysis.arrays import Array
from analysis.errors import AnalysisError
from analysis.reading import At, StoredStudy, require_columns
from analysis.regression import Bandwidth

__all__ = ["Comparison", "Estimate", "compare_losses", "crossing", "robustness_radius", "select_values"]


@dataclass(frozen=True)
class Estimate:
    """A number with its interval; infinite is beyond the studied range, NaN is none."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, value: float, draws: Array, *, level: float) -> Estimate:
        """Percentile interval of the draws; infinite draws count, NaN ones do not."""
        known = np.sort(draws[~np.isnan(draws)])
        if not len(known):
            return cls(value, np.nan, np.nan)
        ranks = np.clip(np.array([0.5 - level / 2, 0.5 + level / 2]) * len(known), 0, len(known) - 1).astype(
            int
        )
        return cls(value, float(known[ranks[0]]), float(known[ranks[1]]))


@dataclass(frozen=True, eq=False)
class Comparison:
    """Losses over label noise, and how each differs from the reference loss.

    Attributes:
        study_map: The fits behind it.
        curves: One a loss, the reference first.
        has_recordings: Whether the intervals hold the choice of test recordings.
        level: Probability of the intervals.
        summary: One row a loss: best softness, F1 without noise and at most noise, radius, area, with limits.
        differences: One row a loss and noise level: difference from the reference with limits.
        crossings: One row a loss: the noise above which it is better (or worse) than the reference.
    """

    study_map: StudyMap
    curves: tuple[LossCurve, ...]
    has_recordings: bool
    level: float
    summary: pd.DataFrame
    differences: pd.DataFrame
    crossings: pd.DataFrame


def compare_losses(
    study: StoredStudy,
    *,
    metric: str = "f1",
    reference: str | None = None,
    only: Sequence[str] | None = None,
    by: str = "loss",
    at: At = None,
    standard_error: str = "estimator",
    estimator: str = "auto",
    bandwidth: Bandwidth = None,
    softness_ms: float | None = None,
    radius_share: float = 0.95,
    level: float = 0.95,
) -> Comparison:
    """Compare the losses of a study.

    Args:
        study: The study.
        metric: Numeric column of the trials.
        reference: Loss that the others are compared with; cross_entropy when None and there, else the first.
        only: Losses to keep; all when None.
        by: Column that is compared, the loss or any other.
        at: Parameters held at a value; see `analysis.answers.loss_curves`.
        standard_error: See `analysis.answers.loss_curves`.
        estimator: See `analysis.answers.loss_curves`.
        bandwidth: See `analysis.answers.map_study`.
        softness_ms: See `analysis.answers.loss_curves`.
        radius_share: Share of the clean metric that must hold within the robustness radius, in (0, 1).
        level: Probability of the intervals, in (0, 1).

    Raises:
        AnalysisError: What `loss_curves` raises, an unknown loss, or a share or level out of its range.
    """
    _validate_fractions(radius_share=radius_share, level=level)
    if only is not None:
        study = select_values(study, only, by=by)
    study_map, curves, drawn = loss_curves(
        study,
        metric=metric,
        estimator=estimator,
        bandwidth=bandwidth,
        softness_ms=softness_ms,
        by=by,
        at=at,
        standard_error=standard_error,
    )
    curves = _reference_first(curves, reference)
    return Comparison(
        study_map=study_map,
        curves=curves,
        has_recordings=drawn.has_recordings,
        level=level,
        summary=pd.DataFrame(
            [_summary_row(curve, by=by, radius_share=radius_share, level=level) for curve in curves]
        ),
        differences=_differences(curves, by=by, level=level),
        crossings=pd.DataFrame(
            [_crossing_row(curve, curves[0], by=by, level=level) for curve in curves[1:]],
            columns=[by, "reference", "noise_ms", "noise_ms_low", "noise_ms_high", "share_of_draws"],
        ),
    )


def robustness_radius(noise_ms: Array, values: Array, *, share: float) -> Array:
    """Largest noise up to which a curve keeps `share` of its first value; infinite where it always does.

    Args:
        noise_ms: [point], ascending, the first without (or with the least) noise.
        values: [draw, point].
        share: In (0, 1).

    Returns:
        [draw], in the noise's unit, interpolated between points.
    """
    return _first_fall(noise_ms, values - share * values[:, :1])


def crossing(noise_ms: Array, difference: Array) -> Array:
    """Noise at which a difference first changes its sign, [draw]; NaN where it never does."""
    start = np.sign(difference[:, :1])
    found = _first_fall(noise_ms, difference * np.where(start == 0, 1.0, start))
    return np.where(np.isfinite(found), found, np.nan)


def _first_fall(noise_ms: Array, values: Array) -> Array:
    """Place where each row first falls below 0, linear between points; infinite where it does not."""
    below = values < 0
    index = np.argmax(below, axis=1)
    rows = np.arange(len(values))
    before = np.maximum(index - 1, 0)
    top, bottom = values[rows, before], values[rows, index]
    share = np.divide(top, top - bottom, out=np.zeros(len(values)), where=top != bottom)
    place = noise_ms[before] + share * (noise_ms[index] - noise_ms[before])
    return np.where(below.any(axis=1), place, np.inf)


def _summary_row(curve: LossCurve, *, by: str, radius_share: float, level: float) -> dict[str, object]:
    """What one loss comes to."""
    area, area_draws = curve.area
    radius = robustness_radius(curve.noise_ms, curve.mean[None], share=radius_share)[0]
    estimates = {
        "clean": Estimate.of(curve.mean[0], curve.draws[:, 0], level=level),
        "noisiest": Estimate.of(curve.mean[-1], curve.draws[:, -1], level=level),
        "radius_ms": Estimate.of(
            radius, robustness_radius(curve.noise_ms, curve.draws, share=radius_share), level=level
        ),
        "area": Estimate.of(area, area_draws, level=level),
    }
    row: dict[str, object] = {by: curve.name, "softness_ms": curve.softness_ms}
    for name, estimate in estimates.items():
        row |= {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}
    return row


def _differences(curves: Sequence[LossCurve], *, by: str, level: float) -> pd.DataFrame:
    """Differences from the first curve at five noise levels."""
    rows = []
    points = np.linspace(0, len(curves[0].noise_ms) - 1, 5).astype(int)
    for curve in curves[1:]:
        for point in points:
            draws = curve.draws[:, point] - curves[0].draws[:, point]
            estimate = Estimate.of(curve.mean[point] - curves[0].mean[point], draws, level=level)
            rows.append(
                {
                    by: curve.name,
                    "reference": curves[0].name,
                    "noise_ms": curve.noise_ms[point],
                    "difference": estimate.value,
                    "difference_low": estimate.low,
                    "difference_high": estimate.high,
                    "probability_better": float((draws > 0).mean()),
                }
            )
    columns = ["difference", "difference_low", "difference_high", "probability_better"]
    return pd.DataFrame(rows, columns=[by, "reference", "noise_ms", *columns])


def _crossing_row(curve: LossCurve, reference: LossCurve, *, by: str, level: float) -> dict[str, object]:
    """Where one loss overtakes the other."""
    at = crossing(curve.noise_ms, (curve.mean - reference.mean)[None])[0]
    draws = crossing(curve.noise_ms, curve.draws - reference.draws)
    estimate = Estimate.of(float(at), draws, level=level)
    return {
        by: curve.name,
        "reference": reference.name,
        "noise_ms": estimate.value,
        "noise_ms_low": estimate.low,
        "noise_ms_high": estimate.high,
        "share_of_draws": float(np.isfinite(draws).mean()),
    }


def _reference_first(curves: tuple[LossCurve, ...], reference: str | None) -> tuple[LossCurve, ...]:
    names = sorted(curve.name for curve in curves)
    chosen = reference or ("cross_entropy" if "cross_entropy" in names else names[0])
    if chosen not in names:
        raise AnalysisError(f"`reference` must be one of {', '.join(names)}, but got {chosen}")
    return tuple(sorted(curves, key=lambda curve: (curve.name != chosen, curve.name)))


def select_values(study: StoredStudy, names: Sequence[str], *, by: str) -> StoredStudy:
    """The study with these losses, or values of another column."""
    require_columns(study.trials, [by])
    values = study.trials[by].astype(str)
    unknown = [name for name in names if name not in set(values)]
    if unknown:
        raise AnalysisError(f"`{by}` must be one of {', '.join(sorted(set(values)))}, but got {unknown[0]}")
    return study.keep(values.isin(list(names)))


def _validate_fractions(**values: float) -> None:
    for name, value in values.items():
        if not 0 < value < 1:
            raise AnalysisError(f"`{name}` must be between 0 and 1, both excluded, but got {value}")
