"""MDB Drums: drum-only recordings of 23 MedleyDB tracks with annotated onsets."""

from __future__ import annotations

from pathlib import Path

from softloc_core.errors import DataError
from softloc_core.tasks.base import (
    AnnotatedFolder,
    DataRequest,
    FolderSource,
    SourceInfo,
    SplitNames,
    TimedClass,
    as_named,
    checked_split,
    read_lines,
    training_folds,
    validate_class,
    validate_event_time,
)
from softloc_core.tasks.drums.classes import DRUM_CHANNELS

__all__ = ["MDB_CLASSES", "TEST_TRACKS", "TRAIN_TRACKS", "MdbSource", "read_mdb_annotation"]

MDB_CLASSES = (*DRUM_CHANNELS, "CY", "OT", "TT")
"""All classes of MDB Drums. The task ignores cymbals (CY), other percussion (OT) and toms (TT)."""

# Split of the MIREX 2017 drum transcription task, as listed in MDB Drums' repository (there "Zepplin").
TRAIN_TRACKS = (
    "80sRock", "BebopJazz", "Britpop", "CoolJazz", "Disco", "FunkJazz", "FusionJazz", "Reggae", "Rock",
    "Rockabilly", "Shadows", "Zeppelin",
)  # fmt: skip
TEST_TRACKS = (
    "Beatles", "Country1", "FreeJazz", "Gospel", "Grunge", "Hendrix", "LatinJazz", "ModalJazz", "Punk",
    "SpeedMetal", "SwingJazz",
)  # fmt: skip
N_TRAINING_FOLDS = 3


def read_mdb_annotation(path: Path, *, duration_s: float) -> tuple[list[TimedClass], list[DataError]]:
    """Read a class annotation of MDB Drums with one `seconds <tab> class` per line.

    Blank lines are skipped.

    Args:
        path: The text file.
        duration_s: Length of the recording in seconds. Later events are errors.

    Returns:
        The events of all six classes in the order of the file, and one error for each line that cannot be
        used.
    """
    return read_lines(path, _mdb_event, duration_s=duration_s)


def _mdb_event(line: str, *, where: str, duration_s: float) -> TimedClass:
    """Return the time and class on a line."""
    fields = line.split()
    if len(fields) != 2:
        raise DataError(f"a line must contain seconds and a class, but got {line.strip()!r} in {where}")
    time_s = validate_event_time(fields[0], where=where, duration_s=duration_s)
    return time_s, validate_class(fields[1], allowed=MDB_CLASSES, where=where)


def _track(name: str) -> str:
    """Return the track as its own group if MDB Drums has a track of that name."""
    if name not in (*TRAIN_TRACKS, *TEST_TRACKS):
        raise DataError(f"a track must be one of the 23 tracks of MDB Drums, but got {name}")
    return name


FOLDER = AnnotatedFolder(
    audio="audio/drum_only/MusicDelta_*_Drum.wav",
    annotation="annotations/class/MusicDelta_*_class.txt",
    read=read_mdb_annotation,
    channel_names=DRUM_CHANNELS,
    group=_track,
)


class MdbSource(FolderSource):
    """MDB Drums in its published layout. An incomplete copy can be used.

    Source: Southall et al., "MDB Drums: an annotated subset of MedleyDB for automatic drum transcription",
    ISMIR 2017 (late-breaking).
    """

    info = SourceInfo(
        name="mdb",
        description="MDB Drums, drum-only recordings; hi-hat, kick drum and snare drum of its six classes",
        splits={"mirex2017_validated": 1, "mirex2017": 1, "train_cv": N_TRAINING_FOLDS},
        needs_data_root=True,
        licence="CC BY-NC-SA 4.0",
        homepage="https://github.com/CarlSouthall/MDBDrums",
    )
    folder = FOLDER

    def split(self, request: DataRequest, data_root: Path | None) -> SplitNames:
        """Return the split `mirex2017`, with or without validation, or a fold of `train_cv`.

        `mirex2017_validated` validates on every fifth training track. `train_cv` is a cross-validation within
        the training tracks and never uses the test tracks.
        """
        tracks = self.complete_names(data_root)
        train = tuple(name for name in TRAIN_TRACKS if name in tracks)
        test = tuple(name for name in TEST_TRACKS if name in tracks)
        if request.split == "train_cv":
            _require(train, N_TRAINING_FOLDS, f"training tracks of {', '.join(TRAIN_TRACKS)}", data_root)
            folds = training_folds(train, fold=request.fold, n_folds=N_TRAINING_FOLDS)
            return checked_split(request, folds, data_root)
        _require(train, 1, f"training track of {', '.join(TRAIN_TRACKS)}", data_root)
        _require(test, 1, f"test track of {', '.join(TEST_TRACKS)}", data_root)
        return checked_split(request, as_named(request, SplitNames(train, (), test)), data_root)


def _require(names: tuple[str, ...], least: int, what: str, data_root: Path | None) -> None:
    """Raise if a part has too few tracks."""
    if len(names) < least:
        raise DataError(
            f"`--data-root` must contain at least {least} {what}, but got {len(names)} in {data_root}"
        )
