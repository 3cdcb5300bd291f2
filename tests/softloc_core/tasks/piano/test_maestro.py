"""MAESTRO: table, splits, MIDI files, and messages for all kinds of damage."""

import importlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from softloc_core.errors import ConfigError, DataError
from softloc_core.tasks import TASKS, DataRequest, TaskData, check_source
from softloc_core.tasks.piano.maestro import read_midi_onsets
from tests.softloc_core.tasks.audio_files import write_clicks

mido = pytest.importorskip("mido", reason="reading MAESTRO needs mido")

HEADER = "canonical_composer,canonical_title,split,year,midi_filename,audio_filename,duration"
ROWS = ("train a", "train b", "train b", "train c", "validation d", "test e")


def write_midi(path: Path, notes: Sequence[tuple[float, int]] = ((0.25, 60), (0.5, 21), (0.5, 108))) -> None:
    """Write notes (seconds, key) at a tempo that changes after 0.25 s. Velocity 0 ends a note."""
    path.parent.mkdir(parents=True, exist_ok=True)
    tempi, keys = mido.MidiTrack(), mido.MidiTrack()
    # There are 480 ticks per beat. A beat lasts 0.5 s, and 0.25 s from tick 240.
    tempi.append(mido.MetaMessage("set_tempo", tempo=500_000, time=0))
    tempi.append(mido.MetaMessage("set_tempo", tempo=250_000, time=240))
    events = [(_ticks(time_s), midi, 64) for time_s, midi in notes]
    events += [(_ticks(time_s) + 100, midi, 0) for time_s, midi in notes]
    now = 0
    for tick, midi, velocity in sorted(events):
        keys.append(mido.Message("note_on", note=midi, velocity=velocity, time=tick - now))
        now = tick
    keys.append(mido.Message("control_change", control=64, value=127, time=0))
    mido.MidiFile(ticks_per_beat=480, tracks=[tempi, keys]).save(path)


def _ticks(time_s: float) -> int:
    return round(480 * (time_s / 0.5 if time_s <= 0.25 else 0.5 + (time_s - 0.25) / 0.25))


def write_maestro(root: Path, rows: Sequence[str] = ROWS) -> Path:
    """Write a table with one performance per row, given as `part title`, and its files."""
    lines = [HEADER]
    for k, row in enumerate(rows):
        part, title = row.split()
        lines.append(f'"Bach, J.S.",{title},{part},2018,2018/p{k}.midi,2018/p{k}.wav,2.0')
        write_clicks(root / "2018" / f"p{k}.wav", rate_hz=16_000, seed=k)
        write_midi(root / "2018" / f"p{k}.midi")
    (root / "maestro-v3.0.0.csv").write_text("\n".join(lines) + "\n")
    return root


def _load(root: Path | None, cache_dir: Path, *, split: str = "official", fold: int = 0) -> TaskData:
    request = DataRequest("piano", "maestro", split, fold, "semitones_196", 0)
    return TASKS.get("piano").load(request, data_root=root, cache_dir=cache_dir)


def test_performances_are_read_and_have_the_official_split(tmp_path: Path) -> None:
    data = _load(write_maestro(tmp_path / "maestro"), tmp_path)
    parts = [[r.name for r in part] for part in (data.train, data.validation, data.test)]
    assert parts == [["2018/p0", "2018/p1", "2018/p2", "2018/p3"], ["2018/p4"], ["2018/p5"]]
    (recording,) = data.test
    assert recording.group == "Bach, J.S., e"
    assert recording.reference.time_s.tolist() == pytest.approx([0.25, 0.5, 0.5])
    assert recording.reference.channel.tolist() == [39, 0, 87]


def test_training_folds_keep_compositions_together(tmp_path: Path) -> None:
    root = write_maestro(tmp_path / "maestro")
    tests = [[r.name for r in _load(root, tmp_path, split="train_cv", fold=k).test] for k in range(3)]
    assert tests == [["2018/p0"], ["2018/p1", "2018/p2"], ["2018/p3"]]


def test_performances_without_files_are_ignored(tmp_path: Path) -> None:
    root = write_maestro(tmp_path / "maestro")
    for path in root.glob("2018/p1.*"):
        path.unlink()
    assert [r.name for r in _load(root, tmp_path).train] == ["2018/p0", "2018/p2", "2018/p3"]
    for path in root.glob("2018/*"):
        path.unlink()
    with pytest.raises(DataError, match=r"must contain recordings of maestro-v3\.0\.0\.csv, but got none in"):
        _load(root, tmp_path)


def test_all_problems_are_reported_at_once(tmp_path: Path) -> None:
    root = write_maestro(tmp_path / "maestro")
    (root / "2018" / "p0.wav").unlink()
    (root / "2018" / "p1.midi").write_bytes(b"no music")
    write_midi(root / "2018" / "p2.midi", [(0.25, 60), (1.0, 109), (2.5, 61)])
    table = root / "maestro-v3.0.0.csv"
    table.write_text(
        table.read_text().replace("c,train", "c,training").replace("d,validation", ",validation")
    )
    problems = "\n".join(check_source(TASKS.get("piano"), "maestro", data_root=root).problems)
    for message in (
        r"needs both its files, but got .*p0.midi without p0.wav in .*maestro-v3.0.0.csv, line 2",
        r"must be a MIDI file, but got .*p1.midi: MThd not found",
        r"whole number from 21 to 108, but got 109 in .*p2.midi, at 1 s",
        r"must lie within its recording, at most 2 s, but got 2.5 in .*p2.midi",
        r"a split must be one of train, validation, test, but got training in .*, line 5",
        r"but got no canonical_title in .*, line 6",
    ):
        assert any(re.search(message, line) for line in problems.splitlines()), message


def test_messages_name_an_unreadable_table(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"must name the folder that contains maestro-v\*\.csv, but got none"
    ):
        _load(None, tmp_path)
    with pytest.raises(DataError, match=r"must be a folder that contains maestro-v\*\.csv, but got none in"):
        _load(tmp_path, tmp_path)
    table = tmp_path / "maestro-v3.0.0.csv"
    for content, message in (
        (b"\xff\xfe\x00", "a table must be a CSV file, but got"),
        (b"", r"must contain rows of canonical_composer, .*, but got none in"),
        (
            b"canonical_composer,split\na,train\n",
            r"must contain rows of .*, but got \['canonical_title', .*\] in",
        ),
    ):
        table.write_bytes(content)
        with pytest.raises(DataError, match=message):
            _load(tmp_path, tmp_path)


def test_a_part_without_performances_is_rejected(tmp_path: Path) -> None:
    root = write_maestro(tmp_path / "maestro", ["train a", "validation b"])
    with pytest.raises(DataError, match="split official needs a recording to test, but got none of 2"):
        _load(root, tmp_path)


def test_a_message_asks_for_mido_if_it_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", absent)
    with pytest.raises(
        ConfigError, match="reading MIDI needs the package mido, but it is not installed: pip"
    ):
        read_midi_onsets(tmp_path / "a.midi", duration_s=1.0)
