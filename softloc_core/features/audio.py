"""Audio files as mono samples; damaged or truncated files raise an error."""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import BinaryIO, Protocol

import numpy as np
import soundfile
from numpy.typing import NDArray

from softloc_core.errors import DataError

__all__ = ["AudioFile", "AudioSource", "load_audio"]

_UNKNOWN_SIZE = 0xFFFFFFFF
_RIFF_HEADER_BYTES, _CHUNK_HEADER_BYTES = 12, 8


class AudioSource(Protocol):
    """A source of samples with a key that identifies its content, for caching what is derived from it."""

    @property
    def content_key(self) -> str:
        """Hash of the content; equal keys mean equal samples."""
        ...

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        ...

    def load(self) -> tuple[NDArray[np.float32], int]:
        """Return mono samples, [sample], usually in [-1, 1], and their rate in Hz."""
        ...


@dataclass(frozen=True)
class AudioFile:
    """A sound file on disk, in any format and at any rate that libsndfile reads, with any number of channels.

    Attributes:
        path: Path of the file.
    """

    path: Path

    @cached_property
    def content_key(self) -> str:
        """SHA-256 of the file's bytes."""
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    @cached_property
    def duration_s(self) -> float:
        """Length in seconds according to the header, after checking that the file is complete.

        Raises:
            DataError: The file cannot be read, is empty or is truncated.
        """
        _validate_wav_size(self.path)
        try:
            info = soundfile.info(str(self.path))
        except soundfile.LibsndfileError as error:
            raise _unreadable(self.path, error) from error
        if info.frames < 1:
            raise DataError(f"a recording must hold at least one sample, but got none in {self.path}")
        return float(info.frames / info.samplerate)

    def load(self) -> tuple[NDArray[np.float32], int]:
        """Return samples and rate; see `load_audio`."""
        return load_audio(self.path)


def load_audio(path: Path) -> tuple[NDArray[np.float32], int]:
    """Return a sound file's samples, [sample], averaged over its channels, and their rate in Hz.

    libsndfile reads truncated WAV files without an error. Therefore the sizes announced in the header are
    compared with the bytes in the file.

    Raises:
        DataError: The file cannot be read, is empty or truncated, or holds samples that are not finite.
    """
    duration_s = AudioFile(path).duration_s
    try:
        samples, rate_hz = soundfile.read(str(path), dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise _unreadable(path, error) from error
    n_announced = round(duration_s * rate_hz)
    if len(samples) != n_announced:
        raise _cut_short(path, f"{len(samples)} of {n_announced} samples")
    if not np.isfinite(samples).all():
        raise DataError(f"a recording's samples must be finite, but got NaN or infinity in {path}")
    return samples.mean(axis=1, dtype=np.float32), int(rate_hz)


def _unreadable(path: Path, error: Exception) -> DataError:
    """Return the error for a file that libsndfile cannot read."""
    if not path.is_file():
        return DataError(f"a recording must be a file, but got nothing at {path}")
    return DataError(f"a recording must be a sound file that libsndfile reads, but got {path}: {error}")


def _cut_short(path: Path, what: str) -> DataError:
    """Return the error for a truncated file."""
    return DataError(f"a recording must be whole, but got {what} in {path}: copy it again")


def _validate_wav_size(path: Path) -> None:
    """Raise if a RIFF file's data chunk announces more bytes than follow it; ignore other formats."""
    if not path.is_file():
        return
    size = path.stat().st_size
    with path.open("rb") as file:
        if file.read(_RIFF_HEADER_BYTES)[:4] not in (b"RIFF", b"RIFX"):
            return
        file.seek(0)
        order = ">" if file.read(4) == b"RIFX" else "<"
        n_announced = _wav_data_bytes(file, size=size, order=order)
        n_present = size - file.tell()
    if n_announced is None:
        raise _cut_short(path, "no audio data")
    if n_announced != _UNKNOWN_SIZE and n_present < n_announced:
        raise _cut_short(path, f"{n_present} of {n_announced} bytes of audio")


def _wav_data_bytes(file: BinaryIO, *, size: int, order: str) -> int | None:
    """Return the size that the data chunk announces, or None if there is no data chunk.

    The file is left at the first byte of the chunk's data.
    """
    position = _RIFF_HEADER_BYTES
    while position + _CHUNK_HEADER_BYTES <= size:
        file.seek(position)
        name, n_bytes = struct.unpack(f"{order}4sI", file.read(_CHUNK_HEADER_BYTES))
        if name == b"data":
            return int(n_bytes)
        position += _CHUNK_HEADER_BYTES + n_bytes + n_bytes % 2
    return None
