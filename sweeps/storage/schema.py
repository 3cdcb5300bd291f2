"""Every column that a study stores: its type, unit and meaning. This is schema version 4.

There are seven tables, each a folder of Parquet parts. A trial's part of `trials` is written last, and means
that the trial is stored completely. Version 2 added `decoding_options` and `measures`. Version 3 added the
augmentation by rates and stacking, `ensemble_options`, `iterations_done`, `reports` and the status `stopped`.
Version 4 added the draws of label noise, calibrated decoding, the versions of a trial's parts, what its score
is called, and the tables `scores`, `probabilities` and `validation`. Parts of older versions are read as if
these columns were empty or had no effect.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

import pyarrow as pa

from softloc_core.losses import LOSSES
from softloc_core.trial import TrialConfig

__all__ = [
    "ADDED",
    "SCHEMA_VERSION",
    "TABLES",
    "TRIAL_TABLES",
    "Column",
    "Role",
    "Row",
    "arrow_schema",
    "columns_markdown",
]

Role = Literal["identity", "category", "number", "options", "setting", "result", "provenance"]

# One row of a table, by column name.
Row = Mapping[str, Any]

SCHEMA_VERSION = 4
ADDED: Mapping[str, Any] = {
    "decoding_options": "{}",
    "ensemble_options": "{}",
    "rate_variation": 0.0,
    "rate_centre": 1.0,
    "rate_share": 1.0,
    "stacking": 0.0,
    "iterations_done": None,
    "reports": None,
    "noise_draw": 0,
    "validation_labels": "clean",
    "threads": 1,
    "versions": "{}",
    "score_name": None,
    "time_unit": None,
    "hop_s": None,
    "validation_f1": None,
    "processor": None,
    "setting_id": None,
    "code": None,
}
"""The value of each later column for trials that were stored before it was added."""

_TEXT, _NUMBER, _WHOLE = pa.string(), pa.float64(), pa.int64()
_BY_NAME = pa.map_(pa.string(), pa.float64())
_TYPES = {"str": _TEXT, "int": _WHOLE, "float": _NUMBER, "Options": _TEXT, "Schedule": _TEXT}


@dataclass(frozen=True)
class Column:
    """One stored column.

    Attributes:
        name: Its name, with the unit as suffix.
        type: Its Arrow type.
        unit: Its unit, or empty.
        meaning: What it contains.
        nullable: Whether it may be empty. Results are empty in the rows of failed trials.
        role: How an analysis may use it. Settings of a trial are a `category` (a name to group by), a
            `number` (a possible axis), `options` (JSON whose numbers are possible axes) or any other
            `setting`.
    """

    name: str
    type: pa.DataType
    unit: str
    meaning: str
    nullable: bool = False
    role: Role = "result"


# The meaning of each field of TrialConfig. The table below is built from the fields, so none can be missing.
_CONFIG_MEANING: Mapping[str, str] = {
    "task": "registered task",
    "data": "data source of the task",
    "split": "split of the data source",
    "fold": "part of the split that is the test set",
    "features": "front end",
    "network": "registered network",
    "loss": "registered loss",
    "loss_options": "the loss's own parameters, JSON",
    "measure": "distance in the soft localization loss",
    "softness_s": "standard deviation of the smoothing kernel; may be infinite",
    "alpha": "weight of the count loss over training: the schedule's spec, JSON",
    "noise": "registered kind of label misalignment",
    "noise_options": "its own parameters, JSON",
    "label_noise_s": "scale of the label misalignment",
    "noise_draw": "draw of the label noise; 0 means that the replicate determines it for all design points",
    "validation_labels": "labels of the validation recordings: misaligned like those of training, or clean",
    "iterations": "optimiser steps",
    "batch_size": "excerpts a step",
    "excerpt_s": "length of an excerpt",
    "learning_rate": "peak learning rate",
    "learning_rate_schedule": "course of the learning rate over training",
    "weight_averaging": "decay of the mean of the weights that is scored; 0 scores the last",
    "weight_decay": "AdamW's decoupled weight decay",
    "gradient_clip": "largest global norm of the gradient; may be infinite",
    "gain_db": "standard deviation of the random gain of an excerpt",
    "band_gain_db": "standard deviation of the random gain of each band",
    "rate_variation": "half width of the interval of playback rates of training excerpts",
    "rate_centre": "its middle; 1 is the recording's own rate",
    "rate_share": "share of the excerpts whose rate is drawn",
    "stacking": "share of the excerpts that are the sum of two",
    "initial_empty_prob": "probability an untrained network gives to an excerpt without events",
    "decoding": "calibrated, auto, or a fixed decoder",
    "decoding_options": "attributes of the decoder that are set, JSON",
    "ensemble_options": "versions of a recording and how they agree, JSON",
    "tolerance_s": "largest accepted time difference in scoring, inclusive",
    "seed": "the study's seed",
    "replicate": "which repetition, from 0",
    "threads": "threads that trained and scored the network",
}


def _unit(name: str) -> str:
    """Return the unit that a name's suffix states."""
    return "s" if name.endswith("_s") else "dB" if name.endswith("_db") else ""


