"""Dispatch trials with Ray Tune: trials go out to workers, records come back, lost workers are replaced."""

from __future__ import annotations

import dataclasses
import logging
import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import ray
from ray import tune
from ray.tune import Callback
from ray.tune.search import Searcher

from softloc_core.tasks import TaskData
from sweeps.execution.ray.environment import (
    available_cpus,
    available_gpus,
    keep_credentials_here,
    trial_device,
)
from sweeps.execution.ray.repairs import repair_retries, slim
from sweeps.execution.ray.session import ray_session
from sweeps.execution.run import Run
from sweeps.execution.schedulers import make_scheduler
from sweeps.execution.trainable import Job, TrialTrainable, WorkerSettings
from sweeps.storage import Provenance, TrialRecord, failed_record, source_code, source_provenance

__all__ = ["dispatch"]

logger = logging.getLogger(__name__)


def dispatch(run: Run) -> None:
    """Run every trial of a run's source, even if single trials fail.

    Raises:
        ConfigError: Ray does not start, or no cluster is at the address.
        KeyboardInterrupt: The run was interrupted.
    """
    threads = run.study.resources.threads
    cpus, gpus = run.options.cpus or available_cpus(), available_gpus()
    with ray_session(address=run.options.address, cpus=cpus, gpus=gpus, threads=threads) as tune_folder:
        _tuner(run, _worker_settings(run), folder=tune_folder).fit()


def _worker_settings(run: Run) -> WorkerSettings:
    """Put the data into Ray's object store, and return what every worker needs."""
    study = run.study
    return WorkerSettings(
        run_trial=run.options.run_trial,
        data={request: ray.put(_in_memory(loaded)) for request, loaded in run.planner.data.items()},
        provenance=Provenance(study.name, *source_provenance(), source_code()),
        device=trial_device(study.resources),
        time_limit_s=None if study.time_limit is None else study.time_limit.seconds(),
        pause_plan=run.pause_plan,
        keep_probabilities=study.keep_probabilities,
    )


