"""IDMT-SMT-Drums V2: layout, splits, and messages for all kinds of damage."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from softloc_core.errors import DataError
from softloc_core.tasks import TASKS, DataRequest, TaskData

WriteIdmt = Callable[..., Path]
THREE = ("RealDrum01_00", "TechnoDrum01_00", "WaveDrum02_60")
TWENTY = tuple(f"WaveDrum01_{index:02d}" for index in range(20))


def _load(root: Path, cache_dir: Path, *, split: str = "random", fold: int = 0, seed: int = 0) -> TaskData:
    request = DataRequest("drums", "idmt", split, fold=fold, features="log_mel_48", seed=seed)
    return TASKS.get("drums").load(request, data_root=root, cache_dir=cache_dir)


def _names(data: TaskData) -> list[list[str]]:
    return [[recording.name for recording in part] for part in (data.train, data.validation, data.test)]


def _annotation(root: Path, name: str) -> Path:
    return root / "annotation_xml" / f"{name}#MIX.xml"


def test_mixes_are_read_and_isolated_strokes_are_not(write_idmt: WriteIdmt, tmp_path: Path) -> None:
    data = _load(write_idmt(*THREE), tmp_path)
    recordings = (*data.train, *data.validation, *data.test)
    assert sorted(recording.name for recording in recordings) == sorted(THREE)
    assert {recording.group for recording in recordings} == {"RealDrum", "TechnoDrum", "WaveDrum"}
    for recording in recordings:
        assert recording.reference.time_s.tolist() == [0.25, 0.5, 1.0]
        assert recording.reference.channel.tolist() == [0, 1, 2]
        assert recording.reference.duration_s == 2.0


def test_the_random_split_is_seeded_and_has_the_shares_of_the_papers(
    write_idmt: WriteIdmt, tmp_path: Path
) -> None:
    root = write_idmt(*TWENTY)
    first, again, other = (_names(_load(root, tmp_path, seed=seed)) for seed in (0, 0, 1))
    assert first == again != other
    for parts in (first, other):
        assert [len(part) for part in parts] == [14, 3, 3]
        assert sorted(name for part in parts for name in part) == sorted(TWENTY)


def test_the_split_is_part_of_the_fingerprint(write_idmt: WriteIdmt, tmp_path: Path) -> None:
    root = write_idmt(*TWENTY)
    assert _load(root, tmp_path, seed=0).fingerprint == _load(root, tmp_path, seed=0).fingerprint
    assert _load(root, tmp_path, seed=0).fingerprint != _load(root, tmp_path, seed=1).fingerprint


def test_each_collection_is_left_out_once(write_idmt: WriteIdmt, tmp_path: Path) -> None:
    root = write_idmt("RealDrum01_00", "RealDrum02_01", "TechnoDrum01_00", "WaveDrum02_60")
    folds = [_names(_load(root, tmp_path, split="leave_collection_out", fold=fold)) for fold in range(3)]
    assert [test for _, _, test in folds] == [
        ["RealDrum01_00", "RealDrum02_01"],
        ["TechnoDrum01_00"],
        ["WaveDrum02_60"],
    ]
    for train, validation, test in folds:
        assert validation == [] and not set(train) & set(test) and len(train + test) == 4


@pytest.mark.parametrize(
    ("event", "message"),
    [
        (("-0.1", "HH"), "time must be at least 0 s, but got -0.1 in"),
        (("2.1", "KD"), "must lie within its recording, at most 2 s, but got 2.1 in"),
        (("soon", "KD"), "time must be a number of seconds, but got 'soon' in"),
        (("1.0", "CY"), "class must be one of HH, KD, SD, but got CY in"),
        (("", "KD"), "an event must contain onsetSec and instrument, but got no onsetSec in"),
        (("1.0", " "), "an event must contain onsetSec and instrument, but got no instrument in"),
    ],
)
def test_messages_name_the_bad_event(
    write_idmt: WriteIdmt, tmp_path: Path, event: tuple[str, str], message: str
) -> None:
    root = write_idmt(*THREE, events=(("0.1", "HH"), event))
    with pytest.raises(DataError, match=rf"{message} .*#MIX\.xml, line 14$"):
        _load(root, tmp_path)


def test_messages_name_the_line_of_malformed_xml(write_idmt: WriteIdmt, tmp_path: Path) -> None:
    root = write_idmt(*THREE)
    path = _annotation(root, "TechnoDrum01_00")
    path.write_text(path.read_text()[:300])
    with pytest.raises(DataError, match=r"must be well-formed XML, but got .*TechnoDrum01_00.*: .*line \d+"):
        _load(root, tmp_path)


@pytest.mark.parametrize("content", ["<drums><transcription/></drums>", "<instrumentRecording/>"])
def test_xml_with_other_elements_is_rejected(write_idmt: WriteIdmt, tmp_path: Path, content: str) -> None:
    root = write_idmt(*THREE)
    _annotation(root, "RealDrum01_00").write_text(content)
    found = ", ".join(re.findall(r"\w+", content)[: 2 if "drums" in content else 1])
    message = (
        rf"must be an instrumentRecording with a transcription, but got the elements {found} in .*RealDrum01"
    )
    with pytest.raises(DataError, match=message):
        _load(root, tmp_path)


def test_a_recording_and_an_annotation_must_be_paired(write_idmt: WriteIdmt, tmp_path: Path) -> None:
    root = write_idmt(*THREE)
    _annotation(root, "WaveDrum02_60").unlink()
    with pytest.raises(DataError, match=r"needs its annotation, but got .*WaveDrum02_60#MIX\.wav without"):
        _load(root, tmp_path)


def test_messages_name_an_unknown_collection(write_idmt: WriteIdmt, tmp_path: Path) -> None:
    message = r"must start with RealDrum, TechnoDrum, WaveDrum, but got Bongo01_00 in .*Bongo01_00#MIX\.wav"
    with pytest.raises(DataError, match=message):
        _load(write_idmt(*THREE, "Bongo01_00"), tmp_path)


def test_too_few_recordings_are_rejected(write_idmt: WriteIdmt, tmp_path: Path) -> None:
    root = write_idmt("RealDrum01_00")
    with pytest.raises(DataError, match="split random needs a recording to train, but got none of 1"):
        _load(root, tmp_path)
    with pytest.raises(DataError, match="fold 2 of the split leave_collection_out needs a recording to test"):
        _load(root, tmp_path, split="leave_collection_out", fold=2)
