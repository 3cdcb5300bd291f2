"""The design points of a plan: which are known before the study runs, and their plot."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from analysis.figures import plot_design, save_figure, text_design
from sweeps.planning import PlannedTrial, Planner, is_final
from sweeps.storage import StoredTrial, StudyFolder
from sweeps.study import FIELDS, Study

__all__ = ["is_stored", "plot_points"]


def is_stored(trial: PlannedTrial, stored: Mapping[str, StoredTrial], study: Study) -> bool:
    """Return whether a trial is stored and will not run again."""
    return trial.trial_id in stored and is_final(stored[trial.trial_id], study)


def plot_points(
    planner: Planner, known: Sequence[PlannedTrial], stored: Mapping[str, StoredTrial], folder: StudyFolder
) -> tuple[Path | None, str]:
    """Plot the known points, and return the path of the PNG file and the plot as text.

    The file is one of the study's figures. For a study on an object store, it is in `figures/NAME` in the
    current folder. Without varied parameters, there is no file.

    Args:
        planner: Planner of the study.
        known: Trials whose points are known.
        stored: Stored trials by identity.
        folder: Folder of the study.
    """
    shown = [trial for trial in known if trial.config.replicate == 0]
    points = _points_table(shown)
    if points.empty or not len(points.columns):
        return None, "nothing is varied, so there is no picture"
    is_done = np.array([is_stored(trial, stored, planner.study) for trial in shown])
    study = planner.study
    ranges = {
        _title(key): (_factor(key) * low, _factor(key) * high)
        for key, (low, high) in planner.ranges().items()
    }
    figures = folder.local / "figures" if folder.local is not None else Path("figures") / study.name
    figure = plot_design(
        points, is_done, title=f"{study.name}   {len(points)} points, design {study.design}", ranges=ranges
    )
    picture, _ = save_figure(figure, figures / "plan")
    return picture, f"{text_design(points, is_done, ranges=ranges)}\npicture: {picture}"


def _points_table(trials: Sequence[PlannedTrial]) -> pd.DataFrame:
    """Return a table with a row for each trial and a column for each varied key, with durations in ms."""
    keys = list(dict.fromkeys(key for trial in trials for key in trial.values))
    tasks = [trial.config.task for trial in trials]
    columns: dict[str, list[Any]] = {"task": list(tasks)} if len(set(tasks)) > 1 else {}
    for key in keys:
        values = [trial.values.get(key) for trial in trials]
        given = [value for value in values if value is not None]
        if all(isinstance(value, int | float) and not isinstance(value, bool) for value in given):
            columns[_title(key)] = [np.nan if v is None else _factor(key) * float(v) for v in values]
        else:
            columns[_title(key)] = [None if value is None else _name(value) for value in values]
    return pd.DataFrame(columns)


def _title(key: str) -> str:
    """Return the title of a varied key, with its unit."""
    title = key.replace("_", " ").replace(".", " ")
    return f"{title} (ms)" if _factor(key) != 1.0 else title


def _factor(key: str) -> float:
    """Return the factor from the values of a key to the plotted values. Durations are plotted in ms."""
    return 1000.0 if FIELDS[key.partition(".")[0]].kind == "duration" else 1.0


def _name(value: Any) -> str:
    """Return a short text for a value that is not a number."""
    return json.dumps(value) if isinstance(value, Mapping) else str(value)
