"""Run a study: check it, dispatch the missing trials, and finish with figures and MLflow."""

from __future__ import annotations

import logging
import time
from pathlib import Path

from softloc_core.errors import ConfigError
from sweeps.execution.pauses import plan_pauses
from sweeps.execution.progress import Counts, ProgressLine
from sweeps.execution.ray.environment import available_cpus, available_gpus, set_ray_environment, trial_device
from sweeps.execution.recorder import Recorder
from sweeps.execution.run import Outcome, Run, RunOptions, end_text, start_text, study_folder
from sweeps.execution.status_file import StatusFile
from sweeps.mlflow_view import open_mlflow_thread, validate_tracking_uri
from sweeps.planning import (
    BudgetedSource,
    Planner,
    accepted_trials,
    as_begun,
    checked_planner,
    is_final,
    load_data,
    resolved_study,
    trial_source,
    validate_same_study,
)
from sweeps.storage import (
    Checkpoints,
    Origin,
    StudyFolder,
    TrialStore,
    driver_log,
    remember_environment,
    source_provenance,
    study_lock,
    write_definition,
)
from sweeps.study import Study

__all__ = ["run_study"]

logger = logging.getLogger(__name__)


def run_study(study: Study, options: RunOptions, *, progress: ProgressLine | None = None) -> Outcome:
    """Run the trials of a study that are not stored yet.

    Everything that a user can get wrong is checked before Ray starts and before anything is written.

    Raises:
        UserError: The study, its data or its folder cannot be used; nothing was started.
    """
    folder = study_folder(study, out=options.out)
    validate_same_study(study, folder)
    study = as_begun(study, folder)
    data = load_data(study, data_root=options.data_root, cache_dir=options.cache_dir)
    planner = checked_planner(study, data)
    _validate_resources(study, options)
    if options.tracking_uri is not None:
        validate_tracking_uri(options.tracking_uri)
    folder.require_writable()
    with study_lock(folder), driver_log(folder):
        return _execute(_start(planner, options, folder, progress or ProgressLine(Counts(0))))


def _start(planner: Planner, options: RunOptions, folder: StudyFolder, progress: ProgressLine) -> Run:
    """Read what is stored, write what describes the study, and open everything that the run needs."""
    study, store = planner.study, TrialStore(folder)
    stored = accepted_trials(store, mix=options.mix, rerun=options.rerun, say=progress.say)
    source = BudgetedSource(trial_source(planner, stored, folder, say=progress.say), options.budget)
    progress.counts = Counts(
        source.n_designed,
        source.n_kept,
        kept_stopped=source.n_kept_stopped,
        at_most=options.budget.max_trials,
    )
    checkpoints = Checkpoints(folder, Origin(*source_provenance(), trial_device(study.resources)))
    checkpoints.drop_of(trial.trial_id for trial in stored.values() if is_final(trial, study))
    saved = checkpoints if study.checkpoint is not None else None
    for name in store.set_aside:
        progress.say(f"a damaged file was set aside, and its trial runs again: {folder.path(name)}")
    progress.say(start_text(planner, progress.counts, folder))
    write_definition(folder, resolved_study(study))
    remember_environment(folder)
    for loaded in planner.data.values():
        store.write_references(loaded)
    mlflow = None
    if options.mlflow:
        uri, plot = options.tracking_uri, options.draw is not None
        mlflow = open_mlflow_thread(store, study=study.name, uri=uri, plot=plot, say=progress.say)
    recorder = Recorder(store, mlflow, progress.counts, say=progress.say, checkpoints=saved)
    return Run(
        study=study,
        options=options,
        planner=planner,
        store=store,
        stored=stored,
        source=source,
        pause_plan=plan_pauses(study, options.begin_trial),
        checkpoints=saved,
        progress=progress,
        mlflow=mlflow,
        recorder=recorder,
        status=StatusFile(folder, progress, recorder),
    )


def _execute(run: Run) -> Outcome:
    """Run the missing trials, then draw the figures and finish MLflow."""
    started_s = time.monotonic()
    interrupted = False
    try:
        with run.progress:
            try:
                _dispatch(run)
            except KeyboardInterrupt:
                interrupted = True
                run.progress.say("interrupted: storing the finished trials")
            run.recorder.close()
    finally:
        spent = run.source.spent
        run.status.finish("interrupted" if interrupted else "paused" if spent else "done")
    figures, text = ([], "") if interrupted else _figures(run)
    _finish_mlflow(run, figures, interrupted=interrupted)
    elapsed_s = time.monotonic() - started_s
    run.progress.say(end_text(run.counts, elapsed_s, interrupted=interrupted, spent=spent))
    if run.source.summary is not None and not interrupted:
        run.progress.say(run.source.summary)
    return Outcome(run.counts, tuple(figures), text, interrupted, spent)


def _dispatch(run: Run) -> None:
    """Start Ray and dispatch the missing trials, if there are any."""
    if not run.source.n_left:
        return
    set_ray_environment(local=run.options.address is None)
    from sweeps.execution.dispatch import dispatch

    dispatch(run)


def _figures(run: Run) -> tuple[list[Path], str]:
    """Draw the study's figures, if they can be drawn."""
    if run.options.draw is None:
        return [], ""
    try:
        return run.options.draw(run.store.folder)
    except ValueError as error:
        run.progress.say(f"no heat map: {error}")
        return [], ""


def _finish_mlflow(run: Run, figures: list[Path], *, interrupted: bool) -> None:
    """Write what is still missing to MLflow, and end the study's run there."""
    if run.mlflow is None:
        return
    if interrupted:
        run.mlflow.abandon()
        return
    status = "FAILED" if run.counts.failed else "SCHEDULED" if run.source.spent is not None else "FINISHED"
    run.mlflow.finish(files=figures, status=status)


def _validate_resources(study: Study, options: RunOptions) -> None:
    """Raise if this machine can never hold a trial. A cluster may grow, so it is not checked.

    Raises:
        ConfigError: A trial needs more cores or GPUs than this machine has.
    """
    if options.address is not None:
        return
    if options.cpus is not None and options.cpus < 1:
        raise ConfigError(f"--cpus must be at least 1, but got {options.cpus}")
    available = {"cpus": options.cpus or available_cpus(), "gpus": available_gpus()}
    wanted = {"cpus": study.resources.cpus, "gpus": study.resources.gpus}
    for name, most in available.items():
        if wanted[name] > most:
            raise ConfigError(
                f"`resources.{name}` must be at most the {most} available here, but got {wanted[name]:g}"
                f" in {study.places.get('resources', study.name)}"
            )
