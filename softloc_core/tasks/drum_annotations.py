"""Annotation files of drum recordings: each reader gives the events and every problem it met."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from xml.parsers import expat

from softloc_core.errors import DataError
from softloc_core.tasks.sources import TimedClass

__all__ = ["DRUM_CHANNELS", "MDB_CLASSES", "read_idmt_annotation", "read_mdb_annotation"]

DRUM_CHANNELS = ("HH", "KD", "SD")
"""Hi-hat, kick drum, snare drum: the papers' three classes, in their order."""

MDB_CLASSES = (*DRUM_CHANNELS, "CY", "OT", "TT")
"""All classes of MDB Drums: also cymbals, others and toms, which the task leaves out."""


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


def read_idmt_annotation(path: Path, *, duration_s: float) -> tuple[list[TimedClass], list[DataError]]:
    """Events of an IDMT-SMT-Drums annotation: `event` elements with `onsetSec` and `instrument` (KD, SD, HH).

    Args:
        path: The XML file, its root `instrumentRecording` with a `transcription`.
        duration_s: Length of its recording in seconds; no event may lie beyond.

    Returns:
        Events in the file's order, and one error for each that cannot be used, or for the whole file.
    """
    reader = _IdmtReader()
    try:
        reader.read(path.read_bytes())
    except (OSError, expat.ExpatError) as error:
        return [], [DataError(f"an annotation must be well-formed XML, but got {path}: {error}")]
    if reader.elements[:1] != ["instrumentRecording"] or "transcription" not in reader.elements:
        found = ", ".join(dict.fromkeys(reader.elements))
        rule = "an annotation must be an instrumentRecording with a transcription"
        return [], [DataError(f"{rule}, but got the elements {found} in {path}")]
    events: list[TimedClass] = []
    problems: list[DataError] = []
    for line, content in reader.events:
        try:
            events.append(_idmt_event(content, where=f"{path}, line {line}", duration_s=duration_s))
        except DataError as problem:
            problems.append(problem)
    return events, problems


@dataclass
class _IdmtReader:
    """Reads elements with the lines they stand on, which ElementTree does not tell."""

    elements: list[str] = field(default_factory=list)
    events: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    _open: list[str] = field(default_factory=list)

    def read(self, content: bytes) -> None:
        """Fill `elements` (all names in order) and `events` (line and content of each)."""
        parser = expat.ParserCreate()

        def start(name: str, _attributes: dict[str, str]) -> None:
            self.elements.append(name)
            self._open.append(name)
            if name == "event":
                self.events.append((parser.CurrentLineNumber, {}))

        def text(data: str) -> None:
            if "event" in self._open[:-1]:
                values = self.events[-1][1]
                values[self._open[-1]] = values.get(self._open[-1], "") + data

        parser.StartElementHandler = start
        parser.CharacterDataHandler = text
        parser.EndElementHandler = lambda _name: self._open.pop()
        parser.Parse(content, True)


def _idmt_event(content: dict[str, str], *, where: str, duration_s: float) -> TimedClass:
    """One element's time and class."""
    for name in ("onsetSec", "instrument"):
        if not content.get(name, "").strip():
            raise DataError(f"an event must hold onsetSec and instrument, but got no {name} in {where}")
    time_s = validate_event_time(content["onsetSec"].strip(), where=where, duration_s=duration_s)
    return time_s, validate_class(content["instrument"].strip(), allowed=DRUM_CHANNELS, where=where)
