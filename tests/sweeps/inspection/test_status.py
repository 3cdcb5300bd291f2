"""The status of a study, read from its folder while its driver runs elsewhere."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from pyarrow import fs
from rich.console import Console

from softloc_core.errors import UserError
from sweeps.execution.progress import Counts, ProgressLine
from sweeps.execution.ray.node_load import NodeLoad
from sweeps.execution.recorder import Recorder
from sweeps.execution.status_file import StatusFile
from sweeps.inspection import status
from sweeps.inspection.status import status_text, watch_status
from sweeps.storage.folder import StudyFolder
from sweeps.storage.provenance import Provenance
from sweeps.storage.records import TrialRecord, completed_record, failed_record
from sweeps.storage.store import TrialStore
from sweeps.study import Study
from sweeps.testing.simulation import SimulatedTrial
from tests.sweeps.simulated_studies import plan

LOCATION = "memory://bucket/sim"
STARTED = datetime(2026, 1, 2, tzinfo=UTC)
NODES = [NodeLoad("cpu1", "10.0.0.2", 8, 8, 0, 0), NodeLoad("gpu1", "10.0.0.3", 8, 2, 1, 0.2)]


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> StudyFolder:
    """Return the folder of a study that is not on this machine's disk."""
    store = fs._MockFileSystem()
    opened = SimpleNamespace(from_uri=lambda location: (store, location.partition("//")[2]))
    monkeypatch.setattr(fs, "FileSystem", opened)
    folder = StudyFolder(LOCATION)
    assert folder.local is None
    folder.write("study.yaml", b"name: sim")
    return folder


@pytest.fixture
def records(make_study: Callable[..., Study]) -> list[TrialRecord]:
    """Return the records of eight completed and two failed trials, which ran on two machines."""
    planner = plan(make_study("trials=10"))
    provenance, records = Provenance("sim", "0.1.0", "abc"), []
    for number, trial in enumerate(planner.all_trials()):
        data = planner.data_of(trial.config)
        host = "gpu1" if number % 2 else "cpu1"
        if number < 8:
            result = SimulatedTrial()(trial.config, data)
            record = completed_record(
                result, provenance, channel_names=("a", "b"), host=host, started_at=STARTED
            )
        else:
            record = failed_record(
                trial.config,
                trial.trial_id,
                provenance,
                data_fingerprint=data.fingerprint,
                log="Traceback",
                error=f"ValueError: number {number}",
                host=host,
                device="cpu",
                started_at=STARTED,
            )
        records.append(record)
    return records


def run_driver(folder: StudyFolder, records: Sequence[TrialRecord], *, state: str) -> None:
    """Write trials and a status into a folder, as a driver does."""
    counts = Counts(designed=12, running=2)
    line = ProgressLine(counts, console=Console(file=io.StringIO()))
    line.update()
    recorder = Recorder(TrialStore(folder), None, counts, say=lambda _: None)
    for record in records:
        recorder.put(record)
    recorder.close()
    StatusFile(folder, line, recorder).write(state, NODES)


def test_the_status_of_a_running_study(folder: StudyFolder, records: list[TrialRecord]) -> None:
    run_driver(folder, records, state="running")
    lines = status_text(LOCATION).splitlines()
    assert lines[0] == f"{LOCATION}: running; 8 of 12 trials completed, 2 failed, 2 running"
    assert "trials a minute; expected to finish in 0 s (" in lines[1]
    assert lines[2].startswith("driver: process ")
    assert lines[3:5] == [
        "node cpu1 (10.0.0.2): 8 of 8 CPUs in use, 5 trials ended there",
        "node gpu1 (10.0.0.3): 2 of 8 CPUs, 0.2 of 1 GPUs in use, 5 trials ended there",
    ]
    failed = records[-1].trial_id
    assert lines[-1].startswith(f"last failed trial: trial {failed} failed: ValueError: number 9 (softloc, ")
    assert lines[-1].endswith(f"log {LOCATION}/logs/{failed}.log)")
    assert folder.read(f"logs/{failed}.log") == b"Traceback"


def test_a_silent_driver_is_reported_with_the_counts_of_the_parquet_files(
    folder: StudyFolder, records: list[TrialRecord]
) -> None:
    run_driver(folder, records[:3], state="running")
    last = json.loads(folder.read("status.json") or b"")
    last["updated_at"] = (datetime.now(UTC) - timedelta(minutes=5)).isoformat()
    folder.write("status.json", json.dumps(last).encode())
    # Stored after the last status was written.
    TrialStore(folder).write(records[3].row)
    text = status_text(LOCATION)
    assert text.startswith(
        f"{LOCATION}: no sign of its driver for 5 min (run the study again to resume it); 4 of"
    )
    assert "node" not in text


def test_reading_changes_nothing_even_if_a_part_is_damaged(
    folder: StudyFolder, records: list[TrialRecord]
) -> None:
    run_driver(folder, records, state="done")
    whole = folder.read(f"trials/{records[0].trial_id}.parquet") or b""
    folder.write(f"trials/{records[0].trial_id}.parquet", whole[: len(whole) // 2])
    before = folder.names("trials")
    text = status_text(LOCATION)
    assert text.startswith(f"{LOCATION}: done; 7 of 12 trials completed, 2 failed\n")
    assert folder.names("trials") == before
    assert folder.read("driver.lock") is None


def test_without_a_status_file_the_failures_come_from_parquet(
    folder: StudyFolder, records: list[TrialRecord]
) -> None:
    for record in (records[0], records[8]):
        TrialStore(folder).write(record.row)
    assert status_text(LOCATION).splitlines() == [
        f"{LOCATION}: stored trials, no driver; 1 trials completed, 1 failed",
        f"last failed trial: trial {records[8].trial_id} failed: ValueError: number 8 "
        f"(log {LOCATION}/logs/{records[8].trial_id}.log)",
    ]


def test_a_study_with_several_objectives_points_to_its_front(folder: StudyFolder) -> None:
    folder.write("study.yaml", b"name: sim\nobjectives: {f1: maximize, train_s: minimize}")
    assert status_text(LOCATION).splitlines()[-1] == (
        f"best in f1 (maximize) and train_s (minimize): softloc pareto {LOCATION}"
    )


@pytest.mark.parametrize("content", [b"{cut", b"[1]"])
def test_a_damaged_status_file_is_ignored(folder: StudyFolder, content: bytes) -> None:
    folder.write("status.json", content)
    assert status_text(LOCATION).startswith(f"{LOCATION}: not started; 0 trials")


def test_a_folder_without_a_study_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=f"must hold study.yaml, but {tmp_path} does not"):
        status_text(str(tmp_path))


def test_watching_ends_with_the_driver(
    folder: StudyFolder, records: list[TrialRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    run_driver(folder, records, state="running")
    # The driver ends during the pause.
    monkeypatch.setattr(status.time, "sleep", lambda _: run_driver(folder, records, state="done"))
    first, second = watch_status(LOCATION)
    assert ": running;" in first
    assert ": done;" in second
