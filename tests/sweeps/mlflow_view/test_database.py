"""The MLflow database in a study's folder."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from softloc_core.errors import UserError
from sweeps.mlflow_view.dashboard import rebuild_mlflow
from sweeps.mlflow_view.database import study_database
from sweeps.storage.store import TrialStore

# MLflow uses deprecated parts of SQLAlchemy, and both leave connections to the garbage collector.
pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning",
    "ignore::PendingDeprecationWarning",
    "ignore::FutureWarning",
    "ignore::ResourceWarning",
    "ignore::pytest.PytestUnraisableExceptionWarning",
)


def test_a_database_is_created_completely_or_not_at_all(
    tmp_path: Path, empty_database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    created: list[Path] = []

    class Client:
        """Creates a database as MLflow does. The first time, the disk is full in the middle of it."""

        def __init__(self, uri: str) -> None:
            created.append(Path(uri.removeprefix("sqlite:///")))
            shutil.copy(empty_database, created[-1])

        def search_experiments(self, **_: Any) -> None:
            if len(created) == 1:
                raise OSError("disk full")

    monkeypatch.setattr("mlflow.MlflowClient", Client)
    (tmp_path / ".mlflow.db.1.partial").write_text("left by a killed driver")
    (tmp_path / ".mlflow.db.1.partial-journal").write_text("left by a killed driver")
    with pytest.raises(OSError, match="disk full"):
        study_database(tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert study_database(tmp_path) == f"sqlite:///{tmp_path}/mlflow.db"
    assert [path.name for path in tmp_path.iterdir()] == ["mlflow.db"]
    assert study_database(tmp_path) == f"sqlite:///{tmp_path}/mlflow.db"
    assert len(created) == 2


def test_a_damaged_database_is_reported_in_one_line(
    store: TrialStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlflow.store.db.utils.MAX_RETRY_COUNT", 1)
    local = store.folder.local
    assert local is not None
    (local / "mlflow.db").write_bytes(b"no database" * 1000)
    message = r"MLflow's database must be writable, but .*mlflow.db: .*not a database.*move it away"
    with pytest.raises(UserError, match=message) as caught:
        rebuild_mlflow(str(local), uri=None)
    assert "\n" not in str(caught.value)
