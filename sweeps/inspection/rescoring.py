"""Another decoding of a study's stored event probabilities: new events and scores without training."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from softloc_core.decoding import CALIBRATED, DECODERS
from softloc_core.errors import ConfigError
from softloc_core.events import EventList, SegmentList
from softloc_core.tasks import TASKS, Recording, TaskData
from softloc_core.trial import labelled, score_predictions, validation_labels
from sweeps.storage import (
    Row,
    StoredTrial,
    StudyFolder,
    TrialStore,
    copy_definition,
    inside,
    scored_columns,
    stored_config,
    stored_predictions,
    tables_of,
    write_tables,
)

__all__ = ["Decoding", "Rescored", "parse_decoding", "rescore", "rescored_text"]

_PARTS = ("test", "validation")


@dataclass(frozen=True)
class Decoding:
    """A decoding that a user asks for.

    Attributes:
        name: `calibrated`, `auto`, or the name of a fixed decoder.
        options: Attributes of the decoder to set, sorted by name.
    """

    name: str
    options: tuple[tuple[str, bool | int | float | str], ...] = ()

    def __str__(self) -> str:
        options = ",".join(f"{key}={value:g}" for key, value in self.options)
        return f"{self.name}:{options}" if options else self.name


@dataclass(frozen=True)
class Rescored:
    """A rescored study.

    Attributes:
        location: Its folder, which every command reads like a study.
        n_rescored: Trials that were rescored.
        n_without: Completed trials that store no probabilities and were left out.
        decoding: How the probabilities were decoded.
        score_name: What f1 is in this task.
        before: The stored rows of the rescored trials.
        after: Their new rows, in the same order.
    """

    location: str
    n_rescored: int
    n_without: int
    decoding: Decoding
    score_name: str
    before: Sequence[Row]
    after: Sequence[Row]


def parse_decoding(text: str) -> Decoding:
    """Return the decoding that a text such as `calibrated` or `local_mass:mass=0.5,window_s=0.1` names.

    Raises:
        ConfigError: The decoding is unknown, or an option is not NAME=NUMBER.
    """
    name, _, rest = text.partition(":")
    if name not in (CALIBRATED, "auto", *DECODERS):
        raise ConfigError(
            f"`--decoding` must be one of {CALIBRATED}, auto, {', '.join(DECODERS)}, but got {name}"
        )
    options: dict[str, float] = {}
    for item in filter(None, rest.split(",")):
        key, _, value = item.partition("=")
        try:
            options[key.strip()] = float(value)
        except ValueError:
            raise ConfigError(
                f"`--decoding` must be NAME or NAME:OPTION=NUMBER,..., such as local_mass:mass=0.5, but got "
                f"{text}"
            ) from None
    return Decoding(name, tuple(sorted(options.items())))


def rescore(study: str, decoding: Decoding, *, target: str | None = None) -> Rescored:
    """Decode and score the stored probabilities of a study, and store the result as another study.

    Args:
        study: The study's folder, or an address that pyarrow opens.
        decoding: How to decode.
        target: Folder of the result; `decodings/NAME` in the study's folder if None.

    Raises:
        ConfigError: No completed trial stores probabilities, the task's score needs the data, the decoding
            does not fit, or the target is the study itself.
    """
    folder = StudyFolder(study)
    place = target or inside(study, f"decodings/{_folder_name(decoding)}")
    if str(StudyFolder(place)) == str(folder):
        raise ConfigError(f"`--out` must be another folder than the study's, but got {place}")
    store = TrialStore(folder)
    trials = [trial for _, trial in sorted(store.load().items()) if trial.status == "completed"]
    rescorer = _Rescorer(store, decoding)
    results = [rescorer.result(trial) for trial in trials]
    done = [result for result in results if result is not None]
    if not done:
        raise ConfigError(
            f"rescoring needs trials that store event probabilities, but none of {len(trials)} completed "
            f"trials in {folder} does: run the study with `keep_probabilities: true`"
        )
    tables: dict[str, list[Row]] = defaultdict(list)
    for row, own in done:
        tables["trials"].append(row)
        for table, rows in own.items():
            tables[table].extend(rows)
    new = StudyFolder(place)
    write_tables(new, {**tables, "references": rescorer.references})
    copy_definition(folder, new)
    stored = {trial.trial_id: trial.row for trial in trials}
    return Rescored(
        location=place,
        n_rescored=len(done),
        n_without=len(trials) - len(done),
        decoding=decoding,
        score_name=str(done[0][0]["score_name"]),
        before=[stored[row["trial_id"]] for row, _ in done],
        after=[row for row, _ in done],
    )


def rescored_text(result: Rescored) -> str:
    """Return a table with the mean score of each loss before and after, the oracle and average precision."""
    losses = list(dict.fromkeys(str(row["loss"]) for row in result.after))
    columns = {
        "stored": [float(row["f1"]) for row in result.before],
        str(result.decoding): [float(row["f1"]) for row in result.after],
        "oracle": [row["measures"].get("f1_oracle") for row in result.after],
        "average precision": [row["measures"].get("average_precision") for row in result.after],
    }
    shown = {name: values for name, values in columns.items() if None not in values}
    lines = [f"{result.score_name}, mean over {result.n_rescored} trials without training again"]
    if result.n_without:
        lines[0] += f"; {result.n_without} trials store no probabilities and are left out"
    lines.append("  ".join([f"{'loss':<20}", *(f"{name:>18}" for name in shown)]))
    for loss in losses:
        of_loss = [index for index, row in enumerate(result.after) if row["loss"] == loss]
        means = [float(np.mean([values[index] for index in of_loss])) for values in shown.values()]
        lines.append("  ".join([f"{loss:<20}", *(f"{mean:>18.3f}" for mean in means)]))
    return "\n".join(lines)


def _folder_name(decoding: Decoding) -> str:
    """Return a folder name for a decoding: its name, and a hash of its options if it has any."""
    if not decoding.options:
        return decoding.name
    return f"{decoding.name}-{hashlib.sha256(json.dumps(decoding.options).encode()).hexdigest()[:8]}"


class _Rescorer:
    """Decodes and scores the stored probabilities of single trials.

    Attributes:
        references: The rows of `references` of all data that was read.
    """

    def __init__(self, store: TrialStore, decoding: Decoding) -> None:
        self.references: list[Row] = []
        self._store, self._decoding = store, decoding
        self._events: dict[str, _StoredEvents] = {}

    def result(self, trial: StoredTrial) -> tuple[Row, Mapping[str, Sequence[Row]]] | None:
        """Return a trial's row of `trials` and its rows of other tables; None without probabilities."""
        rows = self._store.table("probabilities", trial.trial_id)
        if rows is None or not rows.num_rows:
            return None
        config = replace(
            stored_config(trial.row), decoding=self._decoding.name, decoding_options=self._decoding.options
        )
        task = TASKS.get(config.task)
        if not task.scores_events_alone:
            raise ConfigError(
                f"rescoring needs a score that events alone determine, but that of {task.name} needs the data"
            )
        names = task.sources[config.data].channel_names or task.channel_names
        predictions = stored_predictions(rows, names)
        stored = self._stored(str(trial.row["data_fingerprint"]))
        n_frames = {
            part: {name: p.shape[1] for name, p in predictions.get(part, {}).items()} for part in _PARTS
        }
        hop_s = float(trial.row["hop_s"])
        validation = stored.recordings("validation", n_frames["validation"], names, hop_s=hop_s)
        data = TaskData(
            task=config.task,
            source=config.data,
            channel_names=names,
            hop_s=hop_s,
            train=(),
            validation=labelled(validation, validation_labels(config, validation)),
            test=stored.recordings("test", n_frames["test"], names, hop_s=hop_s),
            fingerprint=str(trial.row["data_fingerprint"]),
        )
        scored = score_predictions(
            config, data, validation=predictions.get("validation", {}), test=predictions["test"]
        )
        row = {
            **trial.row,
            "decoding": config.decoding,
            "decoding_options": json.dumps(dict(config.decoding_options), sort_keys=True),
            **scored_columns(scored.scores, scored.validation),
        }
        return row, tables_of(trial.trial_id, scored.events, scored.scores, names)

    def _stored(self, fingerprint: str) -> _StoredEvents:
        """Return the events of the recordings of one data set, which are read once."""
        if fingerprint not in self._events:
            found = {
                name: self._store.rows_of_data(name, fingerprint) for name in ("references", "validation")
            }
            self.references.extend(found["references"])
            self._events[fingerprint] = _StoredEvents(found["references"], found["validation"])
        return self._events[fingerprint]


