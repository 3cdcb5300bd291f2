"""MAPS: piano pieces played by synthesisers and by two real pianos, with exact onsets."""

from __future__ import annotations

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
    checked_split,
)
from softloc_core.tasks.piano.annotations import read_maps_annotation
from softloc_core.tasks.piano.keys import KEY_NAMES, LOWEST_MIDI

__all__ = ["MAPS_INSTRUMENTS", "MapsSource", "PaperKeysMapsSource"]

SYNTHESISED = ("AkPnBcht", "AkPnBsdf", "AkPnCGdD", "AkPnStgb", "SptkBGAm", "SptkBGCl", "StbgTGd2")
DISKLAVIER = ("ENSTDkAm", "ENSTDkCl")
VALIDATION = "AkPnStgb"
MAPS_INSTRUMENTS = (*SYNTHESISED, *DISKLAVIER)
N_TRAINING_FOLDS = 3
PAPER_KEYS = range(30, 100)
"""MIDI numbers of the keys that the papers' piano network looks for."""


def _instrument(name: str) -> str:
    """The instrument that a name such as `chpn-p12_AkPnBcht` ends with."""
    instrument = name.rpartition("_")[2]
    if instrument not in MAPS_INSTRUMENTS:
        allowed = ", ".join(MAPS_INSTRUMENTS)
        raise DataError(f"a recording's name must end with an instrument of {allowed}, but got {name}")
    return instrument


def _piece(name: str) -> str:
    """The piece that a name begins with."""
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
    """The pieces (`MUS`) of MAPS as its owners publish them; whichever are there are used.

    Isolated notes and chords (`ISOL`, `RAND`, `UCHO`) may stay where they are and are not read.

    Source: Emiya, Badeau and David, "Multipitch estimation of piano sounds using a new probabilistic spectral
    smoothness principle", IEEE TASLP 2010.
    """

    info = SourceInfo(
        name="maps",
        description="MAPS, whole pieces: synthesised pianos to train on, two real ones to score",
        splits={"disklavier": 1, "disklavier_validated": 1, "train_cv": N_TRAINING_FOLDS},
        needs_data_root=True,
        licence="CC BY-NC-SA 2.0, as generally stated",
        homepage="https://adasp.telecom-paris.fr/resources/2010-07-08-maps-database/",
    )
    folder = FOLDER

    def split(self, request: DataRequest, data_root: Path | None) -> SplitNames:
        """`disklavier`, the same with a validation part, or `train_cv` over the synthesised instruments.

        `disklavier_validated` keeps one synthesised instrument (AkPnStgb) to validate; `train_cv` deals the
        synthesised instruments in turn into folds, one of which is scored. Pieces that are scored or validate
        are never trained on, whatever they are played on.

        Source: Hawthorne et al., "Onsets and frames", 2018, whose protocol (`disklavier`) the papers follow.
        """
        names = self.complete_names(data_root)
        in_folds = request.split == "train_cv"
        scored = SYNTHESISED[request.fold :: N_TRAINING_FOLDS] if in_folds else DISKLAVIER
        validating = (VALIDATION,) if request.split == "disklavier_validated" else ()
        test = tuple(name for name in names if _instrument(name) in scored)
        validation = tuple(name for name in names if _instrument(name) in validating)
        held_out = {_piece(name) for name in (*test, *validation)}
        trained = set(SYNTHESISED) - {*scored, *validating}
        train = tuple(n for n in names if _instrument(n) in trained and _piece(n) not in held_out)
        split = SplitNames(train=train, validation=validation, test=test)
        return checked_split(request, split, data_root)


class PaperKeysMapsSource(MapsSource):
    """MAPS as in the papers: labels of MIDI 30 to 99 alone, scored against every note.

    Notes of the other keys are thus misses that no network can avoid. Deliberate difference: the network
    keeps 88 outputs, of which 18 never see an event.

    Source: the SoftLoc paper's released code, piano experiment.
    """

    info = replace(
        MapsSource.info,
        name="maps_70",
        description="MAPS with labels of the papers' 70 keys (MIDI 30 to 99), scored against every note",
    )

    def scan(self, data_root: Path | None, *, names: Iterable[str] | None, seed: int) -> Scan[AudioRecording]:
        """Recordings whose labels lack the outer keys; `seed` plays no part."""
        scan = super().scan(data_root, names=names, seed=seed)
        recordings = (replace(found, label=_of_paper_keys(found.reference)) for found in scan.recordings)
        return Scan(tuple(recordings), scan.problems)


def _of_paper_keys(events: EventList) -> EventList:
    """The onsets of the papers' keys."""
    kept = np.isin(events.channel + LOWEST_MIDI, PAPER_KEYS)
    return EventList(events.time_s[kept], events.channel[kept], events.duration_s)
