"""The content of a trial's run in MLflow, with the same few names in every study."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
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
"""Key of a shared view in MLflow's pages that has few columns and lists the best trial first."""
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
"""Name and value of the experiment's tag that stores the view. By default, MLflow shows no result columns."""

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
# More metrics than this would hide the others; `recordings.csv` has the scores of all classes.
_MOST_CLASSES = 12


def metrics_of(row: Row, history: Sequence[Row]) -> list[tuple[str, float, int]]:
    """Return the metrics of a trial as names, values and steps.

    These are the numeric result columns of `trials`, the measures of the task, and `f1_<class>` if there are
    at most 12 classes. The training curve has `loss` and `loss_<term>` at up to 25 iterations, including the
    last. `reported_score` is the score that early stopping received. Values that are not finite are left out.

    Args:
        row: The trial's row of `trials`.
        history: Its rows of `history`.
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


def recording_scores(row: Row, references: Sequence[Row], tables: Mapping[str, Sequence[Row]]) -> str:
    """Return the scores of each test recording and class by the task's own rule, as CSV.

    Trials that were stored without their counts are matched here, event by event at the trial's tolerance.

    Args:
        row: The trial's row of `trials`, of which `tolerance_s` is used.
        references: The rows of `references` for its data.
        tables: The trial's rows of `scores` and `events`.

    Returns:
        Columns recording, channel, f1, precision, recall, n_reference, n_estimated and n_matched. There is
        one line for each recording (channel `all`), and one for each of its classes that has events. A score
        is empty if it is undefined because there are no events.
    """
    if counted := tables.get("scores"):
        found = {(one["recording"], one["channel"]): one for one in counted}
        names = ("n_reference", "n_estimated", "n_matched")
        counts = np.array([[found[key][name] for name in names] for key in sorted(found)])
        return _scores_csv(sorted(found), counts, sorted({recording for recording, _ in found}))
    events = tables.get("events", ())
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
    """Return a line for each recording, followed by a line for each of its classes."""
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
    """Return F1, precision, recall and the three counts behind them."""
    n_reference, n_estimated, n_matched = map(int, counts)
    ratios = [
        (2 * n_matched, n_reference + n_estimated),
        (n_matched, n_estimated),
        (n_matched, n_reference),
    ]
    shares = [f"{above / below:.4f}" if below else "" for above, below in ratios]
    return [*shares, str(n_reference), str(n_estimated), str(n_matched)]


def text_of(value: Any) -> str:
    """Return a value as text for MLflow, of at most 500 characters."""
    return "" if value is None else str(value)[:500]


def _key(name: str) -> str:
    """Return a name with only the characters that MLflow allows."""
    return "".join(letter if letter.isalnum() or letter in "_-." else "_" for letter in name)
