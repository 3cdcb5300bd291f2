"""Every command that reads a study rejects an unusable study with one line and status 2."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sweeps.cli.app import main

COMMANDS = {
    "surface": [],
    "surface authors": ["--preset", "authors"],
    "compare": [],
    "recommend": ["--label-noise", "60ms"],
    "report": [],
    "importance": [],
}


def trials(n: int = 40) -> pd.DataFrame:
    """Return the trials of a usable study with one loss."""
    rng = np.random.default_rng(0)
    noise_s = rng.uniform(0, 0.1, n)
    f1 = 0.9 - 0.5 * noise_s + rng.normal(0, 0.01, n)
    return pd.DataFrame(
        {
            "study": "small",
            "trial_id": [f"{index:04d}" for index in range(n)],
            "status": "completed",
            "error": "",
            "loss": "softloc",
            "label_noise_s": noise_s,
            "softness_s": rng.uniform(0, 0.15, n),
            "replicate": 0,
            "f1": f1,
            "precision": f1,
            "recall": f1,
            "tolerance_s": 0.05,
            "data_fingerprint": "f" * 16,
            "schema_version": 1,
        }
    )


def failed(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the same trials, all failed."""
    return frame.assign(status="failed", error="ValueError: too loud\n  in line 3", f1=np.nan)


BAD: dict[str, tuple[Callable[[pd.DataFrame], pd.DataFrame], str]] = {
    "empty": (lambda frame: frame.iloc[:0], "a study must hold at least one trial, but"),
    "one trial": (lambda frame: frame.iloc[:1], "has 1 completed trial"),
    "two trials": (lambda frame: frame.iloc[:2], "2 trials at 2 points"),
    "one point": (
        lambda frame: frame.assign(softness_s=0.1, label_noise_s=0.05),
        "has 40 completed trials at one point",
    ),
    "all failed": (failed, "40 failed and none completed; the first error: ValueError: too loud"),
    "no metric": (lambda frame: frame.drop(columns="f1"), "must have the columns f1, but have"),
    "no loss": (lambda frame: frame.drop(columns="loss"), "must have the columns loss, but have"),
    "no status": (lambda frame: frame.drop(columns="status"), "must have the columns status, but have"),
    "newer schema": (lambda frame: frame.assign(schema_version=99), "has version 99: update softloc"),
    "NaN": (lambda frame: frame.assign(f1=frame["f1"].where(frame.index > 2)), "3 of 40 are not (trial 0000"),
    "infinite": (lambda frame: frame.assign(f1=np.inf), "must be a finite number, but 40 of 40 are not"),
    "no number": (lambda frame: frame.assign(f1="good"), "must be a finite number, but 40 of 40 are not"),
}
# Messages of commands that need something else.
OTHER = {
    ("importance", "one trial"): "importance needs at least 2 varied parameters and 10 trials",
    ("importance", "two trials"): "importance needs at least 2 varied parameters and 10 trials",
    ("importance", "one point"): "importance needs at least 2 varied parameters and 10 trials",
}


def write(folder: Path, frame: pd.DataFrame) -> Path:
    """Write a study's folder with these trials."""
    (folder / "trials").mkdir(parents=True)
    table = pa.Table.from_pandas(frame, preserve_index=False)
    pq.write_table(table, folder / "trials" / "part-0000.parquet")
    return folder


def refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """Return the single line of a command that exits with status 2 and prints nothing else."""
    monkeypatch.setattr("sys.argv", ["softloc", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    printed = capsys.readouterr()
    assert ended.value.code == 2 and not printed.out and printed.err.count("\n") == 1, printed
    assert "Traceback" not in printed.err
    return printed.err


@pytest.mark.parametrize("case", BAD)
@pytest.mark.parametrize("command", COMMANDS)
def test_an_unusable_study_prints_one_line_and_writes_no_figure(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: str,
    case: str,
) -> None:
    spoil, message = BAD[case]
    study = write(tmp_path / "study", spoil(trials()))
    text = refused(monkeypatch, capsys, command.split()[0], study, *COMMANDS[command])
    assert OTHER.get((command, case), message) in text
    assert not (study / "figures").exists()


@pytest.mark.parametrize("command", [*COMMANDS, "status"])
def test_a_folder_without_a_study_is_rejected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    options = COMMANDS.get(command, [])
    assert "folder" in refused(monkeypatch, capsys, command.split()[0], tmp_path / "nowhere", *options)
    (tmp_path / "hollow").mkdir()
    assert "must hold" in refused(monkeypatch, capsys, command.split()[0], tmp_path / "hollow", *options)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_truncated_part_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    study = write(tmp_path / "study", trials())
    part = study / "trials" / "part-0000.parquet"
    part.write_bytes(part.read_bytes()[:500])
    text = refused(monkeypatch, capsys, command.split()[0], study, *COMMANDS[command])
    assert "part-0000.parquet is not" in text


def test_rescoring_without_all_recordings_is_rejected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    study = write(tmp_path / "study", trials())
    for command, options in COMMANDS.items():
        if command != "importance":
            text = refused(monkeypatch, capsys, command.split()[0], study, *options, "--tolerance", "20ms")
            assert "must hold events/*.parquet" in text
    shutil.rmtree(study)
