"""Annotation files of drum recordings: each reader gives the events and every problem it met."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from xml.parsers import expat

from softloc_core.errors import DataError
from softloc_core.tasks.base import TimedClass, collect, read_lines, validate_class, validate_event_time

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
    return read_lines(path, _mdb_event, duration_s=duration_s)


def _mdb_event(line: str, *, where: str, duration_s: float) -> TimedClass:
    """One line's time and class."""
    fields = line.split()
    if len(fields) != 2:
        raise DataError(f"a line must hold seconds and a class, but got {line.strip()!r} in {where}")
    time_s = validate_event_time(fields[0], where=where, duration_s=duration_s)
    return time_s, validate_class(fields[1], allowed=MDB_CLASSES, where=where)


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
    return collect(
        reader.events,
        lambda event: _idmt_event(event[1], where=f"{path}, line {event[0]}", duration_s=duration_s),
    )


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
