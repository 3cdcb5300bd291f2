"""Audio files for the data sets that tests write."""

from pathlib import Path

import numpy as np
import soundfile

__all__ = ["write_clicks"]


def write_clicks(path: Path, *, seconds: float = 2.0, rate_hz: int = 44_100, seed: int = 0) -> None:
    """Write a quiet recording with a click every quarter of a second and noise drawn from the seed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = 0.01 * np.random.default_rng(seed).standard_normal(round(seconds * rate_hz))
    samples[:: rate_hz // 4] = 0.5
    soundfile.write(path, samples, rate_hz)
