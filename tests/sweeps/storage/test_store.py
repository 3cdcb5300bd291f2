"""Trials are stored and read back; parts may be truncated, empty, foreign or newer, and disks full."""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from softloc_core.tasks import TASKS, TaskData
from softloc_core.trial.run import TrialConfig
from sweeps.planning import load_data
from sweeps.storage import folder as folder_module
from sweeps.storage.folder import StudyFolder
from sweeps.storage.provenance import Provenance
from sweeps.storage.records import TrialRecord, completed_record, failed_record, not_finite
from sweeps.storage.schema import SCHEMA_VERSION, TABLES, arrow_schema, columns_markdown
from sweeps.storage.store import NewerSchemaError, TrialStore
from sweeps.study import Study
from sweeps.testing.simulation import SimulatedTrial
from tests.sweeps.simulated_studies import plan

PROVENANCE = Provenance("sim", "0.1.0", "abc")
STARTED = datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)


@pytest.fixture
def records(make_study: Callable[..., Study]) -> list[TrialRecord]:
    """Return three completed trials."""
    study = make_study("trials=3")
    planner = plan(study)
    found = []
    for trial in planner.all_trials():
        data = planner.data_of(trial.config)
        result = SimulatedTrial()(trial.config, data)
        found.append(
            completed_record(
                result, PROVENANCE, channel_names=data.channel_names, host="h", started_at=STARTED
            )
        )
    return found


@pytest.fixture
def store(tmp_path: Path, records: list[TrialRecord]) -> TrialStore:
    """Return a store that holds these trials."""
    store = TrialStore(StudyFolder(tmp_path / "study"))
    for record in records:
        store.write(record.row, record.tables)
    return store


def part(store: TrialStore, record: TrialRecord, table: str = "trials") -> Path:
    assert store.folder.local is not None
    return store.folder.local / table / f"{record.trial_id}.parquet"


def test_a_trial_is_read_back_as_written(store: TrialStore, records: list[TrialRecord]) -> None:
    loaded = store.load()
    assert set(loaded) == {record.trial_id for record in records}
    for record in records:
        row = loaded[record.trial_id].row
        assert {key: row[key] for key in record.row} == dict(record.row)
        assert store.rows("events", record.trial_id) == list(record.tables["events"])
        assert store.rows("history", record.trial_id) == list(record.tables["history"])


def test_parts_carry_the_schema_with_units_and_meanings(
    store: TrialStore, records: list[TrialRecord]
) -> None:
    for table in ("trials", "events", "history"):
        schema = pq.read_schema(part(store, records[0], table))
        assert schema.equals(arrow_schema(table))
        assert all(field.metadata[b"meaning"] for field in schema)
        assert schema.metadata[b"softloc_schema_version"] == str(SCHEMA_VERSION).encode()


def test_every_field_of_a_trial_has_a_described_column() -> None:
    described = {column.name: column.meaning for column in TABLES["trials"]}
    assert {field.name for field in fields(TrialConfig)} <= set(described)
    assert all(len(meaning) > 4 and meaning != name for name, meaning in described.items())
    assert "| `softness_s` | double | s |" in columns_markdown("trials")


def test_writing_a_trial_again_changes_nothing(store: TrialStore, records: list[TrialRecord]) -> None:
    before = store.load()
    store.write(records[0].row, records[0].tables)
    assert store.load() == before


def test_a_failed_trial_is_replaced_when_it_completes(
    store: TrialStore, records: list[TrialRecord], make_study: Callable[..., Study]
) -> None:
    study = make_study("trials=3")
    planner = plan(study)
    trial = planner.all_trials()[0]
    failed = failed_record(
        trial.config, trial.trial_id, PROVENANCE, data_fingerprint="f", error="ValueError: no", log="",
        host="h", device="cpu", started_at=STARTED,
    )  # fmt: skip
    store.write(failed.row)
    row = store.load()[trial.trial_id]
    assert row.status == "failed"
    assert row.row["f1"] is None
    store.write(records[0].row)
    assert store.load()[trial.trial_id].status == "completed"


