"""Readers for text annotations with one event per line, which report every problem by file and line."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Protocol

from softloc_core.errors import DataError
from softloc_core.tasks.base.sources import TimedClass, collect

__all__ = ["ReadLine", "read_lines", "validate_class", "validate_event_time"]


class ReadLine(Protocol):
    """Reads one line of a data set's annotations."""

    def __call__(self, line: str, *, where: str, duration_s: float) -> TimedClass:
        """Return the event on the line.

        Raises:
            DataError: The line cannot be used. The message ends with `where`.
        """
        ...


def read_lines(
    path: Path, read: ReadLine, *, duration_s: float, header: tuple[str, ...] = ()
) -> tuple[list[TimedClass], list[DataError]]:
    """Read the events of a text file with one event per line. Blank lines are skipped.

    Args:
        path: The text file.
        read: Reads a line.
        duration_s: Length of the recording in seconds. Later events are errors.
        header: Words that the first line must consist of. If empty, the file has no header.

    Returns:
        The events in the order of the file, and one error for each line that cannot be used or for the whole
        file.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        return [], [DataError(f"an annotation must be a text file, but got {path}: {error}")]
    numbered = list(enumerate(lines or [""], start=1))
    if header:
        first = numbered.pop(0)[1]
        if first.split() != list(header):
            rule = f"an annotation must start with the header {', '.join(header)}"
            return [], [DataError(f"{rule}, but got {first.strip()!r} in {path}, line 1")]
    return collect(
        ((number, line) for number, line in numbered if line.strip()),
        lambda entry: read(entry[1], where=f"{path}, line {entry[0]}", duration_s=duration_s),
    )


def validate_event_time(text: str, *, where: str, duration_s: float) -> float:
    """Return the time that `text` contains, in seconds.

    Raises:
        DataError: The text is not a number, or the time is negative or after the end of the recording.
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
    """Return the class name if it is allowed.

    Raises:
        DataError: The name is not one of `allowed`.
    """
    if name not in allowed:
        raise DataError(f"an event's class must be one of {', '.join(allowed)}, but got {name} in {where}")
    return name
