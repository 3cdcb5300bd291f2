"""The stored results of a study: its trials, its definition, and which trials count.

A study folder holds `study.yaml`, `trials/*.parquet`, `events/*.parquet`, `references/*.parquet` and
`history/*.parquet`. It may be on any filesystem that pyarrow opens (`s3://...`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from pyarrow import fs

from analysis.errors import AnalysisError
from analysis.labels import metric_label
from analysis.reading.columns import SCHEMA_VERSION, StoredSchema, TaskScore, read_schema, task_score
from analysis.reading.parts import frame_of, load_parts, open_study

__all__ = ["StoredStudy", "first_error", "load_results", "require_columns", "stopped_note"]

_REQUIRED = ("trial_id", "status", "loss", "f1", "schema_version")


@dataclass(frozen=True, eq=False)
class StoredStudy:
    """The trials of a study and its definition.

    Attributes:
        location: Folder or address the study was read from.
        name: The study's name.
        trials: One row per trial, in order of `trial_id`. A trial that failed and was completed later counts
            as completed. The entries of `measures` are columns as well.
        definition: The resolved `study.yaml`; empty if the folder has none.
        with_stopped: Whether trials that stopped early count as completed, with the scores they reached.
        schema: What is known about the columns and losses.
    """

    location: str
    name: str
    trials: pd.DataFrame
    definition: Mapping[str, Any]
    with_stopped: bool = False
    schema: StoredSchema = field(default_factory=StoredSchema)

    @cached_property
    def score(self) -> TaskScore:
        """What the column `f1` is in this study, and its unit of time."""
        return task_score(self.trials)

    def label(self, metric: str) -> str:
        """Return the display name of a metric."""
        return metric_label(metric, score=self.score.name)

    @property
    def completed(self) -> pd.DataFrame:
        """The completed trials, including those that stopped early if they count."""
        counted = ["completed", "stopped"] if self.with_stopped else ["completed"]
        return self.trials[self.trials["status"].isin(counted)].reset_index(drop=True)

    @property
    def stopped(self) -> pd.DataFrame:
        """The trials that stopped early."""
        return self.trials[self.trials["status"] == "stopped"].reset_index(drop=True)

    @property
    def failed(self) -> pd.DataFrame:
        """The failed trials."""
        return self.trials[self.trials["status"] == "failed"].reset_index(drop=True)

    def where(self, **values: Any) -> StoredStudy:
        """Return the study with only the trials whose columns have these values.

        Raises:
            AnalysisError: A column does not exist, or no trial has the value. The message lists the values.
        """
        trials = self.trials
        for column, value in values.items():
            require_columns(trials, [column])
            kept = trials[trials[column] == value]
            if kept.empty:
                found = ", ".join(map(str, sorted(trials[column].dropna().unique())[:12]))
                raise AnalysisError(f"`{column}` must be one of {found}, but got {value} for {self.location}")
            trials = kept
        return replace(self, trials=trials.reset_index(drop=True))

    def keep(self, chosen: pd.Series) -> StoredStudy:
        """Return the study with only the trials that a boolean column selects."""
        return replace(self, trials=self.trials[chosen].reset_index(drop=True))

    def scored(self, metric: str) -> pd.DataFrame:
        """Return the completed trials, which all have a finite value of `metric`.

        Args:
            metric: A numeric column, or `f1.CLASS` for the F1 of one class.

        Raises:
            AnalysisError: No trial completed, the column or class does not exist, or a value is not finite.
        """
        completed = _with_class_scores(self.completed, metric)
        require_columns(completed, [metric])
        if completed.empty:
            reason = f"; the first error: {first_error(self.failed)}" if len(self.failed) else ""
            stopped = f", {len(self.stopped)} stopped early (--with-stopped)" if len(self.stopped) else ""
            raise AnalysisError(
                f"a study must hold at least one completed trial, but {self.location} has {len(self.failed)} "
                f"failed{stopped} and none completed{reason}"
            )
        values = pd.to_numeric(completed[metric], errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
        if not np.isfinite(values).all():
            bad = completed["trial_id"][~np.isfinite(values)]
            raise AnalysisError(
                f"`{metric}` of every completed trial must be a finite number, but {len(bad)} of "
                f"{len(completed)} are not (trial {bad.iloc[0]} of {self.location})"
            )
        return completed.assign(**{metric: values})


def load_results(location: str | Path, *, with_stopped: bool = False) -> StoredStudy:
    """Load the trials and the definition of a study.

    Args:
        location: The study's folder, or an address that pyarrow opens.
        with_stopped: Whether trials that stopped early count as completed, with the scores they reached.

    Returns:
        The study. `study.trials` and `study.completed` are data frames with one row per trial.

    Raises:
        AnalysisError: The folder does not exist, has no trials or lacks columns, a part cannot be read, or
            the schema is newer than this package.
    """
    parts = load_parts(location, "trials")
    trials = frame_of(parts, "trials")
    if trials.empty:
        raise AnalysisError(f"a study must hold at least one trial, but {location} has none")
    require_columns(trials, _REQUIRED)
    _validate_version(trials, location)
    definition = _definition(location)
    name = str(trials["study"].iloc[0]) if "study" in trials else str(definition.get("name", ""))
    trials = _with_measures(_one_row_per_trial(trials))
    schema = read_schema(part.schema for part in parts)
    return StoredStudy(str(location), name, trials, definition, with_stopped, schema)


def stopped_note(study: StoredStudy) -> str | None:
    """Return a note about trials that stopped early, or None if there are none."""
    number = len(study.stopped)
    if not number:
        return None
    trials = f"{number} trial{'s' if number > 1 else ''} stopped early"
    if study.with_stopped:
        return f"{trials} and count with the scores they reached"
    return f"{trials} and are left out (--with-stopped includes them)"


def first_error(failed: pd.DataFrame) -> str:
    """Return the first line of the first failed trial's error."""
    texts = [str(text) for text in failed.get("error", pd.Series(dtype=str)).dropna()]
    return texts[0].strip().splitlines()[0][:160] if texts and texts[0].strip() else "not recorded"


