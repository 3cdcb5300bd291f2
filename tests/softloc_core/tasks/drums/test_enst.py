"""ENST-Drums: layout, splits, labels, accompaniment, and messages for all kinds of damage."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from softloc_core.errors import DataError
from softloc_core.tasks import TASKS, DataRequest, TaskData, check_source
from softloc_core.tasks.drums.enst import EnstWithMusicSource, read_enst_annotation
from tests.softloc_core.tasks.audio_files import write_clicks

LINES = "0.25 chh\n0.30 ohh\n0.5 bd\n\n0.75 sd-\n0.8 cs\n1.0 rc2\n1.1 cr5\n1.2 sticks\n1.3 lft\n"
NAMES = (
    "drummer_1/107_minus-one_salsa_sticks",
    "drummer_1/121_MIDI-minus-one_bigband_brushes",
    "drummer_2/107_minus-one_salsa_sticks",
    "drummer_3/126_minus-one_salsa_sticks",
)


def write_enst(root: Path, *names: str, lines: str = LINES) -> Path:
    """Write recordings with accompaniment, and a phrase that is not part of the minus-one subset."""
    for seed, name in enumerate((*names, "drummer_1/001_hits_snare-drum_sticks_x6")):
        drummer, _, piece = name.partition("/")
        write_clicks(root / drummer / "audio" / "wet_mix" / f"{piece}.wav", seed=seed)
        write_clicks(root / drummer / "audio" / "accompaniment" / f"{piece}.wav", seconds=1.0, seed=seed + 9)
        annotation = root / drummer / "annotation" / f"{piece}.txt"
        annotation.parent.mkdir(parents=True, exist_ok=True)
        annotation.write_text(lines)
    return root


def _load(root: Path, cache_dir: Path, **fields: object) -> TaskData:
    values = {"task": "drums", "source": "enst", "split": "leave_drummer_out", "fold": 0, "seed": 0}
    request = DataRequest(**{**values, "features": "log_mel_48", **fields})
    return TASKS.get("drums").load(request, data_root=root, cache_dir=cache_dir)


def test_strokes_of_the_three_classes_are_read(tmp_path: Path) -> None:
    data = _load(write_enst(tmp_path / "enst", *NAMES), tmp_path)
    recording = data.test[0]
    assert (recording.name, recording.group) == (NAMES[0], "drummer_1")
    assert recording.reference.time_s.tolist() == [0.25, 0.3, 0.5, 0.75, 0.8]
    assert [data.channel_names[c] for c in recording.reference.channel] == ["HH", "HH", "KD", "SD", "SD"]


def test_each_drummer_is_the_test_set_of_one_fold(tmp_path: Path) -> None:
    root = write_enst(tmp_path / "enst", *NAMES)
    for fold, expected in enumerate((NAMES[:2], NAMES[2:3], NAMES[3:])):
        data = _load(root, tmp_path, fold=fold)
        assert tuple(r.name for r in data.test) == expected
        assert {r.name for r in data.train} == set(NAMES) - set(expected)


def test_the_random_split_depends_on_the_seed(tmp_path: Path) -> None:
    names = [f"drummer_{1 + k % 3}/{100 + k}_minus-one_rock_sticks" for k in range(10)]
    root = write_enst(tmp_path / "enst", *names)
    source = TASKS.get("drums").source("enst")
    splits = [source.split(DataRequest("drums", "enst", "random", 0, "", seed), root) for seed in (0, 0, 1)]
    assert splits[0] == splits[1] != splits[2]
    assert [len(part) for part in (splits[0].train, splits[0].validation, splits[0].test)] == [7, 1, 2]
    assert sorted(splits[0].all) == sorted(names)


def test_music_is_mixed_in_at_half_the_level_of_the_drums(tmp_path: Path) -> None:
    root = write_enst(tmp_path / "enst", *NAMES)
    (found,) = EnstWithMusicSource().scan(root, names=NAMES[:1], seed=0).recordings
    mix, rate_hz = found.audio.load()
    drums, music = (
        soundfile.read(
            root / "drummer_1" / "audio" / part / "107_minus-one_salsa_sticks.wav", dtype="float32"
        )[0]
        for part in ("wet_mix", "accompaniment")
    )
    assert (rate_hz, len(mix), found.audio.duration_s) == (44_100, 88_200, 2.0)
    np.testing.assert_allclose(mix[:44_100], 2 / 3 * drums[:44_100] + music / 3, atol=1e-6)
    np.testing.assert_allclose(mix[44_100:], 2 / 3 * drums[44_100:], atol=1e-6)
    assert _load(root, tmp_path, source="enst_music").fingerprint != _load(root, tmp_path).fingerprint


def test_music_with_another_sampling_rate_is_resampled(tmp_path: Path) -> None:
    root = write_enst(tmp_path / "enst", *NAMES)
    path = root / "drummer_1" / "audio" / "accompaniment" / "107_minus-one_salsa_sticks.wav"
    soundfile.write(path, np.zeros(22_050), 22_050)
    (found,) = EnstWithMusicSource().scan(root, names=NAMES[:1], seed=0).recordings
    assert len(found.audio.load()[0]) == 88_200


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("0.5 bd loud", "a line must contain seconds and a label, but got '0.5 bd loud' in"),
        ("soon bd", "time must be a number of seconds, but got 'soon' in"),
        ("2.5 bd", "must lie within its recording, at most 2 s, but got 2.5 in"),
        ("0.5 gong", "class must be one of bd, sd, .*, but got gong in"),
    ],
)
def test_messages_name_the_bad_line(tmp_path: Path, line: str, message: str) -> None:
    path = tmp_path / "a.txt"
    path.write_text(f"0.1 bd\n{line}\n")
    strokes, (problem,) = read_enst_annotation(path, duration_s=2.0)
    assert strokes == [(0.1, "KD")]
    with pytest.raises(DataError, match=rf"{message} .*a\.txt, line 2$"):
        raise problem


def test_messages_name_all_other_problems(tmp_path: Path) -> None:
    root = write_enst(tmp_path / "enst", *NAMES, "drummer_4/1_minus-one_rock_sticks")
    (root / "drummer_2" / "annotation" / "107_minus-one_salsa_sticks.txt").write_bytes(b"\xff\xfe")
    (root / "drummer_3" / "audio" / "accompaniment" / "126_minus-one_salsa_sticks.wav").unlink()
    problems = "\n".join(check_source(TASKS.get("drums"), "enst_music", data_root=root).problems)
    assert "a drummer must be one of drummer_1, drummer_2, drummer_3, but got drummer_4 in" in problems
    assert "an annotation must be a text file, but got" in problems
    assert "drums need their accompaniment, but got nothing at" in problems


def test_a_fold_of_a_drummer_without_recordings_is_rejected(tmp_path: Path) -> None:
    root = write_enst(tmp_path / "enst", *NAMES[:2])
    with pytest.raises(DataError, match="fold 1 of the split leave_drummer_out needs a recording to test"):
        _load(root, tmp_path, fold=1)
