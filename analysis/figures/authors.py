"""The map as the papers' authors published it, named as what it is, beside the F1 map of the same trials.

Source: SoftLoc paper, Fig. 6, and its released plotting code. There the drawn quantity is the mean of F1,
precision and recall, each the mean over the classes, though the colour bar says F1; values below 0.83 are
raised to 0.83 before smoothing with a bandwidth of 10 ms, the result is raised to at least 0.85, and the
colours run from 0.85 to 0.963. Low trials are thus hidden by construction; the panel beside it shows F1
untouched. Deliberate difference: where no events are stored, the three measures of each class cannot be
known, and those that are pooled over classes stand for them; the title says so.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from analysis.answers import Panel, StudyMap, map_study
from analysis.arrays import Array
from analysis.errors import AnalysisError, TooFewPointsError
from analysis.figures.maps import COLOURS, UNSUPPORTED, draw_trials, style
from analysis.reading import StoredStudy, recording_counts, require_columns, score_counts

__all__ = ["BANDWIDTH_MS", "COLOUR_RANGE", "FLOOR", "authors_values", "class_means", "plot_authors_map"]

FLOOR = 0.83
BANDWIDTH_MS = 10.0
COLOUR_RANGE = (0.85, 0.963)
_MEASURES = ["f1", "precision", "recall"]


def authors_values(measures: pd.DataFrame) -> Array:
    """Mean of F1, precision and recall of each trial, each raised to at least 0.83."""
    require_columns(measures, _MEASURES)
    return np.asarray(np.maximum(measures[_MEASURES].to_numpy(dtype=np.float64), FLOOR).mean(axis=1))


def class_means(study: StoredStudy) -> pd.DataFrame:
    """F1, precision and recall of each completed trial as means over the classes, by `trial_id`.

    Raises:
        AnalysisError: No events are stored.
    """
    tolerance_s = study.completed["tolerance_s"].unique()
    counts = recording_counts(study, tolerance_s=float(tolerance_s[0]) if len(tolerance_s) == 1 else None)
    scores = score_counts(counts, by=["trial_id", "channel"])
    return scores[_MEASURES].groupby("trial_id").mean()


def plot_authors_map(study: StoredStudy) -> tuple[Figure, StudyMap]:
    """Two panels: the authors' quantity on their scale, and F1 on its own; both with their bandwidth.

    Returns:
        The figure, and the map of F1.

    Raises:
        AnalysisError: No loss with a surface, or missing columns.
    """
    measures, means = _measures(study)
    raised = study.trials.assign(authors=np.nan)
    raised.loc[raised["trial_id"].isin(study.completed["trial_id"]), "authors"] = authors_values(measures)
    shown = map_study(replace(study, trials=raised), metric="authors", bandwidth=BANDWIDTH_MS)
    theirs = _first_surface(shown, study)
    honest = map_study(study, metric="f1", bandwidth=BANDWIDTH_MS)
    ours = _first_surface(honest, study)
    with style():
        figure = Figure(figsize=(10.2, 3.9), layout="constrained")
        FigureCanvasAgg(figure)
        left, right = figure.subplots(1, 2, sharey=True)
        clipped = np.maximum(theirs.value, COLOUR_RANGE[0])
        _draw(figure, left, theirs, clipped, Normalize(*COLOUR_RANGE), "RdBu")
        left.set_title(
            f"authors' map: mean of F1, precision, recall\n({means}), raised to {FLOOR}", fontsize=9
        )
        left.set_ylabel(theirs.axes[1].title)
        _draw(figure, right, ours, ours.value, Normalize(*honest.limits), COLOURS)
        right.set_title("F1, pooled over classes\nsame trials and bandwidth", fontsize=9)
    return figure, honest


def _measures(study: StoredStudy) -> tuple[pd.DataFrame, str]:
    """The three measures of each completed trial, and what they are, in words."""
    completed = study.completed
    require_columns(completed, _MEASURES)
    for measure in _MEASURES:
        completed = completed.assign(**{measure: study.scored(measure)[measure]})
    try:
        return class_means(study).reindex(completed["trial_id"]), "each the mean over classes"
    except AnalysisError:
        return completed, "pooled over classes: no events are stored"


def _first_surface(study_map: StudyMap, study: StoredStudy) -> Panel:
    """SoftLoc's surface where there is one, else the first."""
    surfaces = [panel for panel in study_map.panels if panel.is_surface]
    surfaces.sort(key=lambda panel: panel.name != "softloc")
    if not surfaces:
        raise TooFewPointsError(f"the authors' map needs two swept parameters, but {study.location} has one")
    return surfaces[0]


def _draw(figure: Figure, axes: Axes, panel: Panel, value: Array, scale: Normalize, colours: Any) -> None:
    """One heat map with its trials and its own colour bar."""
    across, up = panel.axes
    axes.set_facecolor(UNSUPPORTED)
    axes.imshow(
        np.ma.masked_invalid(value.T),
        origin="lower",
        extent=(across.low, across.high, up.low, up.high),
        aspect="auto",
        cmap=colours,
        norm=scale,
        interpolation="bilinear",
    )
    draw_trials(axes, panel.points[:, 0], panel.points[:, 1])
    axes.set_xlabel(across.title)
    axes.set(xlim=(across.low, across.high), ylim=(up.low, up.high))
    bar = figure.colorbar(ScalarMappable(norm=scale, cmap=colours), ax=axes, pad=0.02)
    bar.outline.set_visible(False)
