"""The map of a study: one heat map per loss, with contours, trials and ridge."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator

from analysis.answers import ESTIMATOR_LABELS, Panel, StudyMap, fit_ridge
from analysis.figures.style import COLOURS, UNSUPPORTED, draw_trials, style
from analysis.labels import loss_label
from analysis.reading import Axis

__all__ = ["plot_map"]


def plot_map(study_map: StudyMap, *, ridge: bool = True) -> Figure:
    """Plot a heat map of every loss on one colour scale, with trials as white dots.

    Softness is on the horizontal axis and label noise on the vertical axis. A loss with one parameter is a
    strip next to the surfaces. Regions far from all trials are grey.

    Source: SoftLoc paper, Fig. 6. The ridge is an addition: the range of softness within 0.01 of the best for
    each noise (dark area), the best one (line, where the range is narrow) and its band (thin lines).

    Args:
        study_map: The map to plot.
        ridge: Whether to plot the ridge.
    """
    surfaces = [panel for panel in study_map.panels if panel.is_surface]
    strips = [panel for panel in study_map.panels if not panel.is_surface]
    columns = min(len(surfaces), 3)
    rows = max(1, -(-len(surfaces) // max(columns, 1)))
    widths = [1.0] * columns + [0.16] * len(strips) + [0.045]
    with style():
        figure = Figure(figsize=(4.4 * sum(widths) + 1.0, 3.6 * rows + 0.35), layout="constrained")
        FigureCanvasAgg(figure)
        layout = GridSpec(rows, len(widths), figure=figure, width_ratios=widths)
        scale = Normalize(*study_map.limits)
        for index, panel in enumerate(surfaces):
            axes = figure.add_subplot(layout[index // columns, index % columns])
            _draw_surface(axes, panel, scale, first=index % columns == 0, ridge=ridge)
        for index, panel in enumerate(strips):
            axes = figure.add_subplot(layout[:, columns + index])
            _draw_strip(axes, panel, scale, first=columns + index == 0)
        _draw_colour_bar(figure, figure.add_subplot(layout[:, -1]), scale, study_map.metric_label)
        figure.suptitle(_headline(study_map), x=0.01, ha="left", fontsize=8.5, color="#555555")
    return figure


def _headline(study_map: StudyMap) -> str:
    """Return the study, the number of trials and the estimator as a headline."""
    n_trials = sum(len(panel.values) for panel in study_map.panels)
    estimator = ESTIMATOR_LABELS.get(study_map.estimator, study_map.estimator)
    where = [f"at {held}" for held in study_map.held]
    where += [note for note in study_map.notes if note.startswith("averaged over")]
    below = f"\n{', '.join(where)}" if where else ""
    return f"{study_map.study}   {n_trials} trials, {estimator}{below}"


def _draw_surface(axes: Axes, panel: Panel, scale: Normalize, *, first: bool, ridge: bool) -> None:
    """Plot one loss as a heat map with contours and its trials."""
    across, up = panel.axes
    x, y = panel.lattice.axes
    value = np.ma.masked_invalid(panel.value.T)
    _draw_field(axes, value, (across.low, across.high, up.low, up.high), scale)
    levels = [
        level
        for level in MaxNLocator(7).tick_values(value.min(), value.max())
        if value.min() < level < value.max()
    ]
    if levels:
        lines = axes.contour(x, y, value, levels=levels, colors="#ffffff", linewidths=0.7, alpha=0.75)
        axes.clabel(lines, fmt="%.3g", fontsize=6.5, inline_spacing=3)
    draw_trials(axes, panel.points[:, 0], panel.points[:, 1], nearness=panel.nearness)
    if ridge:
        _draw_ridge(axes, panel)
    axes.set_title(loss_label(panel.name))
    axes.set_xlabel(across.title)
    if first:
        axes.set_ylabel(up.title)
    _limit(axes, across, up)


def _draw_strip(axes: Axes, panel: Panel, scale: Normalize, *, first: bool) -> None:
    """Plot a loss with one parameter as a vertical strip."""
    (up,) = panel.axes
    _draw_field(axes, np.ma.masked_invalid(panel.value[:, None]), (0.0, 1.0, up.low, up.high), scale)
    draw_trials(axes, np.full(len(panel.values), 0.5), panel.points[:, 0], nearness=panel.nearness)
    axes.set_title(loss_label(panel.name).replace(" ", "\n"), fontsize=8, fontweight="normal")
    axes.set(xlim=(0, 1), ylim=(up.low, up.high), xticks=[])
    axes.tick_params(length=3, width=0.6, labelleft=first)
    if first:
        axes.set_ylabel(up.title)


def _draw_field(axes: Axes, value: Any, extent: tuple[float, float, float, float], scale: Normalize) -> None:
    """Plot values [row, column] as colours, and nothing where there is no support."""
    axes.set_facecolor(UNSUPPORTED)
    axes.imshow(
        value,
        origin="lower",
        extent=extent,
        aspect="auto",
        cmap=COLOURS,
        norm=scale,
        interpolation="bilinear",
    )


def _draw_ridge(axes: Axes, panel: Panel) -> None:
    """Plot the range of softness within 0.01 of the best, the best one, and its 90 % band as thin lines."""
    ridge = fit_ridge(panel)
    outline = [withStroke(linewidth=2.6, foreground="#ffffffb0")]
    axes.fill_betweenx(
        ridge.along, ridge.flat.low, ridge.flat.high, color="#111111", alpha=0.16, linewidth=0, zorder=2.5
    )
    axes.plot(
        ridge.line(panel.axes[0]), ridge.along, color="#111111", linewidth=1.3, zorder=4, path_effects=outline
    )
    for edge in (ridge.best.low, ridge.best.high):
        axes.plot(edge, ridge.along, color="#111111", linewidth=0.8, linestyle=(0, (4, 3)), zorder=4)


def _limit(axes: Axes, across: Axis, up: Axis) -> None:
    axes.set(xlim=(across.low, across.high), ylim=(up.low, up.high))
    axes.tick_params(length=3, width=0.6)


def _draw_colour_bar(figure: Figure, axes: Axes, scale: Normalize, label: str) -> None:
    """Plot the common colour scale of all panels."""
    bar = figure.colorbar(ScalarMappable(norm=scale, cmap=COLOURS), cax=axes)
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=2, width=0.6)
    bar.ax.set_title(label, fontsize=9, fontweight="normal", loc="left")
