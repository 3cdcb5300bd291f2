"""A cache of features on disk, keyed by content."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import tempfile
from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from softloc_core.features.audio import AudioSource
from softloc_core.features.front_ends import FrontEnd

__all__ = ["FeatureCache"]

logger = logging.getLogger(__name__)

FEATURE_CODE_VERSION = 1
# Parameters that enter the cache's keys under an older name, so that cached features stay valid.
_STORED_NAMES = {"filter_bank": "mel"}


class FeatureCache:
    """Features on disk, keyed by the audio's content, the front end's parameters and this code's version.

    Files are written atomically, so that several processes can share a folder.

    Attributes:
        cache_dir: Folder of the cache, created at the first write.
        n_computed: How often this object computed features.
        n_reused: How often this object found features in the cache.
    """

    def __init__(self, cache_dir: Path) -> None:
        self.cache_dir = cache_dir
        self.n_computed = 0
        self.n_reused = 0

    def features(self, audio: AudioSource, *, front_end: FrontEnd) -> NDArray[np.float32]:
        """Return the features of a recording, [frame, band] float32, read-only and memory-mapped.

        A cached file that cannot be used is replaced.

        Raises:
            DataError: The audio cannot be read.
        """
        path = self.path(audio, front_end=front_end)
        shape = (front_end.n_frames(audio.duration_s), front_end.n_features)
        found = _mapped(path, shape=shape)
        if found is not None:
            self.n_reused += 1
            return found
        _write_atomically(path, front_end(*audio.load()))
        self.n_computed += 1
        written = _mapped(path, shape=shape)
        assert written is not None, f"features written to {path} must be readable"
        return written

    def key(self, audio: AudioSource, *, front_end: FrontEnd) -> str:
        """Return the identity of the features, 64 hexadecimal digits; None parameters are left out."""
        parameters = {
            _STORED_NAMES.get(name, name): value
            for name, value in asdict(front_end).items()
            if value is not None
        }
        content = {
            "audio": audio.content_key,
            "front_end": parameters,
            "version": FEATURE_CODE_VERSION,
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    def path(self, audio: AudioSource, *, front_end: FrontEnd) -> Path:
        """Return the path at which the features are, or would be, cached."""
        return self.cache_dir / "features" / front_end.name / f"{self.key(audio, front_end=front_end)}.npy"


def _mapped(path: Path, *, shape: tuple[int, int]) -> NDArray[np.float32] | None:
    """Return the memory-mapped array in this file, or None if the file holds no such array."""
    if not path.is_file():
        return None
    try:
        found: NDArray[np.float32] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        logger.warning("computing features again, because %s cannot be read: %s", path, error)
        return None
    if found.shape != shape or found.dtype != np.float32:
        logger.warning("computing features again, because %s holds %s %s", path, found.dtype, found.shape)
        return None
    return found


def _write_atomically(path: Path, features: NDArray[np.float32]) -> None:
    """Write to a temporary file in the same folder, then rename it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, suffix=".part")
    try:
        with os.fdopen(descriptor, "wb") as file:
            np.save(file, features)
        Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)
