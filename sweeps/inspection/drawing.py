"""The figures that a run of a study plots at its end."""

from __future__ import annotations

from pathlib import Path

from sweeps.storage import StudyFolder

__all__ = ["plot_study"]


def plot_study(folder: StudyFolder) -> tuple[list[Path], str]:
    """Plot the surface of a study, write its report, and return their paths and the surface as text.

    The figures of a study on an object store are written to `figures/NAME` in the current folder.

    Raises:
        AnalysisError: The study cannot be plotted, for instance because it varies only one field.
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
    surface = write_surface(study, options)
    report = write_report(study, options, importance=parameter_importance)
    return [*surface.paths, *report.paths], surface.text
