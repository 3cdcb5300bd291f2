"""Functions that write a small GolfDB in its published layout."""

from pathlib import Path

import numpy as np
from scipy.io import savemat

FIELDS = ("id", "youtube_id", "player", "split", "events")


def event_row(rng, *, slow=False):
    """Return first frame, eight events and last frame, counted from the start of the video."""
    gaps = rng.integers(2, 9, size=7) * (6 if slow else 1)
    first = int(rng.integers(100, 400))
    events = first + 10 + np.concatenate([[0], np.cumsum(gaps)])
    return [first, *events.tolist(), int(events[-1]) + 20]


def write_annotations(root: Path, rows) -> None:
    table = np.zeros((1, len(rows)), dtype=[(name, object) for name in FIELDS])
    for column, row in enumerate(rows):
        table[0, column] = tuple(
            np.array([value]) if name == "events" else value for name, value in zip(FIELDS, row, strict=True)
        )
    savemat(root / "golfDB.mat", {"golfDB": table})


def labels_of(events):
    labels = np.full(events[-1] - events[0] + 1, 8, dtype=np.int8)
    labels[np.array(events[1:-1]) - events[0]] = np.arange(8)
    return labels


def write_features(path: Path, rows, *, n_bands=9, seed=0, **changed) -> None:
    labels = [labels_of(row[-1]) for row in rows]
    n_frames = np.array([len(label) for label in labels])
    probs = np.random.default_rng(seed).random((n_frames.sum(), n_bands)).astype(np.float32)
    arrays = {
        "frame_probs": probs,
        "frame_labels": np.concatenate(labels),
        "clip_id": np.array([row[0] for row in rows]),
        "clip_frames": n_frames,
    }
    arrays.update(changed)
    np.savez(path, **{name: value for name, value in arrays.items() if value is not None})


def write_golfdb(root: Path, *, n_clips=24):
    """Write two clips per video, six clips per split, and one annotation without features."""
    rng = np.random.default_rng(0)
    rows = [
        (10 + k, f"video{k // 2}", f"player{k % 5}", 1 + (k // 2) % 4, event_row(rng, slow=k % 2 == 1))
        for k in range(n_clips + 1)
    ]
    write_annotations(root, rows)
    write_features(root / "features.npz", rows[:-1])
    return rows[:-1]