@pytest.mark.parametrize("damage", ["half", "empty", "noise", "other table", "two rows"])
def test_a_damaged_part_is_set_aside_counted_and_logged(
    store: TrialStore, records: list[TrialRecord], damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = part(store, records[1])
    content = path.read_bytes()
    if damage == "two rows":
        pq.write_table(pa.concat_tables([pq.read_table(path)] * 2), path)
    elif damage == "other table":
        path.write_bytes(part(store, records[1], "events").read_bytes())
    else:
        path.write_bytes({"half": content[: len(content) // 2], "empty": b"", "noise": b"\0" * 100}[damage])
    assert set(store.load()) == {records[0].trial_id, records[2].trial_id}
    assert store.set_aside == [f"trials/{path.name}.corrupt"]
    assert "set aside" in caplog.text
    assert not path.exists()
    assert path.with_name(f"{path.name}.corrupt").exists()
    # The analysis, which reads trials/*.parquet, can read the remaining parts.
    from analysis.reading.results import load_results

    assert len(load_results(str(store.folder)).trials) == 2


def test_a_damaged_history_has_no_rows(store: TrialStore, records: list[TrialRecord]) -> None:
    part(store, records[0], "history").write_bytes(b"PAR1")
    assert store.rows("history", records[0].trial_id) == []


def test_a_part_with_a_newer_schema_is_rejected_and_kept(
    store: TrialStore, records: list[TrialRecord]
) -> None:
    path = part(store, records[0])
    row = {**records[0].row, "schema_version": SCHEMA_VERSION + 1}
    pq.write_table(pa.Table.from_pylist([row], schema=arrow_schema("trials")), path)
    with pytest.raises(
        NewerSchemaError, match=rf"version {SCHEMA_VERSION} or older, but .* has version {SCHEMA_VERSION + 1}"
    ):
        store.load()
    assert path.exists()


def test_a_partially_written_part_is_ignored(store: TrialStore, records: list[TrialRecord]) -> None:
    part(store, records[0]).with_name(".tmp1.partial").write_bytes(b"PAR1")
    part(store, records[0]).with_name(".hidden.parquet").write_bytes(b"PAR1")
    assert len(store.load()) == 3
    assert store.set_aside == []


def test_a_full_disk_leaves_the_old_content_and_no_temporary_files(
    store: TrialStore, records: list[TrialRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    before = part(store, records[0]).read_bytes()
    monkeypatch.setattr(folder_module.os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        store.write({**records[0].row, "f1": 0.0})
    assert part(store, records[0]).read_bytes() == before
    assert [path.name for path in part(store, records[0]).parent.iterdir() if path.name.startswith(".")] == []


def test_events_are_written_before_the_row_that_commits_them(
    tmp_path: Path, records: list[TrialRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    folder = StudyFolder(tmp_path / "ordered")
    monkeypatch.setattr(folder, "write", lambda name, content: order.append(name.split("/")[0]))
    TrialStore(folder).write(records[0].row, records[0].tables)
    assert order == ["events", "history", "trials"]


def _task_data() -> TaskData:
    study = Study(name="x", sources={"simulated": "plain"}, design="grid")
    return next(iter(load_data(study, data_root=None, cache_dir=Path("unused")).values()))


def test_references_are_stored_once(tmp_path: Path) -> None:
    store = TrialStore(StudyFolder(tmp_path))
    data = _task_data()
    store.write_references(data)
    [path] = (tmp_path / "references").iterdir()
    written = path.stat().st_mtime_ns
    store.write_references(data)
    assert path.stat().st_mtime_ns == written
    rows = pq.read_table(path).to_pylist()
    assert [row["time_s"] for row in rows] == [0.1, 0.4, 0.7]
    assert [row["channel"] for row in rows] == ["a", "b", "a"]
    assert {row["recording"] for row in rows} == {"two"}


def test_a_recording_without_events_has_a_row_with_its_duration(tmp_path: Path) -> None:
    from dataclasses import replace

    from softloc_core.events import EventList

    data = _task_data()
    silent = replace(data.test[0], reference=EventList([], [], 2.5))  # type: ignore[arg-type]
    store = TrialStore(StudyFolder(tmp_path))
    store.write_references(replace(data, test=(silent,)))
    [path] = (tmp_path / "references").iterdir()
    assert pq.read_table(path).to_pylist() == [
        {
            "data_fingerprint": data.fingerprint,
            "recording": "two",
            "channel": None,
            "time_s": None,
            "duration_s": 2.5,
            "tolerance_s": None,
            "is_segments": False,
        }
    ]


def test_a_result_that_is_not_finite_is_named(make_study: Callable[..., Study]) -> None:
    from dataclasses import replace

    from softloc_core.trial.run import HistoryPoint

    study = make_study("trials=1")
    planner = plan(study)
    [trial] = planner.all_trials()
    result = SimulatedTrial()(trial.config, planner.data_of(trial.config))
    assert not_finite(result) is None
    broken = replace(result, history=(HistoryPoint(20, float("nan"), {}, 0.0),))
    assert not_finite(broken) == "the loss became nan by iteration 20"


def test_registered_tasks_are_restored_after_a_test() -> None:
    assert "simulated" in TASKS.tasks


@pytest.mark.parametrize("table", ["events", "history"])
@pytest.mark.parametrize("damage", ["half", "empty", "noise"])
def test_a_trial_with_damaged_events_or_history_counts_as_missing(
    store: TrialStore, records: list[TrialRecord], table: str, damage: str
) -> None:
    path = part(store, records[1], table)
    content = path.read_bytes()
    path.write_bytes({"half": content[: len(content) // 2], "empty": b"", "noise": b"\0" * 100}[damage])
    assert set(store.load()) == {records[0].trial_id, records[2].trial_id}
    assert store.set_aside == [f"{table}/{path.name}.corrupt", f"trials/{path.name}.corrupt"]
    # After the trial runs again it is complete, and the set-aside parts remain.
    store.write(records[1].row, records[1].tables)
    assert len(TrialStore(store.folder).load()) == 3
    assert path.with_name(f"{path.name}.corrupt").exists()


def test_a_copy_under_another_name_counts_once(store: TrialStore, records: list[TrialRecord]) -> None:
    path = part(store, records[0])
    path.with_name("copy.parquet").write_bytes(path.read_bytes())
    assert len(store.load()) == 3
    assert store.set_aside == ["trials/copy.parquet.corrupt"]


def test_two_readers_may_set_a_part_aside_at_once(
    store: TrialStore, records: list[TrialRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    def taken(name: str, new_name: str) -> None:
        raise FileNotFoundError(name)

    part(store, records[0]).write_bytes(b"")
    monkeypatch.setattr(store.folder, "move", taken)
    assert len(store.load()) == 2
    assert store.set_aside == []
