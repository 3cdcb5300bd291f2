"""What trials differ in by name: held at one value, or refused where it must not be mixed."""

from __future__ import annotations

from collections.abc import Mapping

from analysis.errors import AnalysisError
from analysis.reading.axes import CATEGORIES
from analysis.reading.results import StoredStudy, require_columns

__all__ = ["hold_categories", "tasks_of", "validate_one_task"]

_HELD = (*CATEGORIES, "split", "fold", "replicate")


def hold_categories(
    study: StoredStudy, at: Mapping[str, str | float] | None
) -> tuple[StoredStudy, dict[str, str | float]]:
    """The trials that have the asked names, and the places of `at` that are left: those of numbers.

    Args:
        study: The study.
        at: Values by parameter; of a task, a loss or another name, of a fold or a replicate, the trials that
            have it are kept.

    Raises:
        AnalysisError: A value that no trial has; those that there are, are listed.
    """
    left: dict[str, str | float] = {}
    for name, value in (at or {}).items():
        if name not in _HELD:
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
    """The tasks of a study's trials, in alphabetical order."""
    return sorted(map(str, study.trials["task"].dropna().unique())) if "task" in study.trials else []


def validate_one_task(study: StoredStudy, *, by: str) -> None:
    """Refuse trials of several tasks where they are not told apart: a mean over tasks says nothing.

    Raises:
        AnalysisError: Several tasks.
    """
    tasks = tasks_of(study)
    if len(tasks) > 1 and by != "task":
        raise AnalysisError(
            f"trials of one task belong on a map, but {study.location} has {', '.join(tasks)}: "
            f"hold one, as --at task={tasks[0]}"
        )
