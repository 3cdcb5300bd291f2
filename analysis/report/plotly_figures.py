"""The interactive figures of the report, made with plotly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from matplotlib.colors import to_hex

from analysis.answers import Comparison, Panel, StudyMap
from analysis.arrays import Array
from analysis.figures import COLOURS, LINES, UNSUPPORTED
from analysis.labels import loss_label
from analysis.regression import Grid

__all__ = ["MapFigure", "comparison_figure", "coordinates_figure", "map_figures", "tolerance_figure"]

_LATTICE = (91, 61)
_SCALE = [[place, to_hex(COLOURS(place))] for place in np.linspace(0, 1, 9).tolist()]
_FONT = {"family": "system-ui, sans-serif", "size": 13, "color": "#222222"}


@dataclass(frozen=True, eq=False)
class MapFigure:
    """The map of one loss, which shows the heat map (or curve) of one metric at a time, and the trials.

    Attributes:
        name: The loss.
        figure: The figure; metric i has the traces 2 i and 2 i + 1.
        metrics: The metrics in the order of the traces.
    """

    name: str
    figure: go.Figure
    metrics: tuple[str, ...]


def map_figures(maps: Mapping[str, StudyMap], trial_ids: pd.Series) -> list[MapFigure]:
    """Return one figure per loss from one map per metric."""
    first = next(iter(maps.values()))
    figures = []
    for panel in first.panels:
        figure = go.Figure()
        for index, study_map in enumerate(maps.values()):
            same = next(one for one in study_map.panels if one.name == panel.name)
            for trace in _traces(same, study_map, trial_ids):
                figure.add_trace(trace.update(visible=index == 0))
        _lay_out(
            figure, panel.axes[0].title, panel.axes[-1].title if panel.is_surface else first.metric_label
        )
        if panel.is_surface:
            for axis, update in zip(panel.axes, (figure.update_xaxes, figure.update_yaxes), strict=True):
                update(range=[axis.low, axis.high])
        else:
            figure.update_xaxes(range=_with_margin(panel.axes[0].low, panel.axes[0].high))
            figure.update_yaxes(range=_curve_range(maps))
        figures.append(MapFigure(panel.name, figure, tuple(maps)))
    return figures


def _curve_range(maps: Mapping[str, StudyMap]) -> list[float]:
    """Return one range for the curves of all losses and metrics, so that they can be compared."""
    curves = [panel for one in maps.values() for panel in one.panels if not panel.is_surface]
    shown = np.concatenate([np.concatenate([panel.values, panel.value.ravel()]) for panel in curves])
    return _with_margin(float(np.nanmin(shown)), float(np.nanmax(shown)))


def _with_margin(low: float, high: float) -> list[float]:
    """Return a slightly wider range, so that dots at its ends are not cut off."""
    margin = 0.03 * (high - low)
    return [low - margin, high + margin]


def comparison_figure(comparison: Comparison) -> go.Figure:
    """Return a figure of every loss over the label noise with its interval."""
    figure = go.Figure()
    for index, curve in enumerate(comparison.curves):
        colour, name = LINES[index % len(LINES)], loss_label(curve.name)
        low, high = curve.interval(level=comparison.level)
        shade = {"fill": "toself", "fillcolor": colour, "opacity": 0.15, "line": {"width": 0}}
        figure.add_trace(
            go.Scatter(
                x=np.concatenate([curve.noise, curve.noise[::-1]]),
                y=np.concatenate([low, high[::-1]]).round(4),
                hoverinfo="skip",
                showlegend=False,
                **shade,
            )
        )
        limits = np.stack([low, high], axis=1).round(4)
        figure.add_trace(
            go.Scatter(
                x=curve.noise,
                y=curve.mean.round(4),
                name=name,
                customdata=limits,
                line={"color": colour, "width": 2.5},
                hovertemplate="%{y:.3f} [%{customdata[0]:.3f}, %{customdata[1]:.3f}]",
            )
        )
    _lay_out(figure, comparison.axis.title, comparison.study_map.metric_label)
    return figure.update_layout(hovermode="x unified", legend={"orientation": "h", "y": 1.08, "x": 0})


def tolerance_figure(curve: pd.DataFrame, names: pd.Series) -> go.Figure:
    """Return a figure of mean F1 over the tolerance for every loss; `names` maps trial ids to losses."""
    figure = go.Figure()
    means = curve.assign(name=curve["trial_id"].map(names)).groupby(["name", "tolerance_s"])["f1"].mean()
    for index, (name, part) in enumerate(means.groupby(level=0)):
        at = 1000.0 * part.index.get_level_values(1).to_numpy(dtype=np.float64)
        line = {"color": LINES[index % len(LINES)], "width": 2.5}
        figure.add_trace(
            go.Scatter(x=at.round(6), y=part.to_numpy().round(4), name=loss_label(str(name)), line=line)
        )
    _lay_out(figure, "tolerance (ms)", "mean F1 of all trials")
    return figure.update_layout(hovermode="x unified", legend={"orientation": "h", "y": 1.08, "x": 0})


def coordinates_figure(columns: Mapping[str, pd.Series], values: Array, label: str) -> go.Figure:
    """Return parallel coordinates with one line per trial through its parameters to its metric."""
    dimensions = [_dimension(name, column) for name, column in columns.items()]
    dimensions.append({"label": label, "values": values.round(4)})
    line = {"color": values, "colorscale": _SCALE}
    figure = go.Figure(go.Parcoords(dimensions=dimensions, line=line))
    return figure.update_layout(margin={"l": 70, "r": 50, "t": 60, "b": 30}, font=_FONT, height=380)


def _traces(panel: Panel, study_map: StudyMap, trial_ids: pd.Series) -> list[go.Figure]:
    """Return the heat map (or curve) and the trials of one metric."""
    label = study_map.metric_label
    identities = trial_ids.to_numpy()[panel.rows]
    if not panel.is_surface:
        return _curve(panel, label, identities)
    grid = Grid(tuple(axis.lattice(n) for axis, n in zip(panel.axes, _LATTICE, strict=True)))
    support = panel.regression.support(grid)
    value = np.where(support >= 1.0, panel.regression.predict(grid), np.nan)
    extra = np.stack([panel.regression.standard_error(grid), support], axis=1).reshape(*grid.shape, 2)
    low, high = study_map.limits
    across, up = panel.axes
    heat = go.Heatmap(
        x=grid.axes[0].round(3),
        y=grid.axes[1].round(3),
        z=value.reshape(grid.shape).T.round(4),
        customdata=extra.transpose(1, 0, 2).round(4),
        zmin=low,
        zmax=high,
        zsmooth="best",
        colorscale=_SCALE,
        colorbar={"title": {"text": label}, "thickness": 12, "outlinewidth": 0},
        hovertemplate=f"{across.label} %{{x:.0f}} {across.unit}<br>{up.label} %{{y:.0f}} {up.unit}<br>"
        f"{label} %{{z:.3f}} ± %{{customdata[0]:.3f}}<br>"
        "effective trials %{customdata[1]:.1f}<extra></extra>",
    )
    return [heat, _trials(panel.points[:, 0], panel.points[:, 1], panel.values, label, identities)]


def _curve(panel: Panel, label: str, identities: Array) -> list[go.Figure]:
    """Return the curve and the trials of a loss with one parameter."""
    at = panel.axes[0].lattice(_LATTICE[0])
    mean = panel.regression.predict(at[:, None])
    error = panel.regression.standard_error(at[:, None])
    curve = go.Scatter(
        x=at.round(3),
        y=mean.round(4),
        customdata=error.round(4)[:, None],
        line={"color": LINES[0], "width": 2.5},
        hovertemplate=f"{panel.axes[0].label} %{{x:.0f}}<br>{label} %{{y:.3f}} ± %{{customdata[0]:.3f}}"
        "<extra></extra>",
        showlegend=False,
    )
    return [curve, _trials(panel.points[:, 0], panel.values, panel.values, label, identities)]


def _trials(x: Array, y: Array, values: Array, label: str, identities: Array) -> go.Scatter:
    """Return the trials as dots."""
    return go.Scatter(
        x=x.round(3),
        y=y.round(4),
        mode="markers",
        marker={"size": 6, "color": "white", "line": {"color": "#1b2a3a", "width": 1}},
        customdata=np.stack([values.round(4).astype(str), identities.astype(str)], axis=1),
        hovertemplate=f"trial %{{customdata[1]}}<br>{label} %{{customdata[0]}}<extra></extra>",
        showlegend=False,
    )


def _dimension(name: str, column: pd.Series) -> dict[str, object]:
    """Return one axis of the parallel coordinates."""
    if pd.api.types.is_numeric_dtype(column):
        finite = column.where(np.isfinite(column), np.nan)
        return {"label": name, "values": finite.fillna(finite.max()).to_numpy(dtype=np.float64).round(4)}
    categories = sorted(column.unique())
    places = [categories.index(value) for value in column]
    return {"label": name, "values": places, "tickvals": list(range(len(categories))), "ticktext": categories}


def _lay_out(figure: go.Figure, x_title: str, y_title: str) -> None:
    """Apply the look that all figures share."""
    figure.update_layout(
        margin={"l": 58, "r": 12, "t": 20, "b": 48},
        plot_bgcolor=UNSUPPORTED if isinstance(figure.data[0], go.Heatmap) else "white",
        paper_bgcolor="rgba(0,0,0,0)",
        font=_FONT,
        height=420,
    )
    figure.update_xaxes(title_text=x_title, zeroline=False, showgrid=False, fixedrange=True)
    figure.update_yaxes(title_text=y_title, zeroline=False, showgrid=False, fixedrange=True)
