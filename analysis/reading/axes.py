"""The swept parameters of a study as axes: which columns vary, their display unit and their range."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from analysis.arrays import Array
from analysis.errors import AnalysisError
from analysis.reading.columns import LABEL_NOISE, SOFTNESS
from analysis.reading.results import StoredStudy

__all__ = [
    "Axis",
    "axis_of",
    "find_axis",
    "parse_place",
    "swept_axes",
    "varied_columns",
    "with_option_columns",
]

Number = TypeVar("Number", float, Array)

_LABELS = {"alpha.constant": "alpha", "alpha.end": "alpha at the end"}
_DURATION = re.compile(r"\s*([-+0-9.eE]+)\s*(ms|s)\s*")


@dataclass(frozen=True)
class Axis:
    """A swept parameter.

    Attributes:
        column: Its column in the trials.
        label: Its display name, without the unit.
        unit: Its display unit: the task's unit of time for durations; empty if it has none.
        factor: Factor from the column's unit to the display unit.
        low: Lower end of the swept range, in the display unit.
        high: Upper end of the swept range, in the display unit.
        is_log: Whether the axis shows the decadic logarithm. It does if the study file samples uniformly from
            the logarithm, except for durations.
    """

    column: str
    label: str
    unit: str
    factor: float
    low: float
    high: float
    is_log: bool = False

    @property
    def title(self) -> str:
        """The label with its unit, as under a figure."""
        label = f"log10 {self.label}" if self.is_log else self.label
        return f"{label} ({self.unit})" if self.unit else label

    def of_ms(self, ms: float) -> float:
        """Convert a duration in ms to the display unit."""
        return ms / self._unit_ms

    def to_ms(self, shown: Number) -> Number:
        """Convert a duration in the display unit to ms."""
        return shown * self._unit_ms

    @property
    def _unit_ms(self) -> float:
        return 1000.0 / self.factor

    @property
    def name(self) -> str:
        """The name in study files and on the command line."""
        return self.column.removesuffix("_s")

    def shown(self, trials: pd.DataFrame) -> Array:
        """Return the trials' values in the display unit."""
        return self.place(trials[self.column].to_numpy(dtype=np.float64))

    def place(self, values: Array) -> Array:
        """Convert values of the column to the display unit."""
        return np.asarray(np.log10(values * self.factor) if self.is_log else values * self.factor)

    def stored(self, shown: Array) -> Array:
        """Convert values in the display unit to the column's unit."""
        return np.asarray((10.0**shown if self.is_log else shown) / self.factor)

    def text(self, shown: float) -> str:
        """Return a value in the display unit as text with its unit."""
        return f"{10.0**shown if self.is_log else shown:.4g} {self.unit}".rstrip()

    def lattice(self, n: int) -> Array:
        """Return `n` evenly spaced values over the range."""
        return np.linspace(self.low, self.high, n)


def with_option_columns(study: StoredStudy, trials: pd.DataFrame) -> pd.DataFrame:
    """Return the trials with an additional column for every number inside `alpha` and the options.

    If the schedules of alpha are of several kinds, which have no parameter in common, the only column is
    `alpha.end`, the weight at the end of training.
    """
    columns = {}
    for name in study.schema.named("options"):
        if name in trials:
            for key, values in _flattened(name, trials[name]).items():
                columns[key] = values
    return trials.assign(**columns) if columns else trials


def swept_axes(study: StoredStudy, trials: pd.DataFrame, *, by: str | None = None) -> tuple[Axis, ...]:
    """Return the numeric parameters with more than one finite value, softness and label noise first.

    Args:
        study: The study.
        trials: Its trials.
        by: A column that trials are grouped by, such as the loss. Parameters that vary only between its
            groups (cross entropy has an alpha of 0) are left out, except for softness and label noise.
    """
    columns = [str(column) for column in trials.columns]
    optional = study.schema.named("options")
    options = [column for column in columns if column.split(".")[0] in optional and "." in column]
    numbers = study.schema.named("number")
    names = [name for name in (*numbers, *sorted(options)) if name in trials and _varies(trials[name])]
    if by is not None:
        always = (SOFTNESS, LABEL_NOISE)
        groups = [group for _, group in trials.groupby(by)]
        names = [name for name in names if name in always or any(_varies(group[name]) for group in groups)]
    return tuple(axis_of(study, trials, name) for name in names)


def varied_columns(study: StoredStudy, trials: pd.DataFrame) -> dict[str, pd.Series]:
    """Return the swept parameters by display name: numbers in display units, categories as text."""
    numbers = {
        axis.title: pd.Series(axis.shown(trials), index=trials.index) for axis in swept_axes(study, trials)
    }
    named = {name: trials[name].astype(str) for name in study.schema.categories if name in trials}
    return numbers | {name: values for name, values in named.items() if values.nunique() > 1}


def axis_of(study: StoredStudy, trials: pd.DataFrame, column: str) -> Axis:
    """Return the axis of a column over the range in the study file, or the rounded range of the trials.

    Raises:
        AnalysisError: The column does not exist or holds no finite number.
    """
    if column not in trials or not pd.api.types.is_numeric_dtype(trials[column]):
        raise AnalysisError(f"an axis must be a numeric column of the trials, but got {column}")
    values = trials[column].to_numpy(dtype=np.float64)
    values = values[np.isfinite(values)]
    if not len(values):
        raise AnalysisError(f"an axis must hold finite numbers, but {column} has none")
    is_duration = study.schema.is_duration(column)
    factor, unit = (1.0 / study.score.unit_s, study.score.time_unit) if is_duration else (1.0, "")
    label = _LABELS.get(column, column.removesuffix("_s").replace("_", " ").replace(".", " "))
    is_log = not is_duration and values.min() > 0 and _is_logarithmic(study.definition, column)
    axis = Axis(column, label, unit, factor, low=0.0, high=0.0, is_log=is_log)
    low, high = _stated_range(study.definition, column) or (math.inf, -math.inf)
    if low > values.min() + 1e-12 or high < values.max() - 1e-12:
        shown = axis.place(np.array([values.min(), values.max()]))
        return _with_range(axis, *_rounded_outwards(*shown.tolist()))
    return _with_range(axis, *axis.place(np.array([low, high])).tolist())


