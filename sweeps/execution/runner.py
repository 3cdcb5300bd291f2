"""Runs a study: what is missing goes to Ray, what comes back is kept, shown and drawn."""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from softloc_core.errors import ConfigError
from softloc_core.tasks import DataRequest, TaskData
from softloc_core.trial import TrialRun, run_trial
from sweeps.execution.pauses import BeginTrial
from sweeps.execution.progress import Counts, ProgressLine
from sweeps.execution.ray.environment import available_cpus, set_ray_environment
from sweeps.execution.recorder import Recorder
from sweeps.execution.run_messages import drawn, say_end, say_start
from sweeps.execution.staging import Staging, device_of, staging_of
from sweeps.execution.status_file import StatusFile
from sweeps.mlflow_view import MlflowThread, open_mlflow_thread, validate_tracking_uri
from sweeps.planning import (
    UNLIMITED,
    Budget,
    BudgetedSource,
    DataRoots,
    Planner,
    load_data,
    make_planner,
    require_scored_recordings,
    resolved_study,
    trial_source,
    validate_same_study,
)
from sweeps.storage import (
    Provenance,
    RunTrial,
    StudyFolder,
    TrialStore,
    driver_log,
    inside,
    remember_environment,
    source_provenance,
    study_lock,
    write_definition,
)
from sweeps.study import Study

