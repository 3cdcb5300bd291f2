"""One trial on one worker: Ray Tune's class trainable, reused from trial to trial."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from types import FrameType
from typing import Any

import ray
import torch
from ray import tune

from softloc_core.tasks import DataRequest, TaskData
from softloc_core.trial import TrialConfig
from sweeps.records import Provenance, RunTrial, TrialRecord, completed_record, failed_record, not_finite

__all__ = ["Job", "TrialTimeoutError", "TrialTrainable", "WorkerSettings"]

logger = logging.getLogger(__name__)
# A trial that hangs outside Python is ended, with its process, after this multiple of its time limit.
_HARD_LIMIT = 1.5


class TrialTimeoutError(RuntimeError):
    """A trial that took longer than its study allows."""


class NotFiniteError(RuntimeError):
    """A trial whose result is no number: its own mathematics, so that running it again would not help."""


@dataclass(frozen=True)
class Job:
    """A trial on its way to a worker; short as text, for Ray writes it into names.

    Attributes:
        trial_id: The trial's identity.
        config: What to do.
        data_fingerprint: Hash of its data.
    """

    trial_id: str
    config: TrialConfig
    data_fingerprint: str

    def __repr__(self) -> str:
        return self.trial_id

    def __deepcopy__(self, memo: dict[int, Any]) -> Job:
        """Itself: nothing in it changes, and Tune copies it three times and keeps the copies."""
        return self


@dataclass(frozen=True)
class WorkerSettings:
    """What every worker of a study knows.

    Attributes:
        run_trial: The function that runs a trial.
        data: Reference to the data of each request.
        provenance: What stands in every row.
        threads: torch threads of a trial, >= 1.
        device: `cpu` or `cuda`.
        time_limit_s: Longest time a trial may take in seconds, or None.
    """

    run_trial: RunTrial
    data: Mapping[DataRequest, ray.ObjectRef[TaskData]]
    provenance: Provenance
    threads: int
    device: str
    time_limit_s: float | None


class TrialTrainable(tune.Trainable):
    """Runs one trial in one step and gives its record; a trial's own error becomes a failed record.

    Only what the worker cannot survive (its node, its memory, its process) reaches Ray as a failure, and only
    that is tried again.
    """

    def setup(self, config: dict[str, Any], settings: WorkerSettings | None = None) -> None:
        """Once for each process."""
        assert settings is not None  # given through tune.with_parameters
        self._job: Job = config["job"]
        self._settings = settings
        self._data: dict[DataRequest, TaskData] = {}
        torch.set_num_threads(settings.threads)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """The next trial in the same process."""
        self._job = new_config["job"]
        return True

    def step(self) -> dict[str, Any]:
        """Run the trial."""
        return {"record": self._record(), "done": True}

    def _record(self) -> TrialRecord:
        """The trial's record, whatever becomes of it."""
        job, settings = self._job, self._settings
        started_at = datetime.now(UTC)
        try:
            data = self._task_data(job.config.data_request())
            with _time_limit(settings.time_limit_s):
                result = settings.run_trial(job.config, data, device=settings.device)
            if (reason := not_finite(result)) is not None:
                raise NotFiniteError(reason)
        except Exception as error:  # noqa: BLE001 - whatever a trial dies of, it is recorded and the study goes on
            return self._failure(error, started_at)
        return completed_record(
            result,
            settings.provenance,
            channel_names=data.channel_names,
            host=socket.gethostname(),
            started_at=started_at,
        )

    def _failure(self, error: Exception, started_at: datetime) -> TrialRecord:
        """The record of a trial that raised."""
        lines = str(error).strip().splitlines()
        return failed_record(
            self._job.config,
            self._job.trial_id,
            self._settings.provenance,
            data_fingerprint=self._job.data_fingerprint,
            error=f"{type(error).__name__}: {lines[0] if lines else ''}".rstrip(": "),
            log="".join(traceback.format_exception(error)),
            host=socket.gethostname(),
            device=self._settings.device,
            started_at=started_at,
        )

    def _task_data(self, request: DataRequest) -> TaskData:
        """The data of a request, fetched from the object store once for each process."""
        if request not in self._data:
            self._data[request] = ray.get(self._settings.data[request])
        return self._data[request]


@contextmanager
def _time_limit(limit_s: float | None) -> Iterator[None]:
    """Raise in this thread once the limit is over; end the process when even that does not help."""
    if limit_s is None:
        yield
        return

    def too_long(number: int, frame: FrameType | None) -> None:
        raise TrialTimeoutError(f"a trial must end within {limit_s:g} s, but this one did not")

    hard = threading.Timer(limit_s * _HARD_LIMIT, os._exit, args=(1,))
    hard.daemon = True
    previous = signal.signal(signal.SIGALRM, too_long)
    signal.setitimer(signal.ITIMER_REAL, limit_s)
    hard.start()
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
        hard.cancel()