@dataclass(frozen=True)
class _StoredEvents:
    """The events of one data set as the store holds them.

    Attributes:
        references: Rows of `references`.
        validation: Rows of `validation`.
    """

    references: Sequence[Row]
    validation: Sequence[Row]

    @cached_property
    def _by_recording(self) -> Mapping[tuple[str, str, str], list[Row]]:
        """Rows by part, kind and recording."""
        found: dict[tuple[str, str, str], list[Row]] = defaultdict(list)
        for row in self.references:
            found["test", "reference", row["recording"]].append(row)
        for row in self.validation:
            found["validation", row["kind"], row["recording"]].append(row)
        return found

    def recordings(
        self, part: str, n_frames: Mapping[str, int], channel_names: Sequence[str], *, hop_s: float
    ) -> tuple[Recording, ...]:
        """Return the recordings of a part, without features."""
        made = []
        for name, length in n_frames.items():
            kinds = {kind: self._by_recording.get((part, kind, name)) for kind in ("reference", "label")}
            first = kinds["reference"] or kinds["label"]
            assert first is not None, "every recording has at least one row"
            reference = _events(first, channel_names)
            label = reference if kinds["label"] is None else _events(kinds["label"], channel_names)
            made.append(
                Recording(
                    name=name,
                    group=name,
                    features=np.empty((length, 0), dtype=np.float32),
                    hop_s=hop_s,
                    reference=reference,
                    label=label,
                    tolerance_s=first[0].get("tolerance_s"),
                )
            )
        return tuple(made)


def _events(rows: Sequence[Row], channel_names: Sequence[str]) -> EventList:
    """Return the rows of one recording as an event list, or as segments if they say so."""
    timed = [row for row in rows if row["channel"] is not None]
    times: Any = np.array([row["time_s"] for row in timed], dtype=np.float64)
    channels: Any = np.array([channel_names.index(row["channel"]) for row in timed], dtype=np.int64)
    made = SegmentList if rows[0].get("is_segments") else EventList
    return made(times, channels, float(rows[0]["duration_s"]))
