"""Feeds MLflow from a thread of its own, so that no trial waits for it and no error of it ends a study."""

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
from sweeps.mlflow_view.live_picture import LiveView
from sweeps.mlflow_view.picture import StudyView
from sweeps.mlflow_view.writer import MlflowWriter
from sweeps.redaction import redacted
from sweeps.storage import TrialRecord, TrialStore

__all__ = ["Tracker", "TrackerThread", "open_tracker", "open_writer"]

logger = logging.getLogger(__name__)
# A database that another process holds is free again in a moment; so often it is asked, with these pauses.
_PAUSES_S = (0.2, 1.0, 3.0)
# One that is away is tried again after so long, and so seldom that trying takes a twentieth of the time.
_AGAIN_S, _REST = 30.0, 20.0


class Tracker(Protocol):
    """Where finished trials are shown besides the store."""

    def record(self, record: TrialRecord) -> None:
        """Show a trial, soon; returns at once and never raises."""
        ...

    def finish(self, *, files: Iterable[Path], status: str) -> None:
        """Show everything that is still to be shown, and the study's end."""
        ...


class TrackerThread:
    """Writes records to MLflow as they come, and now and then the heat map of what is there.

    A database that is locked is asked again at once. Where MLflow is away for longer, or refuses, it is
    opened again every half minute as trials come, and at the end; what it lacks is then written from Parquet.

    Attributes:
        problem: What went wrong last, or None.
    """

    def __init__(
        self,
        open_writer: Callable[[], MlflowWriter],
        *,
        warn: Callable[[str], None],
        live: LiveView | None = None,
    ) -> None:
        """Start the thread.

        Args:
            open_writer: Connects to MLflow; called again when it was away.
            warn: Tells the user, once.
            live: Draws the study while it runs; None draws nothing.
        """
        self.problem: str | None = None
        self._open_writer = open_writer
        self._warn = warn
        self._live = live
        self._said = False
        self._again_s = 0.0
        self._n_recorded = 0
        self._writer: MlflowWriter | None = None
        self._queue: queue.SimpleQueue[TrialRecord | StudyView | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._serve, name="mlflow", daemon=True)
        self._thread.start()

    def record(self, record: TrialRecord) -> None:
        """Show a trial, soon."""
        self._queue.put(record)
        self._n_recorded += 1
        if self._live is not None:
            self._live.offer(self._n_recorded, self._queue.put)

    def finish(self, *, files: Iterable[Path], status: str) -> None:
        """Write what is still missing from Parquet, then the study's end, drawn a last time."""
        self._end()
        if self.problem is not None:
            self._open()
        writer = self._writer
        if writer is not None:
            view = self._live.now() if self._live is not None else None
            kept = list(files)

            def end() -> None:
                writer.write_missing()
                writer.finish(view=view, files=kept, status=status)

            self._do(end)

    def abandon(self) -> None:
        """End without the study's end, when the study was interrupted; what was queued is still written."""
        self._end(timeout_s=10)

    def _end(self, timeout_s: float | None = None) -> None:
        """Write what is queued, then no more."""
        if self._live is not None:
            self._live.stop()
        self._queue.put(None)
        self._thread.join(timeout=timeout_s)

    def _serve(self) -> None:
        """Open, complete what an earlier driver left, then write what comes."""
        self._open()
        while (item := self._queue.get()) is not None:
            if self._writer is not None and self.problem is None:
                self._show(self._writer, item)
            elif time.monotonic() >= self._again_s:
                self._open()

    def _show(self, writer: MlflowWriter, item: TrialRecord | StudyView) -> None:
        """Write a trial or the study's picture."""
        if isinstance(item, StudyView):
            self._do(lambda: writer.show(item))
        else:
            self._do(lambda: writer.write(item.row, events=item.events, history=item.history))

    def _open(self) -> None:
        """Connect, and write what is stored and missing there."""
        self.problem, self._writer = None, None
        began_s = time.monotonic()

        def connect() -> None:
            self._writer = self._open_writer()
            self._writer.write_missing()

        self._do(connect)
        now_s = time.monotonic()
        self._again_s = now_s + max(_AGAIN_S, _REST * (now_s - began_s))

    def _do(self, work: Callable[[], object]) -> None:
        """Do something that may be done again; a database that is locked is asked a few times."""
        with self._guard():
            for pause_s in _PAUSES_S:
                try:
                    work()
                    return
                except Exception as error:
                    if not is_locked(error):
                        raise
                    logger.info("MLflow's database is locked; it is asked again in %g s", pause_s)
                    time.sleep(pause_s)
            work()

    @contextlib.contextmanager
    def _guard(self) -> Iterator[None]:
        """Keep a problem and say it once; Parquet has everything."""
        try:
            yield
        except Exception as error:
            # MLflow lets through whatever its server, its database's driver, its file system or the figure's
            # drawing raise; the study must go on without it whatever that is.
            lines = redacted(str(error)).strip().splitlines()
            self.problem = f"{type(error).__name__}: {lines[0] if lines else ''}"
            logger.warning("MLflow: %s", self.problem, exc_info=True)
            if not self._said:
                self._said = True
                self._warn(
                    f"MLflow cannot be written ({self.problem[:200]}); the study goes on, its Parquet is "
                    "whole, and `softloc mlflow rebuild` writes MLflow again"
                )


def is_locked(error: BaseException) -> bool:
    """Whether a database said that another process holds it, which passes: SQLite's word for it."""
    text = str(error).lower()
    return "database is locked" in text or "database table is locked" in text


def open_tracker(
    store: TrialStore, *, study: str, uri: str | None, draws: bool, say: Callable[[str], None]
) -> TrackerThread | None:
    """The thread that feeds MLflow; None, and said, where there is no place for a database.

    Args:
        store: The study's trials.
        study: The study's name.
        uri: MLflow's address, or None for a database in the study's folder.
        draws: Whether the study is drawn while it runs.
        say: Tells the user.
    """
    local = store.folder.local
    if uri is None and local is None:
        say("MLflow is not written: give --tracking-uri, for its database cannot stand on an object store")
        return None
    live = LiveView(str(local or store.folder.location)) if draws else None
    return TrackerThread(lambda: open_writer(store, study=study, uri=uri), warn=say, live=live)


def open_writer(store: TrialStore, *, study: str, uri: str | None) -> MlflowWriter:
    """A writer for an address, or for the database in the study's local folder, which is made if need be."""
    local = store.folder.local
    if uri is not None or local is None:
        return MlflowWriter(store, uri=str(uri), study=study, artifact_root=None)
    root = f"file://{local}/mlartifacts"
    return MlflowWriter(store, uri=study_database(local), study=study, artifact_root=root)
