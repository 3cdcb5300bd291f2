"""Comparison of losses on the same wrong labels: differences, crossings, robustness radius and area."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.answers.curves import LossCurve, loss_curves, noise_axis
from analysis.answers.maps import StudyMap
from analysis.answers.resampling import Sources
from analysis.arrays import Array
from analysis.errors import AnalysisError
from analysis.reading import At, Axis, StoredStudy, require_columns
from analysis.regression import Bandwidth

__all__ = ["Comparison", "Estimate", "compare_losses", "crossing", "robustness_radius", "select_values"]


@dataclass(frozen=True)
class Estimate:
    """A number with its interval. Infinity means beyond the studied range, and NaN means no value."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, value: float, samples: Array, *, level: float) -> Estimate:
        """Return the percentile interval of the samples. Infinite samples count, NaN samples do not."""
        known = np.sort(samples[~np.isnan(samples)])
        if not len(known):
            return cls(value, np.nan, np.nan)
        ranks = np.clip(np.array([0.5 - level / 2, 0.5 + level / 2]) * len(known), 0, len(known) - 1).astype(
            int
        )
        return cls(value, float(known[ranks[0]]), float(known[ranks[1]]))


@dataclass(frozen=True, eq=False)
class Comparison:
    """Losses over label noise, and the difference of each from the reference loss.

    Attributes:
        study_map: The underlying fits.
        curves: One curve per loss, the reference first.
        axis: The label noise over its studied range. The softness has the same unit.
        sources: What the intervals include.
        level: Probability of the intervals.
        summary: One row per loss: best softness, and with limits the metric at the lowest and at the highest
            noise, the robustness radius and the area. Durations in this and the other tables are in ms.
        differences: One row per loss and noise level: difference from the reference with limits.
        crossings: One row per loss: the noise above which it is better (or worse) than the reference.
    """

    study_map: StudyMap
    curves: tuple[LossCurve, ...]
    axis: Axis
    sources: Sources
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
    """Compare the losses of a study over label noise.

    Args:
        study: The study, from `load_results`.
        metric: Numeric column of the trials, larger being better.
        reference: Loss that the others are compared with. When None, cross_entropy if the study has it,
            otherwise the first loss in alphabetical order.
        only: Losses to include; all when None.
        by: Column to compare, the loss or any other.
        at: Parameters held at a value, by name, such as `{"alpha": 0.5}`. Other parameters than softness and
            label noise are averaged over.
        standard_error: `estimator` for intervals at least as wide as its standard error, or `bootstrap`.
        estimator: An estimator of `fit_surface`, or `auto`: level means if only label noise varies and has
            few levels with replicates, otherwise a Gaussian process.
        bandwidth: Standard deviation of the kernel in display units (ms), for the kernel estimators; chosen
            from the data when None.
        softness_ms: Softness of the losses that use it, in ms. When None, each loss gets the softness with
            the largest area under its curve.
        radius_share: Share of the metric without noise that defines the robustness radius, in (0, 1).
        level: Probability of the intervals, in (0, 1).

    Returns:
        The comparison. Its `summary`, `differences` and `crossings` are data frames.

    Raises:
        AnalysisError: Label noise does not vary, a loss is unknown, a share or level is out of range, or
            `map_study` raises.
    """
    _validate_fractions(radius_share=radius_share, level=level)
    if only is not None:
        study = select_values(study, only, by=by)
    study_map, curves, resampling = loss_curves(
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
    axis = noise_axis(study_map)
    assert axis is not None, "curves are over the label noise"
    return Comparison(
        study_map=study_map,
        curves=curves,
        axis=axis,
        sources=resampling.sources,
        level=level,
        summary=pd.DataFrame(
            [_summary_row(curve, axis, by=by, radius_share=radius_share, level=level) for curve in curves]
        ),
        differences=_differences(curves, axis, by=by, level=level),
        crossings=pd.DataFrame(
            [_crossing_row(curve, curves[0], axis, by=by, level=level) for curve in curves[1:]],
            columns=[by, "reference", "noise_ms", "noise_ms_low", "noise_ms_high", "share_of_draws"],
        ),
    )


def robustness_radius(noise_ms: Array, values: Array, *, share: float) -> Array:
    """Return the largest noise up to which each curve keeps `share` of its first value.

    Args:
        noise_ms: [point], ascending; the first point has no noise or the least noise.
        values: [sample, point].
        share: In (0, 1).

    Returns:
        The radius of each curve, [sample], in the unit of the noise, interpolated between points. Infinite if
        the curve never falls below the share.
    """
    return _first_fall(noise_ms, values - share * values[:, :1])


def crossing(noise_ms: Array, difference: Array) -> Array:
    """Return the noise at which each difference first changes its sign, [sample]; NaN if it never does."""
    start = np.sign(difference[:, :1])
    found = _first_fall(noise_ms, difference * np.where(start == 0, 1.0, start))
    return np.where(np.isfinite(found), found, np.nan)


def _first_fall(noise_ms: Array, values: Array) -> Array:
    """Return the noise at which each row first falls below 0, linear between points; infinite if never."""
    below = values < 0
    index = np.argmax(below, axis=1)
    rows = np.arange(len(values))
    before = np.maximum(index - 1, 0)
    top, bottom = values[rows, before], values[rows, index]
    share = np.divide(top, top - bottom, out=np.zeros(len(values)), where=top != bottom)
    place = noise_ms[before] + share * (noise_ms[index] - noise_ms[before])
    return np.where(below.any(axis=1), place, np.inf)


def _summary_row(
    curve: LossCurve, axis: Axis, *, by: str, radius_share: float, level: float
) -> dict[str, object]:
    """Return the row of one loss in the summary."""
    area, area_samples = curve.area
    noise_ms = axis.to_ms(curve.noise)
    radius = robustness_radius(noise_ms, curve.mean[None], share=radius_share)[0]
    estimates = {
        "clean": Estimate.of(curve.mean[0], curve.samples[:, 0], level=level),
        "noisiest": Estimate.of(curve.mean[-1], curve.samples[:, -1], level=level),
        "radius_ms": Estimate.of(
            radius, robustness_radius(noise_ms, curve.samples, share=radius_share), level=level
        ),
        "area": Estimate.of(area, area_samples, level=level),
    }
    row: dict[str, object] = {by: curve.name, "softness_ms": curve.softness}
    if curve.softness is not None:
        row["softness_ms"] = axis.to_ms(curve.softness)
    for name, estimate in estimates.items():
        row |= {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}
    return row


def _differences(curves: Sequence[LossCurve], axis: Axis, *, by: str, level: float) -> pd.DataFrame:
    """Return the differences from the first curve at five noise levels."""
    rows = []
    points = np.linspace(0, len(curves[0].noise) - 1, 5).astype(int)
    for curve in curves[1:]:
        for point in points:
            samples = curve.samples[:, point] - curves[0].samples[:, point]
            estimate = Estimate.of(curve.mean[point] - curves[0].mean[point], samples, level=level)
            rows.append(
                {
                    by: curve.name,
                    "reference": curves[0].name,
                    "noise_ms": axis.to_ms(curve.noise[point]),
                    "difference": estimate.value,
                    "difference_low": estimate.low,
                    "difference_high": estimate.high,
                    "probability_better": float((samples > 0).mean()),
                }
            )
    columns = ["difference", "difference_low", "difference_high", "probability_better"]
    return pd.DataFrame(rows, columns=[by, "reference", "noise_ms", *columns])


def _crossing_row(
    curve: LossCurve, reference: LossCurve, axis: Axis, *, by: str, level: float
) -> dict[str, object]:
    """Return the row of one loss in the crossings with the reference."""
    noise_ms = axis.to_ms(curve.noise)
    at = crossing(noise_ms, (curve.mean - reference.mean)[None])[0]
    samples = crossing(noise_ms, curve.samples - reference.samples)
    estimate = Estimate.of(float(at), samples, level=level)
    return {
        by: curve.name,
        "reference": reference.name,
        "noise_ms": estimate.value,
        "noise_ms_low": estimate.low,
        "noise_ms_high": estimate.high,
        "share_of_draws": float(np.isfinite(samples).mean()),
    }


def _reference_first(curves: tuple[LossCurve, ...], reference: str | None) -> tuple[LossCurve, ...]:
    names = sorted(curve.name for curve in curves)
    chosen = reference or ("cross_entropy" if "cross_entropy" in names else names[0])
    if chosen not in names:
        raise AnalysisError(f"`reference` must be one of {', '.join(names)}, but got {chosen}")
    return tuple(sorted(curves, key=lambda curve: (curve.name != chosen, curve.name)))


def select_values(study: StoredStudy, names: Sequence[str], *, by: str) -> StoredStudy:
    """Return the study with only these losses, or these values of another column."""
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