def _with_range(axis: Axis, low: float, high: float) -> Axis:
    """Return the axis with another range, in the display unit."""
    return replace(axis, low=low, high=high)


def find_axis(name: str, swept: Sequence[Axis], *, location: str) -> Axis:
    """Return the swept parameter with this name: a column with or without its unit, or `alpha`.

    `alpha` means the weight at the end of training: the value of a constant, or the high end of a ramp, line,
    cosine or step.

    Raises:
        AnalysisError: No or several parameters match. The message lists the swept parameters.
    """
    found = [axis for axis in swept if name in (axis.column, axis.name)]
    if name == "alpha":
        ends = (".constant", ".high", ".end")
        found = [axis for axis in swept if axis.column.startswith("alpha.") and axis.column.endswith(ends)]
    if len(found) != 1:
        names = ", ".join(axis.name for axis in swept) or "no number"
        raise AnalysisError(
            f"a parameter must be one of those that vary in {location}, {names}, but got {name}"
        )
    return found[0]


def parse_place(axis: Axis, text: str | float) -> float:
    """Parse a user's value for a parameter and return it in the display unit.

    Raises:
        AnalysisError: The value is not a number, is a duration without a unit, or is outside the studied
            range.
    """
    number = _number(text) if axis.unit or not isinstance(text, str) else _plain_number(text)
    needed = "a duration with its unit, such as 20ms" if axis.unit else "a plain number"
    if number is None or not math.isfinite(number) or (axis.is_log and number <= 0):
        raise AnalysisError(f"`{axis.name}` must be {needed}, but got {text}")
    place = float(axis.place(np.array(number)))
    if not axis.low - 1e-9 <= place <= axis.high + 1e-9:
        studied = f"{axis.text(axis.low)} to {axis.text(axis.high)}"
        raise AnalysisError(f"`{axis.name}` must be within the studied range, {studied}, but got {text}")
    return place


def _varies(values: pd.Series) -> bool:
    numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
    finite = numbers[np.isfinite(numbers)]
    return len(finite) > 0 and bool(finite.min() < finite.max())


def _plain_number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _stated(definition: Mapping[str, Any], column: str) -> Any:
    """Return the entry of a parameter in the study file's space."""
    space = definition.get("space", {})
    return space.get(column.removesuffix("_s"), space.get(column)) if isinstance(space, Mapping) else None


def _is_logarithmic(definition: Mapping[str, Any], column: str) -> bool:
    stated = _stated(definition, column)
    return isinstance(stated, Mapping) and "log_uniform" in stated


def _stated_range(definition: Mapping[str, Any], column: str) -> tuple[float, float] | None:
    """Return the parameter's range in the study file, in the column's unit, or None."""
    stated = _stated(definition, column)
    values = next(iter(stated.values()), None) if isinstance(stated, Mapping) else stated
    if isinstance(values, Mapping):
        values = [values.get("low"), values.get("high")]
    if not isinstance(values, list):
        return None
    numbers = [_number(value) for value in values]
    finite = [number for number in numbers if number is not None and math.isfinite(number)]
    return (min(finite), max(finite)) if len(finite) == len(numbers) and len(finite) > 1 else None


def _number(value: Any) -> float | None:
    """Return a plain number, or a duration in seconds, or None."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    return float(match[1]) * (0.001 if match[2] == "ms" else 1.0) if match else None


def _rounded_outwards(low: float, high: float) -> tuple[float, float]:
    """Return the range widened to round numbers, in steps of a hundredth to a tenth of its width."""
    if high <= low:
        return low - 0.5, high + 0.5
    step = 10.0 ** math.floor(math.log10(high - low)) / 10.0
    return math.floor(round(low / step, 9)) * step, math.ceil(round(high / step, 9)) * step


def _flattened(name: str, texts: pd.Series) -> dict[str, Array]:
    """Return the numbers inside a JSON column by dotted path, one value per trial (NaN if missing)."""
    rows = [dict(_leaves(name, json.loads(text) if isinstance(text, str) else {})) for text in texts]
    if name == "alpha" and len({key.split(".")[1] for row in rows for key in row}) > 1:
        return {"alpha.end": np.array([_end_of(row) for row in rows])}
    keys = sorted({key for row in rows for key in row})
    return {key: np.array([row.get(key, np.nan) for row in rows], dtype=np.float64) for key in keys}


def _end_of(row: Mapping[str, float]) -> float:
    """Return the weight at the end of a schedule of alpha."""
    ends = [value for key, value in row.items() if key.endswith((".constant", ".high"))]
    return ends[0] if ends else math.nan


def _leaves(path: str, value: Any) -> list[tuple[str, float]]:
    if isinstance(value, Mapping):
        return [leaf for key, item in value.items() for leaf in _leaves(f"{path}.{key}", item)]
    number = value if isinstance(value, int | float) and not isinstance(value, bool) else None
    return [] if number is None else [(path, float(number))]
