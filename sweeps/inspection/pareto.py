"""The settings that nothing beats in every objective at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from softloc_core.errors import UserError
from softloc_core.trial import TrialConfig
from sweeps.storage import Row, StoredDefinition, StudyFolder, TrialStore, require_definition
from sweeps.study import Located, Objective, mean_value, objective, parse_objectives, value_of

__all__ = ["Setting", "own_objectives", "pareto_front", "pareto_text", "settings_of", "study_front_text"]

_SETTING = tuple(item.name for item in fields(TrialConfig) if item.name != "replicate")


@dataclass(frozen=True)
class Setting:
    """What the replicates of one setting gave.

    Attributes:
        row: The row of one of its trials.
        gains: Mean over its trials of each objective, larger being better.
        n_trials: How many trials.
    """

    row: Row
    gains: tuple[float, ...]
    n_trials: int


def settings_of(rows: Iterable[Row], objectives: Sequence[Objective]) -> list[Setting]:
    """The settings of completed trials, replicates together; what lacks an objective is left out."""
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        if row["status"] == "completed" and value_of(row, objectives) is not None:
            groups.setdefault(tuple(row.get(name) for name in _SETTING), []).append(row)
    found = []
    for group in groups.values():
        mean = mean_value([value_of(row, objectives) for row in group])
        assert mean is not None  # every row has a value
        found.append(Setting(group[0], mean if isinstance(mean, tuple) else (mean,), len(group)))
    return found


def pareto_front(gains: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which points no other dominates: none is as good in every objective and better in one.

    Args:
        gains: [point, objective], larger being better.

    Returns:
        [point]; of equal points all.
    """
    front = np.ones(len(gains), dtype=np.bool_)
    for index, own in enumerate(gains):
        front[index] = not np.any((gains >= own).all(axis=1) & (gains > own).any(axis=1))
    return front


def pareto_text(rows: Iterable[Row], objectives: Sequence[Objective]) -> str:
    """The front as a table, best in the first objective on top, with what differs between its settings."""
    settings = settings_of(rows, objectives)
    names = ", ".join(str(one) for one in objectives)
    if not settings:
        return f"Pareto front of {names}: no completed trial has all of them"
    front = pareto_front(np.array([setting.gains for setting in settings]))
    best = [setting for setting, is_best in zip(settings, front, strict=True) if is_best]
    best.sort(key=lambda setting: setting.gains, reverse=True)
    varied = [name for name in _SETTING if len({repr(setting.row.get(name)) for setting in settings}) > 1]
    head = [*(one.metric for one in objectives), "trials", *varied]
    table = [head]
    for setting in best:
        signs = [1 if one.direction == "maximize" else -1 for one in objectives]
        values = [f"{sign * gain:.4g}" for sign, gain in zip(signs, setting.gains, strict=True)]
        table.append([*values, str(setting.n_trials), *(_cell(setting.row.get(name)) for name in varied)])
    widths = [max(len(line[column]) for line in table) for column in range(len(head))]
    lines = [
        "  ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)).rstrip() for line in table
    ]
    return "\n".join([f"Pareto front of {names}: {len(best)} of {len(settings)} settings", *lines])


def _cell(value: Any) -> str:
    """A value of a row, short."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def study_front_text(study: str, *, wanted: Sequence[str] = ()) -> str:
    """The Pareto front of a study's folder.

    Args:
        study: The folder.
        wanted: Objectives as `METRIC` or `METRIC=DIRECTION`; the study's own where none are given.

    Raises:
        UserError: No study there, or an objective that is none.
    """
    folder = StudyFolder(study)
    definition = require_definition(folder)
    rows = [trial.row for trial in TrialStore(folder).load().values()]
    return pareto_text(rows, _objectives(wanted) if wanted else own_objectives(definition))


def _objectives(wanted: Sequence[str]) -> tuple[Objective, ...]:
    """The objectives of a command line."""
    found = []
    for text in wanted:
        metric, separator, direction = text.partition("=")
        try:
            found.append(objective(metric, direction if separator else None))
        except UserError as error:
            raise UserError(f"--objective {error}") from error
    return tuple(found)


def own_objectives(definition: StoredDefinition) -> tuple[Objective, ...]:
    """Return the objectives of a stored study."""
    if not definition.objectives:
        return parse_objectives(None)
    place = definition.path
    values = {key: Located(value, "objectives", place) for key, value in definition.objectives.items()}
    return parse_objectives(Located(values, "objectives", place))
