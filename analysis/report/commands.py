"""The analysis commands: each reads a study, writes figures and tables, and returns text for the terminal.

Each function accepts the study's folder or address and writes below `<study>/figures` by default. A study
with several tasks gets one folder per task. A user's mistake raises an `AnalysisError`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from analysis.answers import (
    Comparison,
    GroupComparison,
    StudyMap,
    compare_groups,
    compare_losses,
    fit_ridge,
    has_groups_only,
    map_study,
    recommend,
)
from analysis.errors import AnalysisError
from analysis.figures import (
    plot_authors_map,
    plot_comparison,
    plot_groups,
    plot_importance,
    plot_map,
    plot_slices,
    plot_uncertainty,
    save_figure,
    text_map,
)
from analysis.reading import StoredStudy, View, at_tolerance, hold_categories, load_results, stopped_note
from analysis.report.outputs import Output, ReportOptions, figures_folder, file_stem, for_each_task
from analysis.report.report_page import Importance, html_report
from analysis.tables import text_table, write_csv, write_tables
from analysis.text import comparison_text, group_text, recommendation_text

__all__ = ["write_compare", "write_importance", "write_recommend", "write_report", "write_surface"]


def write_surface(
    location: str | Path,
    options: ReportOptions | None = None,
    *,
    view: View | None = None,
    preset: str | None = None,
) -> Output:
    """Plot the robustness surface of a study.

    Writes `surface.png` and `.svg` (the map with contours, trials and ridge) and `surface.parquet` (the
    lattice). If a loss has a surface, also writes `surface_uncertainty` (standard error and support),
    `surface_slices` and `surface_ridge.csv`. Another view adds its parameters to the names.

    Args:
        location: The study's folder or address.
        options: Options; `only` and `level` do not apply.
        view: The plotted, held and averaged parameters. When None, softness and label noise are plotted and
            `options.at` is held.
        preset: `authors` plots the published map next to F1 as `surface_authors` instead (see
            `analysis.figures.plot_authors_map`).

    Raises:
        AnalysisError: The study cannot be read or shown.
    """
    if preset not in (None, "authors"):
        raise AnalysisError(f"`preset` must be authors, but got {preset}")
    options = options or ReportOptions()
    if view is None:
        view = View(at=options.at or {})
    options = replace(options, at=view.at)
    write = _write_authors_map if preset == "authors" else _write_map
    return _written(location, options, lambda part, folder: write(part, folder, options, view))


def write_compare(
    location: str | Path,
    options: ReportOptions | None = None,
    *,
    reference: str | None = None,
    softness_s: float | None = None,
) -> Output:
    """Compare losses (or the values of another column) on the same wrong labels.

    If splits, networks or other names vary but no number does, they are compared group by group, without
    crossings (see `analysis.answers.compare_groups`).

    Writes `compare.png` and `.svg`, and the tables `compare`, `compare_differences` and `compare_crossings`
    as .csv and .tex.

    Args:
        location: The study's folder or address.
        options: Options.
        reference: Value that the others are compared with. When None, cross_entropy if the study has it,
            otherwise the first value in alphabetical order.
        softness_s: Softness of the losses that use it, in seconds; the best of each loss when None.

    Raises:
        AnalysisError: The study cannot be read or compared.
    """
    options = options or ReportOptions()

    def write(part: StoredStudy, folder: Path) -> Output:
        stem = folder / file_stem("compare", options)
        if has_groups_only(part, metric=options.metric, by=options.by, at=options.at):
            return _write_groups(_compared_groups(part, options, reference), stem)
        softness_ms = None if softness_s is None else 1000.0 * softness_s
        return _write_comparison(_compared_losses(part, options, reference, softness_ms), stem)

    return _written(location, options, write)


def write_recommend(
    location: str | Path, options: ReportOptions | None = None, *, label_noise_s: float
) -> Output:
    """Recommend a loss and softness for labels that are off by `label_noise_s` seconds.

    Writes `recommend.csv` and `.tex`, one row per loss.

    Args:
        location: The study's folder or address.
        options: Options.
        label_noise_s: Scale of the label noise in seconds.

    Raises:
        AnalysisError: The noise is outside the studied range, or the study cannot be read.
    """
    options = options or ReportOptions()

    def write(part: StoredStudy, folder: Path) -> Output:
        found = recommend(
            part,
            label_noise_s=label_noise_s,
            only=options.only,
            metric=options.metric,
            by=options.by,
            estimator=options.estimator,
            bandwidth=options.bandwidth,
            at=options.at,
            standard_error=options.standard_error,
            level=options.level,
        )
        stem = folder / file_stem("recommend", options)
        return Output(write_tables(found.table(by=options.by), stem), recommendation_text(found))

    return _written(location, options, write)


def write_report(
    location: str | Path, options: ReportOptions | None = None, *, importance: Importance | None = None
) -> Output:
    """Write `report.html`, one page with the question, answer, maps, tables, failures and versions.

    Args:
        location: The study's folder or address.
        options: Options; `out_dir`, `estimator`, `tolerance_s` and `with_stopped` apply.
        importance: Returns each swept parameter's share of the variance (`sweeps.inspection`); left out when
            None.

    Raises:
        AnalysisError: The study cannot be read or shown.
    """
    options = options or ReportOptions()

    def write(part: StoredStudy, folder: Path) -> Output:
        text = html_report(part, estimator=options.estimator, importance=importance)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{file_stem('report', options)}.html"
        path.write_text(text, encoding="utf-8")
        return Output((path,), f"The report is a single page for any browser: {path}")

    return _written(location, options, write)


def write_importance(
    location: str | Path, importance: Importance, options: ReportOptions | None = None
) -> Output:
    """Write `importance.csv`, `.tex`, `.png` and `.svg`: shares of the metric's variance, and all trials.

    Args:
        location: The study's folder or address.
        importance: Returns the shares (`sweeps.inspection.parameter_importance`).
        options: Options; `out_dir`, `metric`, `tolerance_s` and `with_stopped` apply.

    Raises:
        AnalysisError: The study cannot be read, or has too few trials or parameters.
    """
    options = options or ReportOptions()

    def write(part: StoredStudy, folder: Path) -> Output:
        shares = pd.Series(importance(part), name="share").rename_axis("parameter").reset_index()
        stem = folder / file_stem("importance", options)
        pictures = save_figure(plot_importance(part, shares, metric=options.metric), stem)
        label = part.label(options.metric)
        head = f"Share of the variance of {label} explained by each parameter (functional ANOVA):"
        blocks = [head, text_table(shares), stopped_note(part)]
        return Output((*write_tables(shares, stem), *pictures), "\n\n".join(filter(None, blocks)))

    return _written(location, options, write)


def _written(
    location: str | Path, options: ReportOptions, write: Callable[[StoredStudy, Path], Output]
) -> Output:
    """Load the study and call `write` for each of its tasks."""
    loaded = load_results(location, with_stopped=options.with_stopped)

    def write_part(part: StoredStudy, folder: Path) -> Output:
        return write(at_tolerance(part, options.tolerance_s), folder)

    return for_each_task(loaded, figures_folder(location, options), write_part, options)


def _compared_groups(study: StoredStudy, options: ReportOptions, reference: str | None) -> GroupComparison:
    """Compare losses within groups, with the command's options."""
    return compare_groups(
        study,
        metric=options.metric,
        by=options.by,
        reference=reference,
        only=options.only,
        at=options.at,
        level=options.level,
    )


