"""Features of recordings: computed once by a front end and cached on disk by content."""

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
from softloc_core.features.front_ends import FRONT_ENDS, FrontEnd, front_end

__all__ = ["FRONT_ENDS", "FeatureCache", "FrontEnd", "front_end"]

logger = logging.getLogger(__name__)

FEATURE_CODE_VERSION = 1


class FeatureCache:
    """Features on disk, keyed by the audio's content, the front end's parameters and this code's version.

    Files appear whole or not at all, so that several processes may share a folder.

    Attributes:
        cache_dir: Folder of the cache; created when first written to.
        n_computed: How often features were computed by this object.
        n_reused: How often they were found.
    """

    def __init__(self, cache_dir: Path) -> None:
        self.cache_dir = cache_dir
        self.n_computed = 0
        self.n_reused = 0

    def features(self, audio: AudioSource, *, front_end: FrontEnd) -> NDArray[np.float32]:
        """Features of a recording, [frame, band], read-only and memory-mapped.

        A file in the cache that cannot be used is replaced.

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
        """Identity of the features, 64 hexadecimal digits; what is None plays no part in it."""
        content = {
            "audio": audio.content_key,
            "front_end": {name: value for name, value in asdict(front_end).items() if value is not None},
            "version": FEATURE_CODE_VERSION,
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    def path(self, audio: AudioSource, *, front_end: FrontEnd) -> Path:
        """The file that holds, or would hold, the features."""
        return self.cache_dir / "features" / front_end.name / f"{self.key(audio, front_end=front_end)}.npy"


def _mapped(path: Path, *, shape: tuple[int, int]) -> NDArray[np.float32] | None:
    """The array in that file, or None where there is none of that shape."""
    if not path.is_file():
        return None
    try:
        found: NDArray[np.float32] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        logger.warning("features are computed again, %s cannot be read: %s", path, error)
        return None
    if found.shape != shape or found.dtype != np.float32:
        logger.warning("features are computed again, %s holds %s %s", path, found.dtype, found.shape)
        return None
    return found


def _write_atomically(path: Path, features: NDArray[np.float32]) -> None:
    """Write under another name in the same folder, then rename."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, suffix=".part")
    try:
        with os.fdopen(descriptor, "wb") as file:
            np.save(file, features)
        Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)
