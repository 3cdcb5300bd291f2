"""The report of a study: question, answer, maps, tables, failures, versions and seeds."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
import pandas as pd
import yaml

from analysis.answers import FLAT_WITHIN, StudyMap, compare_losses, map_study, noise_axis, recommend_levels
from analysis.errors import AnalysisError
from analysis.labels import METRIC_LABELS, loss_label
from analysis.reading import (
    StoredStudy,
    stopped_note,
    tolerance_curve,
    validate_matched,
    varied_columns,
    with_option_columns,
)
from analysis.report.html_parts import figure_html, page, section, table_html
from analysis.report.plotly_figures import (
    comparison_figure,
    coordinates_figure,
    map_figures,
    tolerance_figure,
)
from analysis.tables import with_interval
from analysis.text import intervals_text, radius_text, recommendation_text, unit_digits

__all__ = ["Importance", "html_report"]

Importance = Callable[[StoredStudy], Mapping[str, float]]

_TOLERANCES_S = np.array([0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1])
_RUN_COLUMNS = ("task", "data", "seed", "package_version", "git_commit", "host", "device", "schema_version")


def html_report(study: StoredStudy, *, estimator: str = "auto", importance: Importance | None = None) -> str:
    """Return the report as one HTML page that needs no network.

    A section that the study has no data for (a comparison without label noise, F1 over tolerance without
    stored events) gives the reason instead.

    Args:
        study: The study.
        estimator: See `analysis.answers.compare_losses`.
        importance: Returns each swept parameter's share of the variance of F1, like
            `sweeps.inspection.parameter_importance`; left out when None.

    Raises:
        AnalysisError: The study has too few trials for a map.
    """
    metrics = [name for name in METRIC_LABELS if name == "f1" or name in study.trials]
    fit = partial(map_study, study, estimator=estimator, prefers_process=True)
    maps = {metric: fit(metric=metric) for metric in metrics}
    lead = (
        "Labels are often off by tens of milliseconds. Which loss and softness are best, how much does the "
        f"label noise cost, and how certain is that? {_counts(study)}"
    )
    sections = [
        section("Recommendation", _or_reason(lambda: _answers(study, maps["f1"], estimator))),
        section("Maps", _maps(study, maps)),
        section("Comparison of losses", _or_reason(lambda: _comparison(study, estimator))),
        section("Importance of the parameters", _or_reason(lambda: _importance(study, importance))),
        section("Other tolerances", _or_reason(lambda: _tolerances(study))),
        section("Design", _design(study)),
        section("Failures", _failures(study)),
        section("Versions and seeds", _versions(study)),
    ]
    return page(study.name or "study", lead, sections)


def _or_reason(part: Callable[[], str]) -> str:
    """Return a part of the report, or the reason why it is missing."""
    try:
        return part()
    except AnalysisError as error:
        return f"<p>Not shown: {html.escape(str(error))}.</p>"


def _answers(study: StoredStudy, study_map: StudyMap, estimator: str) -> str:
    """Return recommendations for five noise levels, and the middle one as text."""
    axis = noise_axis(study_map)
    if axis is None:
        raise AnalysisError("the label noise does not vary")
    found = recommend_levels(study, [float(at) / axis.factor for at in axis.lattice(5)], estimator=estimator)
    label, digits, rows = study.score.name, unit_digits(axis), []
    for one in found:
        best = one.choices[0]
        rows.append(
            {
                axis.title: f"{one.noise:g}",
                "loss": loss_label(best.name),
                f"softness ({axis.unit})": f"{best.softness.value:.{digits}f}" if best.softness else "-",
                f"softness within {FLAT_WITHIN:g} of best {label}": " to ".join(
                    f"{place:.{digits}f}" for place in best.flat or ()
                )
                or "-",
                f"expected {label}": with_interval(best.value.value, best.value.low, best.value.high),
                "cost of label noise": with_interval(best.cost.value, best.cost.low, best.cost.high),
                "P(best)": f"{one.probability_best:.2f}" if len(one.choices) > 1 else "-",
            }
        )
    text = " ".join(recommendation_text(found[2]).split())
    return f'<p class="answer">{html.escape(text)}</p>\n{table_html(pd.DataFrame(rows))}'


def _maps(study: StoredStudy, maps: dict[str, StudyMap]) -> str:
    """Return the maps of all losses, with a switch for the metric."""
    buttons = "".join(
        f'<button type="button" data-metric="{metric}" aria-pressed="{str(index == 0).lower()}">'
        f"{html.escape(study.label(metric))}</button>"
        for index, metric in enumerate(maps)
    )
    trial_ids = study.completed["trial_id"]
    blocks = [
        f'<div class="map"><h3>{html.escape(loss_label(one.name))}</h3>'
        + figure_html(one.figure, name=f"map-{index}")
        + "</div>"
        for index, one in enumerate(map_figures(maps, trial_ids))
    ]
    notes = "".join(f"<p>{html.escape(note)}</p>" for note in next(iter(maps.values())).notes)
    hint = (
        "<p>White dots are trials. Grey regions are far from all trials. Move the pointer over a map to read "
        "its values.</p>"
    )
    return f'<div class="switch">{buttons}</div>\n<div class="maps">{"".join(blocks)}</div>\n{hint}{notes}'


def _comparison(study: StoredStudy, estimator: str) -> str:
    """Return the curves and the table of the losses."""
    found = compare_losses(study, estimator=estimator)
    axis, label = found.axis, found.study_map.metric_label
    unit = axis.unit
    rows = [
        {
            "loss": loss_label(str(row["loss"])),
            f"softness ({unit})": "-"
            if pd.isna(row["softness_ms"])
            else f"{axis.of_ms(row['softness_ms']):.{unit_digits(axis)}f}",
            f"{label} at {axis.low:g} {unit}": with_interval(
                row["clean"], row["clean_low"], row["clean_high"]
            ),
            f"{label} at {axis.high:g} {unit}": with_interval(
                row["noisiest"], row["noisiest_low"], row["noisiest_high"]
            ),
            f"robustness radius ({unit})": radius_text(row, axis, beyond=axis.high),
            f"mean {label}": with_interval(row["area"], row["area_low"], row["area_high"]),
        }
        for row in found.summary.to_dict("records")
    ]
    intervals = html.escape(" ".join(intervals_text(found.sources, level=found.level)))
    note = (
        "<p>Each loss has the softness that is best over all noise levels. The robustness radius is the "
        "largest noise up to which a loss keeps 95 % of its "
        f"{label} without noise. {intervals}</p>"
    )
    return figure_html(comparison_figure(found), name="comparison") + table_html(pd.DataFrame(rows)) + note


def _importance(study: StoredStudy, importance: Importance | None) -> str:
    """Return the importance as bars, if it is given, and parallel coordinates."""
    shares = importance(study) if importance else {}
    rows = "".join(
        f'<tr><td>{html.escape(name)}</td><td class="number">{share:.2f}</td>'
        f'<td><span class="bar" style="width:{200 * share:.0f}px"></span></td></tr>'
        for name, share in shares.items()
    )
    trials = with_option_columns(study, study.scored("f1"))
    values = trials["f1"].to_numpy(dtype=np.float64)
    figure = coordinates_figure(varied_columns(study, trials), values, study.label("f1"))
    note = (
        f"<p>Share of the variance of {study.label('f1')} explained by each parameter (functional ANOVA).</p>"
        if shares
        else ""
    )
    return f'{note}<table>{rows}</table>\n<div class="scroll">{figure_html(figure, name="coordinates")}</div>'


def _tolerances(study: StoredStudy) -> str:
    """Return F1 over the tolerance, from the stored events."""
    validate_matched(study)
    curve = tolerance_curve(study, _TOLERANCES_S)
    names = study.completed.set_index("trial_id")["loss"]
    return figure_html(tolerance_figure(curve, names), name="tolerance")


def _design(study: StoredStudy) -> str:
    """Return the varied parameters and the study file."""
    varied = varied_columns(study, with_option_columns(study, study.scored("f1")))
    rows = [
        {"parameter": name, "values": f"{column.min():.4g} to {column.max():.4g}"}
        if pd.api.types.is_numeric_dtype(column)
        else {"parameter": name, "values": ", ".join(sorted(column.unique()))}
        for name, column in varied.items()
    ]
    counts = f"<p>{_counts(study)}</p>"
    text = yaml.safe_dump(dict(study.definition), sort_keys=False) if study.definition else "no study.yaml"
    return f"{counts}{table_html(pd.DataFrame(rows))}<pre>{html.escape(text)}</pre>"


def _counts(study: StoredStudy) -> str:
    """Return the number of trials by status."""
    n_completed = int((study.trials["status"] == "completed").sum())
    note = stopped_note(study)
    return f"{n_completed} trials completed, {len(study.failed)} failed." + (f" {note}." if note else "")


def _failures(study: StoredStudy) -> str:
    """Return every failed trial with the last line of its error."""
    failed = study.failed
    if failed.empty:
        return "<p>No trial failed.</p>"
    texts = failed["error"].fillna("not recorded").astype(str)
    errors = [(text.strip().splitlines() or ["not recorded"])[-1] for text in texts]
    columns = [name for name in ("trial_id", "loss", "softness_s", "label_noise_s") if name in failed]
    return f'<div class="failed">{table_html(failed[columns].assign(error=errors))}</div>'


def _versions(study: StoredStudy) -> str:
    """Return everything that is needed to run the study again."""
    rows = [
        {"": name, "value": ", ".join(map(str, sorted(study.trials[name].dropna().astype(str).unique())))}
        for name in (*_RUN_COLUMNS, "data_fingerprint")
        if name in study.trials
    ]
    return table_html(pd.DataFrame(rows))
