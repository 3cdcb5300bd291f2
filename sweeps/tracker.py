"""Feeds MLflow from a thread of its own, so that no trial waits for it and no error of it ends a study."""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Protocol

from sweeps.live_view import LiveView
from sweeps.records import TrialRecord
from sweeps.redaction import redacted
from sweeps.store import TrialStore
from sweeps.study_view import StudyView
from sweeps.tracking import MlflowWriter, tracking_uri

__all__ = ["Tracker", "TrackerThread", "open_tracker"]

logger = logging.getLogger(__name__)


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
        if self._writer is not None:
            with self._guard():
                self._writer.write_missing()
                view = self._live.now() if self._live is not None else None
                self._writer.finish(view=view, files=list(files), status=status)

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
            # After a problem the rest is written from Parquet at the end, in one go.
            if self._writer is None or self.problem is not None:
                continue
            with self._guard():
                if isinstance(item, StudyView):
                    self._writer.show(item)
                else:
                    self._writer.write(item.row, events=item.events, history=item.history)

    def _open(self) -> None:
        """Connect."""
        self.problem = None
        with self._guard():
            self._writer = self._open_writer()
            self._writer.write_missing()

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
    address = uri or (tracking_uri(local) if local is not None else None)
    if address is None:
        say("MLflow is not written: give --tracking-uri, for its database cannot stand on an object store")
        return None
    root = f"file://{local}/mlartifacts" if uri is None else None
    live = LiveView(str(local or store.folder.location)) if draws else None
    return TrackerThread(
        lambda: MlflowWriter(store, uri=address, study=study, artifact_root=root), warn=say, live=live
    )
