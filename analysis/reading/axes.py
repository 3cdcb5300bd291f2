"""The swept parameters of a study as axes: which columns vary, their shown unit, their range."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from analysis.arrays import Array
from analysis.errors import AnalysisError
from analysis.reading.results import StoredStudy

__all__ = [
    "CATEGORIES",
    "LABEL_NOISE",
    "SOFTNESS",
    "Axis",
    "axis_of",
    "find_axis",
    "parse_place",
    "swept_axes",
    "uses_softness",
    "varied_columns",
    "with_option_columns",
]

SOFTNESS, LABEL_NOISE = "softness_s", "label_noise_s"
CATEGORIES = ("task", "data", "network", "features", "loss", "measure", "noise", "decoding")
_LOSSES_WITHOUT_SOFTNESS = frozenset({"cross_entropy", "count", "bootstrap_soft", "bootstrap_hard"})
_NUMERIC = (
    *(SOFTNESS, LABEL_NOISE, "learning_rate", "weight_decay", "gradient_clip", "gain_db", "band_gain_db"),
    *("rate_variation", "rate_centre", "rate_share", "stacking"),
    *("initial_empty_prob", "iterations", "batch_size", "excerpt_s"),
)
_OPTIONS = ("alpha", "loss_options", "noise_options", "decoding_options", "ensemble_options")
_LABELS = {"alpha.constant": "alpha", "alpha.end": "alpha at the end"}
_DURATION = re.compile(r"\s*([-+0-9.eE]+)\s*(ms|s)\s*")


@dataclass(frozen=True)
class Axis:
    """One swept parameter.

    Attributes:
        column: Its column of the trials.
        label: Its name for people, without the unit.
        unit: Unit it is shown in; empty where it has none.
        factor: Column value times this is the shown value.
        low: Lower end of the swept range, in the shown unit.
        high: Upper end.
        is_log: Whether the decadic logarithm is shown: where the study draws uniformly from it (durations
            excepted).
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
        """Label with unit, as under a figure."""
        label = f"log10 {self.label}" if self.is_log else self.label
        return f"{label} ({self.unit})" if self.unit else label

    @property
    def name(self) -> str:
        """How a study file and the command line call it."""
        return self.column.removesuffix("_s")

    def shown(self, trials: pd.DataFrame) -> Array:
        """The trials' values in the shown unit."""
        return self.place(trials[self.column].to_numpy(dtype=np.float64))

    def place(self, values: Array) -> Array:
        """Values of the column in the shown unit."""
        return np.asarray(np.log10(values * self.factor) if self.is_log else values * self.factor)

    def stored(self, shown: Array) -> Array:
        """The inverse: shown values in the column's unit."""
        return np.asarray((10.0**shown if self.is_log else shown) / self.factor)

    def text(self, shown: float) -> str:
        """One shown value with its unit, for people."""
        return f"{10.0**shown if self.is_log else shown:.4g} {self.unit}".rstrip()

    def lattice(self, n: int) -> Array:
        """`n` evenly spaced values over the range."""
        return np.linspace(self.low, self.high, n)


def uses_softness(loss: str) -> bool:
    """Whether the loss of that name depends on the softness at all."""
    return loss not in _LOSSES_WITHOUT_SOFTNESS


def with_option_columns(trials: pd.DataFrame) -> pd.DataFrame:
    """The trials with one more column for every number inside `alpha` and the options.

    Where the schedules of alpha are of several kinds, which have no parameter in common, `alpha.end` stands
    for them: the weight that training ends with.
    """
    columns = {}
    for name in _OPTIONS:
        if name in trials:
            for key, values in _flattened(name, trials[name]).items():
                columns[key] = values
    return trials.assign(**columns) if columns else trials


_DRAWN = ("softness_s", "label_noise_s")


def swept_axes(study: StoredStudy, trials: pd.DataFrame, *, by: str | None = None) -> tuple[Axis, ...]:
    """The numeric parameters that take more than one finite value, softness and label noise first.

    Args:
        study: The study.
        trials: Its trials.
        by: A column that tells trials apart, as the loss; what takes one value for each of its values (cross
            entropy has an alpha of 0) is not swept. Softness and label noise, which are drawn, are kept.
    """
    columns = [str(column) for column in trials.columns]
    options = [column for column in columns if column.split(".")[0] in _OPTIONS and "." in column]
    names = [name for name in (*_NUMERIC, *sorted(options)) if name in trials and _varies(trials[name])]
    if by is not None:
        groups = [group for _, group in trials.groupby(by)]
        names = [name for name in names if name in _DRAWN or any(_varies(group[name]) for group in groups)]
    return tuple(axis_of(study, trials, name) for name in names)


def varied_columns(study: StoredStudy, trials: pd.DataFrame) -> dict[str, pd.Series]:
    """The swept parameters by their shown names: numbers in shown units, categories as text."""
    numbers = {
        axis.title: pd.Series(axis.shown(trials), index=trials.index) for axis in swept_axes(study, trials)
    }
    named = {name: trials[name].astype(str) for name in CATEGORIES if name in trials}
    return numbers | {name: values for name, values in named.items() if values.nunique() > 1}


