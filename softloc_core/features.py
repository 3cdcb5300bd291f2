"""Audio front ends: samples to spectral frames, computed once and cached on disk by content."""

from __future__ import annotations

import hashlib
import json
import logging
import math
import os
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import librosa
import numpy as np
import scipy.fft
import scipy.signal
from numpy.typing import NDArray

from softloc_core.audio import AudioSource
from softloc_core.errors import ConfigError

__all__ = ["FRONT_ENDS", "FeatureCache", "FrontEnd", "front_end"]

logger = logging.getLogger(__name__)

FEATURE_CODE_VERSION = 1
_BLOCK_FRAMES = 1024


@dataclass(frozen=True, kw_only=True)
class FrontEnd:
    """Mel bands in decibels on a regular grid of frames; frame k stands for the instant `k * hop_s`.

    The hop is exact at every rate: window k starts at the sample nearest to its place, so that no drift
    builds up where the hop is not a whole number of samples. Only static bands are given; differences over
    time and the removal of an excerpt's mean belong to the networks.

    Attributes:
        name: As written in a study file.
        rate_hz: Sampling rate that audio is brought to.
        hop_s: Seconds between frames.
        window_s: Length of the analysis window in seconds; rounded to samples.
        window: The window's shape, as `scipy.signal.get_window` names it.
        window_offset_s: From a frame's instant to the centre of its window, in seconds.
        n_fft: Length of the zero-padded Fourier transform, at least the window.
        n_bands: Number of mel bands.
        min_hz: Lower edge of the lowest band.
        max_hz: Upper edge of the highest band, at most half the rate.
        mel: `slaney` (area-normalised, as librosa's) or `htk_floored` (peak 1, corners floored to bins).
        pre_emphasis: Coefficient of the first-order high-pass filter, 0 for none.
        power_divisor: What the squared magnitude is divided by.
        power_floor: Smallest power of a band, > 0, so that silence is finite.
        db_factor: Decibels a decade of power; 10 is the definition.
        pad_level: Standard deviation of the fixed Gaussian noise that stands before and after the recording.
    """

    name: str
    rate_hz: int
    hop_s: float
    window_s: float
    window: str
    window_offset_s: float
    n_fft: int
    n_bands: int
    min_hz: float
    max_hz: float
    mel: str
    pre_emphasis: float
    power_divisor: float
    power_floor: float
    db_factor: float
    pad_level: float

    def __call__(self, samples: NDArray[np.float32], rate_hz: int) -> NDArray[np.float32]:
        """Bands of each frame, [frame, band] float32, in dB.

        Args:
            samples: [sample], one channel.
            rate_hz: Their rate; another than the front end's is resampled (soxr, high quality).
        """
        n_frames = self.n_frames(len(samples) / rate_hz)
        if rate_hz != self.rate_hz:
            samples = librosa.resample(samples, orig_sr=rate_hz, target_sr=self.rate_hz, res_type="soxr_hq")
        start = self._window_starts(n_frames)
        padded = self._padded(
            samples, n_left=max(0, -int(start[0])), end=int(start[-1]) + self.window_samples
        )
        start = start + max(0, -int(start[0]))
        bands = np.empty((n_frames, self.n_bands), dtype=np.float32)
        for first in range(0, n_frames, _BLOCK_FRAMES):
            block = slice(first, first + _BLOCK_FRAMES)
            bands[block] = self._decibels(padded[start[block, None] + np.arange(self.window_samples)])
        return bands

    def n_frames(self, duration_s: float) -> int:
        """Number of frames of a recording: every k with `k * hop_s` not past its end."""
        return 1 + math.floor(round(duration_s / self.hop_s, 6))

    @property
    def window_samples(self) -> int:
        """Length of the window in samples."""
        return round(self.window_s * self.rate_hz)

    def _window_starts(self, n_frames: int) -> NDArray[np.int64]:
        """First sample of each frame's window; negative before the recording."""
        centre_s = np.arange(n_frames) * self.hop_s + self.window_offset_s
        position = np.round(centre_s * self.rate_hz - self.window_samples / 2, 6)
        return np.floor(position + 0.5).astype(np.int64)

    def _padded(self, samples: NDArray[np.float32], *, n_left: int, end: int) -> NDArray[np.float64]:
        """Samples between two stretches of quiet noise, pre-emphasised, long enough for every window."""
        n_right = max(0, end - len(samples))
        noise = self.pad_level * np.random.default_rng(0).standard_normal(n_left + n_right)
        padded = np.concatenate([noise[:n_left], samples.astype(np.float64), noise[n_left:]])
        padded[1:] -= self.pre_emphasis * padded[:-1]
        return padded

    def _decibels(self, windows: NDArray[np.float64]) -> NDArray[np.float64]:
        """[frame, sample] to [frame, band] in dB."""
        shape = scipy.signal.get_window(self.window, self.window_samples, fftbins=self.mel == "slaney")
        spectrum = scipy.fft.rfft(windows * shape, n=self.n_fft, axis=1)
        power = (spectrum.real**2 + spectrum.imag**2) / self.power_divisor
        bands: NDArray[np.float64] = np.maximum(power @ mel_filters(self).T, self.power_floor)
        return self.db_factor * np.log10(bands)


