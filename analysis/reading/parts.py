"""The Parquet parts of a study's tables, read from any filesystem that pyarrow opens (`s3://...`)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs

from analysis.errors import AnalysisError

__all__ = ["frame_of", "is_part", "load_parts", "load_table", "open_study"]

_KEYS = {
    "events": "trial_id",
    "history": "trial_id",
    "references": "data_fingerprint",
    "scores": "trial_id",
}


def load_table(location: str | Path, table: str) -> pd.DataFrame:
    """Return all parts of one table of a study (`trials`, `events`, `scores`, ...) as one frame.

    The rows of one trial (of one data set, for `references`) are taken from one part only, because a
    compacted part may exist next to the parts it was made from. Rows of `trials` are not deduplicated here:
    `load_results` does that, because a trial may fail first and complete later.

    Raises:
        AnalysisError: The folder or table does not exist, or a part cannot be read.
    """
    return frame_of(load_parts(location, table), table)


def load_parts(location: str | Path, table: str) -> list[pa.Table]:
    """Return the parts of a table of a study.

    Raises:
        AnalysisError: The folder or table does not exist, or a part cannot be read.
    """
    filesystem, base = open_study(location)
    selector = fs.FileSelector(f"{base}/{table}", allow_not_found=True)
    names = sorted(info.path for info in filesystem.get_file_info(selector) if is_part(info))
    if not names:
        raise AnalysisError(f"a study must hold {table}/*.parquet, but {location} has none")
    parts = [part for name in names if (part := _read_part(filesystem, name)) is not None]
    if not parts:
        raise AnalysisError(f"a study must hold {table}/*.parquet, but those of {location} were removed")
    return parts


def frame_of(parts: list[pa.Table], table: str) -> pd.DataFrame:
    """Return the parts of a table as one frame; see `load_table`."""
    whole = pa.concat_tables(parts, promote_options="permissive")
    frame: pd.DataFrame = whole.to_pandas(maps_as_pydicts="strict")
    key = _KEYS.get(table)
    if key is None or key not in frame:
        return frame
    part = np.repeat(np.arange(len(parts)), [len(one) for one in parts])
    first = pd.Series(part).groupby(frame[key].to_numpy()).transform("min")
    kept: pd.DataFrame = frame[part == first.to_numpy()]
    return kept.reset_index(drop=True)


def open_study(location: str | Path) -> tuple[fs.FileSystem, str]:
    """Return the filesystem and path of a study.

    Raises:
        AnalysisError: The location cannot be read or is not a folder.
    """
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
        raise AnalysisError(f"a study is a folder with trials/*.parquet, but {text} is not a folder")
    return filesystem, base.rstrip("/")


def is_part(info: fs.FileInfo) -> bool:
    """Return whether a file is a finished part. The store writes under another name and renames."""
    return bool(info.is_file and info.base_name.endswith(".parquet") and info.base_name[0] not in "._")


def _read_part(filesystem: fs.FileSystem, name: str) -> pa.Table | None:
    """Return one part, or None if it was removed. It is read at once, because a driver may replace it."""
    try:
        with filesystem.open_input_file(name) as source:
            content = source.read()
        # Not read_table, which builds a data set of one file first.
        return pq.ParquetFile(pa.BufferReader(content)).read(use_threads=False)
    except FileNotFoundError:
        return None
    except (pa.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0]
        raise AnalysisError(
            f"every part of a study must be readable Parquet, but {name} is not: {reason}"
        ) from error
