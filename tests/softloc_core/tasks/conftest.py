"""Small trees of recordings in the layouts that the owners of the data publish."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

WriteMdb = Callable[..., Path]


def write_clicks(path: Path, *, seconds: float = 2.0, rate_hz: int = 44_100, seed: int = 0) -> None:
    """A quiet recording with a click every quarter of a second, its own noise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = 0.01 * np.random.default_rng(seed).standard_normal(round(seconds * rate_hz))
    samples[:: rate_hz // 4] = 0.5
    soundfile.write(path, samples, rate_hz)


@pytest.fixture
def write_mdb(tmp_path: Path) -> WriteMdb:
    """Writes an MDB Drums tree with those tracks and gives its root."""

    def write(*tracks: str, lines: str = "0.25 \t HH \n0.50 \t KD \n0.50 \t CY \n1.00 \t SD \n") -> Path:
        root = tmp_path / "MDB Drums"
        for seed, track in enumerate(tracks):
            write_clicks(root / "audio" / "drum_only" / f"MusicDelta_{track}_Drum.wav", seed=seed)
            annotation = root / "annotations" / "class" / f"MusicDelta_{track}_class.txt"
            annotation.parent.mkdir(parents=True, exist_ok=True)
            annotation.write_text(lines)
        return root

    return write