def axis_of(study: StoredStudy, trials: pd.DataFrame, column: str) -> Axis:
    """The axis of one column, over the study file's range, or else over the trials' own, rounded.

    Raises:
        AnalysisError: A column that is not there or holds no finite number.
    """
    if column not in trials or not pd.api.types.is_numeric_dtype(trials[column]):
        raise AnalysisError(f"an axis must be a numeric column of the trials, but got {column}")
    values = trials[column].to_numpy(dtype=np.float64)
    values = values[np.isfinite(values)]
    if not len(values):
        raise AnalysisError(f"an axis must hold finite numbers, but {column} has none")
    factor, unit = (1000.0, "ms") if column.endswith("_s") else (1.0, "")
    label = _LABELS.get(column, column.removesuffix("_s").replace("_", " ").replace(".", " "))
    is_log = factor == 1.0 and values.min() > 0 and _is_logarithmic(study.definition, column)
    axis = Axis(column, label, unit, factor, low=0.0, high=0.0, is_log=is_log)
    low, high = _stated_range(study.definition, column) or (math.inf, -math.inf)
    if low > values.min() + 1e-12 or high < values.max() - 1e-12:
        shown = axis.place(np.array([values.min(), values.max()]))
        return _with_range(axis, *_rounded_outwards(*shown.tolist()))
    return _with_range(axis, *axis.place(np.array([low, high])).tolist())


def _with_range(axis: Axis, low: float, high: float) -> Axis:
    """The axis with another range, in the shown unit."""
    return replace(axis, low=low, high=high)


def find_axis(name: str, swept: Sequence[Axis], *, location: str) -> Axis:
    """The swept parameter of that name: a column, one without its unit, or `alpha`.

    `alpha` is the weight that training ends with: a constant's value, or the high end of a ramp, a line, a
    cosine or a step.

    Raises:
        AnalysisError: None of that name, or several; those that are swept are listed.
    """
    found = [axis for axis in swept if name in (axis.column, axis.name)]
    if name == "alpha":
        ends = (".constant", ".high", ".end")
        found = [axis for axis in swept if axis.column.startswith("alpha.") and axis.column.endswith(ends)]
    if len(found) != 1:
        names = ", ".join(axis.name for axis in swept) or "no number"
        raise AnalysisError(
            f"a parameter must be one of those that {location} varies, {names}, but got {name}"
        )
    return found[0]


def parse_place(axis: Axis, text: str | float) -> float:
    """Where a value given by a person lies on an axis, in the shown unit.

    Raises:
        AnalysisError: No number, a duration without a unit, or a value outside the studied range.
    """
    number = _number(text) if axis.factor != 1.0 or not isinstance(text, str) else _plain_number(text)
    needed = "a duration with its unit, as 20ms" if axis.factor != 1.0 else "a plain number"
    if number is None or not math.isfinite(number) or (axis.is_log and number <= 0):
        raise AnalysisError(f"`{axis.name}` must be {needed}, but got {text}")
    place = float(axis.place(np.array(number)))
    if not axis.low - 1e-9 <= place <= axis.high + 1e-9:
        studied = f"{axis.text(axis.low)} to {axis.text(axis.high)}"
        raise AnalysisError(f"`{axis.name}` must lie within the studied range, {studied}, but got {text}")
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
    """What the study file's space says of a parameter."""
    space = definition.get("space", {})
    return space.get(column.removesuffix("_s"), space.get(column)) if isinstance(space, Mapping) else None


def _is_logarithmic(definition: Mapping[str, Any], column: str) -> bool:
    stated = _stated(definition, column)
    return isinstance(stated, Mapping) and "log_uniform" in stated


def _stated_range(definition: Mapping[str, Any], column: str) -> tuple[float, float] | None:
    """Ends of the parameter's range in the study file, in the column's unit."""
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
    """A plain number, or a duration in seconds."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    return float(match[1]) * (0.001 if match[2] == "ms" else 1.0) if match else None


def _rounded_outwards(low: float, high: float) -> tuple[float, float]:
    """The range widened to round numbers a hundredth to a tenth of it apart."""
    if high <= low:
        return low - 0.5, high + 0.5
    step = 10.0 ** math.floor(math.log10(high - low)) / 10.0
    return math.floor(round(low / step, 9)) * step, math.ceil(round(high / step, 9)) * step


def _flattened(name: str, texts: pd.Series) -> dict[str, Array]:
    """Numbers within a JSON column by dotted path, one value a trial (NaN where it has none)."""
    rows = [dict(_leaves(name, json.loads(text) if isinstance(text, str) else {})) for text in texts]
    if name == "alpha" and len({key.split(".")[1] for row in rows for key in row}) > 1:
        return {"alpha.end": np.array([_end_of(row) for row in rows])}
    keys = sorted({key for row in rows for key in row})
    return {key: np.array([row.get(key, np.nan) for row in rows], dtype=np.float64) for key in keys}


def _end_of(row: Mapping[str, float]) -> float:
    """The weight that a schedule of alpha ends with."""
    ends = [value for key, value in row.items() if key.endswith((".constant", ".high"))]
    return ends[0] if ends else math.nan


def _leaves(path: str, value: Any) -> list[tuple[str, float]]:
    if isinstance(value, Mapping):
        return [leaf for key, item in value.items() for leaf in _leaves(f"{path}.{key}", item)]
    number = value if isinstance(value, int | float) and not isinstance(value, bool) else None
    return [] if number is None else [(path, float(number))]
