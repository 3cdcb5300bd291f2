"""MAESTRO: recordings of competition performances with the MIDI data of the piano."""

from __future__ import annotations

import csv
import importlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from softloc_core.errors import ConfigError, DataError
from softloc_core.features import AudioFile
from softloc_core.tasks.base import (
    AudioRecording,
    DataRequest,
    Scan,
    SourceInfo,
    SplitNames,
    TimedClass,
    checked_split,
    named_events,
    scan_of,
    training_folds,
)
from softloc_core.tasks.piano.keys import HIGHEST_MIDI, KEY_NAMES, LOWEST_MIDI, key_name

__all__ = ["MaestroSource", "read_midi_onsets"]

N_TRAINING_FOLDS = 3
TABLE = "maestro-v*.csv"
COLUMNS = ("canonical_composer", "canonical_title", "split", "midi_filename", "audio_filename")
PARTS = ("train", "validation", "test")


@dataclass(frozen=True)
class _Performance:
    """A row of the table.

    Attributes:
        audio: Audio file.
        midi: MIDI file.
        part: `train`, `validation` or `test`.
        composition: Composer and title. All performances of a composition are in the same part.
    """

    audio: Path
    midi: Path
    part: str
    composition: str


class MaestroSource:
    """MAESTRO in its published layout: the table (CSV), the recordings and the MIDI files.

    An incomplete copy can be used. Rows of the table without files are ignored.

    Source: Hawthorne et al., "Enabling factorized piano music modeling and generation with the MAESTRO
    dataset", ICLR 2019.
    """

    info = SourceInfo(
        name="maestro",
        description="MAESTRO, competition performances on Disklaviers (v3: CSV, WAV, MIDI; needs mido)",
        splits={"official": 1, "train_cv": N_TRAINING_FOLDS},
        needs_data_root=True,
        licence="CC BY-NC-SA 4.0",
        homepage="https://magenta.tensorflow.org/datasets/maestro",
    )

    def split(self, request: DataRequest, data_root: Path | None) -> SplitNames:
        """Return the split `official`, or a fold of `train_cv` over the compositions of its training part."""
        performances, problems = _performances(data_root)
        if problems:
            raise problems[0]
        parts = {part: tuple(n for n, p in performances.items() if p.part == part) for part in PARTS}
        split = SplitNames(parts["train"], parts["validation"], parts["test"])
        if request.split == "train_cv":
            by_composition = sorted(parts["train"], key=lambda name: performances[name].composition)
            split = training_folds(
                by_composition,
                fold=request.fold,
                n_folds=N_TRAINING_FOLDS,
                group=lambda name: performances[name].composition,
            )
        return checked_split(request, split, data_root)

    def scan(self, data_root: Path | None, *, names: Iterable[str] | None, seed: int) -> Scan[AudioRecording]:
        """Read the named recordings, or all of them, with their onsets. The seed is not used."""
        performances, problems = _performances(data_root)
        chosen = performances if names is None else names
        return scan_of(chosen, lambda name: _recording(name, performances[name]), problems=problems)


def _recording(name: str, performance: _Performance) -> tuple[AudioRecording, list[DataError]]:
    """Return a recording and the problems of its MIDI file."""
    audio = AudioFile(performance.audio)
    onsets, problems = read_midi_onsets(performance.midi, duration_s=audio.duration_s)
    reference = named_events(onsets, channel_names=KEY_NAMES, duration_s=audio.duration_s)
    return AudioRecording(
        name=name, group=performance.composition, audio=audio, reference=reference
    ), problems


def _performances(data_root: Path | None) -> tuple[dict[str, _Performance], list[DataError]]:
    """Return the performances whose files exist, by name, and the problems of the table."""
    table = _table(data_root)
    try:
        with table.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"a table must be a CSV file, but got {table}: {error}") from error
    missing = [column for column in COLUMNS if rows and column not in rows[0]]
    if missing or not rows:
        raise DataError(
            f"a table must contain rows of {', '.join(COLUMNS)}, but got {missing or 'none'} in {table}"
        )
    performances: dict[str, _Performance] = {}
    problems: list[DataError] = []
    for number, row in enumerate(rows, start=2):
        try:
            performance = _performance(row, root=table.parent, where=f"{table}, line {number}")
        except DataError as problem:
            problems.append(problem)
            continue
        if performance is not None:
            performances[str(Path(row["midi_filename"]).with_suffix(""))] = performance
    if not performances and not problems:
        raise DataError(
            f"`--data-root` must contain recordings of {table.name}, but got none in {table.parent}"
        )
    return performances, problems


def _table(data_root: Path | None) -> Path:
    """Return the path of the newest table in the folder."""
    if data_root is None:
        raise ConfigError(f"`--data-root` must name the folder that contains {TABLE}, but got none")
    tables = sorted(data_root.glob(TABLE)) if data_root.is_dir() else []
    if not tables:
        raise DataError(f"`--data-root` must be a folder that contains {TABLE}, but got none in {data_root}")
    return tables[-1]


def _performance(row: Mapping[str, str], *, root: Path, where: str) -> _Performance | None:
    """Return the performance of a row, or None if neither of its files exists."""
    if any(not row[column] for column in COLUMNS):
        empty = ", ".join(column for column in COLUMNS if not row[column])
        raise DataError(f"a row must contain {', '.join(COLUMNS)}, but got no {empty} in {where}")
    if row["split"] not in PARTS:
        raise DataError(f"a split must be one of {', '.join(PARTS)}, but got {row['split']} in {where}")
    audio, midi = root / row["audio_filename"], root / row["midi_filename"]
    if audio.is_file() != midi.is_file():
        present, absent = (audio, midi) if audio.is_file() else (midi, audio)
        raise DataError(f"a row needs both its files, but got {present} without {absent.name} in {where}")
    if not audio.is_file():
        return None
    return _Performance(audio, midi, row["split"], f"{row['canonical_composer']}, {row['canonical_title']}")


def read_midi_onsets(path: Path, *, duration_s: float) -> tuple[list[TimedClass], list[DataError]]:
    """Read the onsets of all tracks of a MIDI file, converted to seconds by the tempi in the file.

    Args:
        path: The MIDI file.
        duration_s: Length of the recording in seconds. Later onsets are errors.

    Returns:
        The onsets sorted by time, and one error for each onset that cannot be used or for the whole file.

    Raises:
        ConfigError: The package mido is not installed.
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
    """Import the optional package mido."""
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
