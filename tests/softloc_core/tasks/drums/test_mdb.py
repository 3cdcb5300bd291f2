"""MDB Drums: layout, splits, and messages for all kinds of damage."""

import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from softloc_core.errors import ConfigError, DataError
from softloc_core.tasks import TASKS, DataRequest, TaskData
from softloc_core.tasks.drums.mdb import TEST_TRACKS, TRAIN_TRACKS
from tests.recorded_data import recorded

WriteMdb = Callable[..., Path]


def _load(root: Path | None, cache_dir: Path, *, split: str = "mirex2017", **fields: object) -> TaskData:
    values = {
        "task": "drums",
        "source": "mdb",
        "split": split,
        "fold": 0,
        "features": "log_mel_48",
        "seed": 0,
    }
    return TASKS.get("drums").load(DataRequest(**{**values, **fields}), data_root=root, cache_dir=cache_dir)


def _names(data: TaskData) -> tuple[list[str], list[str], list[str]]:
    return tuple([recording.name for recording in part] for part in (data.train, data.validation, data.test))


def _annotation(root: Path, track: str) -> Path:
    return root / "annotations" / "class" / f"MusicDelta_{track}_class.txt"


def _audio(root: Path, track: str) -> Path:
    return root / "audio" / "drum_only" / f"MusicDelta_{track}_Drum.wav"


def test_the_split_is_that_of_mirex_2017() -> None:
    assert (len(TRAIN_TRACKS), len(TEST_TRACKS), len({*TRAIN_TRACKS, *TEST_TRACKS})) == (12, 11, 23)


def test_events_of_the_three_classes_are_read(write_mdb: WriteMdb, tmp_path: Path) -> None:
    data = _load(write_mdb("Rock", "Punk"), tmp_path)
    (recording,) = data.test
    assert (data.channel_names, data.hop_s) == (("HH", "KD", "SD"), 0.01)
    assert recording.reference.time_s.tolist() == [0.25, 0.5, 1.0]
    assert recording.reference.channel.tolist() == [0, 1, 2]
    assert recording.reference.duration_s == 2.0
    assert recording.features.shape == (201, 48)


def test_an_incomplete_copy_can_be_used(write_mdb: WriteMdb, tmp_path: Path) -> None:
    data = _load(write_mdb("Zeppelin", "Disco", "Gospel", "Beatles"), tmp_path)
    assert _names(data) == (["Disco", "Zeppelin"], [], ["Beatles", "Gospel"])


def test_folds_of_training_tracks_never_include_test_tracks(write_mdb: WriteMdb, tmp_path: Path) -> None:
    root = write_mdb("80sRock", "Britpop", "Reggae", "Rock", "Punk")
    folds = [_names(_load(root, tmp_path, split="train_cv", fold=fold)) for fold in range(3)]
    assert sorted(name for _, _, test in folds for name in test) == ["80sRock", "Britpop", "Reggae", "Rock"]
    for train, validation, test in folds:
        assert len(validation) == 1
        assert sorted(train + validation + test) == ["80sRock", "Britpop", "Reggae", "Rock"]


def test_a_second_load_computes_no_features(
    write_mdb: WriteMdb, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root = write_mdb("Rock", "Punk")
    with caplog.at_level(logging.INFO):
        first, second = _load(root, tmp_path / "cache"), _load(root, tmp_path / "cache")
    assert "features computed 2, reused 0" in caplog.messages[0]
    assert "features computed 0, reused 2" in caplog.messages[1]
    assert first.fingerprint == second.fingerprint
    np.testing.assert_array_equal(first.train[0].features, second.train[0].features)


def test_the_fingerprint_depends_on_the_content_and_not_on_the_location(
    write_mdb: WriteMdb, tmp_path: Path
) -> None:
    root = write_mdb("Rock", "Disco", "Reggae", "Punk")
    fingerprint = _load(root, tmp_path).fingerprint
    copy = shutil.copytree(root, tmp_path / "elsewhere")
    os.utime(_audio(copy, "Rock"), (0, 0))
    assert _load(copy, tmp_path / "other cache", seed=5).fingerprint == fingerprint
    changed = {fingerprint, _load(root, tmp_path, split="train_cv").fingerprint}
    changed.add(_load(root, tmp_path, split="train_cv", fold=1).fingerprint)
    changed.add(_load(root, tmp_path, features="paper").fingerprint)
    _annotation(copy, "Punk").write_text("0.25 HH\n")
    changed.add(_load(copy, tmp_path).fingerprint)
    _audio(copy, "Punk").write_bytes(_audio(copy, "Rock").read_bytes())
    changed.add(_load(copy, tmp_path).fingerprint)
    _audio(copy, "Disco").unlink()
    _annotation(copy, "Disco").unlink()
    changed.add(_load(copy, tmp_path).fingerprint)
    assert len(changed) == 7


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("-0.1 HH", "time must be at least 0 s, but got -0.1 in"),
        ("2.1 KD", "must lie within its recording, at most 2 s, but got 2.1 in"),
        ("soon KD", "time must be a number of seconds, but got 'soon' in"),
        ("nan KD", "time must be finite, but got nan in"),
        ("1.0 BD", "class must be one of HH, KD, SD, CY, OT, TT, but got BD in"),
        ("1.0", "a line must contain seconds and a class, but got '1.0' in"),
        ("1.0 KD loud", "a line must contain seconds and a class, but got '1.0 KD loud' in"),
    ],
)
def test_messages_name_the_bad_line(write_mdb: WriteMdb, tmp_path: Path, line: str, message: str) -> None:
    root = write_mdb("Rock", "Punk")
    _annotation(root, "Punk").write_text(f"0.1 HH\n\n{line}\n")
    with pytest.raises(DataError, match=rf"{message} .*MusicDelta_Punk_class\.txt, line 3$"):
        _load(root, tmp_path)


