"""What the command line calls: a study in, figures, tables and a text for the terminal out.

Each function takes the study's folder or address, writes below `<study>/figures` unless told where (of
several tasks in a folder each), and returns the written paths with a text of at most 80 columns. A user's
mistake is an `AnalysisError`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from analysis.answers import (
    CellComparison,
    Comparison,
    StudyMap,
    compare_cells,
    compare_losses,
    fit_ridge,
    has_cells_only,
    map_study,
    noise_axis,
    recommend,
)
from analysis.errors import AnalysisError
from analysis.figures import (
    plot_authors_map,
    plot_cells,
    plot_comparison,
    plot_importance,
    plot_map,
    plot_slices,
    plot_uncertainty,
    save_figure,
    text_map,
)
from analysis.labels import METRIC_LABELS
from analysis.reading import At, StoredStudy, View, hold_categories, load_scored, stopped_note
from analysis.regression import Bandwidth
from analysis.report.outputs import Output, figures_folder, file_stem, for_each_task
from analysis.report.page import Importance, html_report
from analysis.tables import text_table, write_csv, write_tables
from analysis.text import comparison_text

__all__ = [
    "Output",
    "write_compare",
    "write_importance",
    "write_recommend",
    "write_report",
    "write_surface",
]


def write_surface(
    location: str | Path,
    *,
    out_dir: Path | None = None,
    metric: str = "f1",
    estimator: str = "auto",
    bandwidth: float | tuple[float, float] | None = None,
    by: str = "loss",
    tolerance_s: float | None = None,
    with_stopped: bool = False,
    preset: str | None = None,
    view: View | None = None,
    standard_error: str = "estimator",
    colour: bool | None = None,
) -> Output:
    """Draw a study's robustness surface.

    Writes `surface.png` and `.svg` (the map with contours, trials and ridge), `surface.parquet` (the
    lattice), and where a loss has a surface `surface_uncertainty` (standard error and support),
    `surface_slices` and `surface_ridge.csv`. Another view adds its parameters to the names.

    Args:
        location: The study's folder or address.
        out_dir: Where to write; `<study>/figures` when None, which a remote study does not have.
        metric: Numeric column of the trials.
        estimator: See `analysis.regression.ESTIMATORS`; `auto` takes Nadaraya-Watson from 100 trials a loss
            on (or where a bandwidth is given), a Gaussian process below, and joins the means of the levels
            where label noise alone varies, at few levels with replicates.
        bandwidth: Standard deviation of the kernel in shown units (ms), one number or one an axis; chosen by
            leave-one-out cross validation when None.
        by: Column whose values get a panel each.
        tolerance_s: Score at this tolerance in seconds, from the stored events; as stored when None.
        with_stopped: Whether trials that were stopped early count, with what they reached.
        preset: `authors` draws the published map beside F1 as `surface_authors` instead (see
            `analysis.figures.authors`).
        view: What is drawn, held at a value and averaged over where more than two parameters vary.
        standard_error: `estimator`, or `bootstrap` over settings with all their replicates and, where events
            are stored, test recordings.
        colour: Whether the text is in colour; when None, only on a terminal that wants it.

    Raises:
        AnalysisError: A study that cannot be read or drawn.
    """
    if preset not in (None, "authors"):
        raise AnalysisError(f"`preset` must be authors, but got {preset}")
    wants_colour = _terminal_wants_colour() if colour is None else colour

    def write(part: StoredStudy, folder: Path) -> Output:
        if preset == "authors":
            figure, honest = plot_authors_map(hold_categories(part, view.at if view else {})[0])
            stem = folder / file_stem("surface_authors", metric="f1", tolerance_s=tolerance_s)
            return Output(save_figure(figure, stem), text_map(honest, colour=wants_colour))
        study_map = map_study(
            part,
            metric=metric,
            estimator=estimator,
            bandwidth=bandwidth,
            by=by,
            view=view,
            standard_error=standard_error,
        )
        name = file_stem("surface", metric=metric, tolerance_s=tolerance_s) + (view.suffix() if view else "")
        paths = [*save_figure(plot_map(study_map), folder / name), _write_lattice(study_map, folder / name)]
        details = _write_details(study_map, folder / name)
        return Output((*paths, *details), text_map(study_map, colour=wants_colour))

    loaded = load_scored(location, tolerance_s=tolerance_s, with_stopped=with_stopped)
    return for_each_task(loaded, figures_folder(location, out_dir), write, by=by, at=view.at if view else {})


def _write_details(study_map: StudyMap, stem: Path) -> list[Path]:
    """What stands beside the map where a loss has a surface: its error and support, its slices, its ridge."""
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


def write_compare(
    location: str | Path,
    *,
    out_dir: Path | None = None,
    metric: str = "f1",
    by: str = "loss",
    reference: str | None = None,
    only: Sequence[str] | None = None,
    estimator: str = "auto",
    bandwidth: Bandwidth = None,
    softness_s: float | None = None,
    tolerance_s: float | None = None,
    with_stopped: bool = False,
    at: At = None,
    standard_error: str = "estimator",
    level: float = 0.95,
) -> Output:
    """Compare losses (or the values of another column) on the same wrong labels.

    Where no number varies, but splits, networks or other names do, they are compared cell by cell (see
    `analysis.answers.group_comparisons`), without crossings.

    Writes `compare.png` and `.svg`, and the tables `compare`, `compare_differences` and `compare_crossings`
    as .csv and .tex.

    Args:
        location: The study's folder or address.
        out_dir: Where to write; `<study>/figures` when None.
        metric: Numeric column of the trials, larger being better.
        by: Column that is compared.
        reference: Value that the others are compared with; cross_entropy when None and there, else the first.
        only: Values to keep; all when None.
        estimator: See `analysis.regression.ESTIMATORS`, or `auto`: the means of the levels where label noise
            alone varies, at few levels with replicates, else a Gaussian process.
        bandwidth: Shown units (ms); chosen or fitted when None.
        softness_s: Softness of the losses that use one, in seconds; each its best when None.
        tolerance_s: Score at this tolerance in seconds; as stored when None.
        with_stopped: Whether trials that were stopped early count, with what they reached.
        at: Parameters held at a value, by name; others than softness and label noise are averaged over.
        standard_error: `estimator` for intervals at least as wide as its standard error, or `bootstrap`.
        level: Probability of the intervals, in (0, 1).

    Raises:
        AnalysisError: A study that cannot be read or compared.
    """

    def write(part: StoredStudy, folder: Path) -> Output:
        stem = folder / file_stem("compare", metric=metric, tolerance_s=tolerance_s)
        if has_cells_only(part, metric=metric, by=by, at=at):
            return _write_cells(
                compare_cells(part, metric=metric, by=by, reference=reference, only=only, at=at, level=level),
                stem,
            )
        found = compare_losses(
            part,
            metric=metric,
            by=by,
            reference=reference,
            only=only,
            estimator=estimator,
            bandwidth=bandwidth,
            softness_ms=None if softness_s is None else 1000.0 * softness_s,
            at=at,
            standard_error=standard_error,
            level=level,
        )
        return _write_comparison(found, stem)

    loaded = load_scored(location, tolerance_s=tolerance_s, with_stopped=with_stopped)
    return for_each_task(loaded, figures_folder(location, out_dir), write, by=by, at=at)


def _write_cells(found: CellComparison, stem: Path) -> Output:
    """A comparison of cells as a figure and tables."""
    paths = [*save_figure(plot_cells(found), stem), *write_tables(found.summary, stem)]
    paths += write_tables(found.differences, stem.with_name(f"{stem.name}_differences"))
    return Output(tuple(paths), found.text())


def _write_comparison(found: Comparison, stem: Path) -> Output:
    """A comparison as a figure and tables."""
    axis = noise_axis(found.study_map)
    assert axis is not None, "losses are compared over label noise"
    paths = [*save_figure(plot_comparison(found, axis), stem), *write_tables(found.summary, stem)]
    paths += write_tables(found.differences, stem.with_name(f"{stem.name}_differences"))
    paths += write_tables(found.crossings, stem.with_name(f"{stem.name}_crossings"))
    return Output(tuple(paths), comparison_text(found))


def write_recommend(
    location: str | Path,
    *,
    label_noise_s: float,
    out_dir: Path | None = None,
    metric: str = "f1",
    by: str = "loss",
    only: Sequence[str] | None = None,
    estimator: str = "auto",
    bandwidth: Bandwidth = None,
    tolerance_s: float | None = None,
    with_stopped: bool = False,
    at: At = None,
    standard_error: str = "estimator",
    level: float = 0.95,
) -> Output:
    """Say which loss and softness suit labels that are off by `label_noise_s` seconds, and how sure that is.

    Writes `recommend.csv` and `.tex`, one row a loss. For the other arguments see `write_compare`.

    Raises:
        AnalysisError: A noise outside the studied range, or a study that cannot be read.
    """

    def write(part: StoredStudy, folder: Path) -> Output:
        found = recommend(
            part,
            label_noise_s=label_noise_s,
            only=only,
            metric=metric,
            by=by,
            estimator=estimator,
            bandwidth=bandwidth,
            at=at,
            standard_error=standard_error,
            level=level,
        )
        stem = folder / file_stem("recommend", metric=metric, tolerance_s=tolerance_s)
        return Output(write_tables(found.table(by=by), stem), found.text())

    loaded = load_scored(location, tolerance_s=tolerance_s, with_stopped=with_stopped)
    return for_each_task(loaded, figures_folder(location, out_dir), write, by=by, at=at)


def write_report(
    location: str | Path,
    *,
    out_dir: Path | None = None,
    estimator: str = "auto",
    tolerance_s: float | None = None,
    with_stopped: bool = False,
    importance: Importance | None = None,
) -> Output:
    """Write `report.html`: question, answer, maps, tables, failures, versions on one page.

    Args:
        location: The study's folder or address.
        out_dir: Where to write; `<study>/figures` when None.
        estimator: See `analysis.regression.ESTIMATORS`, or `auto`: the means of the levels where label noise
            alone varies, at few levels with replicates, else a Gaussian process.
        tolerance_s: Score at this tolerance in seconds; as stored when None.
        with_stopped: Whether trials that were stopped early count, with what they reached.
        importance: Gives each swept parameter's share of the variance (`sweeps.inspection`); left
            out when None.

    Raises:
        AnalysisError: A study that cannot be read or drawn.
    """

    def write(part: StoredStudy, folder: Path) -> Output:
        text = html_report(part, estimator=estimator, importance=importance)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{file_stem('report', metric='f1', tolerance_s=tolerance_s)}.html"
        path.write_text(text, encoding="utf-8")
        return Output((path,), f"The report is one page for any browser: {path}")

    loaded = load_scored(location, tolerance_s=tolerance_s, with_stopped=with_stopped)
    return for_each_task(loaded, figures_folder(location, out_dir), write)


def write_importance(
    location: str | Path,
    importance: Importance,
    *,
    out_dir: Path | None = None,
    metric: str = "f1",
    tolerance_s: float | None = None,
    with_stopped: bool = False,
) -> Output:
    """Write `importance.csv`, `.tex`, `.png` and `.svg`: shares of the metric's variance, and all trials.

    Args:
        location: The study's folder or address.
        importance: Gives the shares (`sweeps.inspection.importance.importance`).
        out_dir: Where to write; `<study>/figures` when None.
        metric: Numeric column of the trials.
        tolerance_s: Score at this tolerance in seconds; as stored when None.
        with_stopped: Whether trials that were stopped early count, with what they reached.

    Raises:
        AnalysisError: A study that cannot be read, or too few trials or parameters.
    """

    def write(part: StoredStudy, folder: Path) -> Output:
        shares = pd.Series(importance(part), name="share").rename_axis("parameter").reset_index()
        stem = folder / file_stem("importance", metric=metric, tolerance_s=tolerance_s)
        picture = save_figure(plot_importance(part, shares, metric=metric), stem)
        label = METRIC_LABELS.get(metric, metric)
        head = f"Share of the variance of {label} that each parameter explains (functional ANOVA):"
        blocks = [head, text_table(shares), stopped_note(part)]
        return Output((*write_tables(shares, stem), *picture), "\n\n".join(filter(None, blocks)))

    loaded = load_scored(location, tolerance_s=tolerance_s, with_stopped=with_stopped)
    return for_each_task(loaded, figures_folder(location, out_dir), write)


def _write_lattice(study_map: StudyMap, stem: Path) -> Path:
    """The lattice as Parquet."""
    path = stem.with_name(f"{stem.name}.parquet")
    pq.write_table(pa.Table.from_pandas(study_map.table(), preserve_index=False), path, compression="zstd")
    return path


def _terminal_wants_colour() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
