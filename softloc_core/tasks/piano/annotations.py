"""Annotation files of piano recordings: each reader gives the onsets and every problem it met."""

from __future__ import annotations

import math
from pathlib import Path

from softloc_core.errors import DataError
from softloc_core.tasks.base import TimedClass, read_lines, validate_event_time
from softloc_core.tasks.piano.keys import HIGHEST_MIDI, LOWEST_MIDI, key_name

__all__ = ["read_maps_annotation"]

_HEADER = ("OnsetTime", "OffsetTime", "MidiPitch")


def read_maps_annotation(path: Path, *, duration_s: float) -> tuple[list[TimedClass], list[DataError]]:
    """Onsets of a MAPS annotation: a header line, then onset, offset, MIDI pitch; blank lines are skipped.

    Args:
        path: The text file.
        duration_s: Length of its recording in seconds; no onset may lie beyond.

    Returns:
        Onsets of all keys in the file's order, and one error for each line that cannot be used.
    """
    return read_lines(path, _maps_onset, duration_s=duration_s, header=_HEADER)


def _maps_onset(line: str, *, where: str, duration_s: float) -> TimedClass:
    """One line's onset and key."""
    fields = line.split()
    if len(fields) != len(_HEADER):
        raise DataError(f"a line must hold onset, offset and MIDI pitch, but got {line.strip()!r} in {where}")
    onset_s = validate_event_time(fields[0], where=where, duration_s=duration_s)
    # Releases are no part of the task; one before its onset tells of columns that were exchanged.
    if validate_event_time(fields[1], where=where, duration_s=math.inf) < onset_s:
        raise DataError(f"an offset must not be before its onset {fields[0]}, but got {fields[1]} in {where}")
    return onset_s, key_name(_midi(fields[2], where=where))


def _midi(text: str, *, where: str) -> int:
    """A key's MIDI number."""
    if not text.isascii() or not text.isdigit() or not LOWEST_MIDI <= int(text) <= HIGHEST_MIDI:
        raise DataError(
            f"a MIDI pitch must be a whole number from {LOWEST_MIDI} to {HIGHEST_MIDI}, "
            f"but got {text} in {where}"
        )
    return int(text)
