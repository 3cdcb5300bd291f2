"""ENST-Drums: three drummers who play along with music that is not part of the drum recordings."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import librosa
import numpy as np
from numpy.typing import NDArray

from softloc_core.errors import DataError
from softloc_core.features import AudioFile
from softloc_core.tasks.base import (
    AnnotatedFolder,
    AudioRecording,
    DataRequest,
    FolderSource,
    Scan,
    SourceInfo,
    SplitNames,
    TimedClass,
    read_lines,
    validate_class,
    validate_event_time,
)
from softloc_core.tasks.drums.classes import DRUM_CHANNELS

__all__ = ["DRUMMERS", "EnstSource", "EnstWithMusicSource", "read_enst_annotation"]

DRUMMERS = ("drummer_1", "drummer_2", "drummer_3")
_CHANNEL_OF_LABEL = {
    "bd": "KD", "sd": "SD", "sd-": "SD", "rs": "SD", "cs": "SD", "sweep": "SD", "chh": "HH", "ohh": "HH",
}  # fmt: skip
"""Class of each label: bass drum; snare with or without wires, rim, cross stick and brush; hi-hats."""

_OTHER_LABELS = (
    "sticks", "cb", "mt", "mtr", "lmt", "lt", "ltr", "lft", "rc", "ch", "cr", "spl", "c",
)  # fmt: skip
"""Labels of other sounds: sticks, cowbell, toms and cymbals. A number may follow a cymbal's label."""

_DRUM_SHARE, _MUSIC_SHARE = 2 / 3, 1 / 3


def read_enst_annotation(path: Path, *, duration_s: float) -> tuple[list[TimedClass], list[DataError]]:
    """Read an ENST-Drums annotation with one `seconds label` per line. Blank lines are skipped.

    Args:
        path: The text file.
        duration_s: Length of the recording in seconds. Later strokes are errors.

    Returns:
        The strokes of the three classes in the order of the file, and one error for each line that cannot be
        used.
    """
    strokes, problems = read_lines(path, _stroke, duration_s=duration_s)
    kept = [(time_s, _CHANNEL_OF_LABEL[label]) for time_s, label in strokes if label in _CHANNEL_OF_LABEL]
    return kept, problems


def _stroke(line: str, *, where: str, duration_s: float) -> TimedClass:
    """Return the time and label on a line, without the number of a cymbal."""
    fields = line.split()
    if len(fields) != 2:
        raise DataError(f"a line must contain seconds and a label, but got {line.strip()!r} in {where}")
    time_s = validate_event_time(fields[0], where=where, duration_s=duration_s)
    label = fields[1].rstrip("0123456789")
    allowed = (*_CHANNEL_OF_LABEL, *_OTHER_LABELS)
    return time_s, label if label in allowed else validate_class(fields[1], allowed=allowed, where=where)


def _drummer(name: str) -> str:
    """Return the drummer whose folder contains the recording."""
    drummer = name.split("/")[0]
    if drummer not in DRUMMERS:
        raise DataError(f"a drummer must be one of {', '.join(DRUMMERS)}, but got {drummer}")
    return drummer


FOLDER = AnnotatedFolder(
    audio="drummer_*/audio/wet_mix/*.wav",
    annotation="drummer_*/annotation/*.txt",
    read=read_enst_annotation,
    channel_names=DRUM_CHANNELS,
    group=_drummer,
    skip=lambda name: "minus-one" not in name,
    named_folders=1,
)


class EnstSource(FolderSource):
    """The minus-one subset of ENST-Drums in its published layout: the task D-DTP of Wu et al.

    The recordings contain drums only. Toms and cymbals can be confused with the three classes.

    Source: Gillet and Richard, "ENST-Drums: an extensive audio-visual database for drum signals processing",
    ISMIR 2006.
    """

    info = SourceInfo(
        name="enst",
        description="ENST-Drums, minus-one subset: drums with toms and cymbals, three drummers",
        splits={"random": 1, "leave_drummer_out": len(DRUMMERS)},
        needs_data_root=True,
        licence="on request from its owner (Télécom Paris)",
        homepage="https://perso.telecom-paristech.fr/grichard/ENST-drums/",
    )
    folder = FOLDER

    def split(self, request: DataRequest, data_root: Path | None) -> SplitNames:
        """Return a random split, or a split that tests on one drummer.

        `random` has 70 % for training, 15 % for validation and the rest for testing. `leave_drummer_out`
        tests on one drummer and trains on the others.

        Source: Wu et al., "A review of automatic drum transcription", 2018 (*Eval Random* and *Eval Subset*,
        the latter here without a validation part).
        """
        return self.random_or_group_out(request, data_root, groups=DRUMMERS)


class EnstWithMusicSource(EnstSource):
    """The same recordings mixed with their accompaniment at half the level of the drums: the task D-DTM.

    Source: Wu et al., 2018, who mix 2/3 of the drums and 1/3 of the accompaniment.
    """

    info = replace(
        EnstSource.info,
        name="enst_music",
        description="ENST-Drums, minus-one subset, mixed with its accompaniment (2/3 drums, 1/3 music)",
    )

    def scan(self, data_root: Path | None, *, names: Iterable[str] | None, seed: int) -> Scan[AudioRecording]:
        """Read the named recordings, or all of them, with their strokes. The seed is not used."""
        scan = super().scan(data_root, names=names, seed=seed)
        recordings, problems = [], list(scan.problems)
        for found in scan.recordings:
            assert isinstance(found.audio, AudioFile), "recordings of a folder are files"
            music = found.audio.path.parents[1] / "accompaniment" / found.audio.path.name
            if music.is_file():
                recordings.append(replace(found, audio=AccompaniedDrums(found.audio, AudioFile(music))))
            else:
                problems.append(DataError(f"drums need their accompaniment, but got nothing at {music}"))
        return Scan(tuple(recordings), tuple(problems))


@dataclass(frozen=True)
class AccompaniedDrums:
    """Drums mixed with their accompaniment.

    Attributes:
        drums: Recording of the drums.
        music: Recording of the music. It is cut or padded with silence to the length of the drums.
    """

    drums: AudioFile
    music: AudioFile

    @property
    def content_key(self) -> str:
        """Hash of both recordings and of the mixing levels."""
        both = f"{self.drums.content_key} {_DRUM_SHARE} {self.music.content_key} {_MUSIC_SHARE}"
        return hashlib.sha256(both.encode()).hexdigest()

    @property
    def duration_s(self) -> float:
        """Length of the drums in seconds."""
        return self.drums.duration_s

    def load(self) -> tuple[NDArray[np.float32], int]:
        """Return the mix and its sampling rate in Hz, which is that of the drums."""
        drums, rate_hz = self.drums.load()
        music, music_hz = self.music.load()
        if music_hz != rate_hz:
            music = librosa.resample(music, orig_sr=music_hz, target_sr=rate_hz, res_type="soxr_hq")
        mix = _DRUM_SHARE * drums
        n_both = min(len(drums), len(music))
        mix[:n_both] += _MUSIC_SHARE * music[:n_both]
        return np.asarray(mix, dtype=np.float32), rate_hz
