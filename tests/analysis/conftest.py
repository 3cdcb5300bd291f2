"""Simulated study folders with the trials' schema, version 1."""

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

WriteStudy = Callable[..., Path]

_TEXT = {
    "study": "simulated",
    "error": None,
    "task": "drums",
    "data": "synthetic",
    "data_fingerprint": "f" * 16,
    "split": "default",
    "features": "mel48",
    "network": "compact",
    "loss_options": "{}",
    "measure": "squared",
    "alpha": json.dumps({"ramp": {"low": 0.2, "high": 0.9, "start": 0.2, "stop": 0.9}}),
    "noise": "normal",
    "noise_options": "{}",
    "decoding": "auto",
    "host": "localhost",
    "device": "cpu",
    "package_version": "0.1.0",
    "git_commit": "0" * 40,
}
_NUMBERS = {
    "fold": 0,
    "iterations": 1000,
    "batch_size": 32,
    "excerpt_s": 1.5,
    "learning_rate": 0.003,
    "weight_decay": 0.01,
    "gradient_clip": 10.0,
    "gain_db": 6.0,
    "band_gain_db": 3.0,
    "initial_empty_prob": 0.64,
    "tolerance_s": 0.05,
    "seed": 0,
    "n_reference": 800,
    "train_s": 15.0,
}


def softloc_f1(softness_ms: Any, noise_ms: Any) -> Any:
    """A surface with a ridge that moves to more softness as the noise grows."""
    best = 30.0 + 0.7 * np.asarray(noise_ms)
    lost = 0.0012 * np.asarray(noise_ms) + 0.14 * (
        1 - np.exp(-(((np.asarray(softness_ms) - best) / 70.0) ** 2))
    )
    return 0.88 - lost


def cross_entropy_f1(noise_ms: Any) -> Any:
    """A cliff: fine without noise, useless beyond the tolerance."""
    return 0.18 + 0.67 / (1 + np.exp((np.asarray(noise_ms) - 45.0) / 10.0))


def trial_rows(loss: str, n: int, *, seed: int = 0, sd: float = 0.012, replicates: int = 1) -> pd.DataFrame:
    """Completed trials of one loss at uniformly random settings."""
    rng = np.random.default_rng(seed)
    setting = np.repeat(np.arange(n), replicates)
    softness_ms, noise_ms = rng.uniform(0, 150, n)[setting], rng.uniform(0, 100, n)[setting]
    mean = cross_entropy_f1(noise_ms) if loss == "cross_entropy" else softloc_f1(softness_ms, noise_ms)
    f1 = np.clip(mean + rng.normal(0, sd, len(setting)), 0, 1)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    return pd.DataFrame(
        {
            **_TEXT,
            **_NUMBERS,
            "trial_id": [f"{loss[:4]}{seed:04d}{index:08d}" for index in range(len(setting))],
            "replicate": np.tile(np.arange(replicates), n),
            "status": "completed",
            "loss": loss,
            "softness_s": softness_ms / 1000,
            "label_noise_s": noise_ms / 1000,
            "f1": f1,
            "precision": np.clip(f1 + 0.02, 0, 1),
            "recall": np.clip(f1 - 0.02, 0, 1),
            "n_estimated": 780,
            "n_matched": np.round(f1 * 790).astype(np.int64),
            "f1_per_class": [{"kick": float(v), "snare": float(v) - 0.05} for v in f1],
            "timing_mean_s": 0.001,
            "timing_sd_s": 0.012,
            "started_at": [start + timedelta(seconds=15 * index) for index in range(len(setting))],
            "schema_version": np.int32(1),
        }
    )


SCHEMA = pa.schema(
    [pa.field(name, pa.map_(pa.string(), pa.float64())) for name in ("f1_per_class", "measures")]
    + [pa.field("error", pa.string())]
    + [pa.field(name, pa.float64()) for name in ("softness_s", "label_noise_s", "f1", "precision", "recall")]
    + [pa.field("started_at", pa.timestamp("us", tz="UTC")), pa.field("schema_version", pa.int32())]
)


def as_table(rows: pd.DataFrame) -> pa.Table:
    """Rows with the types that cannot be guessed from them."""
    table = pa.Table.from_pandas(
        rows.drop(columns=[name for name in SCHEMA.names if name in rows]), preserve_index=False
    )
    for field in SCHEMA:
        if field.name in rows:
            values = rows[field.name].astype(object).where(rows[field.name].notna(), None)
            if pa.types.is_map(field.type):
                values = [None if value is None else list(value.items()) for value in values]
            table = table.append_column(field, pa.array(list(values), type=field.type))
    return table


@pytest.fixture
def write_study(tmp_path: Path) -> WriteStudy:
    """Write rows as `<tmp>/<name>/trials/*.parquet` in several parts, with a study file."""

    def write(*groups: pd.DataFrame, name: str = "simulated", parts: int = 3) -> Path:
        folder = tmp_path / name
        (folder / "trials").mkdir(parents=True)
        rows = pd.concat([group.astype({"error": object}) for group in groups], ignore_index=True)
        for index in range(parts):
            part = rows.iloc[index::parts].reset_index(drop=True)
            if len(part):
                pq.write_table(as_table(part), folder / "trials" / f"part-{index:04d}.parquet")
        (folder / "study.yaml").write_text(
            f"name: {name}\ntask: drums\nspace:\n"
            "  label_noise: {uniform: [0ms, 100ms]}\n  softness: {uniform: [0ms, 150ms]}\n"
        )
        return folder

    return write


def write_events(folder: Path, rows: pd.DataFrame, *, seed: int = 0) -> None:
    """Reference events of three recordings and, for each trial, estimates that hit about f1 of them."""
    rng = np.random.default_rng(seed)
    reference = pd.DataFrame(
        {
            "data_fingerprint": "f" * 16,
            "recording": np.repeat(["a", "b", "c"], 60),
            "channel": np.tile(["kick", "snare"], 90),
            "time_s": np.round(rng.uniform(0, 30, 180), 3),
            "duration_s": 30.0,
        }
    )
    events = []
    for trial in rows.itertuples():
        hit = reference[rng.random(180) < trial.f1]
        false = reference.sample(int(180 * (1 - trial.f1)), random_state=1).assign(
            time_s=lambda frame: frame.time_s + 0.2
        )
        found = pd.concat([hit.assign(time_s=hit.time_s + rng.normal(0, 0.015, len(hit))), false])
        events.append(found.assign(trial_id=trial.trial_id)[["trial_id", "recording", "channel", "time_s"]])
    for name, table in (("references", reference), ("events", pd.concat(events, ignore_index=True))):
        (folder / name).mkdir()
        pq.write_table(pa.Table.from_pandas(table, preserve_index=False), folder / name / "part-0000.parquet")


@pytest.fixture
def add_events() -> Callable[..., None]:
    """`write_events`."""
    return write_events


@pytest.fixture
def rows() -> Callable[..., pd.DataFrame]:
    """`trial_rows`."""
    return trial_rows
