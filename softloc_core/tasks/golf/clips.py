"""Reader for per-frame features of golf clips, which are concatenated in `.npz` files."""

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
"""Nominal seconds per frame. GolfDB does not state frame rates, and slow-motion clips are also stretched."""
_ARRAYS = {"frame_probs": 2, "clip_id": 1, "clip_frames": 1}
_LABELS = "frame_labels"


@dataclass(frozen=True, eq=False)
class ClipFeatures:
    """Features of one clip.

    Attributes:
        clip_id: Number of the clip in GolfDB.
        rows: [frame, band] float32 features.
        labels: [frame] event of each frame, 8 for none. None if the file has no labels.
        path: The file that contains the features.
    """

    clip_id: int
    rows: NDArray[np.float32]
    labels: NDArray[np.int64] | None
    path: Path

    def problem(self, swing: Swing) -> DataError | None:
        """Return the error if these cannot be the features of a swing, or None."""
        if len(self.rows) != swing.n_frames:
            what = f"the {swing.n_frames} frames of its annotation, but got {len(self.rows)}"
        elif not np.isfinite(self.rows).all():
            bad = int(np.flatnonzero(~np.isfinite(self.rows).all(axis=1))[0])
            what = f"finite features, but got others in frame {bad}"
        elif self.labels is not None and not np.array_equal(self.labels, _frame_labels(swing)):
            bad = int(np.flatnonzero(self.labels != _frame_labels(swing))[0])
            what = f"the labels of its annotation, but got {self.labels[bad]} in frame {bad}"
        else:
            return None
        return DataError(f"clip {self.clip_id} must have {what} in {self.path}")


def _frame_labels(swing: Swing) -> NDArray[np.int64]:
    """Return the event of each frame, 8 for none. If two events share a frame, the later event is used."""
    labels = np.full(swing.n_frames, len(GOLF_CHANNELS), dtype=np.int64)
    labels[swing.event_frame] = np.arange(len(GOLF_CHANNELS))
    return labels


def read_clips(path: Path) -> Iterator[ClipFeatures]:
    """Iterate over the clips of a file.

    The array `frame_probs` [all frames, band] contains the features, and `clip_id` and `clip_frames` contain
    the number and length of each clip. The optional `frame_labels` repeats the annotation, so that the two
    can be compared.

    Raises:
        DataError: The file cannot be read, or arrays are missing or do not fit together.
    """
    arrays = _arrays(path)
    rows, n_frames = arrays["frame_probs"].astype(np.float32), arrays["clip_frames"].astype(np.int64)
    if len(arrays["clip_id"]) != len(n_frames) or n_frames.sum() != len(rows) or (n_frames < 1).any():
        raise DataError(
            f"clip_frames must be at least 1 for each clip and {len(rows)} in total, but got "
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
    """Read the arrays of a file and validate their numbers of axes."""
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
