"""The points of an explicit design, listed in the study file or in a CSV or Parquet file next to it."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from softloc_core.errors import ConfigError
from sweeps.designs import Point
from sweeps.study.located_yaml import Located, parse_value
from sweeps.study.units import Duration

__all__ = ["MAX_BYTES", "MAX_POINTS", "parse_points"]

# A study stores all points in its study.yaml, which every reader of the results parses.
MAX_POINTS = 10_000
MAX_BYTES = 20_000_000
_SUFFIXES = (".csv", ".parquet")

Parse = Callable[[str, Located], Any]
"""Checks a value of a key and returns it as the study holds it."""


def parse_points(located: Located, *, study_file: str, parse: Parse) -> tuple[Point, ...]:
    """Return the points that a study file gives under `points`.

    A table has one column for each key. An empty cell leaves its key out of the point. Columns such as
    `label_noise_s` hold seconds without a unit. A table named in a study file must be in the folder of the
    study file or below it; a table named after `--set` may be anywhere.

    Args:
        located: A list of mappings, or the path of a .csv or .parquet file.
        study_file: Name of the study file in messages, which is its path if it has one.
        parse: Checks a value of a key and returns it as the study holds it.

    Raises:
        ConfigError: There are no points or too many, a point is listed twice, or the table cannot be read or
            is outside the study file's folder.
    """
    if isinstance(located.value, str):
        rows = _rows_of_file(located, _path(located, study_file=study_file))
    else:
        rows = ((item, dict(item.items())) for item in located.elements())
    points: dict[str, Point] = {}
    for item, row in rows:
        point = _point(row, parse)
        if repr(sorted(point.items())) in points:
            raise item.error("must list each point once (use `replicates` to repeat all points)")
        points[repr(sorted(point.items()))] = point
        if len(points) > MAX_POINTS:
            raise located.error(f"must list at most {MAX_POINTS} points", got="more")
    if not points:
        raise located.error("must list at least one point", got="none")
    return tuple(points.values())


def _point(row: Mapping[str, Located], parse: Parse) -> Point:
    """Return one point, without the keys of empty cells."""
    point = {}
    for key, item in row.items():
        if item.value is None or item.value == "":
            continue
        if key.endswith("_s") and "." not in key and isinstance(item.value, int | float):
            key = key.removesuffix("_s")
            item = Located(str(Duration(float(item.value), "s")), item.path, item.place)
        point[key] = parse(key, item)
    return point


def _path(located: Located, *, study_file: str) -> Path:
    """Return the path of a table, or raise if a study file names one outside its own folder."""
    path = Path(located.value)
    if path.suffix not in _SUFFIXES:
        raise located.error(f"must be a list of points or the path of a {' or '.join(_SUFFIXES)} file")
    if not located.place.startswith("--set"):
        folder = Path(study_file).resolve().parent
        path = (folder / path).resolve()
        if not path.is_relative_to(folder):
            raise located.error(f"must be in the study file's folder ({folder}) or below it")
    if not path.is_file():
        raise located.error("must be the path of an existing file")
    if path.stat().st_size > MAX_BYTES:
        raise located.error(
            f"must be at most {MAX_BYTES // 1_000_000} MB", got=f"{path.stat().st_size} bytes"
        )
    return path


def _rows_of_file(located: Located, path: Path) -> Iterator[tuple[Located, dict[str, Located]]]:
    """Yield the rows of a table as mappings from key to located value."""
    try:
        rows = _parquet_rows(path) if path.suffix == ".parquet" else _csv_rows(path)
    except (OSError, UnicodeDecodeError, csv.Error, pa.ArrowException) as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(f"`{located.path}` must be a readable table, but {path.name}: {reason}") from error
    for line, row in rows:
        place = f"{path.name}, row {line}"
        cells = {key: _cell(value, key=key, place=place) for key, value in row.items()}
        yield Located(cells, located.path, place), cells


def _csv_rows(path: Path) -> list[tuple[int, Mapping[str, Any]]]:
    """Return the rows of a CSV file with a header, each with its line number."""
    reader = csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig")), strict=True)
    rows: list[tuple[int, Mapping[str, Any]]] = []
    for row in reader:
        if None in row or None in row.values():
            raise csv.Error(f"row {reader.line_num} must have {len(reader.fieldnames or [])} cells")
        rows.append((reader.line_num, row))
    return rows


def _parquet_rows(path: Path) -> Iterable[tuple[int, Mapping[str, Any]]]:
    """Return the rows of a Parquet file, numbered from 1."""
    table = pq.read_table(path)
    return list(enumerate(table.to_pylist(), start=1))


def _cell(value: Any, *, key: str, place: str) -> Located:
    """Return the value of a cell: text is parsed as YAML, numbers stay unchanged."""
    path = f"points.{key}"
    if isinstance(value, str):
        return parse_value(value, path=path, place=place) if value.strip() else Located(None, path, place)
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return Located(None, path, place)
    if not isinstance(value, bool | int | float):
        raise Located(str(value), path, place).error("must be text or a number")
    return Located(value, path, place)
