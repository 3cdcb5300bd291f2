"""One trial on one worker: Ray Tune's class trainable, reused from trial to trial."""

from __future__ import annotations

import socket
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import ray
import torch
from ray import tune

from softloc_core.tasks import DataRequest, TaskData
from softloc_core.trial import TrialConfig, TrialResult
from sweeps.execution.pauses import StagedTrial, Stages
from sweeps.execution.schedulers import no_report, report
from sweeps.execution.time_limit import time_limit
from sweeps.storage import (
    Origin,
    Provenance,
    Reached,
    RunTrial,
    TrialRecord,
    completed_record,
    failed_record,
    not_finite,
    pack,
)

__all__ = ["Job", "TrialTrainable", "WorkerSettings"]


class NotFiniteError(RuntimeError):
    """A trial whose result is no number: its own mathematics, so that running it again would not help."""


@dataclass(frozen=True)
class Job:
    """A trial on its way to a worker; short as text, for Ray writes it into names.

    Attributes:
        trial_id: The trial's identity.
        config: What to do.
        data_fingerprint: Hash of its data.
        checkpoint: What it goes on from, packed; empty where it begins.
    """

    trial_id: str
    config: TrialConfig
    data_fingerprint: str
    checkpoint: bytes = b""

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
        stages: What is wanted of trials before their end, or None: then each is one call of `run_trial`.
    """

    run_trial: RunTrial
    data: Mapping[DataRequest, ray.ObjectRef[TaskData]]
    provenance: Provenance
    threads: int
    device: str
    time_limit_s: float | None
    stages: Stages | None = None

    @property
    def origin(self) -> Origin:
        """What checkpoints made here must have in common with the trials that go on from them."""
        return Origin(self.provenance.package_version, self.provenance.git_commit, self.device)


class TrialTrainable(tune.Trainable):
    """Runs a trial, in one step or from rest to rest, and gives its record; its own error is a failed record.

    Only what the worker cannot survive (its node, its memory, its process) reaches Ray as a failure, and only
    that is tried again.
    """

    def setup(self, config: dict[str, Any], settings: WorkerSettings | None = None) -> None:
        """Once for each process."""
        assert settings is not None  # given through tune.with_parameters
        self._settings = settings
        self._data: dict[DataRequest, TaskData] = {}
        torch.set_num_threads(settings.threads)
        self.reset_config(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """The next trial in the same process."""
        self._job: Job = new_config["job"]
        self._staged: StagedTrial | None = None
        self._began_at: datetime | None = None
        self._spent_s = 0.0
        return True

    def step(self) -> dict[str, Any]:
        """Run the trial, or its next stage."""
        self._began_at = self._began_at or datetime.now(UTC)
        try:
            return self._whole() if self._settings.stages is None else self._stage(self._settings.stages)
        except Exception as error:  # noqa: BLE001 - whatever a trial dies of, it is recorded and the study goes on
            self._staged = None
            return {"record": self._failure(error, self._began_at), "done": True, **no_report()}

    def _whole(self) -> dict[str, Any]:
        """The trial's record, from its beginning to its end."""
        job, settings = self._job, self._settings
        data = self._task_data(job.config.data_request())
        with time_limit(settings.time_limit_s, spent_s=0.0):
            result = settings.run_trial(job.config, data, device=settings.device)
        return {"record": self._record(result, data), "done": True}

    def _stage(self, stages: Stages) -> dict[str, Any]:
        """What the trial gives where it rests next."""
        job, settings = self._job, self._settings
        data = self._task_data(job.config.data_request())
        began_s = time.monotonic()
        with time_limit(settings.time_limit_s, spent_s=self._spent_s):
            if self._staged is None:
                self._staged = StagedTrial(
                    job.config, data, stages, device=settings.device, checkpoint=job.checkpoint
                )
            rest = self._staged.next()
        self._spent_s += time.monotonic() - began_s
        content: dict[str, Any] = {"note": self._staged.note}
        self._staged.note = None
        if rest.state is not None:
            content["checkpoint"] = pack(rest.state, trial_id=job.trial_id, origin=settings.origin)
        if rest.result is None:
            return content
        record = self._record(rest.result, data, rest.reached)
        return {**content, "record": record, "done": not record.stopped, **report(rest.score, rest.fraction)}

    def _record(self, result: TrialResult, data: TaskData, reached: Reached | None = None) -> TrialRecord:
        """The record of a result.

        Raises:
            NotFiniteError: It is no number.
        """
        if (reason := not_finite(result)) is not None:
            raise NotFiniteError(reason)
        assert self._began_at is not None  # set by the first step
        return completed_record(
            result,
            self._settings.provenance,
            channel_names=data.channel_names,
            host=socket.gethostname(),
            started_at=self._began_at,
            reached=reached,
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
