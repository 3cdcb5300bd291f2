"""One trial on one worker: a Ray Tune trainable that is reused from trial to trial."""

from __future__ import annotations

import socket
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import ray
from ray import tune

from softloc_core.tasks import DataRequest, TaskData
from softloc_core.trial import TrialConfig, TrialResult
from sweeps.execution.pauses import PausableTrial, PausePlan, RunTrial
from sweeps.execution.schedulers import no_report, report
from sweeps.execution.time_limit import time_limit
from sweeps.storage import (
    Origin,
    Provenance,
    Reached,
    TrialRecord,
    completed_record,
    failed_record,
    not_finite,
    pack,
    probabilities_are_small,
    processor_name,
)

__all__ = ["Job", "TrialTrainable", "WorkerSettings"]


class NotFiniteError(RuntimeError):
    """A trial whose result is not finite. Running it again would give the same result."""


@dataclass(frozen=True)
class Job:
    """A trial on its way to a worker. Its text is short, because Ray writes it into names.

    Attributes:
        trial_id: The trial's identity.
        config: The trial's configuration.
        data_fingerprint: Hash of its data.
        checkpoint: The packed checkpoint to resume from; empty if the trial starts from the beginning.
    """

    trial_id: str
    config: TrialConfig
    data_fingerprint: str
    checkpoint: bytes = b""

    def __repr__(self) -> str:
        return self.trial_id

    def __deepcopy__(self, memo: dict[int, Any]) -> Job:
        """Return the same object: it is immutable, and Tune would copy it three times and keep the copies."""
        return self


@dataclass(frozen=True)
class WorkerSettings:
    """What every worker of a study needs.

    Attributes:
        run_trial: Runs a trial from start to end.
        data: Reference to the data of each request.
        provenance: Values that are the same in every row.
        device: `cpu` or `cuda`.
        time_limit_s: Longest time that a trial may take in seconds, or None.
        pause_plan: Why and when trials pause, or None if each is one call of `run_trial`.
        keep_probabilities: Whether to store event probabilities: `yes`, `no`, or `auto` if they are small.
    """

    run_trial: RunTrial
    data: Mapping[DataRequest, ray.ObjectRef[TaskData]]
    provenance: Provenance
    device: str
    time_limit_s: float | None
    pause_plan: PausePlan | None = None
    keep_probabilities: str = "auto"

    def keeps_probabilities(self, data: TaskData) -> bool:
        """Whether a trial on this data stores its event probabilities."""
        return self.keep_probabilities == "yes" or (
            self.keep_probabilities == "auto" and probabilities_are_small(data)
        )

    @property
    def origin(self) -> Origin:
        """What checkpoints made here must share with the trials that resume from them."""
        return Origin(self.provenance.package_version, self.provenance.git_commit, self.device)


class TrialTrainable(tune.Trainable):
    """Runs a trial, in one step or from pause to pause, and returns its record.

    An error of the trial itself becomes a failed record. Only what the worker cannot survive (the loss of its
    node, its memory or its process) reaches Ray as a failure, and only that is retried.
    """

    def setup(self, config: dict[str, Any], settings: WorkerSettings | None = None) -> None:
        """Set up a process for its first trial."""
        assert settings is not None  # passed through tune.with_parameters
        self._settings = settings
        self._data: dict[DataRequest, TaskData] = {}
        self.reset_config(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Set up the next trial in the same process."""
        self._job: Job = new_config["job"]
        self._trial: PausableTrial | None = None
        self._started_at: datetime | None = None
        self._spent_s = 0.0
        return True

    def step(self) -> dict[str, Any]:
        """Run the trial to its end, or to its next pause."""
        self._started_at = self._started_at or datetime.now(UTC)
        plan = self._settings.pause_plan
        try:
            return self._run_to_end() if plan is None else self._run_to_pause(plan)
        except Exception as error:  # noqa: BLE001 - any error of a trial is recorded, and the study continues
            self._trial = None
            return {"record": self._failure(error, self._started_at), "done": True, **no_report()}

    def _run_to_end(self) -> dict[str, Any]:
        """Run the whole trial, and return its record."""
        job, settings = self._job, self._settings
        data = self._task_data(job.config.data_request())
        with time_limit(settings.time_limit_s, spent_s=0.0):
            result = settings.run_trial(job.config, data, device=settings.device)
        return {"record": self._record(result, data), "done": True}

    def _run_to_pause(self, plan: PausePlan) -> dict[str, Any]:
        """Run the trial to its next pause, and return what it has then."""
        job, settings = self._job, self._settings
        data = self._task_data(job.config.data_request())
        started_s = time.monotonic()
        with time_limit(settings.time_limit_s, spent_s=self._spent_s):
            if self._trial is None:
                self._trial = PausableTrial(
                    job.config, data, plan, device=settings.device, checkpoint=job.checkpoint
                )
            pause = self._trial.next()
        self._spent_s += time.monotonic() - started_s
        content: dict[str, Any] = {"note": self._trial.note}
        self._trial.note = None
        if pause.state is not None:
            content["checkpoint"] = pack(pause.state, trial_id=job.trial_id, origin=settings.origin)
        if pause.result is None:
            return content
        record = self._record(pause.result, data, pause.reached)
        return {
            **content,
            "record": record,
            "done": not record.stopped,
            **report(pause.score, pause.fraction),
        }

    def _record(self, result: TrialResult, data: TaskData, reached: Reached | None = None) -> TrialRecord:
        """Return the record of a result.

        Raises:
            NotFiniteError: The result is not finite.
        """
        if (reason := not_finite(result)) is not None:
            raise NotFiniteError(reason)
        assert self._started_at is not None  # set by the first step
        return completed_record(
            result,
            self._settings.provenance,
            channel_names=data.channel_names,
            host=socket.gethostname(),
            started_at=self._started_at,
            processor=processor_name(self._settings.device),
            hop_s=data.hop_s,
            reached=reached,
            keep_probabilities=self._settings.keeps_probabilities(data),
        )

    def _failure(self, error: Exception, started_at: datetime) -> TrialRecord:
        """Return the record of a trial that raised an error."""
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
        """Return the data of a request, fetched from the object store once for each process."""
        if request not in self._data:
            self._data[request] = ray.get(self._settings.data[request])
        return self._data[request]
