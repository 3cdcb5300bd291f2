"""What a trial's run carries in MLflow: few names that stay, so that runs of any study can be compared."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from analysis.reading import match_counts
from sweeps.storage import TABLES, Row

__all__ = [
    "BEST_FIRST",
    "BEST_FIRST_TAG",
    "FINAL_METRICS",
    "PARAMETERS",
    "TAGS",
    "metrics_of",
    "recording_scores",
    "text_of",
]


BEST_FIRST = "best_first"
"""Key of the view of a study in MLflow's pages that has the best trial on top and few columns."""
BEST_FIRST_TAG = (
    f"mlflow.sharedViewState.{BEST_FIRST}",
    json.dumps(
        {
            "orderByKey": "metrics.`f1`",
            "orderByAsc": False,
            "selectedColumns": [
                *(f"metrics.`{name}`" for name in ("f1", "precision", "recall", "train_s")),
                *(f"params.`{name}`" for name in ("loss", "label_noise_s", "softness_s", "alpha")),
            ],
        }
    ),
)
"""The tag of an experiment that holds the view, and its value; MLflow shows no result by itself."""

TAGS = ("study", "trial_id", "status", "host", "device", "package_version", "git_commit", "data_fingerprint")
_NOT_PARAMETERS = {*TAGS, "error", "started_at", "schema_version"}
_RESULTS = tuple(
    column for column in TABLES["trials"] if column.nullable and column.name not in _NOT_PARAMETERS
)
FINAL_METRICS = tuple(
    column.name
    for column in _RESULTS
    if pa.types.is_integer(column.type) or pa.types.is_floating(column.type)
)
_MAPS = tuple(column.name for column in _RESULTS if pa.types.is_map(column.type))
_BY_CLASS = "f1_per_class"
PARAMETERS = tuple(
    column.name
    for column in TABLES["trials"]
    if column.name not in _NOT_PARAMETERS and column not in _RESULTS
)
_CURVE_POINTS = 25
# Beyond this a metric for each class would bury the others; `recordings.csv` has them all.
_MOST_CLASSES = 12


def metrics_of(row: Row, history: Sequence[Row]) -> list[tuple[str, float, int]]:
    """Names, values and steps: final metrics, F1 of each class, a thinned training curve.

    Names: the numeric result columns of `trials`; the task's own measures; `f1_<class>` where there are at
    most 12 classes; `loss` and `loss_<term>` over the iterations, at most 25 points with the last among them;
    `reported_score`, by which early stopping judged the trial. What is no finite number is left out.
    """
    found = [(name, row.get(name), 0) for name in FINAL_METRICS]
    for column in _MAPS:
        values = dict(row.get(column) or {})
        if column != _BY_CLASS:
            found += [(_key(name), value, 0) for name, value in values.items()]
        elif len(values) <= _MOST_CLASSES:
            found += [(f"f1_{_key(name)}", value, 0) for name, value in values.items()]
    reports = json.loads(row.get("reports") or "{}")
    found += [("reported_score", score, int(iteration)) for iteration, score in reports.items()]
    every = max(1, math.ceil(len(history) / _CURVE_POINTS))
    for point in list(history)[::-1][::every][::-1]:
        found.append(("loss", point["loss"], point["iteration"]))
        terms = dict(point["terms"]).items()
        found += [(f"loss_{_key(name)}", value, point["iteration"]) for name, value in terms]
    return [
        (name, float(value), step)
        for name, value, step in found
        if value is not None and math.isfinite(value)
    ]


def recording_scores(row: Row, events: Sequence[Row], references: Sequence[Row]) -> str:
    """Scores of each test recording and class at the trial's own tolerance, as CSV.

    Args:
        row: The trial's row of `trials`; of it, `tolerance_s` in seconds.
        events: Its rows of `events`.
        references: Rows of `references` of its data.

    Returns:
        Columns recording, channel, f1, precision, recall, n_reference, n_estimated, n_matched, a line for
        each recording and class with events, and one (channel `all`) for each recording. A score without
        events on either side is empty.
    """
    keys = sorted({(one["recording"], one["channel"]) for one in (*events, *references) if one["channel"]})
    number = {key: position for position, key in enumerate(keys)}
    sides = [[one for one in side if one["channel"]] for side in (references, events)]
    times = [np.array([one["time_s"] for one in side], dtype=np.float64) for side in sides]
    groups = [
        np.array([number[one["recording"], one["channel"]] for one in side], dtype=np.int64) for side in sides
    ]
    tolerance_s = float(row["tolerance_s"])
    matched = match_counts(times[0], times[1], groups[0], groups[1], tolerance_s=tolerance_s)
    counts = np.stack(
        [*(np.bincount(group, minlength=len(keys)) for group in groups), np.resize(matched, len(keys))],
        axis=1,
    )
    return _scores_csv(keys, counts, sorted({one["recording"] for one in (*references, *events)}))


def _scores_csv(
    keys: Sequence[tuple[str, str]], counts: np.ndarray[Any, Any], recordings: Sequence[str]
) -> str:
    """A line for each recording, then for each of its classes."""
    sink = io.StringIO()
    writer = csv.writer(sink, lineterminator="\n")
    writer.writerow(
        ["recording", "channel", "f1", "precision", "recall", "n_reference", "n_estimated", "n_matched"]
    )
    for recording in recordings:
        own = [position for position, key in enumerate(keys) if key[0] == recording]
        writer.writerow([recording, "all", *_scores(counts[own].sum(axis=0))])
        for position in own:
            writer.writerow([*keys[position], *_scores(counts[position])])
    return sink.getvalue()


def _scores(counts: np.ndarray[Any, Any]) -> list[str]:
    """F1, precision, recall and the three counts they come from."""
    n_reference, n_estimated, n_matched = map(int, counts)
    ratios = [
        (2 * n_matched, n_reference + n_estimated),
        (n_matched, n_estimated),
        (n_matched, n_reference),
    ]
    shares = [f"{above / below:.4f}" if below else "" for above, below in ratios]
    return [*shares, str(n_reference), str(n_estimated), str(n_matched)]


def text_of(value: Any) -> str:
    """A value as MLflow keeps it."""
    return "" if value is None else str(value)[:500]


def _key(name: str) -> str:
    """A name as MLflow takes it."""
    return "".join(letter if letter.isalnum() or letter in "_-." else "_" for letter in name)
