"""MAPS: piano pieces played by software synthesisers and on a Disklavier, with exact onsets."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np

from softloc_core.errors import DataError
from softloc_core.events import EventList
from softloc_core.tasks.base import (
    AnnotatedFolder,
    AudioRecording,
    DataRequest,
    FolderSource,
    Scan,
    SourceInfo,
    SplitNames,
    TimedClass,
    checked_split,
    held_out,
    read_lines,
    validate_event_time,
)
from softloc_core.tasks.piano.keys import HIGHEST_MIDI, KEY_NAMES, LOWEST_MIDI, key_name

__all__ = ["MAPS_INSTRUMENTS", "MapsSource", "PaperKeysMapsSource", "read_maps_annotation"]

SYNTHESISED = ("AkPnBcht", "AkPnBsdf", "AkPnCGdD", "AkPnStgb", "SptkBGAm", "SptkBGCl", "StbgTGd2")
DISKLAVIER = ("ENSTDkAm", "ENSTDkCl")
VALIDATION = "AkPnStgb"
MAPS_INSTRUMENTS = (*SYNTHESISED, *DISKLAVIER)
N_TRAINING_FOLDS = 3
PAPER_KEYS = range(30, 100)
"""MIDI numbers of the keys that the papers' piano network detects."""
_HEADER = ("OnsetTime", "OffsetTime", "MidiPitch")


def read_maps_annotation(path: Path, *, duration_s: float) -> tuple[list[TimedClass], list[DataError]]:
    """Read a MAPS annotation: a header, then one line per note with onset, offset and MIDI pitch.

    Blank lines are skipped.

    Args:
        path: The text file.
        duration_s: Length of the recording in seconds. Later onsets are errors.

    Returns:
        The onsets of all keys in the order of the file, and one error for each line that cannot be used.
    """
    return read_lines(path, _maps_onset, duration_s=duration_s, header=_HEADER)


def _maps_onset(line: str, *, where: str, duration_s: float) -> TimedClass:
    """Return the onset and key on a line."""
    fields = line.split()
    if len(fields) != len(_HEADER):
        raise DataError(
            f"a line must contain onset, offset and MIDI pitch, but got {line.strip()!r} in {where}"
        )
    onset_s = validate_event_time(fields[0], where=where, duration_s=duration_s)
    # The task does not use offsets, but an offset before its onset reveals exchanged columns.
    if validate_event_time(fields[1], where=where, duration_s=math.inf) < onset_s:
        raise DataError(f"an offset must not be before its onset {fields[0]}, but got {fields[1]} in {where}")
    return onset_s, key_name(_midi(fields[2], where=where))


def _midi(text: str, *, where: str) -> int:
    """Return the MIDI number of a key."""
    if not text.isascii() or not text.isdigit() or not LOWEST_MIDI <= int(text) <= HIGHEST_MIDI:
        raise DataError(
            f"a MIDI pitch must be a whole number from {LOWEST_MIDI} to {HIGHEST_MIDI}, "
            f"but got {text} in {where}"
        )
    return int(text)


def _instrument(name: str) -> str:
    """Return the instrument that a name such as `chpn-p12_AkPnBcht` ends with."""
    instrument = name.rpartition("_")[2]
    if instrument not in MAPS_INSTRUMENTS:
        allowed = ", ".join(MAPS_INSTRUMENTS)
        raise DataError(f"a recording's name must end with one of {allowed}, but got {name}")
    return instrument


def _piece(name: str) -> str:
    """Return the piece that a name starts with."""
    return name.rpartition("_")[0]


FOLDER = AnnotatedFolder(
    audio="*/MUS/MAPS_MUS-*.wav",
    audio_alternatives=("*/MUS/MAPS_MUS-*.flac",),
    annotation="*/MUS/MAPS_MUS-*.txt",
    read=read_maps_annotation,
    channel_names=KEY_NAMES,
    group=_instrument,
)


class MapsSource(FolderSource):
    """The pieces (`MUS`) of MAPS in its published layout. An incomplete copy can be used.

    Isolated notes and chords (`ISOL`, `RAND`, `UCHO`) may be present but are not read.

    Source: Emiya, Badeau and David, "Multipitch estimation of piano sounds using a new probabilistic spectral
    smoothness principle", IEEE TASLP 2010.
    """

    info = SourceInfo(
        name="maps",
        description="MAPS, whole pieces: synthesised pianos for training, a Disklavier for testing",
        splits={"disklavier_validated": 1, "disklavier": 1, "train_cv": N_TRAINING_FOLDS},
        needs_data_root=True,
        licence="CC BY-NC-SA 2.0, as generally stated",
        homepage="https://adasp.telecom-paris.fr/resources/2010-07-08-maps-database/",
    )
    folder = FOLDER

    def split(self, request: DataRequest, data_root: Path | None) -> SplitNames:
        """Return a split by instrument whose training part shares no piece with the other parts.

        `disklavier` trains on synthesised pianos and tests on recordings of a Disklavier.
        `disklavier_validated` also reserves one synthesised instrument for validation: AkPnStgb, or in a copy
        without it the last one that is there. `train_cv` is a cross-validation over the synthesised
        instruments, one of which validates. Pieces of the test and validation parts are never used for
        training, on any instrument.

        Source: Hawthorne et al., "Onsets and frames", 2018, whose protocol (`disklavier`) the papers follow.
        """
        names = self.complete_names(data_root)
        in_folds = request.split == "train_cv"
        scored = SYNTHESISED[request.fold :: N_TRAINING_FOLDS] if in_folds else DISKLAVIER
        found = {_instrument(name) for name in names} - set(scored)
        others = tuple(instrument for instrument in SYNTHESISED if instrument in found)
        validating = () if request.split == "disklavier" else held_out(others)
        if request.split == "disklavier_validated" and VALIDATION in others:
            validating = (VALIDATION,)
        test = tuple(name for name in names if _instrument(name) in scored)
        validation = tuple(name for name in names if _instrument(name) in validating)
        kept_out = {_piece(name) for name in (*test, *validation)}
        trained = set(others) - set(validating)
        train = tuple(n for n in names if _instrument(n) in trained and _piece(n) not in kept_out)
        split = SplitNames(train=train, validation=validation, test=test)
        return checked_split(request, split, data_root)


class PaperKeysMapsSource(MapsSource):
    """MAPS as used in the papers: labels for MIDI numbers 30 to 99 only, scored against all notes.

    Notes of the other keys are therefore always missed. Deliberate difference: the network has 88 outputs,
    18 of which never see an event in training.

    Source: the SoftLoc paper's released code, piano experiment.
    """

    info = replace(
        MapsSource.info,
        name="maps_70",
        description="MAPS with labels of the papers' 70 keys (MIDI 30 to 99), scored against all notes",
    )

    def scan(self, data_root: Path | None, *, names: Iterable[str] | None, seed: int) -> Scan[AudioRecording]:
        """Read recordings whose labels omit the outer keys. The seed is not used."""
        scan = super().scan(data_root, names=names, seed=seed)
        recordings = (replace(found, label=_of_paper_keys(found.reference)) for found in scan.recordings)
        return Scan(tuple(recordings), scan.problems)


def _of_paper_keys(events: EventList) -> EventList:
    """Return the onsets of the papers' keys."""
    kept = np.isin(events.channel + LOWEST_MIDI, PAPER_KEYS)
    return EventList(events.time_s[kept], events.channel[kept], events.duration_s)
