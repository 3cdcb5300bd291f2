"""The points of an explicit design: listed in the study file, or in a CSV or Parquet file beside it."""

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
from sweeps.study.located_yaml import Located, parse_value
from sweeps.study.units import Duration

__all__ = ["MAX_POINTS", "parse_points"]

# Every point stands in the study's own copy of its file, which every reader of its results parses.
MAX_POINTS = 10_000
_MAX_BYTES = 20_000_000
_SUFFIXES = (".csv", ".parquet")

Point = dict[str, Any]
# From a key and a value as written to the value that the study keeps.
Parse = Callable[[str, Located], Any]


def parse_points(located: Located, *, study_file: str, parse: Parse) -> tuple[Point, ...]:
    """The points of a study file's `points`.

    A table has a column a key. An empty cell leaves the key out of that point; a column `label_noise_s` holds
    seconds without a unit. The file of a study file lies beside it or below; one after `--set` anywhere.

    Args:
        located: A list of mappings, or the path of a .csv or .parquet file.
        study_file: How messages call the study file: its path where it has one.
        parse: Turns a value of a key into what the study keeps.

    Raises:
        ConfigError: No points, too many, one listed twice, or a file that cannot be read or lies elsewhere.
    """
    if isinstance(located.value, str):
        rows = _rows_of_file(located, _path(located, study_file=study_file))
    else:
        rows = ((item, dict(item.items())) for item in located.elements())
    points: dict[str, Point] = {}
    for item, row in rows:
        point = _point(row, parse)
        if repr(sorted(point.items())) in points:
            raise item.error("must list each point once (`replicates` repeats them)")
        points[repr(sorted(point.items()))] = point
        if len(points) > MAX_POINTS:
            raise located.error(f"must list at most {MAX_POINTS} points", got="more")
    if not points:
        raise located.error("must list at least one point", got="none")
    return tuple(points.values())


def _point(row: Mapping[str, Located], parse: Parse) -> Point:
    """One point; empty cells give nothing."""
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
    """The file that is meant; a study file may name no other folder than its own."""
    path = Path(located.value)
    if path.suffix not in _SUFFIXES:
        raise located.error(f"must be a list of points or the path of a {' or '.join(_SUFFIXES)} file")
    if not located.place.startswith("--set"):
        folder = Path(study_file).resolve().parent
        path = (folder / path).resolve()
        if not path.is_relative_to(folder):
            raise located.error(f"must lie in the study file's folder ({folder}) or below")
    if not path.is_file():
        raise located.error("must be the path of a file that is there")
    if path.stat().st_size > _MAX_BYTES:
        raise located.error(
            f"must be at most {_MAX_BYTES // 1_000_000} MB", got=f"{path.stat().st_size} bytes"
        )
    return path


def _rows_of_file(located: Located, path: Path) -> Iterator[tuple[Located, dict[str, Located]]]:
    """Rows of a table as mappings of located values."""
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
    """Rows of a CSV file with a header, numbered as in an editor."""
    reader = csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig")), strict=True)
    rows: list[tuple[int, Mapping[str, Any]]] = []
    for row in reader:
        if None in row or None in row.values():
            raise csv.Error(f"row {reader.line_num} must have {len(reader.fieldnames or [])} cells")
        rows.append((reader.line_num, row))
    return rows


def _parquet_rows(path: Path) -> Iterable[tuple[int, Mapping[str, Any]]]:
    """Rows of a Parquet file, from 1."""
    table = pq.read_table(path)
    return list(enumerate(table.to_pylist(), start=1))


def _cell(value: Any, *, key: str, place: str) -> Located:
    """A cell: text as YAML reads it, numbers as they are."""
    path = f"points.{key}"
    if isinstance(value, str):
        return parse_value(value, path=path, place=place) if value.strip() else Located(None, path, place)
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return Located(None, path, place)
    if not isinstance(value, bool | int | float):
        raise Located(str(value), path, place).error("must be a text or a number")
    return Located(value, path, place)
