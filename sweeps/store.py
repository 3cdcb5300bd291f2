"""Append-only Parquet: one part a trial and table, named by the trial, so that none can stand there twice."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from softloc_core.errors import UserError
from softloc_core.tasks import TaskData
from sweeps.folder import StudyFolder
from sweeps.schema import SCHEMA_VERSION, arrow_schema

__all__ = ["NewerSchemaError", "StoredTrial", "TrialStore"]

logger = logging.getLogger(__name__)
Row = Mapping[str, Any]


class NewerSchemaError(UserError):
    """A study written by a later version of the package."""


@dataclass(frozen=True)
class StoredTrial:
    """What the store knows of a trial without its events.

    Attributes:
        trial_id: Its identity.
        status: `completed` or `failed`.
        row: Its row of the trials table.
    """

    trial_id: str
    status: str
    row: Row


class TrialStore:
    """The trials of one study.

    A trial's events and history are written before its row of `trials`, so a row means the trial is whole.
    Parts are named by the trial: writing a trial again (a failed one that was run again) replaces its part.

    Attributes:
        folder: Where the study stands.
        set_aside: Parts that could not be read and were renamed, by their new names.
    """

    def __init__(self, folder: StudyFolder) -> None:
        self.folder = folder
        self.set_aside: list[str] = []

    def write(self, row: Row, *, events: Sequence[Row] = (), history: Sequence[Row] = ()) -> None:
        """Keep a trial.

        Raises:
            OSError: The disk is full or gone; the trial is then not there, and nothing is half there.
        """
        name = f"{row['trial_id']}.parquet"
        if events:
            self.folder.write(f"events/{name}", _part("events", events))
        if history:
            self.folder.write(f"history/{name}", _part("history", history))
        self.folder.write(f"trials/{name}", _part("trials", [row]))

    def write_references(self, data: TaskData) -> None:
        """Keep the reference events of the test recordings, once for each fingerprint."""
        name = f"references/{data.fingerprint[:32]}.parquet"
        if self.folder.read(name) is None:
            self.folder.write(name, _part("references", list(_reference_rows(data))))

    def load(self) -> dict[str, StoredTrial]:
        """Every trial that can be read, by identity; a part that cannot be is set aside and said.

        Raises:
            NewerSchemaError: A part from a newer schema: this package must not judge it.
        """
        trials: dict[str, StoredTrial] = {}
        for name in self.folder.names("trials", suffix=".parquet"):
            if name[0] in "._":
                continue
            row = self._read_row(f"trials/{name}")
            if row is not None:
                trials[row["trial_id"]] = StoredTrial(row["trial_id"], row["status"], row)
        return trials

    def rows(self, table: str, trial_id: str) -> list[Row]:
        """A trial's rows of `events` or `history`; none where there are none or they cannot be read."""
        part = _read(self.folder.read(f"{table}/{trial_id}.parquet"))
        return [] if part is None else list(part.to_pylist(maps_as_pydicts="strict"))

    def _read_row(self, name: str) -> Row | None:
        """The one row of a part of trials."""
        part = _read(self.folder.read(name))
        if part is None or part.num_rows != 1 or not {"trial_id", "status"} <= set(part.column_names):
            self._set_aside(name)
            return None
        row: Row = part.to_pylist(maps_as_pydicts="strict")[0]
        if int(row.get("schema_version") or 0) > SCHEMA_VERSION:
            raise NewerSchemaError(
                f"the trials' schema must be version {SCHEMA_VERSION} or older, but "
                f"{self.folder.path(name)} has "
                f"version {row['schema_version']}: update softloc"
            )
        return row

    def _set_aside(self, name: str) -> None:
        """Rename an unreadable part, so that nothing reads it again and nothing is thrown away."""
        aside = f"{name}.corrupt"
        self.folder.move(name, aside)
        self.set_aside.append(aside)
        logger.warning("a part could not be read and was set aside: %s", self.folder.path(aside))


def _part(table: str, rows: Sequence[Row]) -> bytes:
    """Rows as a Parquet file."""
    columns = arrow_schema(table)
    content = pa.Table.from_pylist([dict(row) for row in rows], schema=columns)
    content.validate(full=True)
    sink = pa.BufferOutputStream()
    pq.write_table(content, sink, compression="zstd")
    result: bytes = sink.getvalue().to_pybytes()
    return result


def _read(content: bytes | None) -> pa.Table | None:
    """A Parquet file's table, or None when it is absent, cut or damaged."""
    if not content:
        return None
    try:
        return pq.read_table(pa.BufferReader(content))
    except (pa.ArrowException, OSError, ValueError):
        return None


def _reference_rows(data: TaskData) -> Iterable[Row]:
    """The test recordings' events; a recording without any has one empty row."""
    for recording in data.test:
        shared = {
            "data_fingerprint": data.fingerprint,
            "recording": recording.name,
            "duration_s": recording.reference.duration_s,
        }
        reference = recording.reference
        if len(reference) == 0:
            yield {**shared, "channel": None, "time_s": None}
        for time_s, channel in zip(reference.time_s, reference.channel, strict=True):
            yield {**shared, "channel": data.channel_names[int(channel)], "time_s": float(time_s)}
