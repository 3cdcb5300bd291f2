"""The map as the papers' authors published it, labelled with what it shows, next to the F1 map.

Source: SoftLoc paper, Fig. 6, and its released plotting code. There the plotted quantity is the mean of F1,
precision and recall, each averaged over the classes, although the colour bar says F1. Values below 0.83 are
raised to 0.83 before smoothing with a bandwidth of 10 ms, the result is raised to at least 0.85, and the
colours range from 0.85 to 0.963. This hides low trials by construction. The second panel shows unmodified F1
of the same trials. Deliberate difference: if no events are stored, the measures of each class are unknown, so
the measures pooled over classes are used instead, and the title says so.
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
from analysis.figures.style import COLOURS, UNSUPPORTED, draw_trials, style
from analysis.reading import StoredStudy, recording_counts, require_columns, score_counts

__all__ = ["BANDWIDTH_MS", "COLOUR_RANGE", "FLOOR", "authors_values", "class_means", "plot_authors_map"]

FLOOR = 0.83
BANDWIDTH_MS = 10.0
COLOUR_RANGE = (0.85, 0.963)
_MEASURES = ["f1", "precision", "recall"]


def authors_values(measures: pd.DataFrame) -> Array:
    """Return the mean of F1, precision and recall of each trial, each raised to at least 0.83."""
    require_columns(measures, _MEASURES)
    return np.asarray(np.maximum(measures[_MEASURES].to_numpy(dtype=np.float64), FLOOR).mean(axis=1))


def class_means(study: StoredStudy) -> pd.DataFrame:
    """Return F1, precision and recall of each completed trial, averaged over the classes, by `trial_id`.

    Raises:
        AnalysisError: No events are stored.
    """
    tolerance_s = study.completed["tolerance_s"].unique()
    counts = recording_counts(study, tolerance_s=float(tolerance_s[0]) if len(tolerance_s) == 1 else None)
    scores = score_counts(counts, by=["trial_id", "channel"])
    return scores[_MEASURES].groupby("trial_id").mean()


def plot_authors_map(study: StoredStudy) -> tuple[Figure, StudyMap]:
    """Plot the authors' quantity on their colour scale next to F1, both with the authors' bandwidth.

    Returns:
        The figure, and the map of F1.

    Raises:
        AnalysisError: No loss has a surface, or columns are missing.
    """
    measures, means = _measures(study)
    raised = study.trials.assign(authors=np.nan)
    raised.loc[raised["trial_id"].isin(study.completed["trial_id"]), "authors"] = authors_values(measures)
    shown = map_study(replace(study, trials=raised), metric="authors", bandwidth=BANDWIDTH_MS)
    theirs = _first_surface(shown, study)
    f1_map = map_study(study, metric="f1", bandwidth=BANDWIDTH_MS)
    ours = _first_surface(f1_map, study)
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
        _draw(figure, right, ours, ours.value, Normalize(*f1_map.limits), COLOURS)
        right.set_title("F1, pooled over classes\nsame trials and bandwidth", fontsize=9)
    return figure, f1_map


def _measures(study: StoredStudy) -> tuple[pd.DataFrame, str]:
    """Return the three measures of each completed trial, and a description of them."""
    completed = study.completed
    require_columns(completed, _MEASURES)
    for measure in _MEASURES:
        completed = completed.assign(**{measure: study.scored(measure)[measure]})
    try:
        return class_means(study).reindex(completed["trial_id"]), "each averaged over classes"
    except AnalysisError:
        return completed, "pooled over classes: no events are stored"


def _first_surface(study_map: StudyMap, study: StoredStudy) -> Panel:
    """Return the surface of SoftLoc if there is one, otherwise the first surface."""
    surfaces = [panel for panel in study_map.panels if panel.is_surface]
    surfaces.sort(key=lambda panel: panel.name != "softloc")
    if not surfaces:
        raise TooFewPointsError(f"the authors' map needs two swept parameters, but {study.location} has one")
    return surfaces[0]


def _draw(figure: Figure, axes: Axes, panel: Panel, value: Array, scale: Normalize, colours: Any) -> None:
    """Plot one heat map with its trials and its own colour bar."""
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