__all__ = ["Outcome", "RunOptions", "run_study", "study_folder"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """How a study is run; none of it changes a trial's result.

    Attributes:
        out: Folder that holds the study's folder; any address pyarrow opens.
        data_root: Recorded data, where a source needs it.
        cache_dir: Where features are kept.
        address: A running Ray cluster, or None for this machine.
        cpus: Cores to use on this machine, or None for all.
        mlflow: Whether MLflow is written.
        tracking_uri: MLflow's address, or None for a database in the study's folder.
        budget: The most that this call may spend.
        run_trial: The function that runs a trial.
        begin_trial: What begins one that is run in stages (stopped early, saved, its weights kept).
        draw: Draws the figures of a study's folder and gives their paths and a text; None draws nothing.
    """

    out: str = "runs"
    data_root: DataRoots | Path | None = None
    cache_dir: Path
    address: str | None = None
    cpus: int | None = None
    mlflow: bool = True
    tracking_uri: str | None = None
    budget: Budget = UNLIMITED
    run_trial: RunTrial = run_trial
    begin_trial: BeginTrial = TrialRun
    draw: Callable[[StudyFolder], tuple[list[Path], str]] | None = None


@dataclass(frozen=True)
class Outcome:
    """How a run of a study ended.

    Attributes:
        counts: Designed, kept, done, failed.
        figures: What was drawn.
        text: The figures in words.
        interrupted: Whether it was stopped before its end.
        spent: Which limit of the budget was reached while trials are left, or None.
    """

    counts: Counts
    figures: tuple[Path, ...]
    text: str
    interrupted: bool
    spent: str | None = None

    @property
    def exit_status(self) -> int:
        """0 done (or all that the budget allows), 1 some trials failed, 130 interrupted."""
        return 130 if self.interrupted else 1 if self.counts.failed else 0


def study_folder(study: Study, *, out: str) -> StudyFolder:
    """Where a study stands."""
    return StudyFolder(inside(out, study.name))


def run_study(study: Study, options: RunOptions, *, progress: ProgressLine | None = None) -> Outcome:
    """Run the trials of a study that its folder does not hold yet.

    Everything that a user can get wrong is checked before Ray starts and before anything is written.

    Raises:
        UserError: A study, data or folder that cannot be run; nothing was started.
    """
    data = load_data(study, data_root=options.data_root, cache_dir=options.cache_dir)
    planner = make_planner(study, data)
    planner.check()
    require_scored_recordings(study, data)
    _validate_resources(study, options)
    if options.tracking_uri is not None:
        validate_tracking_uri(options.tracking_uri)
    folder = study_folder(study, out=options.out)
    validate_same_study(study, folder)
    folder.require_writable()
    with study_lock(folder), driver_log(folder):
        store = TrialStore(folder)
        progress = progress or ProgressLine(Counts(0))
        stored = store.load()
        points = trial_source(planner, stored, folder, say=progress.say)
        source = BudgetedSource(points, options.budget)
        staging = staging_of(study, options.begin_trial, folder, stored)
        progress.counts = Counts(
            source.n_designed,
            source.n_kept,
            kept_stopped=source.n_kept_stopped,
            at_most=options.budget.max_trials,
        )
        say_start(study, planner, store, progress)
        write_definition(folder, resolved_study(planner))
        remember_environment(folder)
        for loaded in data.values():
            store.write_references(loaded)
        return _run(
            study,
            options,
            planner=planner,
            source=source,
            staging=staging,
            store=store,
            progress=progress,
            data=data,
        )


def _run(
    study: Study,
    options: RunOptions,
    *,
    planner: Planner,
    source: BudgetedSource,
    staging: Staging,
    store: TrialStore,
    progress: ProgressLine,
    data: Mapping[DataRequest, TaskData],
) -> Outcome:
    """Run what is missing, then draw and finish MLflow."""
    started = time.monotonic()
    mlflow = None
    if options.mlflow:
        mlflow = open_mlflow_thread(
            store, study=study.name, uri=options.tracking_uri, plot=options.draw is not None, say=progress.say
        )
    recorder = Recorder(store, mlflow, progress.counts, say=progress.say, checkpoints=staging.checkpoints)
    status = StatusFile(store.folder, progress, recorder)
    interrupted = False
    try:
        with progress:
            try:
                if source.n_left:
                    _dispatch(study, options, planner, source, staging, recorder, progress, data, status)
            except KeyboardInterrupt:
                interrupted = True
                progress.say("interrupted: keeping what is finished")
            recorder.close()
    finally:
        spent = source.spent
        status.write("interrupted" if interrupted else "paused" if spent else "done")
    figures, text = drawn(options.draw, store.folder, progress) if not interrupted else ([], "")
    if mlflow is not None:
        _finish(mlflow, figures, interrupted=interrupted, spent=spent is not None, counts=progress.counts)
    say_end(progress, time.monotonic() - started, interrupted, spent)
    if source.summary is not None and not interrupted:
        progress.say(source.summary)
    return Outcome(progress.counts, tuple(figures), text, interrupted, spent)


def _dispatch(
    study: Study,
    options: RunOptions,
    planner: Planner,
    source: BudgetedSource,
    staging: Staging,
    recorder: Recorder,
    progress: ProgressLine,
    data: Mapping[DataRequest, TaskData],
    status: StatusFile,
) -> None:
    """Start Ray, put the data into its store, and let Tune run."""
    set_ray_environment(local=options.address is None)
    import ray

    from sweeps.execution.dispatch import Dispatch, dispatch
    from sweeps.execution.ray.session import ray_session
    from sweeps.execution.trainable import WorkerSettings

    threads = max(1, int(study.resources.cpus))
    cpus = options.cpus or available_cpus()
    with ray_session(address=options.address, cpus=cpus, gpus=_gpus(), threads=threads) as tune_folder:
        settings = WorkerSettings(
            run_trial=options.run_trial,
            data={request: ray.put(_in_memory(loaded)) for request, loaded in data.items()},
            provenance=Provenance(study.name, *source_provenance()),
            threads=threads,
            device=device_of(study),
            time_limit_s=None if study.time_limit is None else study.time_limit.seconds(),
            stages=staging.stages,
        )
        work = Dispatch(
            source=source,
            settings=settings,
            resources=study.resources,
            retries=study.retries,
            counts=progress.counts,
            keep=recorder.put,
            tick=status.tick,
            scheduler=staging.scheduler(),
            save=recorder.save,
            checkpoints=staging.checkpoints,
            pending=1
            if source.is_sequential
            else max(2, int(ray.cluster_resources().get("CPU", 1) / study.resources.cpus)),  # type: ignore[no-untyped-call]
        )
        dispatch(
            work, fingerprint=lambda trial: planner.data_of(trial.config).fingerprint, folder=tune_folder
        )


def _in_memory(data: TaskData) -> TaskData:
    """The data with its features as plain arrays, which Ray shares between workers without copies."""

    def plain(recordings: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(dataclasses.replace(item, features=np.asarray(item.features)) for item in recordings)

    return dataclasses.replace(
        data, train=plain(data.train), validation=plain(data.validation), test=plain(data.test)
    )


def _gpus() -> int:
    """GPUs of this machine."""
    import torch

    return int(torch.cuda.device_count())


def _validate_resources(study: Study, options: RunOptions) -> None:
    """Refuse trials that this machine can never hold; a cluster may grow."""
    if options.address is not None:
        return
    cpus, gpus = options.cpus or available_cpus(), _gpus()
    if options.cpus is not None and options.cpus < 1:
        raise ConfigError(f"--cpus must be at least 1, but got {options.cpus}")
    for name, wanted, there in (("cpus", study.resources.cpus, cpus), ("gpus", study.resources.gpus, gpus)):
        if wanted > there:
            raise ConfigError(
                f"`resources.{name}` must be at most the {there} to be had here, but got {wanted:g}"
                f" in {study.places.get('resources', study.name)}"
            )


def _finish(
    mlflow: MlflowThread, figures: list[Path], *, interrupted: bool, spent: bool, counts: Counts
) -> None:
    """Finish the study in MLflow."""
    if interrupted:
        mlflow.abandon()
        return
    status = "FAILED" if counts.failed else "SCHEDULED" if spent else "FINISHED"
    mlflow.finish(files=figures, status=status)
