"""The swept parameters of a study as axes: which columns vary, their shown unit, their range."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from analysis.regression import Array
from analysis.results import AnalysisError, Study

__all__ = [
    "CATEGORIES",
    "LABEL_NOISE",
    "SOFTNESS",
    "Axis",
    "axis_of",
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
    *("initial_empty_prob", "iterations", "batch_size", "excerpt_s"),
)
_OPTIONS = ("alpha", "loss_options", "noise_options")
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
    """

    column: str
    label: str
    unit: str
    factor: float
    low: float
    high: float

    @property
    def title(self) -> str:
        """Label with unit, as under a figure."""
        return f"{self.label} ({self.unit})" if self.unit else self.label

    def shown(self, trials: pd.DataFrame) -> Array:
        """The trials' values in the shown unit."""
        return trials[self.column].to_numpy(dtype=np.float64) * self.factor

    def lattice(self, n: int) -> Array:
        """`n` evenly spaced values over the range."""
        return np.linspace(self.low, self.high, n)


def uses_softness(loss: str) -> bool:
    """Whether the loss of that name depends on the softness at all."""
    return loss not in _LOSSES_WITHOUT_SOFTNESS


def with_option_columns(trials: pd.DataFrame) -> pd.DataFrame:
    """The trials with one more column for every number inside `alpha`, `loss_options` and `noise_options`."""
    columns = {}
    for name in _OPTIONS:
        if name in trials:
            for key, values in _flattened(name, trials[name]).items():
                columns[key] = values
    return trials.assign(**columns) if columns else trials


def swept_axes(study: Study, trials: pd.DataFrame) -> tuple[Axis, ...]:
    """The numeric parameters that take more than one finite value, softness and label noise first."""
    columns = [str(column) for column in trials.columns]
    options = [column for column in columns if column.split(".")[0] in _OPTIONS and "." in column]
    names = [name for name in (*_NUMERIC, *sorted(options)) if name in trials and _varies(trials[name])]
    return tuple(axis_of(study, trials, name) for name in names)


def varied_columns(study: Study, trials: pd.DataFrame) -> dict[str, pd.Series]:
    """The swept parameters by their shown names: numbers in shown units, categories as text."""
    numbers = {
        axis.title: pd.Series(axis.shown(trials), index=trials.index) for axis in swept_axes(study, trials)
    }
    named = {name: trials[name].astype(str) for name in CATEGORIES if name in trials}
    return numbers | {name: values for name, values in named.items() if values.nunique() > 1}


def axis_of(study: Study, trials: pd.DataFrame, column: str) -> Axis:
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
    low, high = _stated_range(study.definition, column) or (math.inf, -math.inf)
    if low > values.min() + 1e-12 or high < values.max() - 1e-12:
        low, high = _rounded_outwards(values.min() * factor, values.max() * factor)
        low, high = low / factor, high / factor
    label = column.removesuffix("_s").replace("_", " ").replace(".", " ")
    return Axis(column=column, label=label, unit=unit, factor=factor, low=low * factor, high=high * factor)


def _varies(values: pd.Series) -> bool:
    numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
    finite = numbers[np.isfinite(numbers)]
    return len(finite) > 0 and bool(finite.min() < finite.max())


def _stated_range(definition: Mapping[str, Any], column: str) -> tuple[float, float] | None:
    """Ends of the parameter's range in the study file, in the column's unit."""
    space = definition.get("space", {})
    stated = space.get(column.removesuffix("_s"), space.get(column)) if isinstance(space, Mapping) else None
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
    keys = sorted({key for row in rows for key in row})
    return {key: np.array([row.get(key, np.nan) for row in rows], dtype=np.float64) for key in keys}


def _leaves(path: str, value: Any) -> list[tuple[str, float]]:
    if isinstance(value, Mapping):
        return [leaf for key, item in value.items() for leaf in _leaves(f"{path}.{key}", item)]
    number = value if isinstance(value, int | float) and not isinstance(value, bool) else None
    return [] if number is None else [(path, float(number))]
