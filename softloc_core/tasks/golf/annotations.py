"""Reader for GolfDB's annotation file: eight events of each of 1 400 swings, in frames."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.io import loadmat
from scipy.io.matlab import MatReadError

from softloc_core.errors import DataError

__all__ = ["ANNOTATION_FILE", "GOLF_CHANNELS", "Swing", "read_swings"]

ANNOTATION_FILE = "golfDB.mat"
GOLF_CHANNELS = (
    "address",
    "toe_up",
    "mid_backswing",
    "top",
    "mid_downswing",
    "impact",
    "mid_follow_through",
    "finish",
)
_FIELDS = ("id", "youtube_id", "split", "events")
# The first frame of the clip, eight events, and the last frame.
_N_FRAMES_ANNOTATED = len(GOLF_CHANNELS) + 2
_N_SPLITS = 4


@dataclass(frozen=True, eq=False)
class Swing:
    """One annotated swing.

    Attributes:
        clip_id: Number of the clip in GolfDB.
        video: The video that contains the clip.
        split: Number of the GolfDB split (1 to 4) that tests on this clip.
        event_frame: [8] frames of the events from the start of the clip. They ascend except in one swing of
            GolfDB, whose two events around impact are exchanged.
        n_frames: Number of frames of the clip.
    """

    clip_id: int
    video: str
    split: int
    event_frame: NDArray[np.int64]
    n_frames: int


def read_swings(path: Path) -> dict[int, Swing]:
    """Read all swings by clip number.

    Raises:
        DataError: The file does not exist or is not GolfDB's, or a row cannot be used. The message names the
            row.
    """
    if not path.is_file():
        raise DataError(f"`--data-root` must contain {ANNOTATION_FILE}, but got none at {path}")
    try:
        content = loadmat(path, variable_names=["golfDB"], squeeze_me=True)
    except (OSError, ValueError, TypeError, NotImplementedError, MatReadError) as error:
        raise DataError(f"annotations must be a MATLAB file, but got {error} in {path}") from error
    table = np.atleast_1d(content.get("golfDB", np.empty(0)))
    missing = [name for name in _FIELDS if name not in (table.dtype.names or ())]
    if missing:
        raise DataError(
            f"the struct golfDB must have the fields {', '.join(_FIELDS)}, but got none named "
            f"{', '.join(missing)} in {path}"
        )
    swings: dict[int, Swing] = {}
    for row, entry in enumerate(table, start=1):
        swing = _swing(entry, where=f"{path}, row {row}")
        if swing.clip_id in swings:
            raise DataError(f"each swing must occur once, but got {swing.clip_id} again in {path}, row {row}")
        swings[swing.clip_id] = swing
    return swings


def _swing(entry: Any, *, where: str) -> Swing:
    """Return the swing in a row of the struct array."""
    frame = np.atleast_1d(entry["events"]).astype(np.int64)
    if frame.shape != (_N_FRAMES_ANNOTATED,):
        raise DataError(
            f"events must be {_N_FRAMES_ANNOTATED} frames (first, 8 events, last), but got {frame.size} "
            f"in {where}"
        )
    if frame.min() < frame[0] or frame.max() > frame[-1]:
        raise DataError(
            f"events must lie between the clip's first and last frame, but got {frame.tolist()} in {where}"
        )
    split = int(entry["split"])
    if not 1 <= split <= _N_SPLITS:
        raise DataError(f"split must be 1 to {_N_SPLITS}, but got {split} in {where}")
    return Swing(
        clip_id=int(entry["id"]),
        video=str(entry["youtube_id"]),
        split=split,
        event_frame=frame[1:-1] - frame[0],
        n_frames=int(frame[-1] - frame[0]) + 1,
    )
