"""Annotation files of piano recordings: each reader gives the onsets and every problem it met."""

from __future__ import annotations

import math
from pathlib import Path

from softloc_core.errors import DataError
from softloc_core.tasks.drum_annotations import validate_event_time
from softloc_core.tasks.piano_keys import HIGHEST_MIDI, LOWEST_MIDI, key_name
from softloc_core.tasks.sources import TimedClass

__all__ = ["read_maps_annotation"]

_N_FIELDS = 3


def read_maps_annotation(path: Path, *, duration_s: float) -> tuple[list[TimedClass], list[DataError]]:
    """Onsets of a MAPS annotation: a header line, then onset, offset, MIDI pitch; blank lines are skipped.

    Args:
        path: The text file.
        duration_s: Length of its recording in seconds; no onset may lie beyond.

    Returns:
        Onsets of all keys in the file's order, and one error for each line that cannot be used.
    """
    try:
        header, *lines = path.read_text(encoding="utf-8").splitlines() or [""]
    except (OSError, UnicodeDecodeError) as error:
        return [], [DataError(f"an annotation must be a text file, but got {path}: {error}")]
    if header.split() != ["OnsetTime", "OffsetTime", "MidiPitch"]:
        rule = "an annotation must begin with the header OnsetTime, OffsetTime, MidiPitch"
        return [], [DataError(f"{rule}, but got {header.strip()!r} in {path}, line 1")]
    onsets: list[TimedClass] = []
    problems: list[DataError] = []
    for number, line in enumerate(lines, start=2):
        if not line.strip():
            continue
        try:
            onsets.append(_maps_onset(line, where=f"{path}, line {number}", duration_s=duration_s))
        except DataError as problem:
            problems.append(problem)
    return onsets, problems


def _maps_onset(line: str, *, where: str, duration_s: float) -> TimedClass:
    """One line's onset and key."""
    fields = line.split()
    if len(fields) != _N_FIELDS:
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
