"""Errors while Ray starts are reported in one line."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import ray

from softloc_core.errors import ConfigError
from sweeps.execution.ray.session import ray_session, session_base


@pytest.mark.parametrize(
    ("address", "error", "message"),
    [
        (
            None,
            Exception("The current node timed out.\nMore"),
            "Ray must start on this machine, but did not: The",
        ),
        (None, Exception(), "Ray must start on this machine, but did not: Exception"),
        (
            "10.0.0.1:6379",
            ConnectionError("no answer\nMore"),
            "--address must be a running Ray cluster, but got 10.0.0.1:6379: no answer$",
        ),
    ],
)
def test_a_failed_start_of_ray_prints_one_line(
    monkeypatch: pytest.MonkeyPatch, address: str | None, error: Exception, message: str
) -> None:
    def fail(**_: object) -> None:
        raise error

    monkeypatch.setattr(ray, "init", fail)
    session = ray_session(address=address, cpus=1, gpus=0, threads=1)
    with pytest.raises(ConfigError, match=message) as raised, session:
        pass
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(("slow", "attempts"), [(2, 3), (9, 3), (0, 1)])
def test_a_slow_start_of_ray_is_retried(monkeypatch: pytest.MonkeyPatch, slow: int, attempts: int) -> None:
    tried = []

    def init(**_: object) -> None:
        tried.append(1)
        if len(tried) <= slow:
            raise Exception("The current node timed out during startup. This could happen because")

    monkeypatch.setattr(ray, "init", init)
    session = ray_session(address=None, cpus=1, gpus=0, threads=1)
    if slow < attempts:
        with session:
            pass
    else:
        with pytest.raises(ConfigError, match="Ray must start on this machine, but did not"), session:
            pass
    assert len(tried) == attempts


def test_a_short_tmpdir_is_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("sweeps.execution.ray.session._LONGEST_SOCKET", 1000)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert session_base() == tmp_path


def test_a_long_tmpdir_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", f"/{'a' * 60}")
    assert session_base() == Path("/tmp")


def test_a_long_tmpdir_that_cannot_be_replaced_is_rejected(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("sweeps.execution.ray.session._SHORT_FOLDER", tmp_path / "absent")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    message = (
        f"TMPDIR must be a writable folder .* at most 1[04] characters.*but got {tmp_path}, and .*absent"
    )
    with pytest.raises(ConfigError, match=message):
        session_base()


@pytest.mark.ray
@pytest.mark.slow
def test_ray_starts_with_a_long_tmpdir(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 20)
    folder.mkdir()
    script = (
        "from sweeps.execution.ray.environment import set_ray_environment; set_ray_environment(local=True)\n"
        "from sweeps.execution.ray.session import ray_session\n"
        "with ray_session(address=None, cpus=1, gpus=0, threads=1) as folder: print(folder)"
    )
    environment = {**os.environ, "TMPDIR": str(folder)}
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    session = Path(done.stdout.strip()).parent
    assert session.parent == Path("/tmp")
    assert not session.exists()
