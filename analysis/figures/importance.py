"""The importance of the varied parameters, and every trial as a line through its parameters."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from analysis.arrays import Array
from analysis.figures.style import COLOURS, style
from analysis.reading import StoredStudy, varied_columns, with_option_columns

__all__ = ["plot_importance"]


def plot_importance(study: StoredStudy, shares: pd.DataFrame, *, metric: str) -> Figure:
    """Plot bars of the shares above parallel coordinates, one line per trial, coloured by its metric.

    Args:
        study: The study.
        shares: Columns `parameter` and `share`, the largest share first.
        metric: Numeric column of the trials.
    """
    trials = with_option_columns(study, study.scored(metric))
    values = trials[metric].to_numpy(dtype=np.float64)
    columns = varied_columns(study, trials)
    with style():
        figure = Figure(
            figsize=(1.9 * max(len(columns), 3) + 1.2, 3.6 + 0.3 * len(shares)), layout="constrained"
        )
        FigureCanvasAgg(figure)
        top, bottom = figure.subplots(2, 1, height_ratios=[0.3 * len(shares) + 0.4, 3.2])
        _draw_bars(top, shares)
        scale = Normalize(float(values.min()), float(values.max()))
        _draw_lines(bottom, columns, values, scale)
        bar = figure.colorbar(ScalarMappable(norm=scale, cmap=COLOURS), ax=bottom, pad=0.01)
        bar.outline.set_visible(False)
        bar.ax.set_title(study.label(metric), fontsize=9, fontweight="normal", loc="left")
    return figure


def _draw_bars(axes: Axes, shares: pd.DataFrame) -> None:
    """Plot one bar per parameter, the largest on top."""
    place = np.arange(len(shares))[::-1]
    axes.barh(place, shares["share"], height=0.62, color="#1f5a86")
    axes.set_yticks(place, shares["parameter"])
    axes.set(xlim=(0, 1), title="share of the variance explained")
    axes.tick_params(left=False)


def _draw_lines(axes: Axes, columns: dict[str, pd.Series], values: Array, scale: Normalize) -> None:
    """Plot each parameter as a vertical axis from its smallest to its largest value, best trials on top."""
    positions = np.array([_position(column) for column in columns.values()])
    for trial in np.argsort(values):
        axes.plot(positions[:, trial], color=COLOURS(float(scale(values[trial]))), linewidth=0.8, alpha=0.7)
    for place, (name, column) in enumerate(columns.items()):
        axes.axvline(place, color="#333333", linewidth=0.8)
        for height, text in _ends(column):
            away, side = (3, "bottom") if height else (-3, "top")
            axes.annotate(
                text, (place, height), (0, away), textcoords="offset points", ha="center", va=side, fontsize=7
            )
        axes.annotate(name, (place, 1.0), (0, 14), textcoords="offset points", ha="center", fontsize=8)
    axes.set(xlim=(-0.3, len(columns) - 0.7), ylim=(0, 1), xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set_visible(False)


def _position(column: pd.Series) -> Array:
    """Return where each trial crosses a parameter's axis, in [0, 1]. Infinite softness is at the top."""
    if not pd.api.types.is_numeric_dtype(column):
        names = sorted(column.unique())
        return np.array([names.index(value) for value in column]) / max(len(names) - 1, 1)
    numbers = column.to_numpy(dtype=np.float64)
    finite = numbers[np.isfinite(numbers)]
    low, high = float(finite.min()), float(finite.max())
    return np.clip(np.nan_to_num((numbers - low) / ((high - low) or 1.0), nan=1.0, posinf=1.0), 0.0, 1.0)


def _ends(column: pd.Series) -> list[tuple[float, str]]:
    """Return the labels at the lower and upper ends of a parameter's axis."""
    if not pd.api.types.is_numeric_dtype(column):
        names = sorted(column.unique())
        return [(0.0, str(names[0])), (1.0, str(names[-1]))]
    finite = column[np.isfinite(column)]
    return [(0.0, f"{finite.min():.3g}"), (1.0, f"{finite.max():.3g}")]
