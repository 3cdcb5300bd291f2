"""The design points of a plan: which are known, and their picture."""

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

__all__ = ["draw_points", "is_there"]


def is_there(trial: PlannedTrial, stored: Mapping[str, StoredTrial], study: Study) -> bool:
    """Whether a trial is stored and will not be run again."""
    return trial.trial_id in stored and is_final(stored[trial.trial_id], study)


def draw_points(
    planner: Planner, known: Sequence[PlannedTrial], stored: Mapping[str, StoredTrial], folder: StudyFolder
) -> tuple[Path | None, str]:
    """The picture of the known points as a PNG file, and the same in characters.

    It goes to the study's figures; those of a study on an object store stand below the current folder.
    """
    shown = [trial for trial in known if trial.config.replicate == 0]
    points = _points_table(shown)
    if points.empty or not len(points.columns):
        return None, "nothing is varied, so there is no picture"
    there = np.array([is_there(trial, stored, planner.study) for trial in shown])
    study = planner.study
    ranges = {
        _title(key): (_factor(key) * low, _factor(key) * high)
        for key, (low, high) in planner.ranges().items()
    }
    figures = folder.local / "figures" if folder.local is not None else Path("figures") / study.name
    figure = plot_design(
        points, there, title=f"{study.name}   {len(points)} points, design {study.design}", ranges=ranges
    )
    picture, _ = save_figure(figure, figures / "plan")
    return picture, f"{text_design(points, there, ranges=ranges)}\npicture: {picture}"


def _points_table(trials: Sequence[PlannedTrial]) -> pd.DataFrame:
    """A row a trial and a column a varied key, durations in ms; one for the task where there are several."""
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
    """A varied key for people, with its unit."""
    title = key.replace("_", " ").replace(".", " ")
    return f"{title} (ms)" if _factor(key) != 1.0 else title


def _factor(key: str) -> float:
    """From a key's values to those shown: durations in ms."""
    return 1000.0 if FIELDS[key.partition(".")[0]].kind == "duration" else 1.0


def _name(value: Any) -> str:
    """A value that is no number, for people."""
    return json.dumps(value) if isinstance(value, Mapping) else str(value)
