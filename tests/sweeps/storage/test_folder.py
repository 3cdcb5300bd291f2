"""Paths and atomic writes on any filesystem."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from pyarrow import fs

from softloc_core.errors import ConfigError
from sweeps.storage.folder import StudyFolder, inside


@pytest.mark.parametrize(
    ("location", "place"),
    [
        ("runs", "runs/sim"),
        ("/runs/", "/runs/sim"),
        ("what?", "what?/sim"),
        ("s3://bucket/runs/", "s3://bucket/runs/sim"),
        ("s3://bucket/runs?region=eu-central-1", "s3://bucket/runs/sim?region=eu-central-1"),
    ],
)
def test_a_path_in_an_address_keeps_the_options_at_the_end(location: str, place: str) -> None:
    assert inside(location, "sim") == place


def test_an_address_that_pyarrow_cannot_open_is_rejected() -> None:
    with pytest.raises(
        ConfigError, match="--out must be a folder or an address that pyarrow opens, but ftpx:"
    ):
        StudyFolder("ftpx://bucket/runs")


@pytest.fixture
def remote(monkeypatch: pytest.MonkeyPatch) -> StudyFolder:
    """Return a folder on an in-memory filesystem, which does not create folders automatically."""
    store = fs._MockFileSystem()
    opened = SimpleNamespace(from_uri=lambda location: (store, location.partition("//")[2]))
    monkeypatch.setattr(fs, "FileSystem", opened)
    return StudyFolder("memory://bucket/sim")


def test_files_on_another_filesystem_are_written_read_and_moved(remote: StudyFolder) -> None:
    assert not remote.exists()
    assert remote.names("trials") == []
    assert remote.read("trials/a.parquet") is None
    remote.write("trials/a.parquet", b"one")
    remote.write("trials/a.parquet", b"two")
    remote.append("logs/x.log", b"1")
    remote.append("logs/x.log", b"2")
    assert remote.exists()
    assert remote.names("trials") == ["a.parquet"]
    assert remote.read("trials/a.parquet") == b"two"
    assert remote.read("logs/x.log") == b"12"
    remote.move("trials/a.parquet", "trials/a.parquet.corrupt")
    assert remote.names("trials", suffix=".parquet") == []


def test_an_interrupted_write_leaves_the_old_content(
    remote: StudyFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    remote.write("a", b"old")

    def half(target: str, content: bytes) -> None:
        with remote._fs.open_output_stream(target) as sink:
            sink.write(content[:2])
        raise OSError("the network is away")

    monkeypatch.setattr(remote, "_put", half)
    with pytest.raises(OSError, match="away"):
        remote.write("a", b"new")
    assert remote.read("a") == b"old"