def _compared_losses(
    study: StoredStudy, options: ReportOptions, reference: str | None, softness_ms: float | None
) -> Comparison:
    """Compare losses over label noise, with the command's options."""
    return compare_losses(
        study,
        metric=options.metric,
        by=options.by,
        reference=reference,
        only=options.only,
        estimator=options.estimator,
        bandwidth=options.bandwidth,
        softness_ms=softness_ms,
        at=options.at,
        standard_error=options.standard_error,
        level=options.level,
    )


def _write_authors_map(study: StoredStudy, folder: Path, options: ReportOptions, view: View) -> Output:
    """Write the authors' map next to F1."""
    figure, f1_map = plot_authors_map(hold_categories(study, view.at)[0])
    stem = folder / file_stem("surface_authors", replace(options, metric="f1"))
    return Output(save_figure(figure, stem), text_map(f1_map, colour=_wants_colour(options)))


def _write_map(study: StoredStudy, folder: Path, options: ReportOptions, view: View) -> Output:
    """Write the map, its lattice and its details."""
    study_map = map_study(
        study,
        metric=options.metric,
        estimator=options.estimator,
        bandwidth=options.bandwidth,
        by=options.by,
        view=view,
        standard_error=options.standard_error,
    )
    stem = folder / (file_stem("surface", options) + view.suffix())
    paths = [*save_figure(plot_map(study_map), stem), _write_lattice(study_map, stem)]
    details = _write_details(study_map, stem)
    return Output((*paths, *details), text_map(study_map, colour=_wants_colour(options)))


def _write_details(study_map: StudyMap, stem: Path) -> list[Path]:
    """Write the error, support, slices and ridge of surfaces, if a loss has one."""
    paths: list[Path] = []
    for suffix, plot in (("_uncertainty", plot_uncertainty), ("_slices", plot_slices)):
        detail = plot(study_map)
        if detail is not None:
            paths += save_figure(detail, stem.with_name(stem.name + suffix))
    surfaces = [panel for panel in study_map.panels if panel.is_surface]
    ridges = [fit_ridge(panel).table(panel, by=study_map.by, metric=study_map.metric) for panel in surfaces]
    if ridges:
        paths.append(write_csv(pd.concat(ridges), stem.with_name(f"{stem.name}_ridge")))
    return paths


def _write_lattice(study_map: StudyMap, stem: Path) -> Path:
    """Write the lattice as Parquet."""
    path = stem.with_name(f"{stem.name}.parquet")
    pq.write_table(pa.Table.from_pandas(study_map.table(), preserve_index=False), path, compression="zstd")
    return path


def _write_groups(found: GroupComparison, stem: Path) -> Output:
    """Write a comparison within groups as a figure and tables."""
    paths = [*save_figure(plot_groups(found), stem), *write_tables(found.summary, stem)]
    paths += write_tables(found.differences, stem.with_name(f"{stem.name}_differences"))
    return Output(tuple(paths), group_text(found))


def _write_comparison(found: Comparison, stem: Path) -> Output:
    """Write a comparison as a figure and tables."""
    paths = [*save_figure(plot_comparison(found), stem), *write_tables(found.summary, stem)]
    paths += write_tables(found.differences, stem.with_name(f"{stem.name}_differences"))
    paths += write_tables(found.crossings, stem.with_name(f"{stem.name}_crossings"))
    return Output(tuple(paths), comparison_text(found))


def _wants_colour(options: ReportOptions) -> bool:
    if options.colour is not None:
        return options.colour
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
