"""Annotation files of drum recordings: each reader gives the events and every problem it met."""

from __future__ import annotations

import math
from pathlib import Path

from softloc_core.errors import DataError

__all__ = ["DRUM_CHANNELS", "MDB_CLASSES", "TimedClass", "read_mdb_annotation"]

DRUM_CHANNELS = ("HH", "KD", "SD")
"""Hi-hat, kick drum, snare drum: the papers' three classes, in their order."""

MDB_CLASSES = (*DRUM_CHANNELS, "CY", "OT", "TT")
"""All classes of MDB Drums: also cymbals, others and toms, which the task leaves out."""

TimedClass = tuple[float, str]


def read_mdb_annotation(path: Path, *, duration_s: float) -> tuple[list[TimedClass], list[DataError]]:
    """Events of an MDB Drums class annotation, `seconds <tab> class` a line; blank lines are skipped.

    Args:
        path: The text file.
        duration_s: Length of its recording in seconds; no event may lie beyond.

    Returns:
        Events of all six classes in the file's order, and one error for each line that cannot be used.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        return [], [DataError(f"an annotation must be a text file, but got {path}: {error}")]
    events: list[TimedClass] = []
    problems: list[DataError] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            events.append(_mdb_event(line, where=f"{path}, line {number}", duration_s=duration_s))
        except DataError as problem:
            problems.append(problem)
    return events, problems


def _mdb_event(line: str, *, where: str, duration_s: float) -> TimedClass:
    """One line's time and class."""
    fields = line.split()
    if len(fields) != 2:
        raise DataError(f"a line must hold seconds and a class, but got {line.strip()!r} in {where}")
    time_s = validate_event_time(fields[0], where=where, duration_s=duration_s)
    return time_s, validate_class(fields[1], allowed=MDB_CLASSES, where=where)


def validate_event_time(text: str, *, where: str, duration_s: float) -> float:
    """The time that `text` holds, in seconds.

    Raises:
        DataError: It is no number, negative, or after the recording's end.
    """
    try:
        time_s = float(text)
    except ValueError as error:
        raise DataError(
            f"an event's time must be a number of seconds, but got {text!r} in {where}"
        ) from error
    if not math.isfinite(time_s):
        raise DataError(f"an event's time must be finite, but got {text} in {where}")
    if time_s < 0:
        raise DataError(f"an event's time must be at least 0 s, but got {text} in {where}")
    if time_s > duration_s:
        raise DataError(
            f"an event must lie within its recording, at most {duration_s:.6g} s, but got {text} in {where}"
        )
    return time_s


def validate_class(name: str, *, allowed: tuple[str, ...], where: str) -> str:
    """The class, if it is one.

    Raises:
        DataError: It is none of `allowed`.
    """
    if name not in allowed:
        raise DataError(f"an event's class must be one of {', '.join(allowed)}, but got {name} in {where}")
    return name
