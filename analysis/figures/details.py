"""Figures that complement the map: standard error and support, slices, and the comparison of losses."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from analysis.answers import Comparison, LossCurve, Panel, StudyMap, fit_ridge, slices
from analysis.arrays import Array
from analysis.figures.style import COLOURS, LINES, UNSUPPORTED, draw_trials, style
from analysis.labels import loss_label
from analysis.reading import Axis

__all__ = ["plot_comparison", "plot_slices", "plot_uncertainty"]

# A longer axis in ms is labelled in seconds.
_LONG_MS = 2000.0


def plot_uncertainty(study_map: StudyMap) -> Figure | None:
    """Plot standard error and support of every surface, one row per loss; None if no loss has a surface."""
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
    """Plot cuts along softness and label noise, and the ridge; None if no loss has a surface.

    The shaded bands contain the mean at a single point with 90 % probability. The thin lines around them (for
    the ridge: the light band) contain it at all points of the panel at once. The red area of the ridge is the
    range within 0.01 of the best, which is wide where the choice does not matter.
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


def plot_comparison(comparison: Comparison) -> Figure:
    """Plot every loss over label noise with its interval, and below it the differences from the reference."""
    (reference, *others), axis = comparison.curves, comparison.axis
    with style():
        figure, rows = _figure(6.6, 5.2 if others else 3.4, n_rows=2 if others else 1, n_columns=1)
        top = rows[0][0]
        for index, curve in enumerate(comparison.curves):
            _draw_curve(
                top,
                curve,
                axis,
                curve.mean,
                curve.samples,
                colour=LINES[index % len(LINES)],
                level=comparison.level,
            )
            _draw_level_trials(top, comparison, index)
            _draw_radius(top, comparison, index)
        top.set_ylabel(comparison.study_map.metric_label)
        top.legend(frameon=False, fontsize=8, loc="best")
        top.set_title(comparison.study_map.study)
        for index, curve in enumerate(others, start=1):
            bottom = rows[1][0]
            _draw_curve(
                bottom,
                curve,
                axis,
                curve.mean - reference.mean,
                curve.samples - reference.samples,
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
    """Plot one quantity of a surface, with its trials."""
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
    """Plot the cuts along one axis, coloured and labelled by their value on the other axis."""
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
    """Plot the best value of the first axis for each value of the second, with both bands."""
    ridge, (across, up) = fit_ridge(panel), panel.axes
    for band, alpha in ((ridge.best_everywhere, 0.12), (ridge.best, 0.28)):
        axes.fill_between(ridge.along, band.low, band.high, color="#1f5a86", alpha=alpha, linewidth=0)
    axes.fill_between(ridge.along, ridge.flat.low, ridge.flat.high, color="#c4423f", alpha=0.25, linewidth=0)
    axes.plot(ridge.along, ridge.line(across), color="#1f5a86", linewidth=1.6)
    axes.set(xlim=(up.low, up.high), ylim=(across.low, across.high))
    axes.set_xlabel(up.title)
    axes.set_ylabel(f"{across.title} with the highest {label}")


def _draw_curve(
    axes: Axes, curve: LossCurve, axis: Axis, mean: Array, samples: Array, *, colour: str, level: float
) -> None:
    """Plot a curve over the label noise with its interval."""
    low, high = np.quantile(samples, [0.5 - level / 2, 0.5 + level / 2], axis=0)
    at = "" if curve.softness is None else f", softness {axis.text(curve.softness)}"
    axes.fill_between(curve.noise, low, high, color=colour, alpha=0.18, linewidth=0)
    axes.plot(curve.noise, mean, color=colour, linewidth=1.8, label=f"{loss_label(curve.name)}{at}")


def _draw_level_trials(axes: Axes, comparison: Comparison, index: int) -> None:
    """Plot every trial of a curve that joins levels, with the losses slightly apart."""
    name = comparison.curves[index].name
    [panel] = [panel for panel in comparison.study_map.panels if panel.name == name]
    if not panel.joins_levels:
        return
    [axis] = panel.axes
    offset = 0.004 * (axis.high - axis.low) * (index - (len(comparison.curves) - 1) / 2)
    axes.scatter(
        panel.points[:, 0] + offset,
        panel.values,
        s=7,
        color=LINES[index % len(LINES)],
        alpha=0.55,
        linewidths=0,
        zorder=3,
        clip_on=False,
    )


def _draw_radius(axes: Axes, comparison: Comparison, index: int) -> None:
    """Mark the robustness radius on the curve."""
    row: Any = comparison.summary.iloc[index]
    curve = comparison.curves[index]
    if np.isfinite(row["radius_ms"]):
        radius = comparison.axis.of_ms(row["radius_ms"])
        height = float(np.interp(radius, curve.noise, curve.mean))
        axes.plot(
            [radius],
            [height],
            marker="o",
            markersize=5,
            color=LINES[index % len(LINES)],
            markeredgecolor="white",
            zorder=4,
        )
