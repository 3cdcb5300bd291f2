"""One run of a study as a value: what it needs, how it is run, and how it ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from softloc_core.trial import TrialRun, run_trial
from sweeps.execution.pauses import BeginTrial, PausePlan, RunTrial
from sweeps.execution.progress import Counts, ProgressLine, duration_text
from sweeps.execution.recorder import Recorder
from sweeps.execution.status_file import StatusFile
from sweeps.planning import UNLIMITED, Budget, BudgetedSource, DataRoots, Planner
from sweeps.storage import Checkpoints, StoredTrial, StudyFolder, TrialStore, inside
from sweeps.study import Study

if TYPE_CHECKING:
    from sweeps.mlflow_view import MlflowThread

__all__ = ["Outcome", "Run", "RunOptions", "end_text", "start_text", "study_folder"]


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """How a study is run. No option changes the result of a trial.

    Attributes:
        out: Folder that contains the study's folder, or any address that pyarrow opens.
        data_root: Folder of the recorded data, for sources that need one.
        cache_dir: Folder where features are cached.
        address: Address of a running Ray cluster, or None to run on this machine.
        cpus: Number of cores to use on this machine, or None for all.
        mlflow: Whether the results are written to MLflow as well.
        tracking_uri: Address of an MLflow server, or None for a database in the study's folder.
        budget: The most that this run may spend.
        mix: Whether to keep stored trials of other code beside new ones.
        rerun: Whether to run stored trials of other code again. The stored ones are set aside.
        run_trial: Runs a trial from start to end.
        begin_trial: Starts a trial that pauses (to be stopped early, checkpointed, or to store its weights).
        draw: Draws the figures of a study's folder, and returns their paths and a text; None draws nothing.
    """

    out: str = "runs"
    data_root: DataRoots | Path | None = None
    cache_dir: Path
    address: str | None = None
    cpus: int | None = None
    mlflow: bool = True
    tracking_uri: str | None = None
    budget: Budget = UNLIMITED
    mix: bool = False
    rerun: bool = False
    run_trial: RunTrial = run_trial
    begin_trial: BeginTrial = TrialRun
    draw: Callable[[StudyFolder], tuple[list[Path], str]] | None = None


@dataclass(frozen=True, kw_only=True)
class Run:
    """A run of a study that holds the study's lock and is ready to start trials.

    Attributes:
        study: The study.
        options: How it is run.
        planner: Its planner, with its data.
        store: Its stored trials.
        stored: The trials that were stored when the run started, by identity.
        source: The trials to run.
        pause_plan: Why and when its trials pause, or None if each trial runs from start to end.
        checkpoints: Its checkpoints, or None if it saves none.
        progress: Shows the counts.
        mlflow: Writes to MLflow, or None.
        recorder: Stores finished trials.
        status: Keeps the status file up to date.
    """

    study: Study
    options: RunOptions
    planner: Planner
    store: TrialStore
    stored: Mapping[str, StoredTrial]
    source: BudgetedSource
    pause_plan: PausePlan | None
    checkpoints: Checkpoints | None
    progress: ProgressLine
    mlflow: MlflowThread | None
    recorder: Recorder
    status: StatusFile

    @property
    def counts(self) -> Counts:
        """How far the study is."""
        return self.progress.counts


@dataclass(frozen=True)
class Outcome:
    """How a run of a study ended.

    Attributes:
        counts: How far the study is.
        figures: The figures that were drawn.
        text: The figures as text.
        interrupted: Whether the run was interrupted.
        spent: The limit of the budget that was reached while trials are left, or None.
    """

    counts: Counts
    figures: tuple[Path, ...]
    text: str
    interrupted: bool
    spent: str | None = None

    @property
    def exit_status(self) -> int:
        """0 if done (or the budget is spent), 1 if some trials failed, 130 if interrupted."""
        return 130 if self.interrupted else 1 if self.counts.failed else 0


def study_folder(study: Study, *, out: str) -> StudyFolder:
    """Return the folder of a study."""
    return StudyFolder(inside(out, study.name))


def start_text(planner: Planner, counts: Counts, folder: StudyFolder) -> str:
    """Return what a run says when it starts: how many trials there are, and how many it will run."""
    now = "" if counts.at_most is None else f", at most {counts.at_most} of them now"
    return (
        f"{planner.study.name}: {counts.designed} trials "
        f"({planner.n_points} design points x {planner.runs_a_point}), "
        f"{counts.kept} already stored, {counts.designed - counts.kept} to run{now}; results in {folder}"
    )


def end_text(counts: Counts, elapsed_s: float, *, interrupted: bool, spent: str | None) -> str:
    """Return what a run says when it ends: the counts, why it ended, and how long it took."""
    text = f"{counts.completed} of {counts.designed} trials completed"
    text += f", {counts.stopped_early} stopped early" if counts.stopped_early else ""
    text += f", {counts.failed} failed (run the study again to retry them)" if counts.failed else ""
    if interrupted or spent is not None:
        why = "interrupted" if interrupted else f"stopped because {spent}"
        text += f", {why}: run the same command to continue"
    return f"{text}; {duration_text(elapsed_s)}"
