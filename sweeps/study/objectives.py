"""Objectives: the metrics of its trials that a study maximizes or minimizes."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from softloc_core.errors import ConfigError
from sweeps.designs import Value
from sweeps.storage import TABLES
from sweeps.study.located_yaml import Located

__all__ = [
    "DIRECTIONS",
    "F1",
    "METRICS",
    "Objective",
    "mean_value",
    "objective",
    "parse_objectives",
    "value_of",
]

DIRECTIONS = ("maximize", "minimize")
_RESULTS = [column for column in TABLES["trials"] if column.nullable]
# The numeric results of a trial.
METRICS = tuple(
    column.name
    for column in _RESULTS
    if column.name not in ("iterations_done", "hop_s")
    and (pa.types.is_floating(column.type) or pa.types.is_integer(column.type))
)
# Results with one number for each name, such as `f1_per_class.KD`.
_BY_NAME = tuple(column.name for column in _RESULTS if pa.types.is_map(column.type))
# The better direction of metrics that have an obvious one.
_KNOWN: Mapping[str, str] = {
    **dict.fromkeys(("f1", "precision", "recall", "n_matched", "f1_per_class"), "maximize"),
    **dict.fromkeys(("train_s", "timing_sd_s"), "minimize"),
}


@dataclass(frozen=True)
class Objective:
    """One metric and its direction.

    Attributes:
        metric: One of `METRICS`, or one entry of a mapping, such as `f1_per_class.KD`.
        direction: One of `DIRECTIONS`.
    """

    metric: str
    direction: str

    def __str__(self) -> str:
        return f"{self.metric} ({self.direction})"

    def gain(self, row: Mapping[str, Any]) -> float:
        """Return the metric of a trial, with its sign such that larger is better; NaN if the row has none."""
        head, _, name = self.metric.partition(".")
        value = (row.get(head) or {}).get(name) if name else row.get(head)
        number = math.nan if value is None else float(value)
        return number if self.direction == "maximize" else -number


F1 = Objective("f1", "maximize")


def objective(metric: str, direction: str | None = None) -> Objective:
    """Return the objective for a metric.

    Args:
        metric: One of `METRICS`, or one entry of a mapping, such as `f1_per_class.KD`.
        direction: One of `DIRECTIONS`; None for the usual direction of the metric.

    Raises:
        ConfigError: The metric or the direction is unknown, or the metric has no usual direction and none was
            given. The message starts with "must".
    """
    head, _, name = metric.partition(".")
    if metric not in METRICS and not (name and head in _BY_NAME):
        names = ", ".join((*METRICS, *(f"{column}.NAME" for column in _BY_NAME)))
        raise ConfigError(f"must be one of {names}, but got {metric}")
    if direction is None and head not in _KNOWN:
        raise ConfigError(f"must give a direction (maximize or minimize) for {metric}, but does not")
    if direction is not None and direction not in DIRECTIONS:
        raise ConfigError(f"must be {' or '.join(DIRECTIONS)} for {metric}, but got {direction}")
    return Objective(metric, direction or _KNOWN[head])


def parse_objectives(located: Located | None) -> tuple[Objective, ...]:
    """Return the objectives of a study file, or F1 if it has none.

    A file writes `[f1, train_s]` or `{f1: maximize, train_s: minimize}`.

    Raises:
        ConfigError: A metric or direction is unknown, a metric is named twice, or no metric is named.
    """
    if located is None:
        return (F1,)
    if isinstance(located.value, dict):
        wanted = [(metric, str(item.value), item) for metric, item in located.items()]
    else:
        wanted = [(str(item.value), "", item) for item in located.elements()]
    if not wanted:
        raise located.error("must name at least one metric")
    if len({metric for metric, _, _ in wanted}) < len(wanted):
        raise located.error("must name each metric once")
    found = []
    for metric, direction, item in wanted:
        try:
            found.append(objective(metric, direction or None))
        except ConfigError as error:
            raise ConfigError(f"`{located.path}` {error} in {item.place}") from error
    return tuple(found)


def value_of(row: Mapping[str, Any], objectives: Sequence[Objective]) -> Value | None:
    """Return the value of a trial, larger being better; None if a metric is missing or not finite."""
    gains = tuple(objective.gain(row) for objective in objectives)
    if not all(math.isfinite(gain) for gain in gains):
        return None
    return gains[0] if len(gains) == 1 else gains


def mean_value(values: Sequence[Value | None]) -> Value | None:
    """Return the mean value of the trials at a point, for each objective; None if no trial has a value."""
    known = [value for value in values if value is not None]
    if not known:
        return None
    if isinstance(known[0], tuple):
        columns = zip(*(value for value in known if isinstance(value, tuple)), strict=True)
        return tuple(statistics.fmean(column) for column in columns)
    return statistics.fmean(value for value in known if not isinstance(value, tuple))