def test_messages_name_an_annotation_that_is_not_text(write_mdb: WriteMdb, tmp_path: Path) -> None:
    root = write_mdb("Rock", "Punk")
    _annotation(root, "Punk").write_bytes(b"\xff\xfe0.1")
    with pytest.raises(DataError, match=r"an annotation must be a text file, but got .*Punk_class\.txt"):
        _load(root, tmp_path)


@pytest.mark.parametrize(
    ("removed", "message"),
    [
        (_annotation, r"needs its annotation, but got .*MusicDelta_Punk_Drum\.wav without one"),
        (_audio, r"needs its recording, but got .*MusicDelta_Punk_class\.txt without one"),
    ],
)
def test_a_recording_and_an_annotation_must_be_paired(
    write_mdb: WriteMdb, tmp_path: Path, removed: Callable[[Path, str], Path], message: str
) -> None:
    root = write_mdb("Rock", "Punk")
    removed(root, "Punk").unlink()
    with pytest.raises(DataError, match=message):
        _load(root, tmp_path)


def test_messages_name_an_unknown_track(write_mdb: WriteMdb, tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"one of the 23 tracks of MDB Drums, but got Polka in .*MusicDelta_Polka_Drum\.wav"
    ):
        _load(write_mdb("Rock", "Punk", "Polka"), tmp_path)


def test_a_truncated_wav_file_is_rejected_before_features_are_computed(
    write_mdb: WriteMdb, tmp_path: Path
) -> None:
    root = write_mdb("Rock", "Punk")
    content = _audio(root, "Punk").read_bytes()
    _audio(root, "Punk").write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match=r"must be whole, but got .*MusicDelta_Punk_Drum\.wav"):
        _load(root, tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def test_missing_roots_and_parts_are_rejected(write_mdb: WriteMdb, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(
        ConfigError, match=r"`--data-root` must name the folder that contains audio/.*, but got none"
    ):
        _load(None, tmp_path)
    with pytest.raises(DataError, match=r"`--data-root` must be a folder that contains .*, but got .*absent"):
        _load(tmp_path / "absent", tmp_path)
    with pytest.raises(DataError, match=r"`--data-root` must contain .*, but got neither in .*empty"):
        _load(tmp_path / "empty", tmp_path)
    root = write_mdb("Punk")
    with pytest.raises(
        DataError, match=r"must contain at least 1 training track of 80sRock, .*, but got 0 in"
    ):
        _load(root, tmp_path)
    write_mdb("Rock")
    with pytest.raises(
        DataError, match=r"must contain at least 3 training tracks of 80sRock, .*, but got 1 in"
    ):
        _load(root, tmp_path, split="train_cv")
    _audio(root, "Punk").unlink()
    _annotation(root, "Punk").unlink()
    with pytest.raises(DataError, match=r"must contain at least 1 test track of Beatles, .*, but got 0 in"):
        _load(root, tmp_path)


def test_unknown_sources_splits_and_folds_are_rejected(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"`data` must be one of mdb.*, but got bells"):
        _load(None, tmp_path, source="bells")
    with pytest.raises(
        ConfigError, match="`split` must be one of mirex2017_validated, mirex2017, train_cv, but got random"
    ):
        _load(None, tmp_path, split="random")
    with pytest.raises(ConfigError, match="`fold` of the split train_cv must be 0 to 2, but got 3"):
        _load(None, tmp_path, split="train_cv", fold=3)
    with pytest.raises(ConfigError, match=r"`features` must be one of log_mel_48, paper, .*, but got mfcc"):
        _load(None, tmp_path, features="mfcc")


@pytest.mark.data
@pytest.mark.parametrize("features", ["log_mel_48", "paper"])
def test_recorded_drums_are_audible_at_their_onsets(tmp_path: Path, features: str) -> None:
    """Features rise more at annotated onsets than at random times in every recording."""
    data = _load(recorded("mdb_drums/MDB Drums"), tmp_path, features=features)
    assert data.train and data.test
    for recording in (*data.train, *data.test):
        assert len(recording.reference) > 50
        rise = np.maximum(np.diff(recording.features, axis=0, prepend=recording.features[:1]), 0).mean(axis=1)
        window = np.ones(round(0.05 / recording.hop_s))
        near = np.convolve(rise, window, mode="same")
        hits = recording.grid.to_frames(recording.reference.time_s)
        assert near[hits].mean() > 1.5 * near.mean()
