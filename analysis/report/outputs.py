"""What the analysis commands write and return, where they write it, and their options."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from analysis.errors import AnalysisError
from analysis.reading import At, StoredStudy, tasks_of
from analysis.regression import Bandwidth

__all__ = ["Output", "ReportOptions", "figures_folder", "file_stem", "for_each_task"]


@dataclass(frozen=True)
class ReportOptions:
    """Options that the analysis commands share. A command ignores options that do not apply to it.

    Attributes:
        out_dir: Where to write; `<study>/figures` when None, which a remote study does not have.
        metric: Numeric column of the trials, larger being better.
        by: Column whose values are compared.
        only: Values of `by` to include; all when None.
        estimator: See `analysis.regression.ESTIMATORS`, or `auto`. For a map, `auto` means Nadaraya-Watson
            for 100 trials or more per loss or with a bandwidth, otherwise a Gaussian process. For curves it
            always means a Gaussian process. If only label noise varies and has few levels with replicates, it
            means the level means, joined by lines.
        bandwidth: Standard deviation of the kernel in display units (ms), one number or one per axis; chosen
            by leave-one-out cross validation when None.
        tolerance_s: Tolerance in seconds for rescoring from the stored events; the stored scores when None.
        with_stopped: Whether trials that stopped early count, with the scores they reached.
        at: Parameters held at a value, by name; other parameters than the plotted ones are averaged over.
        standard_error: `estimator`, or `bootstrap` over settings with all their replicates and, if events are
            stored, over test recordings.
        level: Probability of the intervals, in (0, 1).
        colour: Whether text is in colour; when None, only on a terminal that supports it.
    """

    out_dir: Path | None = None
    metric: str = "f1"
    by: str = "loss"
    only: Sequence[str] | None = None
    estimator: str = "auto"
    bandwidth: Bandwidth = None
    tolerance_s: float | None = None
    with_stopped: bool = False
    at: At = None
    standard_error: str = "estimator"
    level: float = 0.95
    colour: bool | None = None


@dataclass(frozen=True)
class Output:
    """The files that a command wrote, and its text.

    Attributes:
        paths: Written files.
        text: Text for the terminal, with at most 80 columns.
    """

    paths: tuple[Path, ...]
    text: str


def for_each_task(
    study: StoredStudy, folder: Path, write: Callable[[StoredStudy, Path], Output], options: ReportOptions
) -> Output:
    """Call `write` for the study or, if it has several tasks, for each task with its own folder.

    If some tasks cannot be shown, the text gives the reasons, and the other tasks are written.

    Raises:
        AnalysisError: None of the tasks can be shown.
    """
    tasks = tasks_of(study)
    if len(tasks) < 2 or options.by == "task" or "task" in (options.at or {}):
        return write(study, folder)
    paths: list[Path] = []
    texts: list[str] = []
    reasons: list[AnalysisError] = []
    for task in tasks:
        try:
            written = write(replace(study.where(task=task), name=f"{study.name}, {task}"), folder / task)
        except AnalysisError as error:
            reasons.append(error)
            texts.append(f"{task}: not shown, because {error}")
            continue
        paths += written.paths
        texts.append(f"{task}\n{written.text}")
    if not paths:
        raise reasons[0]
    return Output(tuple(paths), "\n\n".join(texts))


def file_stem(name: str, options: ReportOptions) -> str:
    """Return a file name that states the metric and tolerance, unless they are F1 as stored."""
    parts = [name] + ([options.metric] if options.metric != "f1" else [])
    tolerance_s = options.tolerance_s
    return "_".join(parts + ([f"{1000 * tolerance_s:.0f}ms"] if tolerance_s is not None else []))


def figures_folder(location: str | Path, options: ReportOptions) -> Path:
    """Return the folder to write to.

    Raises:
        AnalysisError: The study is remote and no folder is given.
    """
    if options.out_dir is not None:
        return Path(options.out_dir)
    if "://" in str(location):
        raise AnalysisError(f"figures need a local folder (`--out-dir`), because {location} is remote")
    return Path(location) / "figures"
