"""The points of a study before it runs, as a figure and as text."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from analysis.arrays import Array
from analysis.figures.style import UNSUPPORTED, style

__all__ = ["plot_design", "text_design"]

Mask = NDArray[np.bool_]
Ranges = Mapping[str, tuple[float, float]]
_HUES = ("#1f5a86", "#c4423f", "#3d8361", "#8a5fa8", "#b07a1e", "#4f97ac", "#7f1d3a", "#555555")
_MOST_AXES = 4
_LOGARITHMIC_FROM = 50.0
_MARGIN = 0.08
_COLUMNS, _ROWS = 56, 12


@dataclass(frozen=True)
class _Scale:
    """The scale of a numeric parameter, whose range has the positions [0, 1].

    Attributes:
        name: Title with the unit.
        low: Smallest finite value.
        high: Largest finite value.
        logarithmic: Whether the scale is logarithmic.
    """

    name: str
    low: float
    high: float
    logarithmic: bool

    @classmethod
    def of(cls, values: pd.Series, stated: tuple[float, float] | None) -> _Scale:
        finite = values[np.isfinite(values)]
        low, high = stated or (float(finite.min()), float(finite.max()))
        return cls(str(values.name), low, high, low > 0 and high / low >= _LOGARITHMIC_FROM)

    def positions(self, values: Array) -> Array:
        """Return positions. Missing values are left of the range, and infinity is right of it."""
        low, high, inner = self.low, self.high, values
        if self.logarithmic:
            low, high, inner = math.log(low), math.log(high), np.log(np.where(values > 0, values, np.nan))
        shares = (inner - low) / (high - low)
        outside = np.where(np.isnan(values), -_MARGIN, 1 + _MARGIN)
        return np.asarray(np.where(np.isfinite(values), shares, outside))

    def ticks(self) -> Array:
        """Return round values within the range, or evenly spaced values of a logarithmic range."""
        if self.logarithmic:
            return np.geomspace(self.low, self.high, 4)
        values = np.asarray(MaxNLocator(5).tick_values(self.low, self.high))
        slack = 1e-9 * (self.high - self.low)
        return values[(values >= self.low - slack) & (values <= self.high + slack)]


def plot_design(points: pd.DataFrame, is_done: Mask, *, title: str, ranges: Ranges | None = None) -> Figure:
    """Plot the points of a study in the plane of every pair of varied numbers, with a dot in finished points.

    Colours distinguish the values of the first parameter that is not a number. Points with several values at
    one place are concentric rings. A point with a missing or infinite value is on a grey band next to the
    axis. At most four numbers are shown.

    Args:
        points: One row per point and one column per varied parameter, named by its title with the unit.
        is_done: [point], whether the trials of the point are finished.
        title: Title of the figure.
        ranges: Ranges of the parameters by column; the range of the points if a column is missing.
    """
    scales = _scales(points, ranges or {})[:_MOST_AXES]
    hue = next(iter(_categories(points)), None)
    n = max(1, len(scales) - 1)
    with style():
        figure = Figure(figsize=(3.1 * n + 1.3, 2.7 * n + 0.7), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots(n, n, squeeze=False)
        for row in range(n):
            for column in range(n):
                if column > row:
                    axes[row, column].set_axis_off()
                    continue
                up = scales[row + 1] if len(scales) > 1 else None
                across = scales[column] if scales else None
                _draw_pair(axes[row, column], points, is_done, across, up, hue)
        handles = _legend(points, is_done, hue)
        if handles:
            figure.legend(handles=handles, loc="outside upper right", ncols=4, fontsize=7.5, frameon=False)
        figure.suptitle(title, x=0.01, ha="left", fontsize=9, color="#333333")
    return figure


def _draw_pair(
    axes: Axes, points: pd.DataFrame, is_done: Mask, across: _Scale | None, up: _Scale | None, hue: str | None
) -> None:
    """Plot one plane. If there is no second number, its axis shows the values of the category."""
    x = _axis(axes, points, across, None, vertical=False)
    y = _axis(axes, points, up, hue, vertical=True)
    codes = _codes(points, hue)
    colours = [_HUES[code % len(_HUES)] for code in codes]
    # Rings of different size, because points with several values may share a place, as with `each`.
    rings = codes if across is not None and up is not None else 0 * codes
    axes.scatter(
        x, y, s=(4.0 + 1.5 * rings) ** 2, facecolors="none", edgecolors=colours, linewidths=0.8, zorder=3
    )
    axes.scatter(x[is_done], y[is_done], s=3, c="#333333", linewidths=0, zorder=4)


def _axis(
    axes: Axes, points: pd.DataFrame, scale: _Scale | None, hue: str | None, *, vertical: bool
) -> Array:
    """Set up one axis and return the positions of the points along it."""
    axis, limit = (axes.yaxis, axes.set_ylim) if vertical else (axes.xaxis, axes.set_xlim)
    if scale is None:
        codes = _codes(points, hue)
        names = [] if hue is None else sorted(points[hue].dropna().unique())
        axis.set_ticks(range(len(names)), names)
        limit(-0.6, max(len(names), 1) - 0.4)
        return codes.astype(np.float64)
    positions = scale.positions(points[scale.name].to_numpy(dtype=np.float64))
    ticks = scale.ticks()
    axis.set_ticks(scale.positions(ticks).tolist(), [f"{tick:.3g}" for tick in ticks])
    axis.set_label_text(scale.name)
    low, high = float(positions.min()), float(positions.max())
    limit(min(low, 0.0) - 0.03, max(high, 1.0) + 0.03)
    band = axes.axhspan if vertical else axes.axvspan
    if low < 0:
        band(low - 0.03, low + 0.03, color=UNSUPPORTED, zorder=0)
    if high > 1:
        band(high - 0.03, high + 0.03, color=UNSUPPORTED, zorder=0)
    return positions


def _legend(points: pd.DataFrame, is_done: Mask, hue: str | None) -> list[Line2D]:
    """Return handles for the colours of the category, and for the dot if any point is finished."""
    values = [] if hue is None else sorted(points[hue].dropna().unique())
    handles = [
        Line2D(
            [],
            [],
            marker="o",
            linestyle="",
            markersize=5,
            markerfacecolor="none",
            color=_HUES[index % len(_HUES)],
            label=value,
        )
        for index, value in enumerate(values)
    ]
    if is_done.any():
        handles.append(Line2D([], [], marker=".", linestyle="", markersize=4, color="#333333", label="done"))
    return handles


def text_design(points: pd.DataFrame, is_done: Mask, *, ranges: Ranges | None = None) -> str:
    """Describe the varied parameters, one per line, and map the points over the first two numbers as text.

    Args:
        points: As in `plot_design`.
        is_done: As in `plot_design`.
        ranges: As in `plot_design`.

    Returns:
        Text with at most 80 columns, where `.` is a point to run, `:` is several points in one place, and `o`
        is a finished point.
    """
    width = max((len(str(name)) for name in points.columns), default=0)
    lines = [f"{name!s:<{width}}  {_summary(points[name])}" for name in points.columns]
    scales = _scales(points, ranges or {})
    if len(scales) > 1:
        lines += _character_map(points, is_done, *scales[:2])
    return "\n".join(lines)


def _summary(values: pd.Series) -> str:
    """Return the range of a number, or the number of points of each value."""
    missing = int(values.isna().sum())
    rest = f"; none at {missing} points" if missing else ""
    if pd.api.types.is_numeric_dtype(values):
        finite = values[np.isfinite(values)]
        n_infinite = len(values) - len(finite) - missing
        rest = (f"; infinite at {n_infinite} points" if n_infinite else "") + rest
        return f"{finite.min():.4g} to {finite.max():.4g}{rest}" if len(finite) else rest.removeprefix("; ")
    counts = values.value_counts(sort=False).sort_index()
    named = ", ".join(f"{value} {count}" for value, count in counts.items())
    return (named if len(named) <= 60 else f"{len(counts)} values") + rest


def _character_map(points: pd.DataFrame, is_done: Mask, across: _Scale, up: _Scale) -> list[str]:
    """Return the plane of two parameters as text, without the points next to the axes."""
    x = across.positions(points[across.name].to_numpy(dtype=np.float64))
    y = up.positions(points[up.name].to_numpy(dtype=np.float64))
    characters = np.full((_ROWS, _COLUMNS), " ")
    for px, py, done in zip(x, y, is_done, strict=True):
        if 0 <= px <= 1 and 0 <= py <= 1:
            row, column = _ROWS - 1 - round(py * (_ROWS - 1)), round(px * (_COLUMNS - 1))
            characters[row, column] = "o" if done else "." if characters[row, column] == " " else ":"
    labels = {0: f"{up.high:.4g}", _ROWS - 1: f"{up.low:.4g}"}
    body = [f"{labels.get(row, ''):>8} |{''.join(line)}|" for row, line in enumerate(characters)]
    ruler = f"{across.low:.4g}".ljust(_COLUMNS - 8) + f"{across.high:.4g}".rjust(8)
    return [f"{up.name} over {across.name}", *body, " " * 10 + ruler]


def _scales(points: pd.DataFrame, ranges: Ranges) -> list[_Scale]:
    """Return the scales of the numbers that vary."""
    found = []
    for name in points.columns:
        if pd.api.types.is_numeric_dtype(points[name]):
            values = points[name].to_numpy(dtype=np.float64)
            if len(np.unique(values[np.isfinite(values)])) > 1:
                found.append(_Scale.of(points[name], ranges.get(str(name))))
    return found


def _categories(points: pd.DataFrame) -> list[str]:
    """Return the varying parameters that are not numbers."""
    names = [name for name in points.columns if not pd.api.types.is_numeric_dtype(points[name])]
    return [str(name) for name in names if points[name].nunique() > 1]


def _codes(points: pd.DataFrame, hue: str | None) -> NDArray[np.int64]:
    """Return the index of each point's value among the sorted values of the category; 0 without one."""
    if hue is None:
        return np.zeros(len(points), dtype=np.int64)
    values = sorted(points[hue].dropna().unique())
    return np.array([values.index(value) if value in values else 0 for value in points[hue]], dtype=np.int64)
