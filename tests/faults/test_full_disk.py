"""The disk of a study is full for a while, on a real small file system if one can be mounted."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.fault_study import PATIENCE_S, FaultStudy

SIZE_MB = 24


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Return a folder on a separate small disk."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount")
    if mount is None:
        pytest.skip("a small disk cannot be mounted: there is no mount")
    done = subprocess.run(
        [mount, "-t", "tmpfs", "-o", f"size={SIZE_MB}m", "tmpfs", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        pytest.skip(f"a small disk cannot be mounted: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Fill a disk, and return the file that fills it."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as sink:
        for size in (1 << 20, 1 << 12, 1):
            try:
                while True:
                    sink.write(b"\0" * size)
            except OSError:
                continue
    return ballast


@pytest.mark.ray
@pytest.mark.slow
def test_a_study_continues_after_its_disk_was_full(
    small_disk: Path, make_fault_study: Callable[..., FaultStudy], assert_intact: Callable[..., Any]
) -> None:
    study = make_fault_study(16, out=small_disk)
    driver = study.start(trial_s=0.5)
    study.wait_for_parts(4, driver)
    ballast = fill(small_disk)
    study.wait(lambda: "cannot write to the study's folder" in study.output(), process=driver)
    stored = len(study.parts())
    time.sleep(3)
    assert len(study.parts()) == stored < 16
    ballast.unlink()
    assert driver.wait(timeout=PATIENCE_S) == 0, study.output()
    assert "Traceback" not in study.output()
    assert_intact(study, "disk full for a while", times=1)
    study.rebuild()
    assert study.mlflow() == (sorted(path.stem for path in study.parts()), {"FINISHED"})
