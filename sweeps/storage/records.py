"""A trial's outcome as the rows that the store writes."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from typing import Any

from softloc_core.events import EventList
from softloc_core.losses import schedule_from_spec
from softloc_core.metrics import Scores
from softloc_core.tasks import TASKS
from softloc_core.trial import OPTION_FIELDS, TrialConfig, TrialResult, setting_id
from sweeps.storage.probabilities import probability_rows
from sweeps.storage.provenance import Provenance
from sweeps.storage.schema import SCHEMA_VERSION, Row

__all__ = [
    "Reached",
    "TrialRecord",
    "completed_record",
    "failed_record",
    "not_finite",
    "scored_columns",
    "stored_config",
    "tables_of",
]

Rows = tuple[Row, ...]


@dataclass(frozen=True)
class TrialRecord:
    """Everything that is stored for one trial.

    Attributes:
        row: Its row of the trials table.
        tables: Its rows of the other tables, by table.
        log: The traceback of a failed trial; empty otherwise.
        weights: Its weights as a file, if the study stores them; empty otherwise.
    """

    row: Row
    tables: Mapping[str, Rows] = field(default_factory=dict, repr=False)
    log: str = field(default="", repr=False)
    weights: bytes = field(default=b"", repr=False)

    @property
    def trial_id(self) -> str:
        """The trial's identity."""
        return str(self.row["trial_id"])

    @property
    def failed(self) -> bool:
        """Whether the trial failed."""
        return bool(self.row["status"] == "failed")

    @property
    def stopped(self) -> bool:
        """Whether the trial was stopped early."""
        return bool(self.row["status"] == "stopped")


@dataclass(frozen=True)
class Reached:
    """How far a trial is.

    Attributes:
        iterations_done: Number of optimiser steps done.
        reports: Scores that early stopping judged it by, by iteration.
        weights: Its weights as a file, if the study stores them; empty otherwise.
    """

    iterations_done: int
    reports: Mapping[int, float] = field(default_factory=dict)
    weights: bytes = b""


def completed_record(
    result: TrialResult,
    provenance: Provenance,
    *,
    channel_names: tuple[str, ...],
    host: str,
    started_at: datetime,
    processor: str | None = None,
    hop_s: float | None = None,
    reached: Reached | None = None,
    keep_probabilities: bool = True,
) -> TrialRecord:
    """Return the rows of a trial that completed, or of a running one that may be stopped at this point."""
    scores = result.scores
    reached = reached or Reached(result.config.iterations)
    row = {
        **_shared(result.config, result.trial_id, result.data_fingerprint, provenance, started_at),
        "status": "completed" if reached.iterations_done >= result.config.iterations else "stopped",
        "error": None,
        "iterations_done": reached.iterations_done,
        "reports": json.dumps(reached.reports) if reached.reports else None,
        **scored_columns(scores, result.validation),
        "hop_s": hop_s,
        "versions": json.dumps(dict(result.versions), sort_keys=True),
        "processor": processor,
        "train_s": result.train_s,
        "host": host,
        "device": result.device,
    }
    tables = tables_of(result.trial_id, result.events, scores, channel_names)
    tables["history"] = _history_rows(result)
    if keep_probabilities:
        tables["probabilities"] = probability_rows(result, channel_names)
    return TrialRecord(row, tables, weights=reached.weights)


def failed_record(
    config: TrialConfig,
    trial_id: str,
    provenance: Provenance,
    *,
    data_fingerprint: str,
    error: str,
    log: str,
    host: str | None,
    device: str | None,
    started_at: datetime,
) -> TrialRecord:
    """Return the row of a trial that failed. Its results are empty."""
    shared = _shared(config, trial_id, data_fingerprint, provenance, started_at)
    row = {**shared, "status": "failed", "error": error, "host": host, "device": device}
    return TrialRecord(row, log=log)


def _shared(
    config: TrialConfig, trial_id: str, data_fingerprint: str, provenance: Provenance, started_at: datetime
) -> dict[str, Any]:
    """Return the columns that completed and failed trials share."""
    spec = config.spec()
    for name in ("alpha", *OPTION_FIELDS):
        spec[name] = json.dumps(spec[name], sort_keys=True)
    # Not registered in a worker if a test simulates the task; a record of a failure must not fail itself.
    task = TASKS.tasks.get(config.task)
    return {
        **spec,
        "score_name": None if task is None else task.score_name,
        "time_unit": None if task is None else task.time_unit,
        "versions": "{}",
        "study": provenance.study,
        "trial_id": trial_id,
        "setting_id": setting_id(config, data_fingerprint=data_fingerprint),
        "data_fingerprint": data_fingerprint,
        "code": provenance.code,
        "started_at": started_at.astimezone(UTC),
        "package_version": provenance.package_version,
        "git_commit": provenance.git_commit,
        "schema_version": SCHEMA_VERSION,
    }


def scored_columns(scores: Scores, validation: Scores | None) -> dict[str, Any]:
    """Return the columns of `trials` that hold scores."""
    columns = ("f1", "precision", "recall", "n_reference", "n_estimated", "n_matched")
    return {
        **{name: getattr(scores, name) for name in (*columns, "timing_mean_s", "timing_sd_s")},
        "f1_per_class": dict(scores.f1_per_class),
        "measures": dict(scores.measures),
        "validation_f1": None if validation is None else validation.f1,
    }


def tables_of(
    trial_id: str, events: Mapping[str, EventList], scores: Scores, channel_names: Sequence[str]
) -> dict[str, Rows]:
    """Return a trial's rows of `events` and `scores`.

    Every recording has at least one row of `scores`.
    """
    found: dict[str, list[Row]] = {"events": [], "scores": []}
    for recording, estimated in events.items():
        shared = {"trial_id": trial_id, "recording": recording}
        for time_s, channel in zip(estimated.time_s, estimated.channel, strict=True):
            found["events"].append(
                {**shared, "channel": channel_names[int(channel)], "time_s": float(time_s)}
            )
    for recording, counts in zip(events, scores.counts.tolist(), strict=False):
        counted = [(channel_names[index], one) for index, one in enumerate(counts) if any(one)]
        for channel, numbers in counted or [(channel_names[0], (0, 0, 0))]:
            of_class = dict(zip(("n_reference", "n_estimated", "n_matched"), numbers, strict=True))
            found["scores"].append(
                {"trial_id": trial_id, "recording": recording, "channel": channel, **of_class}
            )
    return {table: tuple(rows) for table, rows in found.items()}


def stored_config(row: Row) -> TrialConfig:
    """Return the configuration of a stored trial, given its row of `trials`."""
    values = {item.name: row[item.name] for item in fields(TrialConfig)}
    values["alpha"] = schedule_from_spec(json.loads(row["alpha"]))
    for name in OPTION_FIELDS:
        values[name] = tuple(sorted(json.loads(row[name]).items()))
    return TrialConfig(**values)


def _history_rows(result: TrialResult) -> Rows:
    """Return the rows of the training curve."""
    return tuple(
        {
            "trial_id": result.trial_id,
            "iteration": point.iteration,
            "loss": point.loss,
            "terms": {name: float(value) for name, value in point.terms.items()},
            "alpha": point.alpha,
        }
        for point in result.history
    )


def not_finite(result: TrialResult) -> str | None:
    """Return what is not finite in a result although it must be, or None."""
    for point in result.history:
        if not math.isfinite(point.loss):
            return f"the loss became {point.loss} by iteration {point.iteration}"
    return None if math.isfinite(result.scores.f1) else f"F1 is {result.scores.f1}"
