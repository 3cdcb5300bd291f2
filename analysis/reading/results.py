"""A study's Parquet as tables: loading, the schema's version, filters.

A study folder holds `study.yaml`, `trials/*.parquet`, `events/*.parquet`, `references/*.parquet` and
`history/*.parquet`; it may lie on any filesystem pyarrow opens (`s3://...`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from pyarrow import fs

from analysis.errors import AnalysisError

__all__ = [
    "SCHEMA_VERSION",
    "StoredStudy",
    "first_error",
    "load_results",
    "load_table",
    "require_columns",
    "stopped_note",
]

SCHEMA_VERSION = 3
_KEYS = {"events": "trial_id", "history": "trial_id", "references": "data_fingerprint"}
_REQUIRED = ("trial_id", "status", "loss", "f1", "schema_version")


@dataclass(frozen=True, eq=False)
class StoredStudy:
    """The trials of a study and how it was written.

    Attributes:
        location: Folder or address it was read from.
        name: The study's name.
        trials: One row a trial, in order of `trial_id`; a trial that failed and was completed later counts as
            completed. The entries of `measures` stand as columns too.
        definition: `study.yaml` as resolved; empty where the folder has none.
        with_stopped: Whether trials that were stopped early count as completed, with what they reached.
    """

    location: str
    name: str
    trials: pd.DataFrame
    definition: Mapping[str, Any]
    with_stopped: bool = False

    @property
    def completed(self) -> pd.DataFrame:
        """The completed trials, and the stopped ones where they count."""
        counted = ["completed", "stopped"] if self.with_stopped else ["completed"]
        return self.trials[self.trials["status"].isin(counted)].reset_index(drop=True)

    @property
    def stopped(self) -> pd.DataFrame:
        """The trials that were stopped early."""
        return self.trials[self.trials["status"] == "stopped"].reset_index(drop=True)

    @property
    def failed(self) -> pd.DataFrame:
        """The failed trials."""
        return self.trials[self.trials["status"] == "failed"].reset_index(drop=True)

    def where(self, **values: Any) -> StoredStudy:
        """The same study with only the trials whose columns hold these values.

        Raises:
            AnalysisError: A column that is not there, or no trial left; what the column holds is listed.
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
        """The same study with the trials that a boolean column of them chooses."""
        return replace(self, trials=self.trials[chosen].reset_index(drop=True))

    def scored(self, metric: str) -> pd.DataFrame:
        """The completed trials, all with a finite value of `metric`: a column, or `f1.CLASS`.

        Raises:
            AnalysisError: No completed trial, no such column or class, or a value that is no number.
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


def _with_class_scores(trials: pd.DataFrame, metric: str) -> pd.DataFrame:
    """The trials with a column for `f1.CLASS`, where that is the metric.

    Raises:
        AnalysisError: A class that no trial was scored on.
    """
    head, _, name = metric.partition(".")
    if metric in trials or head != "f1" or not name or "f1_per_class" not in trials:
        return trials
    scores = [dict(one) if isinstance(one, Mapping) else {} for one in trials["f1_per_class"]]
    names = sorted({known for one in scores for known in one})
    if scores and name not in names:
        raise AnalysisError(f"`{metric}` must name a class, one of {', '.join(names)}, but got {name}")
    return trials.assign(**{metric: [one.get(name, np.nan) for one in scores]})


def stopped_note(study: StoredStudy) -> str | None:
    """What a reader must know of trials that were stopped early, or None where there are none."""
    number = len(study.stopped)
    if not number:
        return None
    trials = f"{number} trial{'s' if number > 1 else ''} stopped early"
    if study.with_stopped:
        return f"{trials}: counted with what they reached"
    return f"{trials}: left out (--with-stopped counts them)"


def first_error(failed: pd.DataFrame) -> str:
    """First line of the first failed trial's error."""
    texts = [str(text) for text in failed.get("error", pd.Series(dtype=str)).dropna()]
    return texts[0].strip().splitlines()[0][:160] if texts and texts[0].strip() else "not recorded"


def load_results(location: str | Path, *, with_stopped: bool = False) -> StoredStudy:
    """Read a study's trials and its definition.

    Args:
        location: The study's folder, or an address that pyarrow opens.
        with_stopped: Whether trials that were stopped early count, with what they reached.

    Raises:
        AnalysisError: No such folder, no trials, a part that cannot be read, missing columns, or a schema
            that is newer than this package.
    """
    trials = load_table(location, "trials")
    if trials.empty:
        raise AnalysisError(f"a study must hold at least one trial, but {location} has none")
    require_columns(trials, _REQUIRED)
    _validate_version(trials, location)
    definition = _definition(location)
    name = str(trials["study"].iloc[0]) if "study" in trials else str(definition.get("name", ""))
    trials = _with_measures(_one_row_a_trial(trials))
    return StoredStudy(str(location), name, trials, definition, with_stopped)


