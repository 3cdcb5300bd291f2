"""Features of the frames of golf clips, many clips laid end to end in one `.npz` file."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from softloc_core.errors import DataError
from softloc_core.tasks.golf.annotations import GOLF_CHANNELS, Swing

__all__ = ["FRAME_S", "ClipFeatures", "read_clips"]

FRAME_S = 1 / 30
"""Seconds a frame, nominally: GolfDB counts frames and does not state their rate; clips in slow motion are
stretched besides."""
_ARRAYS = {"frame_probs": 2, "clip_id": 1, "clip_frames": 1}
_LABELS = "frame_labels"


@dataclass(frozen=True, eq=False)
class ClipFeatures:
    """Features of one clip.

    Attributes:
        clip_id: Its number in GolfDB.
        rows: [frame, band] float32.
        labels: [frame] event of each frame, 8 for none; None where the file has no labels.
        path: Where they stand.
    """

    clip_id: int
    rows: NDArray[np.float32]
    labels: NDArray[np.int64] | None
    path: Path

    def problem(self, swing: Swing) -> DataError | None:
        """Why they cannot be the features of that swing, or None."""
        if len(self.rows) != swing.n_frames:
            what = f"as many frames as its annotation, {swing.n_frames}, but got {len(self.rows)}"
        elif not np.isfinite(self.rows).all():
            bad = int(np.flatnonzero(~np.isfinite(self.rows).all(axis=1))[0])
            what = f"finite features, but got others in its frame {bad}"
        elif self.labels is not None and not np.array_equal(self.labels, _frame_labels(swing)):
            bad = int(np.flatnonzero(self.labels != _frame_labels(swing))[0])
            what = f"the labels of its annotation, but got {self.labels[bad]} in its frame {bad}"
        else:
            return None
        return DataError(f"clip {self.clip_id} must have {what} in {self.path}")


def _frame_labels(swing: Swing) -> NDArray[np.int64]:
    """The event of each frame, 8 for none; where two share a frame the later one stands."""
    labels = np.full(swing.n_frames, len(GOLF_CHANNELS), dtype=np.int64)
    labels[swing.event_frame] = np.arange(len(GOLF_CHANNELS))
    return labels


def read_clips(path: Path) -> Iterator[ClipFeatures]:
    """The clips of one file, in its order.

    `frame_probs` [all frames, band] holds the features, `clip_id` and `clip_frames` each clip's number and
    length, `frame_labels` (if there) the annotation again, which is compared.

    Raises:
        DataError: A file that is none, or arrays that are absent or do not fit.
    """
    arrays = _arrays(path)
    rows, n_frames = arrays["frame_probs"].astype(np.float32), arrays["clip_frames"].astype(np.int64)
    if len(arrays["clip_id"]) != len(n_frames) or n_frames.sum() != len(rows) or (n_frames < 1).any():
        raise DataError(
            f"clip_frames must give each clip at least a frame and {len(rows)} in all, but got "
            f"{int(n_frames.sum())} frames for {len(arrays['clip_id'])} clips in {path}"
        )
    labels = arrays.get(_LABELS)
    if labels is not None and labels.shape != rows.shape[:1]:
        raise DataError(f"{_LABELS} must have {len(rows)} values, but got {len(labels)} in {path}")
    stop = np.cumsum(n_frames)
    for clip_id, first, last in zip(arrays["clip_id"], stop - n_frames, stop, strict=True):
        own = None if labels is None else labels[first:last].astype(np.int64)
        yield ClipFeatures(int(clip_id), rows[first:last], own, path)


def _arrays(path: Path) -> Mapping[str, NDArray[np.generic]]:
    """The file's arrays, each with its number of axes."""
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in (*_ARRAYS, _LABELS) if name in file.files}
    except (OSError, ValueError, EOFError, AttributeError, zipfile.BadZipFile) as error:
        raise DataError(f"features must be an .npz file of arrays, but got {error} in {path}") from error
    for name, n_axes in _ARRAYS.items():
        if name not in arrays or arrays[name].ndim != n_axes:
            got = f"{arrays[name].ndim} axes" if name in arrays else "no such array"
            raise DataError(f"{name} must be an array with {n_axes} axes, but got {got} in {path}")
    return arrays
