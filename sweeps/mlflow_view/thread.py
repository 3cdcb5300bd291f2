"""A thread that writes to MLflow, so that trials never wait for MLflow and its errors never stop a study."""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Protocol

from sweeps.mlflow_view.database import study_database
from sweeps.mlflow_view.live_picture import LivePicture
from sweeps.mlflow_view.picture import StudyPicture
from sweeps.mlflow_view.writer import MlflowWriter
from sweeps.redaction import redacted
from sweeps.storage import TrialRecord, TrialStore

__all__ = [
    "LOCK_PAUSES_S",
    "RECONNECT_S",
    "REST",
    "MlflowThread",
    "TrialObserver",
    "is_locked",
    "open_mlflow_thread",
    "open_writer",
]

logger = logging.getLogger(__name__)
# Pauses before each retry when another process has locked the database, which is usually brief.
LOCK_PAUSES_S = (0.2, 1.0, 3.0)
# An unavailable MLflow is tried again after this time, or after 20 times the duration of the last attempt.
RECONNECT_S = 30.0
REST = 20.0


class TrialObserver(Protocol):
    """Receives trials after they are stored."""

    def record(self, record: TrialRecord) -> None:
        """Accept a trial. Return at once, and never raise."""
        ...

    def finish(self, *, files: Iterable[Path], status: str) -> None:
        """Process the remaining trials and the end of the study.

        Args:
            files: The study's figures.
            status: MLflow's status of the study's run.
        """
        ...


