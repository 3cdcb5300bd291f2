"""Reader for the MATLAB files of Mobilise-D in mobgap's repository, with one `data.mat` per person."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy.io
from numpy.typing import NDArray

from softloc_core.errors import DataError
from softloc_core.tasks.gait.stretches import RATE_HZ

__all__ = ["SYSTEMS", "WalkingTrial", "read_trials"]

SYSTEMS = {"indip": "INDIP", "stereophoto": "Stereophoto"}
"""Names of the reference systems in the files, by the names that splits use."""
_SENSORS = ("Acc", "Gyr")


@dataclass(frozen=True, eq=False)
class WalkingTrial:
    """One trial of a person with the contacts of each reference system.

    Attributes:
        name: Path of the trial in the file, such as `TimeMeasure1.Test5.Trial1`.
        motion: [sample, (3 accelerations in g, 3 angular rates in degrees/s)] at 100 Hz.
        bouts: Initial contacts of each walking bout in seconds from the start of the trial, by system. NaN
            marks a contact without a known time. Systems that did not record the trial are left out.
    """

    name: str
    motion: NDArray[np.float64]
    bouts: dict[str, list[NDArray[np.float64]]]


def read_trials(path: Path) -> tuple[list[WalkingTrial], list[DataError]]:
    """Read the trials of one person and the problems of unusable trials.

    One sample is subtracted from all times, because the files count samples from 1.

    Source: Mobilise-D's data format as read by mobgap (github.com/mobilise-d/mobgap), which corrects times in
    the same way.

    Raises:
        DataError: The file cannot be read or has another structure.
    """
    try:
        content = scipy.io.loadmat(path, squeeze_me=True, struct_as_record=False)
    except (OSError, ValueError, NotImplementedError, TypeError) as error:
        raise DataError(f"a person's file must be a MATLAB 5 file, but got {error} in {path}") from error
    data = content.get("data")
    if not _is_struct(data):
        raise DataError(f"a person's file must contain the struct `data`, but got {_kind(data)} in {path}")
    trials, problems = [], []
    for name, struct in _trial_structs(data):
        try:
            trials.append(_trial(name, struct))
        except DataError as problem:
            problems.append(DataError(f"{problem} in data.{name} in {path}"))
    return trials, problems


def _trial_structs(data: Any) -> Iterator[tuple[str, Any]]:
    """Iterate over the trials, which are nested in time measures and tests."""
    for measure, tests in _fields(data):
        for test, trials in _fields(tests):
            for trial, struct in _fields(trials):
                yield f"{measure}.{test}.{trial}", struct


def _trial(name: str, struct: Any) -> WalkingTrial:
    sensor = _inner(struct, "SU.LowerBack")
    parts = [_sensor(sensor, axis) for axis in _SENSORS]
    if len(parts[0]) != len(parts[1]):
        raise DataError(f"Acc and Gyr must have the same length, but got {len(parts[0])} and {len(parts[1])}")
    motion = np.concatenate(parts, axis=1)
    standards = _inner(struct, "Standards")
    bouts = {
        system: list(_bouts(getattr(standards, field), field, n_samples=len(motion)))
        for system, field in SYSTEMS.items()
        if _is_struct(getattr(standards, field, None))
    }
    return WalkingTrial(name, motion, bouts)


def _sensor(sensor: Any, axis: str) -> NDArray[np.float64]:
    """Return the validated values of one sensor, [sample, 3]."""
    rate_hz = _inner(sensor, f"Fs.{axis}")
    if rate_hz != RATE_HZ:
        raise DataError(f"{axis} must be sampled at {RATE_HZ} Hz, but got {rate_hz} Hz")
    values = np.asarray(_inner(sensor, axis))
    if values.ndim != 2 or values.shape[1] != 3 or not np.issubdtype(values.dtype, np.number):
        raise DataError(f"{axis} must be [sample, 3], but got the shape {values.shape}")
    broken = np.flatnonzero(~np.isfinite(values).all(axis=1))
    if len(broken):
        raise DataError(f"{axis} must be finite, but got {values[broken[0]].tolist()} in row {broken[0]}")
    return values.astype(np.float64)


def _bouts(standard: Any, system: str, *, n_samples: int) -> Iterator[NDArray[np.float64]]:
    """Iterate over a system's walking bouts: contacts in seconds from the start of the trial."""
    for index, bout in enumerate(np.atleast_1d(_inner(standard, "MicroWB"))):
        if not _is_struct(bout):
            continue  # an empty array means that there is no bout
        marked_s = np.atleast_1d(np.asarray(_inner(bout, "InitialContact_Event"), dtype=np.float64))
        contact_s = marked_s - 1 / RATE_HZ
        outside = (contact_s < 0) | (contact_s > n_samples / RATE_HZ)
        late = np.flatnonzero(np.diff(contact_s[np.isfinite(contact_s)]) < 0)
        if outside.any() or len(late):
            rule = f"be within 0 to {n_samples / RATE_HZ:g} s" if outside.any() else "ascend"
            first = marked_s[np.flatnonzero(outside)[0] if outside.any() else late[0] + 1]
            raise DataError(f"contacts of {system} must {rule}, but got {first:g} s in bout {index}")
        yield contact_s


def _inner(struct: Any, path: str) -> Any:
    """Return the value at a dotted path.

    Raises:
        DataError: The path does not exist.
    """
    for name in path.split("."):
        if not hasattr(struct, name):
            raise DataError(f"a trial must contain {path}, but got no {name}")
        struct = getattr(struct, name)
    return struct


def _fields(struct: Any) -> list[tuple[str, Any]]:
    """Return the fields of a struct, or nothing if the value is not a struct."""
    if not _is_struct(struct):
        return []
    return [(name, getattr(struct, name)) for name in struct._fieldnames]


def _is_struct(value: Any) -> bool:
    return hasattr(value, "_fieldnames")


def _kind(value: Any) -> str:
    return "nothing of that name" if value is None else f"a {type(value).__name__}"
