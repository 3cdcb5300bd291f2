"""Names that trials differ in, such as task, loss or fold: holding one value, and rejecting mixed tasks."""

from __future__ import annotations

from collections.abc import Mapping

from analysis.errors import AnalysisError
from analysis.reading.results import StoredStudy, require_columns

__all__ = ["hold_categories", "tasks_of", "validate_one_task"]

_PARTS = ("split", "fold", "replicate")


def hold_categories(
    study: StoredStudy, at: Mapping[str, str | float] | None
) -> tuple[StoredStudy, dict[str, str | float]]:
    """Keep the trials with the requested names, and return the other entries of `at`, which are numbers.

    Args:
        study: The study.
        at: Values by parameter. For a category (task, loss, ...), split, fold or replicate, only the trials
            with this value are kept.

    Raises:
        AnalysisError: No trial has the value. The message lists the existing values.
    """
    left: dict[str, str | float] = {}
    for name, value in (at or {}).items():
        if name not in (*study.schema.categories, *_PARTS):
            left[name] = value
            continue
        require_columns(study.trials, [name])
        values = study.trials[name].astype(str)
        if not (values == str(value)).any():
            found = ", ".join(sorted(set(values))[:12])
            raise AnalysisError(f"`{name}` must be one of {found}, but got {value} for {study.location}")
        study = study.keep(values == str(value))
    return study, left


def tasks_of(study: StoredStudy) -> list[str]:
    """Return the tasks of a study's trials in alphabetical order."""
    return sorted(map(str, study.trials["task"].dropna().unique())) if "task" in study.trials else []


def validate_one_task(study: StoredStudy, *, by: str) -> None:
    """Raise if trials of several tasks would be mixed, because a mean over tasks means nothing.

    Raises:
        AnalysisError: The study has several tasks and is not grouped by task.
    """
    tasks = tasks_of(study)
    if len(tasks) > 1 and by != "task":
        raise AnalysisError(
            f"a map needs trials of one task, but {study.location} has {', '.join(tasks)}: "
            f"choose one with --at task={tasks[0]}"
        )
