"""What an analysis must know about the stored columns and losses.

Each Parquet part of `trials` describes its columns (unit, role) and the registered losses in its metadata.
Parts that were written before it did are read with the table below. Columns and losses that are missing from
the table need no entry: their description is read from the parts.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import pandas as pd
import pyarrow as pa

__all__ = [
    "LABEL_NOISE",
    "SCHEMA_VERSION",
    "SOFTNESS",
    "StoredColumn",
    "StoredSchema",
    "TaskScore",
    "read_schema",
    "task_score",
]

SCHEMA_VERSION = 4
"""The newest schema version that this package reads."""
SOFTNESS, LABEL_NOISE = "softness_s", "label_noise_s"


@dataclass(frozen=True)
class StoredColumn:
    """How an analysis may use a column.

    Attributes:
        role: `category` for a name to group by, `number` for a possible axis, `options` for JSON whose
            numbers are possible axes, and other roles that no axis or group is made of.
        unit: Unit of the values; empty if there is none.
    """

    role: str
    unit: str = ""


_CATEGORIES = ("task", "data", "network", "features", "loss", "measure", "noise", "decoding")
_NUMBERS = {
    SOFTNESS: "s",
    LABEL_NOISE: "s",
    "learning_rate": "",
    "weight_decay": "",
    "gradient_clip": "",
    "gain_db": "dB",
    "band_gain_db": "dB",
    "rate_variation": "",
    "rate_centre": "",
    "rate_share": "",
    "stacking": "",
    "initial_empty_prob": "",
    "iterations": "",
    "batch_size": "",
    "excerpt_s": "s",
}
_OPTIONS = ("alpha", "loss_options", "noise_options", "decoding_options", "ensemble_options")
# The order matters: panels, axes and notes list parameters in it.
_KNOWN_COLUMNS: Mapping[str, StoredColumn] = {
    **{name: StoredColumn("category") for name in _CATEGORIES},
    **{name: StoredColumn("number", unit) for name, unit in _NUMBERS.items()},
    **{name: StoredColumn("options") for name in _OPTIONS},
}
_KNOWN_LOSSES: Mapping[str, bool] = {
    "cross_entropy": False,
    "count": False,
    "bootstrap_soft": False,
    "bootstrap_hard": False,
}


@dataclass(frozen=True)
class TaskScore:
    """What the column `f1` is in a task, and the unit in which the task counts time.

    Attributes:
        name: Name of the score, for axes, tables and text.
        time_unit: `ms`, `s`, `frames`, `breaths` or another unit of the task.
        unit_s: Length of one time unit in seconds.
    """

    name: str = "F1"
    time_unit: str = "ms"
    unit_s: float = 0.001


_KNOWN_UNITS = {"ms": 0.001, "s": 1.0}
# Trials that were stored before the columns `score_name`, `time_unit` and `hop_s` existed.
_KNOWN_SCORES: Mapping[str, TaskScore] = {
    "golf": TaskScore("PCE", "frames", 1.0 / 30.0),
    "segmentation": TaskScore("F1@10", "s", 1.0),
    "digits": TaskScore("F1 of objects"),
    "puffs": TaskScore("F1 on breaths", "breaths", 1.0),
}


def task_score(trials: pd.DataFrame) -> TaskScore:
    """Return the score and the time unit of the trials, from their columns or, for older ones, their task.

    A study whose trials differ in the score has a `score` without another name. Times are in ms if trials
    differ in the unit or in the length of a frame, or if that length is unknown.
    """
    columns = ["task", "score_name", "time_unit", "hop_s"]
    rows = trials.reindex(columns=columns).drop_duplicates().itertuples(index=False)
    found = [_row_score(*row) for row in rows]
    names, units = {one.name for one in found}, {(one.time_unit, one.unit_s) for one in found}
    name = names.pop() if len(names) == 1 else "score" if names else "F1"
    time_unit, unit_s = units.pop() if len(units) == 1 else ("ms", 0.001)
    return TaskScore(name, time_unit, unit_s)


def _row_score(task: object, name: object, time_unit: object, hop_s: float | None) -> TaskScore:
    """Return the score of one trial."""
    older = _KNOWN_SCORES.get(str(task), TaskScore())
    shown = name if isinstance(name, str) and name else older.name
    if not isinstance(time_unit, str) or not time_unit:
        return TaskScore(shown, older.time_unit, older.unit_s)
    unit_s = _KNOWN_UNITS.get(time_unit, hop_s)
    known = unit_s is not None and unit_s > 0
    return TaskScore(shown, time_unit, float(unit_s)) if unit_s is not None and known else TaskScore(shown)


@dataclass(frozen=True)
class StoredSchema:
    """The columns and losses of a stored study.

    Attributes:
        columns: Columns by name, in the order in which their parameters are listed.
        losses: Whether a loss uses the softness, by name. A loss without an entry does.
    """

    columns: Mapping[str, StoredColumn] = field(default_factory=lambda: _KNOWN_COLUMNS)
    losses: Mapping[str, bool] = field(default_factory=lambda: _KNOWN_LOSSES)

    def named(self, role: str) -> tuple[str, ...]:
        """Return the names of the columns with this role."""
        return tuple(name for name, column in self.columns.items() if column.role == role)

    @property
    def categories(self) -> tuple[str, ...]:
        """The columns whose values are names to group by."""
        return self.named("category")

    def is_duration(self, column: str) -> bool:
        """Return whether a column holds seconds. Options inside JSON say so by their names."""
        known = self.columns.get(column)
        return known.unit == "s" if known is not None else column.endswith("_s")

    def uses_softness(self, loss: str) -> bool:
        """Return whether the softness has any effect on this loss."""
        return self.losses.get(loss, True)


def read_schema(parts: Iterable[pa.Schema]) -> StoredSchema:
    """Return what the parts of `trials` say about their columns and losses, completed from the table."""
    columns, losses = dict(_KNOWN_COLUMNS), dict(_KNOWN_LOSSES)
    for part in parts:
        for item in part:
            metadata = item.metadata or {}
            if b"role" in metadata:
                unit = metadata.get(b"unit", b"").decode()
                columns[item.name] = StoredColumn(metadata[b"role"].decode(), unit)
        stated = (part.metadata or {}).get(b"softloc_losses_use_softness")
        losses |= json.loads(stated) if stated else {}
    return StoredSchema(columns, losses)
