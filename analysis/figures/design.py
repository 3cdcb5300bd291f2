"""The points of a study before it runs: a picture, and the same in characters."""

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

from analysis.figures.maps import UNSUPPORTED, style

__all__ = ["plot_design", "text_design"]

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Ranges = Mapping[str, tuple[float, float]]
_HUES = ("#1f5a86", "#c4423f", "#3d8361", "#8a5fa8", "#b07a1e", "#4f97ac", "#7f1d3a", "#555555")
_MOST_AXES = 4
_LOGARITHMIC_FROM = 50.0
_MARGIN = 0.08
_COLUMNS, _ROWS = 56, 12


@dataclass(frozen=True)
class _Scale:
    """One numeric parameter as positions: its range is [0, 1], what has no value stands outside.

    Attributes:
        name: Title with its unit.
        low: Smallest finite value.
        high: Largest finite value.
        logarithmic: Whether equal ratios are equal distances.
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
        """Positions; no value at all left of the range, infinity right of it."""
        low, high, inner = self.low, self.high, values
        if self.logarithmic:
            low, high, inner = math.log(low), math.log(high), np.log(np.where(values > 0, values, np.nan))
        shares = (inner - low) / (high - low)
        outside = np.where(np.isnan(values), -_MARGIN, 1 + _MARGIN)
        return np.asarray(np.where(np.isfinite(values), shares, outside))

    def ticks(self) -> Array:
        """Round values within the range; evenly spaced ones of a logarithmic range."""
        if self.logarithmic:
            return np.geomspace(self.low, self.high, 4)
        values = np.asarray(MaxNLocator(5).tick_values(self.low, self.high))
        slack = 1e-9 * (self.high - self.low)
        return values[(values >= self.low - slack) & (values <= self.high + slack)]


def plot_design(points: pd.DataFrame, there: Mask, *, title: str, ranges: Ranges | None = None) -> Figure:
    """Every pair of the varied numbers as a plane with the study's points; those with a dot are done.

    Colours tell the values of the first parameter that is no number; points of several of them at one place
    are rings around each other. A point that lacks a parameter, or whose value is infinite, stands on a grey
    band beside the axis. At most four numbers are shown.

    Args:
        points: A row a point and a column a varied parameter, by its title with the unit.
        there: [point], whether its trials are done.
        title: What is shown.
        ranges: Ends of parameters by column; the points' own where there are none.
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
                _draw_pair(axes[row, column], points, there, across, up, hue)
        handles = _legend(points, there, hue)
        if handles:
            figure.legend(handles=handles, loc="outside upper right", ncols=4, fontsize=7.5, frameon=False)
        figure.suptitle(title, x=0.01, ha="left", fontsize=9, color="#333333")
    return figure


def _draw_pair(
    axes: Axes, points: pd.DataFrame, there: Mask, across: _Scale | None, up: _Scale | None, hue: str | None
) -> None:
    """One plane; the values of the category stand for a number that is missing."""
    x = _axis(axes, points, across, None, vertical=False)
    y = _axis(axes, points, up, hue, vertical=True)
    codes = _codes(points, hue)
    colours = [_HUES[code % len(_HUES)] for code in codes]
    # Rings of different size where points of several values share a place, as with `each`.
    rings = codes if across is not None and up is not None else 0 * codes
    axes.scatter(
        x, y, s=(4.0 + 1.5 * rings) ** 2, facecolors="none", edgecolors=colours, linewidths=0.8, zorder=3
    )
    axes.scatter(x[there], y[there], s=3, c="#333333", linewidths=0, zorder=4)


def _axis(
    axes: Axes, points: pd.DataFrame, scale: _Scale | None, hue: str | None, *, vertical: bool
) -> Array:
    """Set one axis and give the points' positions along it."""
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


def _legend(points: pd.DataFrame, there: Mask, hue: str | None) -> list[Line2D]:
    """Colours by the category, and what a dot means where there is one."""
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
    if there.any():
        handles.append(Line2D([], [], marker=".", linestyle="", markersize=4, color="#333333", label="done"))
    return handles


def text_design(points: pd.DataFrame, there: Mask, *, ranges: Ranges | None = None) -> str:
    """What is varied, a line a parameter, and the points over the first two numbers in characters.

    Args:
        points: As in `plot_design`.
        there: [point], whether its trials are done.
        ranges: As in `plot_design`.

    Returns:
        At most 80 columns; `.` is a point to run, `:` several in one place, `o` one that is there.
    """
    width = max((len(str(name)) for name in points.columns), default=0)
    lines = [f"{name!s:<{width}}  {_summary(points[name])}" for name in points.columns]
    scales = _scales(points, ranges or {})
    if len(scales) > 1:
        lines += _character_map(points, there, *scales[:2])
    return "\n".join(lines)


def _summary(values: pd.Series) -> str:
    """The range of a number, or how many points each value has."""
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


def _character_map(points: pd.DataFrame, there: Mask, across: _Scale, up: _Scale) -> list[str]:
    """The plane of two parameters; what stands beside the axes is left out."""
    x = across.positions(points[across.name].to_numpy(dtype=np.float64))
    y = up.positions(points[up.name].to_numpy(dtype=np.float64))
    cells = np.full((_ROWS, _COLUMNS), " ")
    for px, py, done in zip(x, y, there, strict=True):
        if 0 <= px <= 1 and 0 <= py <= 1:
            row, column = _ROWS - 1 - round(py * (_ROWS - 1)), round(px * (_COLUMNS - 1))
            cells[row, column] = "o" if done else "." if cells[row, column] == " " else ":"
    labels = {0: f"{up.high:.4g}", _ROWS - 1: f"{up.low:.4g}"}
    body = [f"{labels.get(row, ''):>8} |{''.join(line)}|" for row, line in enumerate(cells)]
    ruler = f"{across.low:.4g}".ljust(_COLUMNS - 8) + f"{across.high:.4g}".rjust(8)
    return [f"{up.name} up, {across.name} across", *body, " " * 10 + ruler]


def _scales(points: pd.DataFrame, ranges: Ranges) -> list[_Scale]:
    """The numbers that vary."""
    found = []
    for name in points.columns:
        if pd.api.types.is_numeric_dtype(points[name]):
            values = points[name].to_numpy(dtype=np.float64)
            if len(np.unique(values[np.isfinite(values)])) > 1:
                found.append(_Scale.of(points[name], ranges.get(str(name))))
    return found


def _categories(points: pd.DataFrame) -> list[str]:
    """The parameters that are no numbers and vary."""
    names = [name for name in points.columns if not pd.api.types.is_numeric_dtype(points[name])]
    return [str(name) for name in names if points[name].nunique() > 1]


def _codes(points: pd.DataFrame, hue: str | None) -> NDArray[np.int64]:
    """Each point's place among the sorted values of the category; 0 where there is none."""
    if hue is None:
        return np.zeros(len(points), dtype=np.int64)
    values = sorted(points[hue].dropna().unique())
    return np.array([values.index(value) if value in values else 0 for value in points[hue]], dtype=np.int64)
