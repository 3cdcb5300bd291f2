"""A study on an S3-compatible server: moto's, over HTTP on this machine."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest

from analysis.reading.parts import load_table
from analysis.reading.results import load_results
from sweeps.storage.checkpoints import Checkpoints, Origin, pack
from sweeps.storage.folder import StudyFolder, inside
from sweeps.storage.lock import StudyLockedError, study_lock
from sweeps.storage.provenance import Provenance
from sweeps.storage.records import TrialRecord, completed_record
from sweeps.storage.store import TrialStore
from sweeps.study import Study
from sweeps.testing.simulation import SimulatedTrial
from tests.sweeps.simulated_studies import plan

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """Start an S3 server with one bucket."""
    moto_server = pytest.importorskip("moto.server", reason="needs moto[server]")
    boto3 = pytest.importorskip("boto3")
    served = moto_server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    served.start()
    address = f"http://127.0.0.1:{served.get_host_and_port()[1]}"
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
    boto3.client("s3", endpoint_url=address, **keys).create_bucket(Bucket="bucket")
    yield address
    served.stop()


@pytest.fixture(params=["environment", "address"])
def out(request: pytest.FixtureRequest, server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return an address in the bucket. The environment or the address itself names the server."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    place = f"s3://bucket/{request.node.name[:20].strip('[]_')}-{request.param}"
    if request.param == "environment":
        monkeypatch.setenv("AWS_ENDPOINT_URL", server)
        return place
    return f"{place}?region=us-east-1&scheme=http&endpoint_override={server.removeprefix('http://')}"


@pytest.fixture
def records(make_study: Callable[..., Study]) -> list[TrialRecord]:
    """Return four completed trials."""
    planner = plan(make_study("trials=4"))
    return [
        completed_record(
            SimulatedTrial()(trial.config, planner.data_of(trial.config)),
            Provenance("sim", "0.1.0", "abc"),
            channel_names=("a", "b"),
            host="h",
            started_at=datetime(2026, 1, 2, tzinfo=UTC),
        )
        for trial in planner.all_trials()
    ]


def test_a_study_in_a_bucket_is_written_and_read_back(out: str, records: list[TrialRecord]) -> None:
    folder = StudyFolder(inside(out, "sim"))
    assert not folder.exists()
    store = TrialStore(folder)
    assert store.load() == {}
    for record in records:
        store.write(record.row, record.tables)
    store.write(records[0].row, records[0].tables)
    loaded = TrialStore(folder).load()
    assert {i: trial.row["f1"] for i, trial in loaded.items()} == {r.trial_id: r.row["f1"] for r in records}
    assert store.rows("events", records[0].trial_id) == list(records[0].tables["events"])
    # The analysis reads the same address.
    study = load_results(str(folder))
    assert sorted(study.completed["trial_id"]) == sorted(loaded)
    assert set(load_table(str(folder), "events")["trial_id"]) == set(loaded)


def test_a_damaged_part_in_a_bucket_is_set_aside(out: str, records: list[TrialRecord]) -> None:
    store = TrialStore(StudyFolder(out))
    for record in records:
        store.write(record.row, record.tables)
    for table, record in (("trials", records[0]), ("events", records[1])):
        content = store.folder.read(f"{table}/{record.trial_id}.parquet")
        assert content is not None
        store.folder.write(f"{table}/{record.trial_id}.parquet", content[: len(content) // 2])
    assert set(store.load()) == {record.trial_id for record in records[2:]}
    assert len(store.set_aside) == 3
    assert len(load_results(out).trials) == 2


def test_only_one_driver_can_lock_a_study_in_a_bucket(out: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["sweeps.storage.lock"], "_SETTLE_S", 0.05)
    folder = StudyFolder(out)
    with study_lock(folder):
        holder = json.loads(folder.read("driver.lock") or b"")
        held = f"is run by process {holder['pid']} on {holder['host']}"
        with pytest.raises(StudyLockedError, match=held), study_lock(StudyFolder(out)):
            pass
    with study_lock(folder):
        pass


def test_logs_in_a_bucket_are_appended_to(out: str) -> None:
    folder = StudyFolder(out)
    folder.append("logs/x.log", b"one\n")
    folder.append("logs/x.log", b"two\n")
    assert folder.read("logs/x.log") == b"one\ntwo\n"
    assert folder.names("logs") == ["x.log"]


def test_the_error_names_a_missing_bucket(out: str) -> None:
    with pytest.raises(OSError, match="absent"):
        StudyFolder(out.replace("bucket", "absent")).write("a", b"1")


def test_checkpoints_on_an_object_store_are_written_and_read_back(out: str) -> None:
    folder = StudyFolder(inside(out, "sim"))
    checkpoints = Checkpoints(folder, Origin("0.1.0", "abc", "cpu"))
    packed = pack({"scores": {5: 0.5}}, trial_id="a", origin=Origin("0.1.0", "abc", "cpu"))
    assert checkpoints.load("a") == b""
    checkpoints.keep("a", packed)
    assert checkpoints.load("a") == packed
    checkpoints.drop("a")
    checkpoints.drop("a")
    assert folder.names("checkpoints") == []
    checkpoints.keep("a", packed[:-1])
    assert checkpoints.load("a") == b""
    assert folder.names("checkpoints") == ["a.pt.unusable"]
