"""Figures beside the main map: its error and support, slices through it, losses compared."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from analysis.answers import Comparison, LossCurve, Panel, StudyMap, fit_ridge, slices
from analysis.arrays import Array
from analysis.figures.maps import COLOURS, UNSUPPORTED, draw_trials, style
from analysis.labels import METRIC_LABELS, loss_label
from analysis.reading import Axis

__all__ = ["LINES", "plot_comparison", "plot_slices", "plot_uncertainty"]

# From here on an axis of ms is labelled in seconds.
_LONG_MS = 2000.0
LINES = ("#1f5a86", "#c4423f", "#3c8d5a", "#8a5aa5", "#d08a2e", "#4a4a4a", "#2aa1a1", "#a04a72")


def plot_uncertainty(study_map: StudyMap) -> Figure | None:
    """Standard error and support of every surface, one row a loss; None where no loss has a surface."""
    panels = [panel for panel in study_map.panels if panel.is_surface]
    if not panels:
        return None
    with style():
        figure, rows = _figure(7.6, 2.9 * len(panels), n_rows=len(panels), n_columns=2)
        for panel, (left, right) in zip(panels, rows, strict=True):
            shown = np.where(panel.support >= 1.0, panel.standard_error, np.nan)
            _heat(figure, left, panel, shown, "magma_r", f"standard error of {study_map.metric_label}")
            _heat(figure, right, panel, panel.support, "viridis", "effective trials")
            left.set_title(loss_label(panel.name))
            left.set_ylabel(panel.axes[1].title)
    return figure


def plot_slices(study_map: StudyMap) -> Figure | None:
    """Cuts along softness and label noise, and the ridge; None where no loss has a surface.

    The shaded bands hold a single place with 90 %, the fine lines around them (of the ridge: the light band)
    all places of the axes at once.
    """
    panels = [panel for panel in study_map.panels if panel.is_surface]
    if not panels:
        return None
    with style():
        figure, rows = _figure(12.0, 3.2 * len(panels), n_rows=len(panels), n_columns=3)
        for panel, row in zip(panels, rows, strict=True):
            for axis, axes in enumerate(row[:2]):
                _draw_slices(axes, panel, axis=axis)
                axes.set_ylabel(study_map.metric_label)
            _draw_ridge(row[2], panel, study_map.metric_label)
            row[0].set_title(loss_label(panel.name))
            limits = np.array([axes.get_ylim() for axes in row[:2]])
            for axes in row[:2]:
                axes.set_ylim(limits[:, 0].min(), limits[:, 1].max())
    return figure


def plot_comparison(comparison: Comparison, axis: Axis) -> Figure:
    """Every loss over label noise with its interval, and below the differences from the reference."""
    reference, *others = comparison.curves
    with style():
        figure, rows = _figure(6.6, 5.2 if others else 3.4, n_rows=2 if others else 1, n_columns=1)
        top = rows[0][0]
        for index, curve in enumerate(comparison.curves):
            _draw_curve(
                top, curve, curve.mean, curve.draws, colour=LINES[index % len(LINES)], level=comparison.level
            )
            _draw_level_trials(top, comparison, index)
            _draw_radius(top, comparison, index)
        top.set_ylabel(METRIC_LABELS.get(comparison.study_map.metric, comparison.study_map.metric))
        top.legend(frameon=False, fontsize=8, loc="best")
        top.set_title(comparison.study_map.study)
        for index, curve in enumerate(others, start=1):
            bottom = rows[1][0]
            _draw_curve(
                bottom,
                curve,
                curve.mean - reference.mean,
                curve.draws - reference.draws,
                colour=LINES[index % len(LINES)],
                level=comparison.level,
            )
            bottom.axhline(0.0, color="#555555", linewidth=0.7)
            bottom.set_ylabel(f"difference from\n{loss_label(reference.name)}")
        rows[-1][0].set_xlabel(axis.title)
        for (axes,) in rows:
            axes.set_xlim(axis.low, axis.high)
        if axis.unit == "ms" and axis.high >= _LONG_MS:
            rows[-1][0].set_xlabel(f"{axis.label} (s)")
            for (axes,) in rows:
                axes.xaxis.set_major_formatter(lambda place, _: f"{place / 1000:g}")
    return figure


def _figure(width: float, height: float, *, n_rows: int, n_columns: int) -> tuple[Figure, list[list[Axes]]]:
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(n_rows, n_columns, squeeze=False)
    return figure, [list(row) for row in grid]


def _heat(figure: Figure, axes: Axes, panel: Panel, value: Array, colours: str, label: str) -> None:
    """One quantity of a surface, with its trials."""
    across, up = panel.axes
    axes.set_facecolor(UNSUPPORTED)
    image = axes.imshow(
        np.ma.masked_invalid(value.T),
        origin="lower",
        extent=(across.low, across.high, up.low, up.high),
        aspect="auto",
        cmap=colours,
        norm=Normalize(0.0, float(np.nanmax(value))),
        interpolation="bilinear",
    )
    draw_trials(axes, panel.points[:, 0], panel.points[:, 1], nearness=panel.nearness, size=5.0)
    axes.set_xlabel(across.title)
    axes.set(xlim=(across.low, across.high), ylim=(up.low, up.high))
    bar = figure.colorbar(image, ax=axes, pad=0.02)
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=2, width=0.6)
    axes.set_title(label, loc="right", fontsize=8.5, fontweight="normal")


def _draw_slices(axes: Axes, panel: Panel, *, axis: int) -> None:
    """The cuts along one axis, from light to dark, labelled by where they stand."""
    other = panel.axes[1 - axis]
    cuts = slices(panel, axis=axis)
    for index, cut in enumerate(cuts):
        colour = COLOURS(0.08 + 0.9 * index / max(len(cuts) - 1, 1))
        seen = cut.support >= 1.0
        hidden = np.where(seen, 1.0, np.nan)
        axes.fill_between(
            cut.along, cut.band.low * hidden, cut.band.high * hidden, color=colour, alpha=0.15, lw=0
        )
        axes.plot(cut.along, cut.band.mean * hidden, color=colour, linewidth=1.4, label=f"{cut.at:g}")
        for edge in (cut.everywhere.low, cut.everywhere.high):
            axes.plot(cut.along, edge * hidden, color=colour, linewidth=0.5, alpha=0.7, linestyle=(0, (4, 2)))
    axes.set_xlabel(panel.axes[axis].title)
    axes.set_xlim(panel.axes[axis].low, panel.axes[axis].high)
    axes.legend(
        title=other.title,
        title_fontsize=7,
        fontsize=7,
        frameon=False,
        ncols=len(cuts),
        loc="lower center",
        bbox_to_anchor=(0.5, 1.0),
        handlelength=1.2,
        columnspacing=1.0,
    )


def _draw_ridge(axes: Axes, panel: Panel, label: str) -> None:
    """The best place of the first axis for each of the second, with both bands."""
    ridge, (across, up) = fit_ridge(panel), panel.axes
    for band, alpha in ((ridge.best_everywhere, 0.12), (ridge.best, 0.28)):
        axes.fill_between(ridge.along, band.low, band.high, color="#1f5a86", alpha=alpha, linewidth=0)
    axes.plot(ridge.along, ridge.best.mean, color="#1f5a86", linewidth=1.6)
    axes.set(xlim=(up.low, up.high), ylim=(across.low, across.high))
    axes.set_xlabel(up.title)
    axes.set_ylabel(f"{across.title} of the highest {label}")


def _draw_curve(
    axes: Axes, curve: LossCurve, mean: Array, draws: Array, *, colour: str, level: float
) -> None:
    """A curve over the label noise with its interval."""
    low, high = np.quantile(draws, [0.5 - level / 2, 0.5 + level / 2], axis=0)
    at = "" if curve.softness_ms is None else f", softness {curve.softness_ms:.0f} ms"
    axes.fill_between(curve.noise_ms, low, high, color=colour, alpha=0.18, linewidth=0)
    axes.plot(curve.noise_ms, mean, color=colour, linewidth=1.8, label=f"{loss_label(curve.name)}{at}")


def _draw_level_trials(axes: Axes, comparison: Comparison, index: int) -> None:
    """Every trial of a curve that joins levels, those of different losses a little apart."""
    name = comparison.curves[index].name
    [panel] = [panel for panel in comparison.study_map.panels if panel.name == name]
    if not panel.joins_levels:
        return
    [axis] = panel.axes
    apart = 0.004 * (axis.high - axis.low) * (index - (len(comparison.curves) - 1) / 2)
    axes.scatter(
        panel.points[:, 0] + apart,
        panel.values,
        s=7,
        color=LINES[index % len(LINES)],
        alpha=0.55,
        linewidths=0,
        zorder=3,
        clip_on=False,
    )


def _draw_radius(axes: Axes, comparison: Comparison, index: int) -> None:
    """The robustness radius as a mark on the curve."""
    row: Any = comparison.summary.iloc[index]
    curve = comparison.curves[index]
    if np.isfinite(row["radius_ms"]):
        height = float(np.interp(row["radius_ms"], curve.noise_ms, curve.mean))
        axes.plot(
            [row["radius_ms"]],
            [height],
            marker="o",
            markersize=5,
            color=LINES[index % len(LINES)],
            markeredgecolor="white",
            zorder=4,
        )
