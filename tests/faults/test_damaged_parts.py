"""Parquet parts that are truncated, empty or of a newer schema, and a short suite without Ray."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sweeps.storage.schema import SCHEMA_VERSION, arrow_schema
from tests.faults.fault_study import PATIENCE_S, FaultStudy

PLAIN = Path(__file__).with_name("plain_driver.py")


def cut_in_half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def test_kills_and_damaged_parts_without_ray_lose_no_trial(
    make_fault_study: Callable[..., FaultStudy], assert_intact: Callable[..., Any]
) -> None:
    study = make_fault_study(24)
    moments = random.Random(5)
    for kills in range(2):
        process = study.start(trial_s=0.05, script=PLAIN)
        study.wait_for_parts(5 * kills + 3, process)
        time.sleep(moments.uniform(0, 0.1))
        study.kill(process)
    stored = study.parts()
    assert 3 <= len(stored) < 24
    cut_in_half(stored[0])
    empty(stored[1])
    cut_in_half(study.parts("events")[2])
    study.finish(script=PLAIN)
    assert_intact(study, "short form: 2 kills, 3 damaged parts", times=5)


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.parametrize("table", ["trials", "events", "history"])
def test_trials_with_damaged_parts_run_again(
    make_fault_study: Callable[..., FaultStudy], assert_intact: Callable[..., Any], table: str
) -> None:
    study = make_fault_study(10)
    study.finish()
    for damage, path in zip((cut_in_half, empty, cut_in_half), study.parts(table)[::3], strict=False):
        damage(path)
    study.finish()
    assert "7 already stored, 3 to run" in study.output()
    assert_intact(study, f"parts of {table} cut in half or emptied", times=3)
    study.rebuild()
    assert study.mlflow() == (sorted(path.stem for path in study.parts()), {"FINISHED"})


def test_a_part_of_a_newer_schema_stops_the_study_and_is_not_changed(
    make_fault_study: Callable[..., FaultStudy], assert_intact: Callable[..., Any]
) -> None:
    study = make_fault_study(4)
    study.finish(script=PLAIN)
    path = study.parts()[1]
    old = path.read_bytes()
    row = pq.read_table(path).to_pylist(maps_as_pydicts="strict")[0]
    newer = pa.Table.from_pylist(
        [{**row, "schema_version": SCHEMA_VERSION + 1}], schema=arrow_schema("trials")
    )
    pq.write_table(newer, path)
    content = path.read_bytes()
    process = study.start(script=PLAIN)
    assert process.wait(timeout=PATIENCE_S) == 2
    assert f"{path} has version {SCHEMA_VERSION + 1}: update softloc" in study.output()
    assert path.read_bytes() == content
    assert len(study.parts()) == 4
    path.write_bytes(old)
    assert_intact(study, "part from a newer schema", times=1)
