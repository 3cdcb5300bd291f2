"""Keeps finished trials from a thread of its own, so that no worker waits for a disk that hesitates."""

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

__all__ = ["Recorder"]

logger = logging.getLogger(__name__)
_RETRY_S = 1.0
_MAX_REPORTED = 10
# A driver that is killed loses what waits here at most, besides the trials in flight.
_MOST_WAITING = 16


class Recorder:
    """Writes records to the store, then shows them to the observer; counts only what is safely stored.

    A disk that is full or away is tried again until it takes the trial: nothing finished is thrown away.

    Attributes:
        errors: Last failures, newest last: trial, message and log path.
        ended_by_host: Trials that ended, by the machine that ran them.
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
        self._queue: queue.Queue[TrialRecord | tuple[str, bytes] | None] = queue.Queue(_MOST_WAITING)
        self._give_up = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="recorder", daemon=True)
        self._thread.start()

    def put(self, record: TrialRecord) -> None:
        """Keep a record; returns at once, unless trials end faster than the disk takes them."""
        self._queue.put(record)

    def save(self, trial_id: str, checkpoint: bytes) -> None:
        """Keep a trial's checkpoint until the trial is kept; returns as `put` does."""
        self._queue.put((trial_id, checkpoint))

    def close(self) -> None:
        """Wait until everything is stored; an interruption gives up on a disk that takes nothing."""
        try:
            self._queue.put(None)
            self._thread.join()
        except KeyboardInterrupt:
            self._give_up.set()
            self._thread.join(timeout=5)
            raise

    def _serve(self) -> None:
        """Store what comes, in order."""
        while (item := self._queue.get()) is not None:
            if isinstance(item, TrialRecord):
                self._keep(item)
            elif self._checkpoints is not None:
                self._checkpoints.keep(*item)

    def _keep(self, record: TrialRecord) -> None:
        """Store one record, however long it takes, then count and show it."""
        if record.failed:
            record = _without_secrets(record)
        said = False
        while not self._stored(record):
            if not said:
                said = True
                self._say(
                    f"the study's folder takes no trial ({self._problem}); finished trials wait in memory, "
                    "and it is tried again every second"
                )
            if self._give_up.wait(_RETRY_S):
                return
        host = str(record.row.get("host") or "a lost worker")
        self.ended_by_host = {**self.ended_by_host, host: self.ended_by_host.get(host, 0) + 1}
        self._count(record)
        # A trial whose workers died, and no error of its own, may go on from its checkpoint the next time.
        if self._checkpoints is not None and record.row.get("host") is not None:
            self._checkpoints.drop(record.trial_id)
        if self._observer is not None:
            self._observer.record(record)

    def _count(self, record: TrialRecord) -> None:
        """Count a record that is stored."""
        if record.failed:
            self._counts.failed += 1
            self._report(record)
        elif record.stopped:
            self._counts.stopped += 1
        else:
            self._counts.done += 1

    def _stored(self, record: TrialRecord) -> bool:
        """Whether the store took it."""
        try:
            if record.log:
                self._store.folder.write(_log_name(record), record.log.encode())
            if record.weights:
                self._store.folder.write(weights_name(record.trial_id), record.weights)
            self._store.write(record.row, events=record.events, history=record.history)
        except OSError as error:
            self._problem = redacted(str(error)).splitlines()[0]
            logger.warning("storing %s: %s", record.trial_id, error)
            return False
        return True

    def _report(self, record: TrialRecord) -> None:
        """A failed trial's error, its parameters and its log."""
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
            self._say("further failures are counted, and told in logs/driver.log")


def _without_secrets(record: TrialRecord) -> TrialRecord:
    """A failed trial's record; what it died of may tell an address or a variable."""
    row = {**record.row, "error": redacted(str(record.row["error"]))}
    return dataclasses.replace(record, row=row, log=redacted(record.log))


def _log_name(record: TrialRecord) -> str:
    """Where a failed trial's traceback goes."""
    return f"logs/{record.trial_id}.log"
