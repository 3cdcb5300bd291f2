"""MAPS: layout, splits, and messages for all kinds of damage."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from softloc_core.errors import DataError
from softloc_core.features.front_ends import FRONT_ENDS
from softloc_core.tasks import TASKS, DataRequest, TaskData
from softloc_core.tasks.piano.keys import KEY_NAMES, key_name
from tests.recorded_data import recorded

WriteMaps = Callable[..., Path]
TREE = ("a_AkPnBcht", "b_AkPnBsdf", "c_AkPnCGdD", "d_ENSTDkAm")


def _load(root: Path, cache_dir: Path, **fields: object) -> TaskData:
    values = {
        "task": "piano",
        "source": "maps",
        "split": "disklavier",
        "fold": 0,
        "features": "semitones_196",
        "seed": 0,
    }
    return TASKS.get("piano").load(DataRequest(**{**values, **fields}), data_root=root, cache_dir=cache_dir)


def _names(data: TaskData) -> tuple[list[str], list[str]]:
    return [r.name for r in data.train], [r.name for r in data.test]


def test_keys_have_scientific_pitch_names() -> None:
    assert len(KEY_NAMES) == len(set(KEY_NAMES)) == 88
    assert (KEY_NAMES[0], KEY_NAMES[39], KEY_NAMES[87]) == ("A0", "C4", "C8")
    assert key_name(69) == "A4"


@pytest.mark.parametrize("ext", ["wav", "flac"])
def test_onsets_and_keys_are_read(write_maps: WriteMaps, tmp_path: Path, ext: str) -> None:
    data = _load(write_maps("x-1_2_AkPnBcht", "y_ENSTDkCl", ext=ext), tmp_path)
    (recording,) = data.test
    assert (data.channel_names, data.hop_s) == (KEY_NAMES, 0.02)
    assert recording.reference.time_s.tolist() == [0.25, 0.5, 0.5]
    assert recording.reference.channel.tolist() == [39, 0, 87]
    assert recording.features.shape == (101, 196)
    assert [(r.name, r.group) for r in data.train] == [("x-1_2_AkPnBcht", "AkPnBcht")]


def test_a_wav_file_takes_precedence_over_a_flac_file(write_maps: WriteMaps, tmp_path: Path) -> None:
    write_maps(*TREE, ext="flac")
    (tmp_path / "MAPS" / "ENSTDkAm" / "MUS" / "MAPS_MUS-d_ENSTDkAm.flac").write_bytes(b"no sound")
    assert _names(_load(write_maps(*TREE), tmp_path))[1] == ["d_ENSTDkAm"]


def test_pieces_of_the_test_part_are_not_used_for_training(write_maps: WriteMaps, tmp_path: Path) -> None:
    root = write_maps("a_AkPnBcht", "b_AkPnBcht", "b_SptkBGAm", "c_StbgTGd2", "b_ENSTDkCl", "d_ENSTDkAm")
    train, test = _names(_load(root, tmp_path))
    assert (train, test) == (["a_AkPnBcht", "c_StbgTGd2"], ["b_ENSTDkCl", "d_ENSTDkAm"])


def test_one_instrument_and_its_pieces_are_for_validation(write_maps: WriteMaps, tmp_path: Path) -> None:
    root = write_maps("a_AkPnBcht", "b_AkPnStgb", "b_SptkBGAm", "c_AkPnStgb", "d_ENSTDkAm")
    data = _load(root, tmp_path, split="disklavier_validated")
    assert _names(data) == (["a_AkPnBcht"], ["d_ENSTDkAm"])
    assert [r.name for r in data.validation] == ["b_AkPnStgb", "c_AkPnStgb"]
    assert _load(root, tmp_path).validation == ()


def test_the_last_instrument_validates_in_a_copy_without_the_usual_one(
    write_maps: WriteMaps, tmp_path: Path
) -> None:
    root = write_maps("a_AkPnBcht", "b_AkPnBsdf", "c_SptkBGAm", "d_ENSTDkAm")
    data = _load(root, tmp_path, split="disklavier_validated")
    assert [r.name for r in data.validation] == ["c_SptkBGAm"] and len(data.train) == 2


def test_training_folds_leave_out_instruments_and_their_pieces(write_maps: WriteMaps, tmp_path: Path) -> None:
    root = write_maps("a_AkPnBcht", "b_AkPnBsdf", "a_AkPnBsdf", "c_AkPnCGdD", "e_AkPnStgb", "d_ENSTDkAm")
    folds = [_names(_load(root, tmp_path, split="train_cv", fold=fold)) for fold in range(3)]
    # The last instrument of the other folds validates: AkPnCGdD, AkPnStgb and AkPnStgb.
    assert folds[0] == (["b_AkPnBsdf"], ["a_AkPnBcht", "e_AkPnStgb"])
    assert folds[1] == (["c_AkPnCGdD"], ["a_AkPnBsdf", "b_AkPnBsdf"])
    assert folds[2] == (["a_AkPnBcht", "a_AkPnBsdf", "b_AkPnBsdf"], ["c_AkPnCGdD"])


def test_labels_of_the_papers_keys_are_scored_against_all_notes(
    write_maps: WriteMaps, tmp_path: Path
) -> None:
    lines = "".join(f"0.{k}\t1.0\t{midi}\n" for k, midi in enumerate((29, 30, 99, 100)))
    data = _load(write_maps(*TREE, lines=lines), tmp_path, source="maps_70")
    for recording in (*data.train, *data.test):
        assert (recording.reference.channel + 21).tolist() == [29, 30, 99, 100]
        assert (recording.label.channel + 21).tolist() == [30, 99]
    assert data.fingerprint != _load(write_maps(*TREE, lines=lines), tmp_path).fingerprint


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("-0.1 1 60", "time must be at least 0 s, but got -0.1 in"),
        ("2.1 3 60", "must lie within its recording, at most 2 s, but got 2.1 in"),
        ("soon 1 60", "time must be a number of seconds, but got 'soon' in"),
        ("1.0 0.5 60", r"an offset must not be before its onset 1\.0, but got 0\.5 in"),
        ("1.0 nan 60", "time must be finite, but got nan in"),
        ("1.0 1.5 109", "a MIDI pitch must be a whole number from 21 to 108, but got 109 in"),
        ("1.0 1.5 60.5", r"a MIDI pitch must be a whole number from 21 to 108, but got 60\.5 in"),
        ("1.0 60", "a line must contain onset, offset and MIDI pitch, but got '1.0 60' in"),
    ],
)
def test_messages_name_the_bad_line(write_maps: WriteMaps, tmp_path: Path, line: str, message: str) -> None:
    root = write_maps(*TREE, lines=f"0.1 0.2 60\n\n{line}\n")
    with pytest.raises(DataError, match=rf"{message} .*MAPS_MUS-.*\.txt, line 4$"):
        _load(root, tmp_path)


def test_messages_name_other_bad_files(write_maps: WriteMaps, tmp_path: Path) -> None:
    root = write_maps(*TREE)
    annotation = root / "ENSTDkAm" / "MUS" / "MAPS_MUS-d_ENSTDkAm.txt"
    for content, message in (
        (b"0.1 0.2 60\n", r"must start with the header OnsetTime, .*, but got '0.1 0.2 60' in .*, line 1"),
        (b"", r"must start with the header OnsetTime, .*, but got '' in .*, line 1"),
        (b"\xff\xfe", r"must be a text file, but got .*MAPS_MUS-d_ENSTDkAm\.txt"),
    ):
        annotation.write_bytes(content)
        with pytest.raises(DataError, match=message):
            _load(root, tmp_path)
    annotation.unlink()
    with pytest.raises(DataError, match=r"needs its annotation, but got .*MAPS_MUS-d_ENSTDkAm\.wav"):
        _load(root, tmp_path)
    write_maps("d_ENSTDkAm", "d_Steinway")
    with pytest.raises(DataError, match=r"must end with one of AkPnBcht, .*, but got d_Steinway"):
        _load(root, tmp_path)


def test_missing_parts_are_rejected(write_maps: WriteMaps, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"must contain \*/MUS/MAPS_MUS-\*\.wav \(or \.flac\) and .*\.txt"):
        _load(tmp_path / "empty", tmp_path)
    with pytest.raises(DataError, match="split disklavier needs a recording to test, but got none of 1"):
        _load(write_maps("a_AkPnBcht"), tmp_path)


@pytest.mark.data
def test_recorded_notes_are_audible_in_the_bands_of_their_keys() -> None:
    """The band of a key rises more at its onsets than at random times."""
    source = TASKS.get("piano").source("maps")
    request = DataRequest("piano", "maps", "disklavier", 0, "semitones_196", 0)
    split = source.split(request, recorded("maps"))
    assert (len(split.train), len(split.test)) == (28, 5)
    scan = source.scan(recorded("maps"), names=split.test[:1], seed=0)
    assert not scan.problems
    (found,) = scan.recordings
    front_end = FRONT_ENDS["semitones_196"]
    bands = front_end(*found.audio.load())
    rise = np.zeros_like(bands)
    rise[3:-3] = bands[6:] - bands[:-6]
    frame = np.clip(np.round(found.reference.time_s / front_end.hop_s).astype(int), 3, len(bands) - 4)
    # Low fundamentals are weak, so the second harmonic is measured for all keys.
    own = rise[frame, 2 * found.reference.channel + 24]
    assert own.mean() > 5 * abs(rise[:, 24:176].mean()) + 2
