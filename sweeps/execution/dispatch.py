"""Ray Tune as the dispatcher: trials go out to workers, records come back, lost workers are replaced."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ray import tune
from ray.tune import Callback
from ray.tune.schedulers import TrialScheduler
from ray.tune.search import Searcher

from sweeps.execution.progress import Counts
from sweeps.execution.ray.environment import keep_credentials_here
from sweeps.execution.ray.repairs import repair_retries, slim
from sweeps.execution.trainable import Job, TrialTrainable, WorkerSettings
from sweeps.planning import PlannedTrial, TrialSource
from sweeps.storage import Checkpoints, TrialRecord, failed_record
from sweeps.study import Resources

__all__ = ["Dispatch", "dispatch"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Dispatch:
    """What the dispatcher needs.

    Attributes:
        source: Gives the trials.
        settings: What every worker knows.
        resources: What one trial takes.
        retries: How often a trial is started again after its worker died.
        counts: Kept up to date.
        keep: Takes a record, at once.
        tick: Called often, to show progress.
        pending: Trials that may wait for a free worker at once.
        scheduler: Stops trials early, or None.
        save: Takes a trial's checkpoint, at once.
        checkpoints: Where a trial finds its checkpoint again, or None.
    """

    source: TrialSource
    settings: WorkerSettings
    resources: Resources
    retries: int
    counts: Counts
    keep: Callable[[TrialRecord], None]
    tick: Callable[[], None]
    pending: int
    scheduler: TrialScheduler | None = None
    save: Callable[[str, bytes], None] | None = None
    checkpoints: Checkpoints | None = None

    def checkpoint_of(self, trial_id: str) -> bytes:
        """What a trial goes on from, packed; empty where it begins."""
        return b"" if self.checkpoints is None else self.checkpoints.load(trial_id)


class _Queue(Searcher):
    """Hands trials to Tune in the source's order."""

    def __init__(self, dispatch: Dispatch, fingerprint: Callable[[PlannedTrial], str]) -> None:
        super().__init__(metric="f1", mode="max")
        self._dispatch = dispatch
        self._fingerprint = fingerprint

    def __getstate__(self) -> dict[str, Any]:
        """Nothing: Tune writes a snapshot of itself that nobody reads."""
        return {}

    def suggest(self, trial_id: str) -> Any:
        """The next trial."""
        planned = self._dispatch.source.next()
        if planned is None:
            return Searcher.FINISHED
        checkpoint = self._dispatch.checkpoint_of(planned.trial_id)
        return {"job": Job(planned.trial_id, planned.config, self._fingerprint(planned), checkpoint)}

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Nothing: the callback tells the source, with the record."""

    def save(self, checkpoint_path: str) -> None:
        """Nothing: Parquet is what a study goes on from."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing."""

    def save_to_dir(self, checkpoint_dir: str, session_str: str = "default") -> None:
        """Nothing."""


class _Collector(Callback):
    """Takes records off Tune's results and turns lost workers into failed records."""

    def __init__(self, dispatch: Dispatch) -> None:
        self._dispatch = dispatch
        self._running: set[str] = set()
        self._ended: set[str] = set()
        self._last: Any = None

    def __getstate__(self) -> dict[str, Any]:
        """Nothing: Tune writes a snapshot of itself that nobody reads."""
        return {}

    def on_step_end(self, iteration: int, trials: list[Any], **_: Any) -> None:
        """Show progress."""
        self._dispatch.tick()

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **_: Any) -> None:
        """A worker has begun."""
        self._running.add(trial.config["job"].trial_id)
        self._dispatch.counts.running = len(self._running)

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **_: Any
    ) -> None:
        """What a worker gives is taken out of the result, for Tune keeps results in memory.

        By now the scheduler has judged a report: where it stops the trial, the result is its last.
        """
        job: Job = trial.config["job"]
        record, checkpoint = result.pop("record", None), result.pop("checkpoint", None)
        if (note := result.pop("note", None)) is not None and self._dispatch.checkpoints is not None:
            self._dispatch.checkpoints.set_aside(job.trial_id, note)
        if checkpoint is not None and self._dispatch.save is not None:
            self._dispatch.save(job.trial_id, checkpoint)
        if record is not None and result["done"]:
            trial.config["job"] = replace(job, checkpoint=b"")
            self._end(record)

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **_: Any) -> None:
        """A trial has ended, and Tune keeps it in memory; at this call the trial before it is done with."""
        if self._last is not None:
            slim(self._last)
        self._last = trial

    def on_trial_recover(self, iteration: int, trials: list[Any], trial: Any, **_: Any) -> None:
        """A worker died and the trial is started again."""
        job: Job = trial.config["job"]
        self._running.discard(job.trial_id)
        self._dispatch.counts.retried += 1
        logger.warning("trial %s is started again: %s", job, _death(trial))
        trial.config["job"] = replace(job, checkpoint=self._dispatch.checkpoint_of(job.trial_id))

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **_: Any) -> None:
        """A trial whose workers died more often than is allowed."""
        job: Job = trial.config["job"]
        reason = _death(trial)
        self._end(
            failed_record(
                job.config,
                job.trial_id,
                self._dispatch.settings.provenance,
                data_fingerprint=job.data_fingerprint,
                error=f"{reason} ({trial.num_failures} attempts)",
                log=str(trial.get_error() or reason),
                host=None,
                device=None,
                started_at=datetime.now(UTC),
            )
        )

    def _end(self, record: TrialRecord) -> None:
        """Pass a record on, once."""
        self._running.discard(record.trial_id)
        self._dispatch.counts.running = len(self._running)
        if record.trial_id in self._ended:
            return
        self._ended.add(record.trial_id)
        self._dispatch.source.tell(record.trial_id, None if record.failed else record.row)
        self._dispatch.keep(record)


def _death(trial: Any) -> str:
    """Why a worker died, in one line."""
    text = str(trial.get_error() or "")
    if "OutOfMemory" in text or ("memory" in text.lower() and "killed" in text.lower()):
        return "out of memory: the worker was killed"
    if "node" in text.lower() and "died" in text.lower():
        return "the worker or its node died"
    return "the worker process died"


def dispatch(work: Dispatch, *, fingerprint: Callable[[PlannedTrial], str], folder: Path) -> None:
    """Run every trial of the source, whatever becomes of single ones.

    Args:
        work: What to do.
        fingerprint: The data's fingerprint for a trial.
        folder: For Tune's own state, which nobody reads.

    Raises:
        KeyboardInterrupt: The study was interrupted.
    """
    keep_credentials_here()
    repair_retries()
    os.environ["TUNE_MAX_PENDING_TRIALS_PG"] = str(work.pending)
    trainable = tune.with_resources(
        tune.with_parameters(TrialTrainable, settings=work.settings),
        {"cpu": work.resources.cpus, **({"gpu": work.resources.gpus} if work.resources.gpus else {})},
    )
    tuner = tune.Tuner(
        trainable,
        tune_config=tune.TuneConfig(
            search_alg=_Queue(work, fingerprint),
            scheduler=work.scheduler,
            num_samples=work.source.n_left,
            reuse_actors=True,
            trial_name_creator=lambda trial: str(trial.config["job"]),
            trial_dirname_creator=lambda trial: str(trial.config["job"]),
        ),
        run_config=tune.RunConfig(
            name="study",
            storage_path=str(folder),
            checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
            failure_config=tune.FailureConfig(max_failures=work.retries),
            callbacks=[_Collector(work)],
            verbose=0,
        ),
    )
    tuner.fit()
