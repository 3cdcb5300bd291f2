"""The trials of a study as Parquet parts: one for each trial and table, named by the trial."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from softloc_core.errors import UserError
from softloc_core.events import EventList, SegmentList
from softloc_core.tasks import Recording, TaskData
from softloc_core.trial import setting_id
from sweeps.storage.folder import StudyFolder
from sweeps.storage.records import stored_config
from sweeps.storage.schema import ADDED, SCHEMA_VERSION, TRIAL_TABLES, Row, arrow_schema

__all__ = [
    "GATHERED",
    "MAX_REQUESTS",
    "NewerSchemaError",
    "StoredTrial",
    "TrialStore",
    "read_part",
    "write_tables",
]

logger = logging.getLogger(__name__)
GATHERED = "all.parquet"
"""Name of the single part of a table that `softloc export` writes. The store only reads it."""
MAX_REQUESTS = 16
"""Requests to an object store that run at once, because each waits for the network."""


class NewerSchemaError(UserError):
    """A study was written by a newer version of the package."""


@dataclass(frozen=True)
class StoredTrial:
    """A stored trial without its events and history.

    Attributes:
        trial_id: Its identity.
        status: `completed`, `stopped` or `failed`.
        row: Its row of the trials table.
    """

    trial_id: str
    status: str
    row: Row

    @property
    def setting_id(self) -> str:
        """The part of the identity that the versions of the trial's parts do not change.

        A row from before it was stored has it computed, in today's canonical form.
        """
        if (stored := self.row.get("setting_id")) or "alpha" not in self.row:
            return str(stored or self.trial_id)
        return setting_id(stored_config(self.row), data_fingerprint=self.row["data_fingerprint"])


class TrialStore:
    """The trials of one study.

    A trial's rows of other tables are written before its row of `trials`, so a row means that the trial is
    complete. Parts are named by the trial, so writing a trial again (after a failure) replaces its part.

    Attributes:
        folder: The study's folder.
        set_aside: New names of parts that could not be read and were renamed.
    """

    def __init__(self, folder: StudyFolder) -> None:
        self.folder = folder
        self.set_aside: list[str] = []
        self._gathered: dict[str, pa.Table | None] = {}

    def write(self, row: Row, tables: Mapping[str, Sequence[Row]] | None = None) -> None:
        """Store a trial: its row of `trials`, and its rows of other tables by table.

        Raises:
            OSError: The disk is full or not available. The trial then counts as not stored.
        """
        name = f"{row['trial_id']}.parquet"
        for table in TRIAL_TABLES:
            if rows := (tables or {}).get(table, ()):
                self.folder.write(f"{table}/{name}", _part(table, rows))
            else:
                # Left from an earlier run of the trial that was stopped or failed.
                self.folder.delete(f"{table}/{name}")
        self.folder.write(f"trials/{name}", _part("trials", [row]))

    def write_references(self, data: TaskData) -> None:
        """Store the events of the test and the validation recordings, once for each fingerprint."""
        for table, rows in (("references", _reference_rows(data)), ("validation", _validation_rows(data))):
            name = f"{table}/{data.fingerprint[:32]}.parquet"
            if self.folder.read(name) is None and (found := list(rows)):
                self.folder.write(name, _part(table, found))

    def load(self) -> dict[str, StoredTrial]:
        """Load all complete trials by identity, and set aside parts that cannot be read.

        If a trial's rows of another table cannot be read, the trial is set aside with them and runs
        again. A part with the name of another trial (a copy) is set aside too, because it would count twice.

        Raises:
            NewerSchemaError: A part has a newer schema, which this version cannot interpret.
            OSError: The folder is not available.
        """
        names = self._part_names("trials")
        with ThreadPoolExecutor(MAX_REQUESTS if self.folder.local is None else 1) as pool:
            rows = dict(zip(names, pool.map(self._read_row, names), strict=True))
            for table in TRIAL_TABLES:
                parts = [name for name in self._part_names(table) if rows.get(name) is not None]
                damaged = pool.map(self._is_damaged, [f"{table}/{name}" for name in parts])
                for name in itertools.compress(parts, damaged):
                    self._set_aside(f"{table}/{name}")
                    self._set_aside(f"trials/{name}")
                    rows[name] = None
        complete = (row for row in (*self._gathered_trials(), *rows.values()) if row is not None)
        return {row["trial_id"]: StoredTrial(row["trial_id"], row["status"], row) for row in complete}

    def table(self, name: str, trial_id: str) -> pa.Table | None:
        """Return a trial's rows of a table in Arrow's form; None if there are none or they cannot be read."""
        part = read_part(self.folder.read(f"{name}/{trial_id}.parquet"))
        return self._gathered_part(name, "trial_id", trial_id) if part is None else part

    def rows_of_data(self, table: str, fingerprint: str) -> list[Row]:
        """Return the rows of `references` or `validation` of one data set; none if there are none."""
        part = read_part(self.folder.read(f"{table}/{fingerprint[:32]}.parquet"))
        if part is None:
            part = self._gathered_part(table, "data_fingerprint", fingerprint)
        return [] if part is None else list(part.to_pylist(maps_as_pydicts="strict"))

    def rows(self, table: str, trial_id: str) -> list[Row]:
        """Return a trial's rows of a table; none if there are none or they cannot be read."""
        part = self.table(table, trial_id)
        return [] if part is None else list(part.to_pylist(maps_as_pydicts="strict"))

    def gathered(self, table: str) -> bytes | None:
        """Return a whole table as one Parquet file, with each trial once; None if it has no rows."""
        if table == "trials":
            rows = [trial.row for _, trial in sorted(self.load().items())]
            return _part(table, rows) if rows else None
        names = [*self._part_names(table), GATHERED]
        parts = [read_part(self.folder.read(f"{table}/{name}")) for name in names]
        columns = arrow_schema(table)
        whole = [part.select(columns.names).cast(columns) for part in parts if part is not None]
        return _file(pa.concat_tables(whole)) if whole else None

    def supersede(self, trial_id: str) -> None:
        """Set a stored trial aside: its parts are renamed, so that nothing reads them and nothing is lost."""
        for table in ("trials", *TRIAL_TABLES):
            name = f"{table}/{trial_id}.parquet"
            if self.folder.read(name) is not None:
                self.folder.move(name, f"{name}.superseded")

    def _gathered_part(self, table: str, column: str, value: str) -> pa.Table | None:
        """Return the rows of the part that an export wrote with this value in a column."""
        whole = self._gathered_table(table)
        return None if whole is None else whole.filter(pc.equal(whole.column(column), value))

    def _gathered_table(self, table: str) -> pa.Table | None:
        """Return the part that an export wrote, which is read once; None if there is none."""
        if table not in self._gathered:
            self._gathered[table] = read_part(self.folder.read(f"{table}/{GATHERED}"))
        return self._gathered[table]

    def _gathered_trials(self) -> list[Row]:
        """Return the trials of the part that an export wrote; none if there is no such part."""
        whole = self._gathered_table("trials")
        rows = [] if whole is None else whole.to_pylist(maps_as_pydicts="strict")
        return [self._upgraded(row, GATHERED) for row in rows]

    def _part_names(self, table: str) -> list[str]:
        """Return the names of a table's parts, without files that are still being written."""
        names = self.folder.names(table, suffix=".parquet")
        return [name for name in names if name[0] not in "._" and name != GATHERED]

    def _is_damaged(self, name: str) -> bool:
        """Whether a part's footer is missing or cannot be read."""
        content = self.folder.read(name)
        if content is None:
            return False
        try:
            pq.read_metadata(pa.BufferReader(content))
        except (pa.ArrowException, OSError, ValueError):
            return True
        return False

    def _read_row(self, part_name: str) -> Row | None:
        """Return the single row of a part of `trials`, or None if the part was set aside."""
        name = f"trials/{part_name}"
        content = self.folder.read(name)
        if content is None:
            return None
        part = read_part(content)
        if part is None or part.num_rows != 1 or not {"trial_id", "status"} <= set(part.column_names):
            self._set_aside(name)
            return None
        row: Row = part.to_pylist(maps_as_pydicts="strict")[0]
        if f"{row['trial_id']}.parquet" != part_name:
            self._set_aside(name)
            return None
        return self._upgraded(row, part_name)

    def _upgraded(self, row: Row, part_name: str) -> Row:
        """Return a row of `trials` with later columns added, if this version can interpret it."""
        if int(row.get("schema_version") or 0) > SCHEMA_VERSION:
            raise NewerSchemaError(
                f"the trials' schema must be version {SCHEMA_VERSION} or older, but "
                f"{self.folder.path(f'trials/{part_name}')} has version {row['schema_version']}: "
                "update softloc"
            )
        return {**ADDED, **row}

    def _set_aside(self, name: str) -> None:
        """Rename an unreadable part, so that it is neither read again nor lost."""
        aside = f"{name}.corrupt"
        try:
            self.folder.move(name, aside)
        except FileNotFoundError:
            # Another reader of the study has renamed it.
            return
        self.set_aside.append(aside)
        logger.warning("a damaged part was set aside: %s", self.folder.path(aside))


