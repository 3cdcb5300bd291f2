"""Stores finished trials from a separate thread, so that no worker waits for a slow disk."""

from __future__ import annotations

import dataclasses
import logging
import queue
import threading
from collections.abc import Callable, Mapping

from sweeps.execution.progress import Counts
from sweeps.mlflow_view import TrialObserver
from sweeps.redaction import redacted
from sweeps.storage import Checkpoints, TrialRecord, TrialStore, weights_name

__all__ = ["MOST_WAITING", "Recorder"]

logger = logging.getLogger(__name__)
MOST_WAITING = 16
"""Most finished trials that wait to be stored. A killed driver loses these and the running trials."""
_RETRY_S = 1.0
_MAX_REPORTED = 10


class Recorder:
    """Writes records to the store, then passes them to the observer. It counts only stored trials.

    If the disk is full or not available, writing is retried until it works, so no finished trial is lost.

    Attributes:
        errors: The latest failures, newest last: trial, message and log path.
        ended_by_host: Number of trials that ended, by the host that ran them.
    """

    def __init__(
        self,
        store: TrialStore,
        observer: TrialObserver | None,
        counts: Counts,
        *,
        say: Callable[[str], None],
        checkpoints: Checkpoints | None = None,
    ) -> None:
        self.errors: list[str] = []
        self.ended_by_host: Mapping[str, int] = {}
        self._store = store
        self._observer = observer
        self._counts = counts
        self._say = say
        self._checkpoints = checkpoints
        self._queue: queue.Queue[TrialRecord | tuple[str, bytes] | None] = queue.Queue(MOST_WAITING)
        self._give_up = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="recorder", daemon=True)
        self._thread.start()

    def put(self, record: TrialRecord) -> None:
        """Queue a record; wait only if trials end faster than the disk can store them."""
        self._queue.put(record)

    def save(self, trial_id: str, checkpoint: bytes) -> None:
        """Queue a trial's checkpoint, which is deleted when the trial is stored; wait as `put` does."""
        self._queue.put((trial_id, checkpoint))

    def close(self) -> None:
        """Wait until everything is stored. An interruption gives up on a disk that cannot be written."""
        try:
            self._queue.put(None)
            self._thread.join()
        except KeyboardInterrupt:
            self._give_up.set()
            self._thread.join(timeout=5)
            raise

    def _serve(self) -> None:
        """Store the queued records and checkpoints in order."""
        while (item := self._queue.get()) is not None:
            if isinstance(item, tuple):
                if self._checkpoints is not None:
                    self._checkpoints.keep(*item)
            else:
                self._keep(item)

    def _keep(self, record: TrialRecord) -> None:
        """Store a record, however long it takes, then count it and pass it on."""
        if record.failed:
            record = _without_secrets(record)
        said = False
        while not self._stored(record):
            if not said:
                said = True
                self._say(
                    f"cannot write to the study's folder ({self._problem}): finished trials wait in memory; "
                    "retrying every second"
                )
            if self._give_up.wait(_RETRY_S):
                return
        host = str(record.row.get("host") or "a lost worker")
        self.ended_by_host = {**self.ended_by_host, host: self.ended_by_host.get(host, 0) + 1}
        self._count(record)
        # A trial without a host failed because its workers died. The next run may resume its checkpoint.
        if self._checkpoints is not None and record.row.get("host") is not None:
            self._checkpoints.drop(record.trial_id)
        if self._observer is not None:
            self._observer.record(record)

    def _count(self, record: TrialRecord) -> None:
        """Count a stored record."""
        if record.failed:
            self._counts.failed += 1
            self._report(record)
        elif record.stopped:
            self._counts.stopped += 1
        else:
            self._counts.done += 1

    def _stored(self, record: TrialRecord) -> bool:
        """Write a record to the store; False if the store cannot be written."""
        try:
            if record.log:
                self._store.folder.write(_log_name(record), record.log.encode())
            if record.weights:
                self._store.folder.write(weights_name(record.trial_id), record.weights)
            self._store.write(record.row, record.tables)
        except OSError as error:
            self._problem = redacted(str(error)).splitlines()[0]
            logger.warning("storing %s: %s", record.trial_id, error)
            return False
        return True

    def _report(self, record: TrialRecord) -> None:
        """Report a failed trial: its error, its parameters and its log."""
        row = record.row
        what = (
            f"{row['loss']}, softness {row['softness_s']:.4g} s, label noise {row['label_noise_s']:.4g} s, "
            f"alpha {row['alpha']}, replicate {row['replicate']}"
        )
        log = self._store.folder.path(_log_name(record)) if record.log else "none"
        text = f"trial {record.trial_id} failed: {row['error']} ({what}; log {log})"
        self.errors = [*self.errors, text][-5:]
        logger.error(text)
        if self._counts.failed <= _MAX_REPORTED:
            self._say(text)
        if self._counts.failed == _MAX_REPORTED:
            self._say("further failures are only counted here; logs/driver.log lists them")


def _without_secrets(record: TrialRecord) -> TrialRecord:
    """Return a failed record with secrets hidden: its error may contain an address or a variable."""
    row = {**record.row, "error": redacted(str(record.row["error"]))}
    return dataclasses.replace(record, row=row, log=redacted(record.log))


def _log_name(record: TrialRecord) -> str:
    """Return the name of a failed trial's log in the study's folder."""
    return f"logs/{record.trial_id}.log"