def load_table(location: str | Path, table: str) -> pd.DataFrame:
    """All parts of one table of a study (`trials`, `events`, `references`, `history`), one below the other.

    What a part holds of a trial (of a data set, for `references`) counts once: a compacted part may lie
    beside those it was made from. Rows of `trials` are told apart by `load_results`, as a trial may fail,
    then complete.

    Raises:
        AnalysisError: No such folder or table, or a part that cannot be read.
    """
    filesystem, base = _open(location)
    selector = fs.FileSelector(f"{base}/{table}", allow_not_found=True)
    names = sorted(info.path for info in filesystem.get_file_info(selector) if _is_part(info))
    if not names:
        raise AnalysisError(f"a study must hold {table}/*.parquet, but {location} has none")
    parts = [part for name in names if (part := _read_part(filesystem, name)) is not None]
    if not parts:
        raise AnalysisError(f"a study must hold {table}/*.parquet, but those of {location} were taken away")
    whole = pa.concat_tables(parts, promote_options="permissive")
    frame: pd.DataFrame = whole.to_pandas(maps_as_pydicts="strict")
    key = _KEYS.get(table)
    if key is None or key not in frame:
        return frame
    part = np.repeat(np.arange(len(parts)), [len(one) for one in parts])
    first = pd.Series(part).groupby(frame[key].to_numpy()).transform("min")
    kept: pd.DataFrame = frame[part == first.to_numpy()]
    return kept.reset_index(drop=True)


def require_columns(frame: pd.DataFrame, columns: Iterable[str]) -> None:
    """Refuse a table that lacks any of `columns`.

    Raises:
        AnalysisError: The missing columns and those that are there.
    """
    missing = [column for column in columns if column not in frame]
    if missing:
        found = ", ".join(map(str, frame.columns))
        raise AnalysisError(f"the trials must have the columns {', '.join(missing)}, but have {found}")


def _open(location: str | Path) -> tuple[fs.FileSystem, str]:
    """Filesystem and path of a study that exists."""
    text = str(location)
    try:
        if "://" in text:
            filesystem, base = fs.FileSystem.from_uri(text)
        else:
            filesystem, base = fs.LocalFileSystem(), str(Path(text).expanduser().resolve())
        kind = filesystem.get_file_info(base).type
    except (OSError, ValueError) as error:
        raise AnalysisError(
            f"the study {text} must be readable, but: {str(error).splitlines()[0]}"
        ) from error
    if kind != fs.FileType.Directory:
        raise AnalysisError(f"a study is a folder with trials/*.parquet, but {text} is no folder")
    return filesystem, base.rstrip("/")


def _is_part(info: fs.FileInfo) -> bool:
    """Whether a file is a finished part: the store writes under another name and renames."""
    return bool(info.is_file and info.base_name.endswith(".parquet") and info.base_name[0] not in "._")


def _read_part(filesystem: fs.FileSystem, name: str) -> pa.Table | None:
    """One part, read in one go, for a driver may replace it meanwhile; None where it was taken away."""
    try:
        with filesystem.open_input_file(name) as source:
            content = source.read()
        # Not read_table, which makes a data set of one file first.
        return pq.ParquetFile(pa.BufferReader(content)).read(use_threads=False)
    except FileNotFoundError:
        return None
    except (pa.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0]
        raise AnalysisError(
            f"every part of a study must be readable Parquet, but {name} is not: {reason}"
        ) from error


def _definition(location: str | Path) -> Mapping[str, Any]:
    """`study.yaml`, or nothing where there is none."""
    filesystem, base = _open(location)
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
    """Refuse trials written by a later package."""
    newest = int(trials["schema_version"].max())
    if newest > SCHEMA_VERSION:
        raise AnalysisError(
            f"the trials' schema must be version {SCHEMA_VERSION} or older, but {location} has version "
            f"{newest}: update softloc"
        )


def _with_measures(trials: pd.DataFrame) -> pd.DataFrame:
    """Each of a task's further measures as a column of its own, beside `measures`; NaN where it is not."""
    if "measures" not in trials:
        return trials
    each = [measures if isinstance(measures, Mapping) else {} for measures in trials["measures"]]
    names = sorted({name for measures in each for name in measures} - set(trials.columns))
    columns = {name: [float(measures.get(name, np.nan)) for measures in each] for name in names}
    return trials.assign(**columns)


def _one_row_a_trial(trials: pd.DataFrame) -> pd.DataFrame:
    """Each trial once, the completed row where there is one, else the latest; in order of `trial_id`."""
    order = trials.assign(_done=trials["status"] == "completed")
    keys = ["trial_id", "_done"] + (["started_at"] if "started_at" in trials else [])
    order = order.sort_values(keys, kind="stable").drop_duplicates("trial_id", keep="last")
    return order.drop(columns="_done").reset_index(drop=True)
