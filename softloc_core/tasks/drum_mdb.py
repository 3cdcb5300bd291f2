"""MDB Drums: drum-only recordings of 23 MedleyDB tracks with annotated onsets."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from softloc_core.audio import AudioFile
from softloc_core.errors import DataError
from softloc_core.events import EventList
from softloc_core.tasks.base import DataRequest, SourceInfo
from softloc_core.tasks.drum_annotations import read_mdb_annotation
from softloc_core.tasks.drum_recordings import (
    DrumRecording,
    Scan,
    SplitNames,
    drum_events,
    existing_data_root,
)

__all__ = ["MdbSource"]

# MIREX 2017's split of the drum transcription task, as MDB Drums' repository lists it (there "Zepplin").
TRAIN_TRACKS = (
    "80sRock", "BebopJazz", "Britpop", "CoolJazz", "Disco", "FunkJazz", "FusionJazz", "Reggae", "Rock",
    "Rockabilly", "Shadows", "Zeppelin",
)  # fmt: skip
TEST_TRACKS = (
    "Beatles", "Country1", "FreeJazz", "Gospel", "Grunge", "Hendrix", "LatinJazz", "ModalJazz", "Punk",
    "SpeedMetal", "SwingJazz",
)  # fmt: skip
ALL_TRACKS = (*TRAIN_TRACKS, *TEST_TRACKS)
N_TRAINING_FOLDS = 3
LAYOUT = "audio/drum_only/MusicDelta_*_Drum.wav and annotations/class/MusicDelta_*_class.txt"


@dataclass(frozen=True)
class _Track:
    """The two files of a track."""

    name: str
    audio: Path
    annotation: Path


class MdbSource:
    """MDB Drums as its owners publish it; whichever of its tracks are there are used.

    Source: Southall et al., "MDB Drums: an annotated subset of MedleyDB for automatic drum transcription",
    ISMIR 2017 (late-breaking).
    """

    info = SourceInfo(
        name="mdb",
        description="MDB Drums, drum-only recordings; hi-hat, kick and snare of its six classes",
        splits={"mirex2017": 1, "train_cv": N_TRAINING_FOLDS},
        needs_data_root=True,
        licence="CC BY-NC-SA 4.0",
        homepage="https://github.com/CarlSouthall/MDBDrums",
    )

    def split(self, request: DataRequest, data_root: Path | None) -> SplitNames:
        """`mirex2017`, or `train_cv`: its training tracks dealt into folds, its test tracks left alone."""
        tracks, problems = _listing(existing_data_root(data_root, layout=LAYOUT))
        if problems:
            raise problems[0]
        train = tuple(name for name in TRAIN_TRACKS if name in tracks)
        test = tuple(name for name in TEST_TRACKS if name in tracks)
        if request.split == "train_cv":
            _require(train, N_TRAINING_FOLDS, f"training tracks of {', '.join(TRAIN_TRACKS)}", data_root)
            test = train[request.fold :: N_TRAINING_FOLDS]
            return SplitNames(
                train=tuple(name for name in train if name not in test), validation=(), test=test
            )
        _require(train, 1, f"training track of {', '.join(TRAIN_TRACKS)}", data_root)
        _require(test, 1, f"test track of {', '.join(TEST_TRACKS)}", data_root)
        return SplitNames(train=train, validation=(), test=test)

    def scan(self, data_root: Path | None, *, names: Iterable[str] | None, seed: int) -> Scan:
        """Recordings with their events; `seed` plays no part."""
        tracks, problems = _listing(existing_data_root(data_root, layout=LAYOUT))
        recordings = []
        for name in sorted(tracks) if names is None else names:
            try:
                recording, faults = _recording(tracks[name])
            except DataError as error:
                problems.append(error)
                continue
            recordings.append(recording)
            problems.extend(faults)
        return Scan(tuple(recordings), tuple(problems))


def _listing(root: Path) -> tuple[dict[str, _Track], list[DataError]]:
    """Complete tracks by name, and what is wrong with the others."""
    audio = _files(root / "audio" / "drum_only", suffix="_Drum.wav")
    annotation = _files(root / "annotations" / "class", suffix="_class.txt")
    if not audio and not annotation:
        return {}, [DataError(f"`--data-root` must hold {LAYOUT}, but got neither in {root}")]
    problems = []
    for name in sorted({*audio, *annotation}):
        path = audio.get(name) or annotation[name]
        if name not in ALL_TRACKS:
            problems.append(DataError(f"a track must be one of MDB Drums' 23, but got {name} in {path}"))
        elif name not in annotation:
            problems.append(DataError(f"every recording needs its annotation, but got {path} without one"))
        elif name not in audio:
            problems.append(DataError(f"every annotation needs its recording, but got {path} without one"))
    complete = {*audio} & {*annotation} & {*ALL_TRACKS}
    return {name: _Track(name, audio[name], annotation[name]) for name in complete}, problems


def _files(folder: Path, *, suffix: str) -> dict[str, Path]:
    """A folder's files by track name."""
    prefix = "MusicDelta_"
    return {path.name[len(prefix) : -len(suffix)]: path for path in folder.glob(f"{prefix}*{suffix}")}


def _recording(track: _Track) -> tuple[DrumRecording, list[DataError]]:
    """One track, and what is wrong with its annotation."""
    audio = AudioFile(track.audio)
    events, problems = read_mdb_annotation(track.annotation, duration_s=audio.duration_s)
    hits: EventList = drum_events(events, duration_s=audio.duration_s)
    return DrumRecording(name=track.name, group=track.name, audio=audio, events=hits), problems


def _require(names: tuple[str, ...], least: int, what: str, data_root: Path | None) -> None:
    """Refuse a part with too few tracks."""
    if len(names) < least:
        raise DataError(
            f"`--data-root` must hold at least {least} {what}, but got {len(names)} in {data_root}"
        )
