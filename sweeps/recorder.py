"""Keeps finished trials from a thread of its own, so that no worker waits for a disk."""

from __future__ import annotations

import dataclasses
import logging
import queue
import threading
from collections.abc import Callable, Mapping

from sweeps.progress import Counts
from sweeps.records import TrialRecord
from sweeps.redaction import redacted
from sweeps.store import TrialStore
from sweeps.tracker import Tracker

__all__ = ["Recorder"]

logger = logging.getLogger(__name__)
_RETRY_S = 1.0
_MAX_REPORTED = 10


class Recorder:
    """Writes records to the store, then shows them to the tracker; counts only what is safely stored.

    A disk that is full or away is tried again until it takes the trial: nothing finished is thrown away.

    Attributes:
        errors: Last failures, newest last: trial, message and log path.
        ended_by_host: Trials that ended, by the machine that ran them.
    """

    def __init__(
        self, store: TrialStore, tracker: Tracker | None, counts: Counts, *, say: Callable[[str], None]
    ) -> None:
        self.errors: list[str] = []
        self.ended_by_host: Mapping[str, int] = {}
        self._store = store
        self._tracker = tracker
        self._counts = counts
        self._say = say
        self._queue: queue.SimpleQueue[TrialRecord | None] = queue.SimpleQueue()
        self._give_up = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="recorder", daemon=True)
        self._thread.start()

    def put(self, record: TrialRecord) -> None:
        """Keep a record; returns at once."""
        self._queue.put(record)

    def close(self) -> None:
        """Wait until everything is stored; an interruption gives up on a disk that takes nothing."""
        self._queue.put(None)
        try:
            self._thread.join()
        except KeyboardInterrupt:
            self._give_up.set()
            self._thread.join(timeout=5)
            raise

    def _serve(self) -> None:
        """Store what comes, in order."""
        while (record := self._queue.get()) is not None:
            self._keep(record)

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
        if record.failed:
            self._counts.failed += 1
            self._report(record)
        else:
            self._counts.done += 1
        if self._tracker is not None:
            self._tracker.record(record)

    def _stored(self, record: TrialRecord) -> bool:
        """Whether the store took it."""
        try:
            if record.log:
                self._store.folder.write(_log_name(record), record.log.encode())
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