@cache
def mel_filters(front_end: FrontEnd) -> NDArray[np.float64]:
    """Weight of each Fourier bin in each band, [band, bin].

    Raises:
        ConfigError: `mel` is no known kind of filter bank.
    """
    if front_end.mel == "slaney":
        filters: NDArray[np.float64] = librosa.filters.mel(
            sr=front_end.rate_hz,
            n_fft=front_end.n_fft,
            n_mels=front_end.n_bands,
            fmin=front_end.min_hz,
            fmax=front_end.max_hz,
            dtype=np.float64,
        )
        return filters
    if front_end.mel == "htk_floored":
        return _floored_triangles(front_end)
    raise ConfigError(f"`mel` must be slaney or htk_floored, but got {front_end.mel}")


def _floored_triangles(front_end: FrontEnd) -> NDArray[np.float64]:
    """Triangles of height 1, their corners equally spaced in mel and then floored to Fourier bins."""
    low, high = (2595.0 * math.log10(1.0 + hz / 700.0) for hz in (front_end.min_hz, front_end.max_hz))
    corner_hz = 700.0 * (10.0 ** (np.linspace(low, high, front_end.n_bands + 2) / 2595.0) - 1.0)
    corner = np.floor((front_end.n_fft + 1) * corner_hz / front_end.rate_hz)[:, None]
    left, centre, right = corner[:-2], corner[1:-1], corner[2:]
    bin_index = np.arange(front_end.n_fft // 2 + 1)
    # A corner that falls on its neighbour leaves a side without bins: the divisor is then never used.
    rising = (bin_index - left) / np.maximum(centre - left, 1.0)
    falling = (right - bin_index) / np.maximum(right - centre, 1.0)
    triangle = np.where(bin_index < centre, rising, falling)
    return np.where((bin_index >= left) & (bin_index <= right), np.maximum(triangle, 0.0), 0.0)


_LOG_MEL_48 = FrontEnd(
    name="log_mel_48",
    rate_hz=44_100,
    hop_s=0.01,
    window_s=2048 / 44_100,
    window="hann",
    window_offset_s=0.0,
    n_fft=2048,
    n_bands=48,
    min_hz=30.0,
    max_hz=16_000.0,
    mel="slaney",
    pre_emphasis=0.0,
    power_divisor=1.0,
    power_floor=1e-8,
    db_factor=10.0,
    pad_level=0.0,
)
"""48 log-mel bands at 100 frames/s, for the `compact` network: centred Hann windows of 46 ms."""

_PAPER = FrontEnd(
    name="paper",
    rate_hz=44_100,
    hop_s=0.005,
    window_s=0.025,
    window="hamming",
    window_offset_s=0.0025 - 0.025 / 2,
    n_fft=4096,
    n_bands=72,
    min_hz=0.0,
    max_hz=22_050.0,
    mel="htk_floored",
    pre_emphasis=0.97,
    power_divisor=4096.0,
    power_floor=float(np.finfo(np.float64).eps),
    db_factor=20.0,
    pad_level=1e-5,
)
"""The papers' drum front end, 72 bands at 200 frames/s; 20 log10 of the *power*, as their code has it.

Window k ends half a hop after `k * hop_s`. With `FrameGrid`'s rounding an event then belongs to the first
frame whose window ends after it, which is the papers' mapping of labels to frames.

Source: the SoftLoc paper's released code, drum experiment. Deliberate differences: a stride of exactly 5 ms,
where theirs is 220 samples and drifts by 3.4 ms over 1.5 s; a frame lies at the middle of the 5 ms it stands
for, where theirs lies at the beginning, so that their times are early by 2.5 ms on average; the pad of quiet
noise stands at the ends of the recording, not before each excerpt; every power below the floor is raised to
it, not zeros alone.
"""

FRONT_ENDS: Mapping[str, FrontEnd] = {preset.name: preset for preset in (_LOG_MEL_48, _PAPER)}


def front_end(name: str) -> FrontEnd:
    """The front end of that name.

    Raises:
        ConfigError: There is none.
    """
    if name not in FRONT_ENDS:
        raise ConfigError(f"`features` must be one of {', '.join(FRONT_ENDS)}, but got {name}")
    return FRONT_ENDS[name]


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
        shape = (front_end.n_frames(audio.duration_s), front_end.n_bands)
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
        """Identity of the features, 64 hexadecimal digits."""
        content = {
            "audio": audio.content_key,
            "front_end": asdict(front_end),
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
