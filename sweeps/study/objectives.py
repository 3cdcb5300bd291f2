"""What a study looks for: metrics of its trials, each to be as large or as small as can be."""

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
# Numbers that a trial ends with, and is judged by.
METRICS = tuple(
    column.name
    for column in _RESULTS
    if column.name != "iterations_done"
    and (pa.types.is_floating(column.type) or pa.types.is_integer(column.type))
)
# Several numbers by name: `f1_per_class.KD`.
_BY_NAME = tuple(column.name for column in _RESULTS if pa.types.is_map(column.type))
# Which way is better, where there is no doubt.
_KNOWN: Mapping[str, str] = {
    **dict.fromkeys(("f1", "precision", "recall", "n_matched", "f1_per_class"), "maximize"),
    **dict.fromkeys(("train_s", "timing_sd_s"), "minimize"),
}


@dataclass(frozen=True)
class Objective:
    """One metric and its direction.

    Attributes:
        metric: One of `METRICS`, or an entry of a column by name, as `f1_per_class.KD`.
        direction: One of `DIRECTIONS`.
    """

    metric: str
    direction: str

    def __str__(self) -> str:
        return f"{self.metric} ({self.direction})"

    def gain(self, row: Mapping[str, Any]) -> float:
        """The metric in a trial's row, turned so that larger is better; NaN where the row has none."""
        head, _, name = self.metric.partition(".")
        value = (row.get(head) or {}).get(name) if name else row.get(head)
        number = math.nan if value is None else float(value)
        return number if self.direction == "maximize" else -number


F1 = Objective("f1", "maximize")


def objective(metric: str, direction: str | None = None) -> Objective:
    """The objective of that metric, in its usual direction unless another is given.

    Raises:
        ConfigError: An unknown metric or direction, or none where there is no usual one. The message starts
            with "must".
    """
    head, _, name = metric.partition(".")
    if metric not in METRICS and not (name and head in _BY_NAME):
        names = ", ".join((*METRICS, *(f"{column}.NAME" for column in _BY_NAME)))
        raise ConfigError(f"must be one of {names}, but got {metric}")
    if direction is None and head not in _KNOWN:
        raise ConfigError(f"must say maximize or minimize for {metric}, but does not")
    if direction is not None and direction not in DIRECTIONS:
        raise ConfigError(f"must be {' or '.join(DIRECTIONS)} for {metric}, but got {direction}")
    return Objective(metric, direction or _KNOWN[head])


def parse_objectives(located: Located | None) -> tuple[Objective, ...]:
    """The objectives of a study file: `[f1, train_s]` or `{f1: maximize, train_s: minimize}`; F1 where none.

    Raises:
        ConfigError: An unknown metric or direction, one given twice, or none at all.
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
    """What a completed trial gave, larger being better; None where a metric is missing or no number."""
    gains = tuple(objective.gain(row) for objective in objectives)
    if not all(math.isfinite(gain) for gain in gains):
        return None
    return gains[0] if len(gains) == 1 else gains


def mean_value(values: Sequence[Value | None]) -> Value | None:
    """The mean of what a point's trials gave, objective by objective; None where none gave anything."""
    there = [value for value in values if value is not None]
    if not there:
        return None
    if isinstance(there[0], tuple):
        columns = zip(*(value for value in there if isinstance(value, tuple)), strict=True)
        return tuple(statistics.fmean(column) for column in columns)
    return statistics.fmean(value for value in there if not isinstance(value, tuple))
