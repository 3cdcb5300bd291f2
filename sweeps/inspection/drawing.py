"""The figures of a study, as a run of it draws them."""

from __future__ import annotations

from pathlib import Path

from sweeps.storage import StudyFolder

__all__ = ["draw_surface"]


def draw_surface(folder: StudyFolder) -> tuple[list[Path], str]:
    """The robustness surface and the report of a study: their paths, and the surface in characters.

    A study on an object store is drawn into a folder of its name below the current one.

    Raises:
        AnalysisError: A study that cannot be drawn, for instance one that varies one field only.
    """
    from analysis.report import ReportOptions, write_report, write_surface
    from sweeps.inspection.importance import parameter_importance

    out_dir = (
        None if folder.local is not None else Path("figures") / folder.location.rstrip("/").rsplit("/", 1)[-1]
    )
    if out_dir is not None:
        out_dir.mkdir(parents=True, exist_ok=True)
    study = str(folder.local or folder.location)
    options = ReportOptions(out_dir=out_dir)
    drawn = write_surface(study, options)
    report = write_report(study, options, importance=parameter_importance)
    return [*drawn.paths, *report.paths], drawn.text
