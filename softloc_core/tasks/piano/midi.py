"""Onsets of MIDI files, through the optional package mido."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from softloc_core.errors import ConfigError, DataError
from softloc_core.tasks.base import TimedClass
from softloc_core.tasks.piano.keys import HIGHEST_MIDI, LOWEST_MIDI, key_name

__all__ = ["read_midi_onsets"]


def read_midi_onsets(path: Path, *, duration_s: float) -> tuple[list[TimedClass], list[DataError]]:
    """Onsets of a MIDI file: every stroke of a key, whatever its track, in seconds by the file's tempi.

    Args:
        path: The file.
        duration_s: Length of its recording in seconds; no onset may lie beyond.

    Returns:
        Onsets by time, and one error for each that cannot be used, or for the whole file.

    Raises:
        ConfigError: mido is not installed.
    """
    mido = _mido()
    try:
        messages = list(mido.MidiFile(path))
    except (OSError, EOFError, ValueError, IndexError, KeyError, mido.KeySignatureError) as error:
        return [], [DataError(f"an annotation must be a MIDI file, but got {path}: {error or 'its end'}")]
    onsets: list[TimedClass] = []
    problems: list[DataError] = []
    time_s = 0.0
    for message in messages:
        time_s += message.time
        if message.type != "note_on" or not message.velocity:
            continue
        try:
            onsets.append((_checked_time(time_s, duration_s, path), _key(message.note, time_s, path)))
        except DataError as problem:
            problems.append(problem)
    return onsets, problems


def _mido() -> Any:
    """The package, if it is there."""
    try:
        return importlib.import_module("mido")
    except ImportError as error:
        rule = "reading MIDI needs the package mido"
        raise ConfigError(f"{rule}, but it is not installed: pip install mido") from error


def _checked_time(time_s: float, duration_s: float, path: Path) -> float:
    if time_s > duration_s:
        raise DataError(
            f"an event must lie within its recording, at most {duration_s:.6g} s, "
            f"but got {time_s:.6g} in {path}"
        )
    return time_s


def _key(midi: int, time_s: float, path: Path) -> str:
    if not LOWEST_MIDI <= midi <= HIGHEST_MIDI:
        raise DataError(
            f"a MIDI pitch must be a whole number from {LOWEST_MIDI} to {HIGHEST_MIDI}, "
            f"but got {midi} in {path}, at {time_s:.6g} s"
        )
    return key_name(midi)
