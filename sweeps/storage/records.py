"""A trial's outcome as the rows that the store writes."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np

from softloc_core.tasks import TASKS, TaskData
from softloc_core.trial import OPTION_FIELDS, TrialConfig, TrialResult, setting_id
from sweeps.storage.provenance import Provenance
from sweeps.storage.schema import SCHEMA_VERSION, Row

__all__ = [
    "Reached",
    "TrialRecord",
    "completed_record",
    "failed_record",
    "not_finite",
    "probabilities_are_small",
]

Rows = tuple[Row, ...]
# Measured on drums with the smeared predictions of one-sided smoothing; other losses take a tenth of it.
_BYTES_PER_PROBABILITY = 1.6
_SMALL_BYTES = 100_000


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
        "f1": scores.f1,
        "precision": scores.precision,
        "recall": scores.recall,
        "n_reference": scores.n_reference,
        "n_estimated": scores.n_estimated,
        "n_matched": scores.n_matched,
        "f1_per_class": dict(scores.f1_per_class),
        "timing_mean_s": scores.timing_mean_s,
        "timing_sd_s": scores.timing_sd_s,
        "measures": dict(scores.measures),
        "validation_f1": None if result.validation is None else result.validation.f1,
        "hop_s": hop_s,
        "versions": json.dumps(dict(result.versions), sort_keys=True),
        "processor": processor,
        "train_s": result.train_s,
        "host": host,
        "device": result.device,
    }
    tables = {
        "events": _event_rows(result, channel_names),
        "history": _history_rows(result),
        "scores": _score_rows(result, channel_names),
    }
    if keep_probabilities:
        tables["probabilities"] = _probability_rows(result, channel_names)
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
    task = TASKS.get(config.task)
    return {
        **spec,
        "score_name": task.score_name,
        "time_unit": task.time_unit,
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


def _event_rows(result: TrialResult, channel_names: tuple[str, ...]) -> Rows:
    """Return a row for every estimated event of the test recordings."""
    return tuple(
        {
            "trial_id": result.trial_id,
            "recording": recording,
            "channel": channel_names[int(channel)],
            "time_s": float(time_s),
        }
        for recording, events in result.events.items()
        for time_s, channel in zip(events.time_s, events.channel, strict=True)
    )


def _score_rows(result: TrialResult, channel_names: tuple[str, ...]) -> Rows:
    """Return the counts of each test recording and class that has any, or of a recording's first class."""
    rows = []
    for recording, counts in zip(result.events, result.scores.counts.tolist(), strict=False):
        found = [(channel_names[index], one) for index, one in enumerate(counts) if any(one)]
        for channel, (n_reference, n_estimated, n_matched) in found or [(channel_names[0], (0, 0, 0))]:
            rows.append(
                {
                    "trial_id": result.trial_id,
                    "recording": recording,
                    "channel": channel,
                    "n_reference": n_reference,
                    "n_estimated": n_estimated,
                    "n_matched": n_matched,
                }
            )
    return tuple(rows)


def _probability_rows(result: TrialResult, channel_names: tuple[str, ...]) -> Rows:
    """Return the probabilities above 0 of each validation and test recording and class."""
    rows = []
    for part, recordings in result.predictions.items():
        for recording, event_prob in recordings.items():
            for channel, prob in zip(channel_names, event_prob, strict=True):
                frame = np.flatnonzero(prob).astype(np.int32)
                rows.append(
                    {
                        "trial_id": result.trial_id,
                        "part": part,
                        "recording": recording,
                        "channel": channel,
                        "n_frames": len(prob),
                        "frame": frame,
                        "probability": prob[frame],
                    }
                )
    return tuple(rows)


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


def probabilities_are_small(data: TaskData) -> bool:
    """Whether the event probabilities of a trial on this data take less than about 100 kB."""
    frames = sum(len(recording.features) for recording in (*data.validation, *data.test))
    return frames * len(data.channel_names) * _BYTES_PER_PROBABILITY < _SMALL_BYTES


def not_finite(result: TrialResult) -> str | None:
    """Return what is not finite in a result although it must be, or None."""
    for point in result.history:
        if not math.isfinite(point.loss):
            return f"the loss became {point.loss} by iteration {point.iteration}"
    return None if math.isfinite(result.scores.f1) else f"F1 is {result.scores.f1}"
