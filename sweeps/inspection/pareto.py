"""The Pareto front: settings that no other setting beats in every objective."""

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
    """The results of one setting, averaged over its replicates.

    Attributes:
        row: The row of one of its trials.
        gains: Mean of each objective over its trials, larger being better.
        n_trials: Number of its trials.
    """

    row: Row
    gains: tuple[float, ...]
    n_trials: int


def settings_of(rows: Iterable[Row], objectives: Sequence[Objective]) -> list[Setting]:
    """Return the settings of completed trials, leaving out trials without a value for every objective."""
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
    """Return which points are not dominated.

    A point dominates another if it is at least as good in every objective and better in at least one. Equal
    points do not dominate each other.

    Args:
        gains: [point, objective], larger being better.

    Returns:
        [point], True for points on the front.
    """
    front = np.ones(len(gains), dtype=np.bool_)
    for index, own in enumerate(gains):
        front[index] = not np.any((gains >= own).all(axis=1) & (gains > own).any(axis=1))
    return front


def pareto_text(rows: Iterable[Row], objectives: Sequence[Objective]) -> str:
    """Return the front as a table of objectives and varied fields, with the best first objective on top."""
    settings = settings_of(rows, objectives)
    names = ", ".join(str(one) for one in objectives)
    if not settings:
        return f"Pareto front of {names}: no completed trial has a value for each"
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
    """Return a short text for a value of a row."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def study_front_text(study: str, *, wanted: Sequence[str] = ()) -> str:
    """Return the Pareto front of a stored study as text.

    Args:
        study: The study's folder or address.
        wanted: Objectives as `METRIC` or `METRIC=DIRECTION`; empty for the study's own objectives.

    Raises:
        UserError: The folder has no study, or an objective is invalid.
    """
    folder = StudyFolder(study)
    definition = require_definition(folder)
    rows = [trial.row for trial in TrialStore(folder).load().values()]
    return pareto_text(rows, _objectives(wanted) if wanted else own_objectives(definition))


def _objectives(wanted: Sequence[str]) -> tuple[Objective, ...]:
    """Return the objectives given on the command line."""
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