# Settings that are neither groups nor axes by default.
_PLAIN_SETTINGS = frozenset(
    {
        "split",
        "fold",
        "learning_rate_schedule",
        "weight_averaging",
        "tolerance_s",
        "seed",
        "replicate",
        "noise_draw",
        "validation_labels",
        "threads",
    }
)
_ROLES: Mapping[str, Role] = {
    "str": "category",
    "int": "number",
    "float": "number",
    "Options": "options",
    "Schedule": "options",
}


def _config_column(name: str, type_name: str) -> Column:
    """Return the column of a field of `TrialConfig`."""
    role: Role = "setting" if name in _PLAIN_SETTINGS else _ROLES[type_name]
    return Column(name, _TYPES[type_name], _unit(name), _CONFIG_MEANING.get(name, name), role=role)


_CONFIG = tuple(_config_column(item.name, str(item.type)) for item in fields(TrialConfig))

_TRIALS = (
    Column("study", _TEXT, "", "name of the study", role="identity"),
    Column(
        "trial_id",
        _TEXT,
        "",
        "identity: hash of the configuration, the data's fingerprint and the versions of the parts",
        role="identity",
    ),
    Column(
        "setting_id",
        _TEXT,
        "",
        "hash of the configuration and the data's fingerprint; empty means that it equals trial_id",
        nullable=True,
        role="identity",
    ),
    Column("status", _TEXT, "", "completed, stopped (early, by the study's rule) or failed"),
    Column("error", _TEXT, "", "what a failed trial died of", nullable=True),
    Column("data_fingerprint", _TEXT, "", "hash of features, annotations and split", role="identity"),
    *_CONFIG,
    Column("iterations_done", _WHOLE, "", "optimiser steps that the results below are of", nullable=True),
    Column(
        "reports",
        _TEXT,
        "",
        "scores that early stopping judged the trial by, by iteration, larger being better, JSON",
        nullable=True,
    ),
    Column("f1", _NUMBER, "", "the task's score: F1 pooled over test recordings and classes", nullable=True),
    Column("precision", _NUMBER, "", "share of the estimated events that are matched", nullable=True),
    Column("recall", _NUMBER, "", "share of the reference events that are matched", nullable=True),
    Column("n_reference", _WHOLE, "events", "reference events", nullable=True),
    Column("n_estimated", _WHOLE, "events", "estimated events", nullable=True),
    Column("n_matched", _WHOLE, "events", "matched pairs", nullable=True),
    Column("f1_per_class", _BY_NAME, "", "F1 of each class, by name", nullable=True),
    Column(
        "timing_mean_s", _NUMBER, "s", "mean of estimated minus reference time, matched pairs", nullable=True
    ),
    Column("timing_sd_s", _NUMBER, "s", "its standard deviation (n - 1)", nullable=True),
    Column("measures", _BY_NAME, "", "further measures of the task, by name", nullable=True),
    Column(
        "validation_f1",
        _NUMBER,
        "",
        "the task's score on the validation recordings against their labels, by the same decoder",
        nullable=True,
    ),
    Column(
        "score_name",
        _TEXT,
        "",
        "what f1 is in this task, as it stands on an axis",
        nullable=True,
        role="provenance",
    ),
    Column(
        "time_unit",
        _TEXT,
        "",
        "unit of label noise and softness in this task",
        nullable=True,
        role="provenance",
    ),
    Column("hop_s", _NUMBER, "s", "time between two frames", nullable=True, role="provenance"),
    Column("train_s", _NUMBER, "s", "wall-clock time of training", nullable=True),
    Column("host", _TEXT, "", "machine that ran the trial", nullable=True, role="provenance"),
    Column("device", _TEXT, "", "device, as torch names it", nullable=True, role="provenance"),
    Column("processor", _TEXT, "", "model of the processor or GPU", nullable=True, role="provenance"),
    Column("versions", _TEXT, "", "version of each part that decides the result, JSON", role="provenance"),
    Column("started_at", pa.timestamp("us", tz="UTC"), "", "when the trial began", role="provenance"),
    Column("package_version", _TEXT, "", "version of softloc", role="provenance"),
    Column(
        "code",
        _TEXT,
        "",
        "hash of the source files that decide a result",
        nullable=True,
        role="provenance",
    ),
    Column(
        "git_commit",
        _TEXT,
        "",
        "commit of the source, -dirty when changed, empty when unknown",
        role="provenance",
    ),
    Column("schema_version", pa.int32(), "", "version of this schema", role="provenance"),
)

