"""Fixtures for tests of the MLflow view."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sweeps.mlflow_view.writer import tracking_uri
from sweeps.storage.environment import driver_environment
from sweeps.storage.folder import StudyFolder
from sweeps.storage.provenance import Provenance
from sweeps.storage.records import completed_record, failed_record
from sweeps.storage.store import TrialStore
from sweeps.study import Study
from sweeps.testing.simulation import SimulatedTrial
from tests.sweeps.simulated_studies import plan

PROVENANCE = Provenance("sim", "0.1.0", "abc")
STARTED = datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an empty MLflow database. Creating one takes seconds, but copies are fast."""
    from mlflow import MlflowClient

    folder = tmp_path_factory.mktemp("template")
    MlflowClient(tracking_uri(folder)).search_experiments()
    return folder / "mlflow.db"


@pytest.fixture
def store(tmp_path: Path, make_study: Callable[..., Study], empty_database: Path) -> TrialStore:
    """Return a store with two completed trials and a failed one."""
    (tmp_path / "sim").mkdir()
    shutil.copy(empty_database, tmp_path / "sim" / "mlflow.db")
    study = make_study("trials=3")
    planner = plan(study)
    store = TrialStore(StudyFolder(tmp_path / "sim"))
    store.folder.write("study.yaml", b"name: sim")
    store.folder.append(
        "environment.jsonl", json.dumps({**driver_environment(), "since": "2026-01-01T00:00:00Z"}).encode()
    )
    *good, bad = planner.all_trials()
    store.write_references(planner.data_of(bad.config))
    for trial in good:
        record = completed_record(
            SimulatedTrial()(trial.config, planner.data_of(trial.config)),
            PROVENANCE,
            channel_names=("a", "b"),
            host="h",
            started_at=STARTED,
        )
        store.write(record.row, record.tables)
    failed = failed_record(
        bad.config,
        bad.trial_id,
        PROVENANCE,
        data_fingerprint="f",
        error="ValueError: no",
        log="",
        host="h",
        device="cpu",
        started_at=STARTED,
    )
    store.write(failed.row)
    return store
