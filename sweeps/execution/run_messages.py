"""What a run of a study says at its beginning and end, and the figures it ends with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from sweeps.execution.progress import ProgressLine, duration_text
from sweeps.planning import Planner
from sweeps.storage import StudyFolder, TrialStore
from sweeps.study import Study

__all__ = ["drawn", "say_end", "say_start"]


def drawn(
    draw: Callable[[StudyFolder], tuple[list[Path], str]] | None, folder: StudyFolder, progress: ProgressLine
) -> tuple[list[Path], str]:
    """The study's figures, where they can be drawn."""
    if draw is None:
        return [], ""
    try:
        return draw(folder)
    except ValueError as error:
        progress.say(f"no heat map: {error}")
        return [], ""


def say_start(study: Study, planner: Planner, store: TrialStore, progress: ProgressLine) -> None:
    """What is about to happen."""
    counts = progress.counts
    for name in store.set_aside:
        progress.say(f"a damaged part was set aside, its trial is run again: {store.folder.path(name)}")
    now = "" if counts.at_most is None else f", at most {counts.at_most} of them now"
    progress.say(
        f"{study.name}: {counts.designed} trials "
        f"({planner.n_points} design points x {planner.runs_a_point}), "
        f"{counts.kept} there already, {counts.designed - counts.kept} to run{now}; results in {store.folder}"
    )


def say_end(progress: ProgressLine, elapsed_s: float, interrupted: bool, spent: str | None) -> None:
    """How it ended."""
    counts = progress.counts
    text = f"{counts.completed} of {counts.designed} trials completed"
    text += f", {counts.stopped_early} stopped early" if counts.stopped_early else ""
    text += f", {counts.failed} failed (run the study again to try them again)" if counts.failed else ""
    if interrupted or spent is not None:
        why = "interrupted" if interrupted else f"stopped, for {spent}"
        text += f", {why}: the same command goes on from here"
    progress.say(f"{text}; {duration_text(elapsed_s)}")