class MlflowThread:
    """Writes trials to MLflow as they arrive, and the study's picture from time to time.

    A locked database is retried at once. If MLflow stays unavailable or reports another error, the thread
    reconnects every half minute while trials arrive, and once more at the end. It then writes the missing
    trials from Parquet.

    Attributes:
        problem: Description of the last error, or None if the last operation succeeded.
    """

    def __init__(
        self,
        open_writer: Callable[[], MlflowWriter],
        *,
        warn: Callable[[str], None],
        live: LivePicture | None = None,
        lock_pauses_s: tuple[float, ...] = LOCK_PAUSES_S,
        reconnect_s: float = RECONNECT_S,
        rest: float = REST,
    ) -> None:
        """Start the thread.

        Args:
            open_writer: Connects to MLflow. It is called again after an error.
            warn: Shows a message to the user. It is called once, at the first error.
            live: Plots the running study, or None for no pictures.
            lock_pauses_s: Pauses before each retry while the database is locked, in seconds.
            reconnect_s: Least time between two attempts to connect, in seconds.
            rest: Least time between two attempts, as a multiple of the time that the last one took.
        """
        self.problem: str | None = None
        self._open_writer = open_writer
        self._warn = warn
        self._live = live
        self._lock_pauses_s, self._reconnect_s, self._rest = lock_pauses_s, reconnect_s, rest
        self._has_warned = False
        self._next_attempt_s = 0.0
        self._n_recorded = 0
        self._writer: MlflowWriter | None = None
        self._queue: queue.SimpleQueue[TrialRecord | StudyPicture | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._serve, name="mlflow", daemon=True)
        self._thread.start()

    def record(self, record: TrialRecord) -> None:
        """Queue a trial for writing."""
        self._queue.put(record)
        self._n_recorded += 1
        if self._live is not None:
            self._live.offer(self._n_recorded, self._queue.put)

    def finish(self, *, files: Iterable[Path], status: str) -> None:
        """Write the missing trials from Parquet, a last picture of the study, and the end of its run."""
        self._end()
        if self.problem is not None:
            self._open()
        writer = self._writer
        if writer is not None:
            picture = self._live.now() if self._live is not None else None
            figures = list(files)

            def end() -> None:
                writer.write_missing()
                writer.finish(picture=picture, files=figures, status=status)

            self._do(end)

    def abandon(self) -> None:
        """Write the queued trials and stop, without ending the study's run, after an interruption."""
        self._end(timeout_s=10)

    def _end(self, timeout_s: float | None = None) -> None:
        """Write the queued trials, then stop the thread."""
        if self._live is not None:
            self._live.stop()
        self._queue.put(None)
        self._thread.join(timeout=timeout_s)

    def _serve(self) -> None:
        """Connect, write the trials that are missing, then write trials as they arrive."""
        self._open()
        while (item := self._queue.get()) is not None:
            if self._writer is not None and self.problem is None:
                self._show(self._writer, item)
            elif time.monotonic() >= self._next_attempt_s:
                self._open()

    def _show(self, writer: MlflowWriter, item: TrialRecord | StudyPicture) -> None:
        """Write a trial, or the study's picture."""
        if isinstance(item, StudyPicture):
            self._do(lambda: writer.show(item))
        else:
            self._do(lambda: writer.write(item.row, item.tables))

    def _open(self) -> None:
        """Connect, and write the stored trials that MLflow lacks."""
        self.problem, self._writer = None, None
        started_s = time.monotonic()

        def connect() -> None:
            self._writer = self._open_writer()
            self._writer.write_missing()

        self._do(connect)
        now_s = time.monotonic()
        self._next_attempt_s = now_s + max(self._reconnect_s, self._rest * (now_s - started_s))

    def _do(self, work: Callable[[], object]) -> None:
        """Run an operation that can be repeated, and retry it while the database is locked."""
        with self._guard():
            for pause_s in self._lock_pauses_s:
                try:
                    work()
                    return
                except Exception as error:
                    if not is_locked(error):
                        raise
                    logger.info("MLflow's database is locked; trying again in %g s", pause_s)
                    time.sleep(pause_s)
            work()

    @contextlib.contextmanager
    def _guard(self) -> Iterator[None]:
        """Remember and log an error instead of raising it, because Parquet has all results."""
        try:
            yield
        except Exception as error:
            # MLflow does not wrap the errors of its server, its database driver or its file system, so any
            # exception may arrive here. The study must continue in every case.
            lines = redacted(str(error)).strip().splitlines()
            self.problem = f"{type(error).__name__}: {lines[0] if lines else ''}"
            logger.warning("MLflow: %s", self.problem, exc_info=True)
            if not self._has_warned:
                self._has_warned = True
                self._warn(
                    f"cannot write to MLflow ({self.problem[:200]}); the study continues, its Parquet files "
                    "are complete, and `softloc mlflow rebuild` writes them to MLflow later"
                )


def is_locked(error: BaseException) -> bool:
    """Return whether an error says that another process has locked the SQLite database, which passes."""
    text = str(error).lower()
    return "database is locked" in text or "database table is locked" in text


def open_mlflow_thread(
    store: TrialStore, *, study: str, uri: str | None, plot: bool, say: Callable[[str], None]
) -> MlflowThread | None:
    """Return a started thread that writes to MLflow, or None if there is no place for a database.

    Args:
        store: The study's trials.
        study: The study's name.
        uri: MLflow's tracking URI, or None for a database in the study's folder.
        plot: Whether to plot the study while it runs.
        say: Shows a message to the user.
    """
    local = store.folder.local
    if uri is None and local is None:
        say("MLflow is not written because its database cannot be on an object store; give --tracking-uri")
        return None
    live = LivePicture(str(local or store.folder.location)) if plot else None
    return MlflowThread(lambda: open_writer(store, study=study, uri=uri), warn=say, live=live)


def open_writer(store: TrialStore, *, study: str, uri: str | None) -> MlflowWriter:
    """Return a writer for a tracking URI, or for the database in the study's folder, created if necessary."""
    local = store.folder.local
    if uri is not None or local is None:
        return MlflowWriter(store, uri=str(uri), study=study, artifact_root=None)
    root = f"file://{local}/mlartifacts"
    return MlflowWriter(store, uri=study_database(local), study=study, artifact_root=root)
