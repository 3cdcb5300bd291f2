"""Checking data: all problems are reported at once."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from softloc_core.errors import ConfigError, DataError
from sweeps.inspection.data_check import check_data


@pytest.fixture
def mdb(tmp_path: Path) -> Path:
    for track in ("Rock", "Punk", "Reggae"):
        audio = tmp_path / "audio" / "drum_only" / f"MusicDelta_{track}_Drum.wav"
        labels = tmp_path / "annotations" / "class" / f"MusicDelta_{track}_class.txt"
        for path in (audio, labels):
            path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(audio, np.random.default_rng(0).normal(0, 0.1, 44_100 * 2), 44_100)
        labels.write_text("0.5\tKD\n1.0\tSD\n1.5\tHH\n")
    return tmp_path


def check(root: Path, cache: Path, source: str = "mdb") -> list[str]:
    return list(check_data("drums", source, data_root=root, split=None, cache_dir=cache))


def test_valid_data_are_described(mdb, tmp_path):
    lines = check(mdb, tmp_path / "cache")
    assert "all recordings can be read" in lines[0]
    assert "train: 1 recordings" in lines[1] and "HH 1, KD 1, SD 1" in lines[1]


def test_every_problem_is_reported_with_its_line(mdb, tmp_path):
    labels = mdb / "annotations" / "class"
    (labels / "MusicDelta_Rock_class.txt").write_text("0.5\tKD\n-1\tSD\n")
    (labels / "MusicDelta_Punk_class.txt").write_text("0.5\tBell\n")
    with pytest.raises(DataError, match="every recording must be usable") as error:
        check(mdb, tmp_path / "cache")
    assert "Rock_class.txt, line 2" in str(error.value) and "Punk_class.txt, line 1" in str(error.value)


def test_an_unknown_source_is_rejected(mdb, tmp_path):
    with pytest.raises(ConfigError, match=r"`data` must be one of mdb, idmt, .*, but got mdbb"):
        check(mdb, tmp_path / "cache", source="mdbb")
