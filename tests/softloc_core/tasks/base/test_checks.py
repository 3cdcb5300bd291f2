"""Checks of a source, which summarise its recordings and report all problems at once."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from softloc_core.errors import ConfigError
from softloc_core.tasks import TASKS, Task, check_source

DRUMS = TASKS.get("drums")


def test_recordings_and_events_are_counted(write_mdb: Callable[..., Path]) -> None:
    report = check_source(DRUMS, "mdb", data_root=write_mdb("Rock", "Punk"))
    assert (report.task, report.source, report.problems) == ("drums", "mdb", ())
    assert [recording.name for recording in report.recordings] == ["Punk", "Rock"]
    assert report.recordings[0].n_events == {"HH": 1, "KD": 1, "SD": 1}
    assert report.n_events == {"HH": 2, "KD": 2, "SD": 2}
    assert report.duration_s == 4.0


def test_all_problems_are_reported_at_once(write_mdb: Callable[..., Path]) -> None:
    root = write_mdb("Rock", "Disco", "Reggae", "Polka", "Punk")
    annotations, audio = root / "annotations" / "class", root / "audio" / "drum_only"
    (annotations / "MusicDelta_Rock_class.txt").write_text("-1 HH\n0.5 KD\nx SD\n0.7 BD\n9.0 SD\n")
    cut = audio / "MusicDelta_Disco_Drum.wav"
    cut.write_bytes(cut.read_bytes()[:1000])
    (annotations / "MusicDelta_Punk_class.txt").unlink()
    report = check_source(DRUMS, "mdb", data_root=root)
    expected = ("Polka", "Punk", "bytes of audio in", "line 1", "line 3", "line 4", "line 5")
    for text in expected:
        assert sum(text in problem for problem in report.problems) == 1, text
    assert len(report.problems) == len(expected)
    assert [recording.name for recording in report.recordings] == ["Reggae", "Rock"]
    assert report.n_events == {"HH": 1, "KD": 2, "SD": 1}


def test_an_impossible_split_is_a_problem(write_mdb: Callable[..., Path]) -> None:
    (problem,) = check_source(DRUMS, "mdb", data_root=write_mdb("Rock")).problems
    assert "must contain at least 1 test track" in problem


def test_a_missing_folder_is_a_problem(tmp_path: Path) -> None:
    (problem,) = check_source(DRUMS, "idmt", data_root=tmp_path / "absent").problems
    assert "`--data-root` must be a folder that contains audio/*#MIX.wav" in problem


def test_all_samples_are_read(write_idmt: Callable[..., Path]) -> None:
    root = write_idmt("RealDrum01_00", "WaveDrum01_01")
    path = root / "audio" / "RealDrum01_00#MIX.wav"
    soundfile.write(path, np.full(88_200, np.nan), 44_100, subtype="FLOAT")
    (problem,) = check_source(DRUMS, "idmt", data_root=root).problems
    assert "samples must be finite" in problem and str(path) in problem


def test_rendered_sources_have_no_problems() -> None:
    report = check_source(DRUMS, "synthetic", data_root=None)
    assert (len(report.recordings), report.duration_s, report.problems) == (18, 360.0, ())


def test_what_cannot_be_checked_is_rejected() -> None:
    with pytest.raises(ConfigError, match=r"`data` must be one of mdb, idmt, .*, but got bells"):
        check_source(DRUMS, "bells", data_root=None)
    with pytest.raises(ConfigError, match=r"`data` must be one of mdb, idmt, .*, but got bells"):
        DRUMS.check("bells", data_root=None)
    with pytest.raises(
        ConfigError, match=r"`--data-root` must name the folder that contains .*, but got none"
    ):
        check_source(DRUMS, "mdb", data_root=None)

    @dataclasses.dataclass
    class Silent:
        name: str = "silent"
        description: str = "a task without check"
        channel_names: tuple[str, ...] = ("X",)
        tolerance_s: float = 0.05
        score_name, time_unit, version = "F1", "ms", 1
        sources, networks, auto_decoding = DRUMS.sources, DRUMS.networks, DRUMS.auto_decoding

        defaults = load = score = Task.load

    with pytest.raises(
        ConfigError, match="to check its data, a task must implement `check`, but silent does not"
    ):
        check_source(Silent(), "mdb", data_root=None)
