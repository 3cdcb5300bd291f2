"""What the commands of the analysis give: written files and a text, where they go, task by task."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from analysis.errors import AnalysisError
from analysis.reading import At, StoredStudy, tasks_of

__all__ = ["Output", "figures_folder", "file_stem", "for_each_task"]


@dataclass(frozen=True)
class Output:
    """What was written and what to print.

    Attributes:
        paths: Written files.
        text: For the terminal, at most 80 columns.
    """

    paths: tuple[Path, ...]
    text: str


def for_each_task(
    study: StoredStudy,
    folder: Path,
    write: Callable[[StoredStudy, Path], Output],
    *,
    by: str = "loss",
    at: At = None,
) -> Output:
    """What `write` gives; of a study of several tasks, of each in a folder of its own.

    A task that cannot be drawn says why, while another one can.
    """
    tasks = tasks_of(study)
    if len(tasks) < 2 or by == "task" or "task" in (at or {}):
        return write(study, folder)
    paths: list[Path] = []
    texts: list[str] = []
    reasons: list[AnalysisError] = []
    for task in tasks:
        try:
            written = write(replace(study.where(task=task), name=f"{study.name}, {task}"), folder / task)
        except AnalysisError as error:
            reasons.append(error)
            texts.append(f"{task}: not drawn, for {error}")
            continue
        paths += written.paths
        texts.append(f"{task}\n{written.text}")
    if not paths:
        raise reasons[0]
    return Output(tuple(paths), "\n\n".join(texts))


def file_stem(name: str, *, metric: str, tolerance_s: float | None) -> str:
    """A file name that says what it shows; plain for F1 as stored."""
    parts = [name] + ([metric] if metric != "f1" else [])
    return "_".join(parts + ([f"{1000 * tolerance_s:.0f}ms"] if tolerance_s is not None else []))


def figures_folder(location: str | Path, out_dir: Path | None) -> Path:
    """Where figures go."""
    if out_dir is not None:
        return Path(out_dir)
    if "://" in str(location):
        raise AnalysisError(f"figures go to a local folder: give one (`--out-dir`), as {location} is remote")
    return Path(location) / "figures"
