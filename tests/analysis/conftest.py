"""Simulated study folders, stored with the schema that `sweeps` writes."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analysis.reading import load_results, recording_counts, score_counts
from sweeps.storage.schema import SCHEMA_VERSION, TABLES, arrow_schema

WriteStudy = Callable[..., Path]

STUDY_FILE = """\
name: {name}
task: drums
space:
  label_noise: {{uniform: [0ms, 100ms]}}
  softness: {{uniform: [0ms, 150ms]}}
"""
RAMP = {"ramp": {"low": 0.2, "high": 0.9, "start": 0.2, "stop": 0.9}}
# The settings of all simulated trials; every other column of the schema is blank.
SETTINGS: dict[str, Any] = {
    "study": "simulated",
    "status": "completed",
    "task": "drums",
    "data": "rendered",
    "data_fingerprint": "f" * 16,
    "split": "default",
    "network": "compact",
    "measure": "squared",
    "alpha": json.dumps(RAMP),
    "noise": "normal",
    "iterations": 1000,
    "tolerance_s": 0.05,
    "n_reference": 800,
    "git_commit": "0" * 40,
    "schema_version": SCHEMA_VERSION,
}


def softloc_f1(softness_ms: Any, noise_ms: Any) -> Any:
    """Return a surface with a ridge that moves to more softness as the noise grows."""
    best = 30.0 + 0.7 * np.asarray(noise_ms)
    away = (np.asarray(softness_ms) - best) / 70.0
    return 0.88 - 0.0012 * np.asarray(noise_ms) - 0.14 * (1 - np.exp(-(away**2)))


def cross_entropy_f1(noise_ms: Any) -> Any:
    """Return a cliff: good without noise, useless beyond the tolerance."""
    return 0.18 + 0.67 / (1 + np.exp((np.asarray(noise_ms) - 45.0) / 10.0))


def blank_row() -> dict[str, Any]:
    """Return one row with every column of the schema, without any content."""
    options = {column.name for column in TABLES["trials"] if column.role == "options"}
    row: dict[str, Any] = {}
    for column in TABLES["trials"]:
        if column.nullable:
            row[column.name] = None
        elif column.name in options:
            row[column.name] = "{}"
        else:
            row[column.name] = "" if pa.types.is_string(column.type) else 0
    return row


def trial_rows(loss: str, n: int, *, seed: int = 0, sd: float = 0.012, replicates: int = 1) -> pd.DataFrame:
    """Return completed trials of one loss at uniformly random settings."""
    rng = np.random.default_rng(seed)
    setting = np.repeat(np.arange(n), replicates)
    softness_ms, noise_ms = rng.uniform(0, 150, n)[setting], rng.uniform(0, 100, n)[setting]
    mean = cross_entropy_f1(noise_ms) if loss == "cross_entropy" else softloc_f1(softness_ms, noise_ms)
    f1 = np.clip(mean + rng.normal(0, sd, len(setting)), 0, 1)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    return pd.DataFrame(
        {
            **blank_row(),
            **SETTINGS,
            "trial_id": [f"{loss[:4]}{seed:04d}{index:08d}" for index in range(len(setting))],
            "replicate": np.tile(np.arange(replicates), n),
            "loss": loss,
            "softness_s": softness_ms / 1000,
            "label_noise_s": noise_ms / 1000,
            "f1": f1,
            "precision": np.clip(f1 + 0.02, 0, 1),
            "recall": np.clip(f1 - 0.02, 0, 1),
            "n_estimated": 780,
            "n_matched": np.round(f1 * 790).astype(np.int64),
            "f1_per_class": [{"kick": float(v), "snare": float(v) - 0.05} for v in f1],
            "started_at": [start + timedelta(seconds=15 * index) for index in range(len(setting))],
        }
    )


def as_table(rows: pd.DataFrame) -> pa.Table:
    """Return rows with the stored schema for its columns; other columns get the type of their values."""
    stored = arrow_schema("trials")
    fields = [field for field in stored if field.name in rows]
    arrays = [pa.array(_stored_values(rows[field.name], field.type), type=field.type) for field in fields]
    for name in rows.columns.difference(stored.names, sort=False):
        arrays.append(pa.array(rows[name]))
        fields.append(pa.field(name, arrays[-1].type))
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields, metadata=stored.metadata))


def _stored_values(column: pd.Series, type_: pa.DataType) -> list[Any]:
    """Return the values of a column with None for missing ones and pairs for maps."""
    values = column.astype(object).where(column.notna(), None)
    if not pa.types.is_map(type_):
        return list(values)
    return [None if value is None else list(value.items()) for value in values]


def write_events(folder: Path, rows: pd.DataFrame, *, seed: int = 0) -> None:
    """Write reference events of three recordings, and estimates of each trial that match about f1 of them.

    The stored scores become those of the events.
    """
    rng = np.random.default_rng(seed)
    reference = pd.DataFrame(
        {
            "data_fingerprint": "f" * 16,
            "recording": np.repeat(["a", "b", "c"], 60),
            "channel": np.tile(["kick", "snare"], 90),
            "time_s": np.round(rng.uniform(0, 30, 180), 3),
            "duration_s": 30.0,
            "tolerance_s": None,
            "is_segments": False,
        }
    )
    events = []
    for trial in rows.itertuples():
        matched = reference[rng.random(180) < trial.f1]
        false = reference.sample(int(180 * (1 - trial.f1)), random_state=1).assign(
            time_s=lambda frame: frame.time_s + 0.2
        )
        jittered = matched.assign(time_s=matched.time_s + rng.normal(0, 0.015, len(matched)))
        found = pd.concat([jittered, false])
        events.append(found.assign(trial_id=trial.trial_id)[["trial_id", "recording", "channel", "time_s"]])
    for name, table in (("references", reference), ("events", pd.concat(events, ignore_index=True))):
        (folder / name).mkdir()
        content = pa.Table.from_pandas(table, schema=arrow_schema(name), preserve_index=False)
        pq.write_table(content, folder / name / "part-0000.parquet")
    _store_matched_scores(folder)


def _store_matched_scores(folder: Path) -> None:
    """Replace the scores of all trials by those of their events."""
    scores = score_counts(recording_counts(load_results(folder)))
    for path in (folder / "trials").glob("*.parquet"):
        part = pq.ParquetFile(path).read()
        of_part = scores.reindex(part["trial_id"].to_pylist())
        for name in ("f1", "precision", "recall"):
            index = part.schema.get_field_index(name)
            part = part.set_column(
                index, part.schema.field(name), pa.array(of_part[name].to_numpy(), from_pandas=True)
            )
        pq.write_table(part, path)


@pytest.fixture
def write_study(tmp_path: Path) -> WriteStudy:
    """Return a function that writes rows as several parts of `trials`, with a study file."""

    def write(*groups: pd.DataFrame, name: str = "simulated", parts: int = 3) -> Path:
        folder = tmp_path / name
        (folder / "trials").mkdir(parents=True)
        rows = pd.concat([group.astype({"error": object}) for group in groups], ignore_index=True)
        for index in range(parts):
            part = rows.iloc[index::parts].reset_index(drop=True)
            if len(part):
                pq.write_table(as_table(part), folder / "trials" / f"part-{index:04d}.parquet")
        (folder / "study.yaml").write_text(STUDY_FILE.format(name=name))
        return folder

    return write


@pytest.fixture
def add_events() -> Callable[..., None]:
    """Return `write_events`."""
    return write_events


@pytest.fixture
def rows() -> Callable[..., pd.DataFrame]:
    """Return `trial_rows`."""
    return trial_rows