def _in_memory(data: TaskData) -> TaskData:
    """Return the data with its features as plain arrays, which Ray shares between workers without copies."""

    def plain(recordings: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(dataclasses.replace(item, features=np.asarray(item.features)) for item in recordings)

    return dataclasses.replace(
        data, train=plain(data.train), validation=plain(data.validation), test=plain(data.test)
    )


def _tuner(run: Run, settings: WorkerSettings, *, folder: Path) -> tune.Tuner:
    """Return Tune, set up for a run.

    Args:
        run: The run.
        settings: What every worker needs.
        folder: Where Tune writes its own state, which is never read again.
    """
    keep_credentials_here()
    repair_retries()
    os.environ["TUNE_MAX_PENDING_TRIALS_PG"] = str(_most_pending(run))
    study = run.study
    gpus = {"gpu": study.resources.gpus} if study.resources.gpus else {}
    stored = sorted((trial.row for trial in run.stored.values()), key=lambda row: str(row["started_at"]))
    return tune.Tuner(
        tune.with_resources(
            tune.with_parameters(TrialTrainable, settings=settings), {"cpu": study.resources.cpus, **gpus}
        ),
        tune_config=tune.TuneConfig(
            search_alg=_Queue(run),
            scheduler=None if study.stop_early is None else make_scheduler(study.stop_early, stored),
            num_samples=run.source.n_left,
            reuse_actors=True,
            trial_name_creator=lambda trial: str(trial.config["job"]),
            trial_dirname_creator=lambda trial: str(trial.config["job"]),
        ),
        run_config=tune.RunConfig(
            name="study",
            storage_path=str(folder),
            checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
            failure_config=tune.FailureConfig(max_failures=study.retries),
            callbacks=[_Collector(run)],
            verbose=0,
        ),
    )


def _most_pending(run: Run) -> int:
    """Return how many trials may wait for a free worker at the same time."""
    if run.source.is_sequential:
        return 1
    cluster_cpus = ray.cluster_resources().get("CPU", 1)  # type: ignore[no-untyped-call]
    return max(2, int(cluster_cpus / run.study.resources.cpus))


def _packed_checkpoint(run: Run, trial_id: str) -> bytes:
    """Return the packed checkpoint of a trial; empty if it starts from the beginning."""
    return b"" if run.checkpoints is None else run.checkpoints.load(trial_id)


class _Queue(Searcher):
    """Hands trials to Tune in the source's order."""

    def __init__(self, run: Run) -> None:
        super().__init__(metric="f1", mode="max")
        self._run = run

    def __getstate__(self) -> dict[str, Any]:
        """Return nothing, so that Tune's unused snapshots stay empty."""
        return {}

    def suggest(self, trial_id: str) -> Any:
        """Return the next trial."""
        planned = self._run.source.next()
        if planned is None:
            return Searcher.FINISHED
        fingerprint = self._run.planner.data_of(planned.config).fingerprint
        checkpoint = _packed_checkpoint(self._run, planned.trial_id)
        return {"job": Job(planned.trial_id, planned.config, fingerprint, checkpoint)}

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Do nothing: the callback passes the record to the source."""

    def save(self, checkpoint_path: str) -> None:
        """Do nothing: a study resumes from its Parquet files."""

    def restore(self, checkpoint_path: str) -> None:
        """Do nothing."""

    def save_to_dir(self, checkpoint_dir: str, session_str: str = "default") -> None:
        """Do nothing."""


class _Collector(Callback):
    """Takes records out of Tune's results, and turns lost workers into failed records."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._running: set[str] = set()
        self._ended: set[str] = set()
        self._last: Any = None

    def __getstate__(self) -> dict[str, Any]:
        """Return nothing, so that Tune's unused snapshots stay empty."""
        return {}

    def on_step_end(self, iteration: int, trials: list[Any], **_: Any) -> None:
        """Show progress."""
        self._run.status.tick()

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **_: Any) -> None:
        """Count a trial that a worker has started."""
        self._running.add(trial.config["job"].trial_id)
        self._run.counts.running = len(self._running)

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **_: Any
    ) -> None:
        """Take record and checkpoint out of a result, because Tune keeps results in memory.

        The scheduler has judged the report already. If it stops the trial, this result is the last one.
        """
        job: Job = trial.config["job"]
        record, checkpoint = result.pop("record", None), result.pop("checkpoint", None)
        if (note := result.pop("note", None)) is not None and self._run.checkpoints is not None:
            self._run.checkpoints.set_aside(job.trial_id, note)
        if checkpoint is not None:
            self._run.recorder.save(job.trial_id, checkpoint)
        if record is not None and result["done"]:
            trial.config["job"] = replace(job, checkpoint=b"")
            self._end(record)

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **_: Any) -> None:
        """Free the memory of the trial that ended before this one; Tune still needs this one."""
        if self._last is not None:
            slim(self._last)
        self._last = trial

    def on_trial_recover(self, iteration: int, trials: list[Any], trial: Any, **_: Any) -> None:
        """Restart a trial whose worker died, from its last checkpoint."""
        job: Job = trial.config["job"]
        self._running.discard(job.trial_id)
        self._run.counts.retried += 1
        logger.warning("trial %s is restarted: %s", job, _death(trial))
        trial.config["job"] = replace(job, checkpoint=_packed_checkpoint(self._run, job.trial_id))

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **_: Any) -> None:
        """Record the failure of a trial whose workers died more often than the study allows."""
        job: Job = trial.config["job"]
        reason = _death(trial)
        self._end(
            failed_record(
                job.config,
                job.trial_id,
                Provenance(self._run.study.name, *source_provenance()),
                data_fingerprint=job.data_fingerprint,
                error=f"{reason} ({trial.num_failures} attempts)",
                log=str(trial.get_error() or reason),
                host=None,
                device=None,
                started_at=datetime.now(UTC),
            )
        )

    def _end(self, record: TrialRecord) -> None:
        """Pass a record to the source and to the recorder, once."""
        self._running.discard(record.trial_id)
        self._run.counts.running = len(self._running)
        if record.trial_id in self._ended:
            return
        self._ended.add(record.trial_id)
        self._run.source.tell(record.trial_id, None if record.failed else record.row)
        self._run.recorder.put(record)


def _death(trial: Any) -> str:
    """Return in one line why a worker died."""
    text = str(trial.get_error() or "")
    if "OutOfMemory" in text or ("memory" in text.lower() and "killed" in text.lower()):
        return "out of memory: the worker was killed"
    if "node" in text.lower() and "died" in text.lower():
        return "the worker or its node died"
    return "the worker process died"
