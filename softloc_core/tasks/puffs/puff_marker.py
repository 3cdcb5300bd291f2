"""puffMarker: features of the breaths of six smokers, with labels for puffs."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from softloc_core.errors import DataError
from softloc_core.events import EventList
from softloc_core.tasks.base import (
    DataRequest,
    Scan,
    SignalRecording,
    SourceInfo,
    SplitNames,
    array_key,
    checked_split,
    collect,
)

__all__ = ["N_PEOPLE", "SPLITS", "STEP_S", "PuffMarkerSource", "breath_recording", "leave_one_out"]

STEP_S = 1.0
"""Nominal seconds per breath. Only the order of breaths is used, not their true duration."""
N_PEOPLE = 6
SPLITS = dict.fromkeys(("leave_one_out_validated", "leave_one_out", "train_cv"), N_PEOPLE)
"""Number of folds of each split."""
_N_COLUMNS = 39
# The first column is a time stamp and the second is not used.
_FIRST_FEATURE = 2
_LABEL_COLUMN = 3
_SESSION_GAP = 5e6


@dataclass(frozen=True, eq=False)
class _Person:
    """The sessions of a person: features [breath, band] and the indices of the puffs."""

    name: str
    sessions: tuple[tuple[NDArray[np.float32], NDArray[np.int64]], ...]


class PuffMarkerSource:
    """puffMarker's features and labels of breaths, in two CSV files per person.

    Source: Saleheen et al., "puffMarker: a multi-sensor approach for pinpointing the timing of first lapse in
    smoking cessation", UbiComp 2015, as the SoftLoc paper's released code reads it.
    """

    info = SourceInfo(
        name="puffmarker",
        description="puffMarker, features of the breaths of six smokers",
        splits=SPLITS,
        needs_data_root=True,
        licence="not published, ask its owners",
        homepage="https://pmc.ncbi.nlm.nih.gov/articles/PMC4631252",
    )

    def split(self, request: DataRequest, data_root: Path | None) -> SplitNames:
        """Return a fold over the people; see `leave_one_out`."""
        scan = self.scan(data_root, names=None, seed=0)
        if scan.problems:
            raise scan.problems[0]
        people: dict[str, list[str]] = {}
        for found in scan.recordings:
            people.setdefault(found.group, []).append(found.name)
        return checked_split(request, leave_one_out(people, request), data_root)

    def scan(
        self, data_root: Path | None, *, names: Iterable[str] | None, seed: int
    ) -> Scan[SignalRecording]:
        """Read the named sessions, or all of them, with their puffs. The seed is not used."""
        wanted = None if names is None else set(names)
        people, problems = collect(_files(data_root), lambda files: _person(*files))
        recordings = [
            breath_recording(f"{person.name}_session_{index:02d}", person.name, *session)
            for person in people
            for index, session in enumerate(person.sessions)
        ]
        chosen = [found for found in recordings if wanted is None or found.name in wanted]
        return Scan(tuple(chosen), tuple(problems))


def leave_one_out(people: dict[str, list[str]], request: DataRequest) -> SplitNames:
    """Return a split that tests on one person and trains on the others.

    Args:
        people: Names of the recordings of each person.
        request: The split and the fold. `leave_one_out` tests on the person that the fold selects.
            `leave_one_out_validated` also validates on the next person. `train_cv` serves to choose the
            settings of the same fold: it leaves that person out, tests on the next one and validates on the
            one after that.
    """
    order = list(people)
    turn = [*order[request.fold :], *order[: request.fold]] if request.fold < len(order) else []
    skipped = turn[:1] if request.split == "train_cv" else []
    turn = turn[len(skipped) :]
    tested, validating = turn[:1], [] if request.split == "leave_one_out" else turn[1:2]
    trained = [person for person in order if person not in (*skipped, *tested, *validating)]
    train, validation, test = (
        tuple(name for person in part for name in people[person]) for part in (trained, validating, tested)
    )
    return SplitNames(train, validation, test)


def breath_recording(
    name: str, group: str, features: NDArray[np.float32], puff: NDArray[np.int64]
) -> SignalRecording:
    """Return a session as a recording.

    Args:
        name: Name of the session.
        group: The person.
        features: [breath, band] float32.
        puff: [puff] indices of the breaths that are puffs.
    """
    time_s = np.asarray(puff, dtype=np.float64) * STEP_S
    events = EventList(time_s, np.zeros(len(puff), dtype=np.int64), len(features) * STEP_S)
    return SignalRecording(
        name=name,
        group=group,
        hop_s=STEP_S,
        features=lambda _: features,
        content_key=array_key(features),
        reference=events,
    )


def _files(data_root: Path | None) -> list[tuple[str, Path, Path]]:
    """Return the user, the features file and the labels file of each person, sorted by user number."""
    if data_root is None:
        raise DataError("`--data-root` must name puffMarker's folder, but got none")
    found = {
        match[1]: path
        for path in data_root.glob("features_*.csv")
        if (match := re.fullmatch(r"features_(\w+)\.csv", path.name))
    }
    if not found:
        raise DataError(f"`--data-root` must contain features_<user>.csv, but got none in {data_root}")
    order = sorted(found, key=lambda user: (int(user) if user.isdecimal() else 0, user))
    return [(user, found[user], data_root / f"predictions_{user}.csv") for user in order]


def _person(user: str, features_path: Path, labels_path: Path) -> _Person:
    """Read the breaths of a person and cut them into sessions at gaps between time stamps."""
    if not labels_path.is_file():
        raise DataError(
            f"each features file needs its labels, but got none at {labels_path} for {features_path.name}"
        )
    table = _numbers(features_path, least_columns=_N_COLUMNS, exact=True)
    label = _numbers(labels_path, least_columns=_LABEL_COLUMN + 1, exact=False)[:, _LABEL_COLUMN]
    if len(table) != len(label):
        raise DataError(
            f"features and labels must have the same number of rows, but got {len(table)} in {features_path} "
            f"and {len(label)} in {labels_path}"
        )
    if not np.isin(label, (0, 1)).all():
        row = int(np.flatnonzero(~np.isin(label, (0, 1)))[0])
        raise DataError(f"labels must be 0 or 1, but got {label[row]:g} in {labels_path}, data row {row + 1}")
    starts = np.flatnonzero(np.diff(table[:, 0]) > _SESSION_GAP) + 1
    sessions = tuple(
        (table[first:last, _FIRST_FEATURE:].astype(np.float32), np.flatnonzero(label[first:last]))
        for first, last in pairwise([0, *starts.tolist(), len(table)])
    )
    return _Person(f"user_{user}", sessions)


def _numbers(path: Path, *, least_columns: int, exact: bool) -> NDArray[np.float64]:
    """Read the rows of a CSV file as numbers, [row, column], and skip a header."""
    rows: list[list[float]] = []
    with path.open(newline="") as file:
        for line, cells in enumerate(csv.reader(file), start=1):
            if not cells or (line == 1 and not _is_number(cells[0])):
                continue
            if len(cells) < least_columns or (exact and len(cells) != least_columns):
                columns = f"{least_columns} columns" if exact else f"at least {least_columns} columns"
                raise DataError(f"a row must have {columns}, but got {len(cells)} in {path}, line {line}")
            rows.append(_row(cells, where=f"{path}, line {line}"))
    if not rows:
        raise DataError(f"a table must have at least one row, but got none in {path}")
    if len({len(row) for row in rows}) > 1:
        raise DataError(f"all rows must have the same number of columns, but got different numbers in {path}")
    return np.array(rows)


def _row(cells: Sequence[str], *, where: str) -> list[float]:
    """Convert cells to finite numbers, or raise for the first cell that is none."""
    for column, cell in enumerate(cells, start=1):
        if not _is_number(cell) or not np.isfinite(float(cell)):
            raise DataError(f"cells must be finite numbers, but got {cell!r} in {where}, column {column}")
    return [float(cell) for cell in cells]


def _is_number(cell: str) -> bool:
    """Return whether a cell contains a number."""
    try:
        float(cell)
    except ValueError:
        return False
    return True
