"""The thread that writes to MLflow: its errors never stop a study."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sweeps.mlflow_view.picture import StudyPicture
from sweeps.mlflow_view.thread import MlflowThread
from sweeps.mlflow_view.writer import MlflowWriter
from sweeps.storage.records import TrialRecord
from sweeps.storage.store import TrialStore
from tests.sweeps.mlflow_view.stored_runs import open_writer, runs

# MLflow uses deprecated parts of SQLAlchemy, and both leave connections to the garbage collector.
pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning",
    "ignore::PendingDeprecationWarning",
    "ignore::FutureWarning",
    "ignore::ResourceWarning",
    "ignore::pytest.PytestUnraisableExceptionWarning",
)
PICTURE = StudyPicture(3, {"heat_map.png": b"png"}, "3 trials")


class _Broken:
    """A writer whose database is unavailable while `is_away`."""

    is_away = True

    def __init__(self, inner: MlflowWriter) -> None:
        self._inner = inner

    def _check(self) -> None:
        if type(self).is_away:
            raise ConnectionError("no route to MLflow\nsecond line")

    def write(self, *arguments: Any, **named: Any) -> None:
        self._check()
        self._inner.write(*arguments, **named)

    def write_missing(self) -> int:
        self._check()
        return self._inner.write_missing()

    def finish(self, **arguments: Any) -> None:
        self._check()
        self._inner.finish(**arguments)


@pytest.mark.parametrize("returns", [True, False])
def test_an_unavailable_mlflow_is_reported_once_and_completed_at_the_end(
    store: TrialStore, returns: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_Broken, "is_away", True)
    messages: list[str] = []
    thread = MlflowThread(lambda: _Broken(open_writer(store)), warn=messages.append)  # type: ignore[arg-type, return-value]
    for trial in store.load().values():
        thread.record(TrialRecord(trial.row))
    thread.abandon()
    monkeypatch.setattr(_Broken, "is_away", not returns)
    thread.finish(files=[], status="FINISHED")
    assert len(messages) == 1
    assert messages[0].startswith(
        "cannot write to MLflow (ConnectionError: no route to MLflow); the study continues"
    )
    assert len(runs(store, "trial")) == (3 if returns else 0)


class _Locked(_Broken):
    """A writer whose database is locked by another process for the next `n_locked` calls."""

    n_locked = 0

    def _check(self) -> None:
        if type(self).n_locked > 0:
            type(self).n_locked -= 1
            raise RuntimeError("(sqlite3.OperationalError) database is locked [SQL: UPDATE runs ...]")


@pytest.mark.parametrize(("n_locked", "n_messages"), [(3, 0), (4, 1)])
def test_a_locked_database_is_retried(
    store: TrialStore, n_locked: int, n_messages: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_Locked, "n_locked", 0)
    messages: list[str] = []
    thread = MlflowThread(
        lambda: _Locked(open_writer(store)), warn=messages.append, lock_pauses_s=(0.0, 0.0, 0.0)
    )  # type: ignore[arg-type, return-value]
    thread.abandon()
    monkeypatch.setattr(_Locked, "n_locked", n_locked)
    thread.finish(files=[], status="FINISHED")
    assert len(messages) == n_messages
    assert all("database is locked" in text for text in messages)
    assert runs(store, "study")[0].info.status == ("RUNNING" if n_messages else "FINISHED")


def test_an_mlflow_that_becomes_available_again_is_written_before_the_end(
    store: TrialStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_Broken, "is_away", True)
    attempts: list[int] = []

    def connect() -> MlflowWriter:
        attempts.append(len(attempts))
        return _Broken(open_writer(store))  # type: ignore[return-value]

    thread = MlflowThread(connect, warn=lambda _: None, reconnect_s=0.0, rest=0.0)
    first, *others = store.load().values()
    thread.record(TrialRecord(first.row))
    while len(attempts) < 2:
        time.sleep(0.01)
    monkeypatch.setattr(_Broken, "is_away", False)
    for trial in others:
        thread.record(TrialRecord(trial.row))
    thread.abandon()
    assert thread.problem is None
    assert len(runs(store, "trial")) == 3


class _Live:
    """Delivers a picture at every third trial, at once."""

    def __init__(self) -> None:
        self.stopped = False

    def offer(self, n_trials: int, deliver: Callable[[StudyPicture], None]) -> None:
        if n_trials % 3 == 0:
            deliver(PICTURE)

    def now(self) -> StudyPicture:
        return StudyPicture(3, {"heat_map.png": b"the last"}, "the end")

    def stop(self) -> None:
        self.stopped = True


def test_the_heat_map_is_updated_as_trials_arrive(store: TrialStore) -> None:
    writers: list[MlflowWriter] = []

    def keep() -> MlflowWriter:
        writers.append(open_writer(store))
        return writers[-1]

    live = _Live()
    thread = MlflowThread(keep, warn=pytest.fail, live=live)  # type: ignore[arg-type]
    for trial in store.load().values():
        thread.record(TrialRecord(trial.row))
    thread.abandon()
    assert live.stopped
    [parent] = runs(store, "study")
    heat_map = Path(parent.info.artifact_uri.removeprefix("file://")) / "heat_map.png"
    assert heat_map.read_bytes() == b"png"
    assert parent.data.tags["mlflow.note.content"] == "3 trials"
    assert parent.info.status == "RUNNING"
    thread.finish(files=[], status="FINISHED")
    assert heat_map.read_bytes() == b"the last"
    [parent] = runs(store, "study")
    assert parent.data.tags["mlflow.note.content"] == "the end"


def test_trials_are_written_to_mlflow_while_the_study_runs(store: TrialStore) -> None:
    thread = MlflowThread(lambda: open_writer(store), warn=pytest.fail)
    for trial in store.load().values():
        events, history = (tuple(store.rows(table, trial.trial_id)) for table in ("events", "history"))
        thread.record(TrialRecord(trial.row, {"events": events, "history": history}))
    thread.finish(files=[], status="FINISHED")
    assert thread.problem is None
    assert len(runs(store, "trial")) == 3
    assert runs(store, "study")[0].info.status == "FINISHED"