def require_columns(frame: pd.DataFrame, columns: Iterable[str]) -> None:
    """Raise if a table lacks any of `columns`.

    Raises:
        AnalysisError: The message lists the missing columns and the existing ones.
    """
    missing = [column for column in columns if column not in frame]
    if missing:
        found = ", ".join(map(str, frame.columns))
        raise AnalysisError(f"the trials must have the columns {', '.join(missing)}, but have {found}")


def _with_class_scores(trials: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Return the trials with a column for `f1.CLASS`, if that is the metric.

    Raises:
        AnalysisError: No trial was scored on this class.
    """
    head, _, name = metric.partition(".")
    if metric in trials or head != "f1" or not name or "f1_per_class" not in trials:
        return trials
    scores = [dict(one) if isinstance(one, Mapping) else {} for one in trials["f1_per_class"]]
    names = sorted({known for one in scores for known in one})
    if scores and name not in names:
        raise AnalysisError(f"`{metric}` must name a class, one of {', '.join(names)}, but got {name}")
    return trials.assign(**{metric: [one.get(name, np.nan) for one in scores]})


def _definition(location: str | Path) -> Mapping[str, Any]:
    """Return `study.yaml`, or an empty mapping if there is none."""
    filesystem, base = open_study(location)
    if filesystem.get_file_info(f"{base}/study.yaml").type != fs.FileType.File:
        return {}
    with filesystem.open_input_stream(f"{base}/study.yaml") as source:
        try:
            definition = yaml.safe_load(source.read().decode())
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            reason = " ".join(str(error).split())[:160]
            raise AnalysisError(f"study.yaml must be valid YAML, but in {location}: {reason}") from error
    return definition if isinstance(definition, Mapping) else {}


def _validate_version(trials: pd.DataFrame, location: str | Path) -> None:
    """Raise if a newer package wrote the trials."""
    newest = int(trials["schema_version"].max())
    if newest > SCHEMA_VERSION:
        raise AnalysisError(
            f"the trials' schema must be version {SCHEMA_VERSION} or older, but {location} has version "
            f"{newest}: update softloc"
        )


def _with_measures(trials: pd.DataFrame) -> pd.DataFrame:
    """Return the trials with a column for each entry of `measures`; NaN where a trial lacks it."""
    if "measures" not in trials:
        return trials
    each = [measures if isinstance(measures, Mapping) else {} for measures in trials["measures"]]
    names = sorted({name for measures in each for name in measures} - set(trials.columns))
    columns = {name: [float(measures.get(name, np.nan)) for measures in each] for name in names}
    return trials.assign(**columns)


def _one_row_per_trial(trials: pd.DataFrame) -> pd.DataFrame:
    """Return each trial once, by `trial_id`: its completed row if there is one, otherwise the latest row."""
    order = trials.assign(_done=trials["status"] == "completed")
    keys = ["trial_id", "_done"] + (["started_at"] if "started_at" in trials else [])
    order = order.sort_values(keys, kind="stable").drop_duplicates("trial_id", keep="last")
    return order.drop(columns="_done").reset_index(drop=True)