def write_tables(folder: StudyFolder, tables: Mapping[str, Sequence[Row]]) -> None:
    """Write whole tables as an export has them, `trials` last."""
    for table in sorted(tables, key=lambda name: name == "trials"):
        if rows := tables[table]:
            folder.write(f"{table}/{GATHERED}", _part(table, rows))


def _part(table: str, rows: Sequence[Row]) -> bytes:
    """Return rows as a Parquet file."""
    columns = arrow_schema(table)
    content = pa.Table.from_pylist([dict(row) for row in rows], schema=columns)
    content.validate(full=True)
    return _file(content)


def _file(content: pa.Table) -> bytes:
    """Return a table as a Parquet file."""
    sink = pa.BufferOutputStream()
    nested = {"frame": "DELTA_BINARY_PACKED", "probability": "BYTE_STREAM_SPLIT"}
    encodings = {
        f"{name}.list.element": encoding for name, encoding in nested.items() if name in content.column_names
    }
    pq.write_table(
        content,
        sink,
        compression="zstd",
        use_dictionary=[name for name in content.column_names if name not in nested],
        column_encoding=encodings or None,
    )
    result: bytes = sink.getvalue().to_pybytes()
    return result


def read_part(content: bytes | None, *, columns: Sequence[str] | None = None) -> pa.Table | None:
    """Return the table in a Parquet file, or None if the file is missing, cut off or damaged.

    Args:
        content: The file.
        columns: Columns to read; those that the file lacks are left out. None reads all.
    """
    if not content:
        return None
    try:
        # read_table would create a data set first, which is slow for thousands of parts.
        return pq.ParquetFile(pa.BufferReader(content)).read(columns=columns, use_threads=False)
    except (pa.ArrowException, OSError, ValueError):
        return None


def _reference_rows(data: TaskData) -> Iterable[Row]:
    """Yield the test recordings' events."""
    for recording in data.test:
        yield from _event_rows(data, recording, recording.reference)


def _validation_rows(data: TaskData) -> Iterable[Row]:
    """Yield the validation recordings' labels before noise, and their true events where these differ."""
    for recording in data.validation:
        yield from _event_rows(data, recording, recording.label, kind="label")
        if recording.reference != recording.label:
            yield from _event_rows(data, recording, recording.reference, kind="reference")


def _event_rows(data: TaskData, recording: Recording, events: EventList, **columns: str) -> Iterable[Row]:
    """Yield the events of a recording, with one empty row for a recording without events."""
    shared = {
        "data_fingerprint": data.fingerprint,
        "recording": recording.name,
        "duration_s": events.duration_s,
        "tolerance_s": recording.tolerance_s,
        "is_segments": isinstance(events, SegmentList),
        **columns,
    }
    if len(events) == 0:
        yield {**shared, "channel": None, "time_s": None}
    for time_s, channel in zip(events.time_s, events.channel, strict=True):
        yield {**shared, "channel": data.channel_names[int(channel)], "time_s": float(time_s)}