# What the tables of events say about a recording, in each of its rows.
_RECORDING = (
    Column("duration_s", _NUMBER, "s", "length of the recording"),
    Column("tolerance_s", _NUMBER, "s", "the recording's own tolerance, if it has one", nullable=True),
    Column("is_segments", pa.bool_(), "", "whether the events are starts of segments", nullable=True),
)

TABLES: Mapping[str, tuple[Column, ...]] = {
    "trials": _TRIALS,
    "events": (
        Column("trial_id", _TEXT, "", "trial that estimated the event", role="identity"),
        Column("recording", _TEXT, "", "test recording"),
        Column("channel", _TEXT, "", "class"),
        Column("time_s", _NUMBER, "s", "estimated time"),
    ),
    "history": (
        Column("trial_id", _TEXT, "", "trial", role="identity"),
        Column("iteration", _WHOLE, "", "optimiser steps done"),
        Column("loss", _NUMBER, "", "mean training loss since the last point"),
        Column("terms", _BY_NAME, "", "mean of each term of the loss, by name"),
        Column("alpha", _NUMBER, "", "weight of the count loss"),
    ),
    "scores": (
        Column("trial_id", _TEXT, "", "trial", role="identity"),
        Column("recording", _TEXT, "", "test recording"),
        Column("channel", _TEXT, "", "class"),
        Column("n_reference", _WHOLE, "events", "reference events, by the task's own rule"),
        Column("n_estimated", _WHOLE, "events", "estimated events"),
        Column("n_matched", _WHOLE, "events", "matched pairs"),
    ),
    "probabilities": (
        Column("trial_id", _TEXT, "", "trial", role="identity"),
        Column("part", _TEXT, "", "test or validation"),
        Column("recording", _TEXT, "", "recording of this part"),
        Column("channel", _TEXT, "", "class"),
        Column("n_frames", _WHOLE, "frames", "length of the recording"),
        Column("frame", pa.list_(pa.int32()), "frames", "frames whose probability is not 0"),
        Column("probability", pa.list_(pa.float16()), "", "probability of an event in each of these frames"),
    ),
    "validation": (
        Column("data_fingerprint", _TEXT, "", "data the recording belongs to", role="identity"),
        Column("recording", _TEXT, "", "validation recording; one without events has one row of kind label"),
        Column(
            "kind", _TEXT, "", "label: what trials are given before label noise; reference: the true event"
        ),
        Column("channel", _TEXT, "", "class", nullable=True),
        Column("time_s", _NUMBER, "s", "time of the event", nullable=True),
        *_RECORDING,
    ),
    "references": (
        Column("data_fingerprint", _TEXT, "", "data the recording belongs to", role="identity"),
        Column(
            "recording",
            _TEXT,
            "",
            "test recording; one without events has one row with neither class nor time",
        ),
        Column("channel", _TEXT, "", "class", nullable=True),
        Column("time_s", _NUMBER, "s", "reference time", nullable=True),
        *_RECORDING,
    ),
}
TRIAL_TABLES = tuple(name for name, columns in TABLES.items() if columns[0].name == "trial_id")
"""Tables with rows of single trials, besides `trials` itself."""


def arrow_schema(table: str) -> pa.Schema:
    """Return the Arrow schema of a table, with metadata that lets a reader do without this package.

    A field's metadata holds its unit, meaning and role. The table's metadata holds the schema version and,
    for `trials`, whether each registered loss uses the softness, as JSON.
    """
    metadata = {"softloc_schema_version": str(SCHEMA_VERSION)}
    if table == "trials":
        uses_softness = {name: entry.uses_softness for name, entry in LOSSES.items()}
        metadata["softloc_losses_use_softness"] = json.dumps(uses_softness)
    columns = [
        pa.field(
            column.name,
            column.type,
            nullable=column.nullable,
            metadata={"unit": column.unit, "meaning": column.meaning, "role": column.role},
        )
        for column in TABLES[table]
    ]
    return pa.schema(columns, metadata=metadata)


def columns_markdown(table: str) -> str:
    """Return a table's columns as a Markdown table, for documentation."""
    rows = [f"| `{c.name}` | {c.type} | {c.unit} | {c.meaning} |" for c in TABLES[table]]
    return "\n".join(["| column | type | unit | meaning |", "|---|---|---|---|", *rows])
