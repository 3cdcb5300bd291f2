"""Access to the runs of a stored study in MLflow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sweeps.mlflow_view.writer import MlflowWriter, tracking_uri
from sweeps.storage.store import TrialStore


def open_writer(store: TrialStore) -> MlflowWriter:
    local = store.folder.local
    assert local is not None
    root = f"file://{local}/mlartifacts"
    return MlflowWriter(store, uri=tracking_uri(local), study="sim", artifact_root=root)


def artifacts(run: Any) -> set[str]:
    folder = Path(run.info.artifact_uri.removeprefix("file://"))
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def client_of(store: TrialStore) -> Any:
    from mlflow import MlflowClient

    assert store.folder.local is not None
    return MlflowClient(tracking_uri(store.folder.local))


def runs(store: TrialStore, kind: str) -> list[Any]:
    client = client_of(store)
    experiment = client.get_experiment_by_name("sim")
    return list(client.search_runs([experiment.experiment_id], f"tags.kind = '{kind}'"))
