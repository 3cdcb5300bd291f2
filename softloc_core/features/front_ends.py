"""Audio front ends by name, which turn samples into spectral bands on a regular grid of frames."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache

import librosa
import numpy as np
import scipy.fft
import scipy.signal
import torch
from numpy.typing import NDArray

from softloc_core.errors import ConfigError
from softloc_core.events import seconds_to_frames
from softloc_core.features.filter_banks import filter_bank

__all__ = ["FRONT_ENDS", "FrontEnd", "filter_weights", "front_end"]

_BLOCK_FRAMES = 1024


@dataclass(frozen=True, kw_only=True)
class FrontEnd:
    """Spectral bands in decibels on a regular grid of frames; frame k represents the instant `k * hop_s`.

    The hop is exact at every sampling rate. Each window starts at the sample nearest to its exact position,
    so that no drift builds up if the hop is not a whole number of samples. The front end computes static
    bands only; networks add differences over time and remove an excerpt's mean themselves.

    Attributes:
        name: Name in study files.
        rate_hz: Sampling rate in Hz to which audio is resampled.
        hop_s: Seconds between frames.
        window_s: Length of the analysis window in seconds; rounded to samples.
        window: Shape of the window, as named in `scipy.signal.get_window`.
        window_offset_s: Time in seconds from a frame's instant to the centre of its window.
        n_fft: Length of the zero-padded Fourier transform, at least the window's.
        n_bands: Number of bands.
        min_hz: Lower edge of the lowest band in Hz.
        max_hz: Upper edge of the highest band in Hz, at most half the rate.
        filter_bank: Kind of filter bank, one of `softloc_core.features.filter_banks.FILTER_BANKS`.
        pre_emphasis: Coefficient of the first-order high-pass filter, 0 for none.
        power_divisor: Divisor of the squared magnitude.
        power_floor: Smallest power of a band, > 0, so that silence is finite.
        db_factor: Decibels per decade of power; 10 by definition.
        pad_level: Standard deviation of the fixed Gaussian noise before and after the recording.
        kept_bands: Number of bands returned, the lowest ones; None for all.
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
    filter_bank: str
    pre_emphasis: float
    power_divisor: float
    power_floor: float
    db_factor: float
    pad_level: float
    kept_bands: int | None = None

    def __call__(self, samples: NDArray[np.float32], rate_hz: int) -> NDArray[np.float32]:
        """Return the bands of each frame, [frame, band] float32, in dB.

        Args:
            samples: [sample], mono.
            rate_hz: Sampling rate of the samples in Hz; they are resampled to the front end's rate if it
                differs (soxr, high quality).
        """
        n_frames = self.n_frames(len(samples) / rate_hz)
        if rate_hz != self.rate_hz:
            samples = librosa.resample(samples, orig_sr=rate_hz, target_sr=self.rate_hz, res_type="soxr_hq")
        start = self._window_starts(n_frames)
        padded = self._padded(
            samples, n_left=max(0, -int(start[0])), end=int(start[-1]) + self.window_samples
        )
        start = start + max(0, -int(start[0]))
        bands = np.empty((n_frames, self.n_features), dtype=np.float32)
        for first in range(0, n_frames, _BLOCK_FRAMES):
            block = slice(first, first + _BLOCK_FRAMES)
            bands[block] = self._decibels(padded[start[block, None] + np.arange(self.window_samples)])
        return bands

    def n_frames(self, duration_s: float) -> int:
        """Return the number of frames of a recording: all k for which `k * hop_s` is not past its end."""
        return 1 + math.floor(round(seconds_to_frames(duration_s, hop_s=self.hop_s), 6))

    def sum_of(self, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        """Return the features of two sounds played at once, [*, band]: the powers of their bands add.

        This holds on average over phases. Two tones in one band may beat, which is not modelled. Two equal
        sounds are `db_factor * log10(2)` louder than one, 3 dB at a factor of 10.
        """
        scale = math.log(10) / self.db_factor
        return torch.logaddexp(first * scale, second * scale) / scale

    @property
    def n_features(self) -> int:
        """Number of bands returned."""
        return self.n_bands if self.kept_bands is None else self.kept_bands

    @property
    def window_samples(self) -> int:
        """Length of the window in samples."""
        return round(self.window_s * self.rate_hz)

    def _window_starts(self, n_frames: int) -> NDArray[np.int64]:
        """Return the first sample of each frame's window; it is negative before the recording."""
        centre_s = np.arange(n_frames) * self.hop_s + self.window_offset_s
        position = np.round(centre_s * self.rate_hz - self.window_samples / 2, 6)
        return np.floor(position + 0.5).astype(np.int64)

    def _padded(self, samples: NDArray[np.float32], *, n_left: int, end: int) -> NDArray[np.float64]:
        """Pad the samples with quiet noise so that every window fits, and apply the pre-emphasis."""
        n_right = max(0, end - len(samples))
        noise = self.pad_level * np.random.default_rng(0).standard_normal(n_left + n_right)
        padded = np.concatenate([noise[:n_left], samples.astype(np.float64), noise[n_left:]])
        padded[1:] -= self.pre_emphasis * padded[:-1]
        return padded

    def _decibels(self, windows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Convert windows [frame, sample] to bands [frame, band] in dB."""
        shape = scipy.signal.get_window(
            self.window, self.window_samples, fftbins=self.filter_bank != "htk_floored"
        )
        spectrum = scipy.fft.rfft(windows * shape, n=self.n_fft, axis=1)
        power = (spectrum.real**2 + spectrum.imag**2) / self.power_divisor
        bands: NDArray[np.float64] = np.maximum(power @ filter_weights(self).T, self.power_floor)
        return self.db_factor * np.log10(bands)


@cache
def filter_weights(front_end: FrontEnd) -> NDArray[np.float64]:
    """Return the weight of each Fourier bin in each returned band, [band, bin].

    Raises:
        ConfigError: The kind of filter bank is unknown.
    """
    filters = filter_bank(
        front_end.filter_bank,
        rate_hz=front_end.rate_hz,
        n_fft=front_end.n_fft,
        n_bands=front_end.n_bands,
        min_hz=front_end.min_hz,
        max_hz=front_end.max_hz,
    )
    return filters[: front_end.n_features]


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
    filter_bank="slaney",
    pre_emphasis=0.0,
    power_divisor=1.0,
    power_floor=1e-8,
    db_factor=10.0,
    pad_level=0.0,
)
"""48 log-mel bands at 100 frames/s with centred Hann windows of 46 ms, for the network `compact`."""

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
    filter_bank="htk_floored",
    pre_emphasis=0.97,
    power_divisor=4096.0,
    power_floor=float(np.finfo(np.float64).eps),
    db_factor=20.0,
    pad_level=1e-5,
)
"""The papers' drum front end: 72 bands at 200 frames/s, 20 log10 of the *power*, as in their code.

Window k ends half a hop after `k * hop_s`. With `FrameGrid`'s rounding an event then belongs to the first
frame whose window ends after it, which is the papers' mapping of labels to frames.

Source: the SoftLoc paper's released code, drum experiment. Deliberate differences: The stride is exactly
5 ms; theirs is 220 samples, which drifts by 3.4 ms over 1.5 s. A frame is at the middle of the 5 ms it
represents; theirs is at the beginning, so that their times are early by 2.5 ms on average. The padding of
quiet noise is at the ends of the recording, not before each excerpt. All powers below the floor are raised to
it, not only zeros.
"""

_PAPER_PIANO = replace(
    _PAPER, name="paper_piano", n_fft=8192, power_divisor=8192.0, n_bands=550, kept_bands=384
)
"""The papers' piano front end: as `paper`, but the lowest 384 of 550 bands (up to 7.2 kHz).

The lowest bands are narrower than a Fourier bin. Some contain no bin and are constant, as in the papers'
code.

Source: the SoftLoc paper's released code, piano experiment. Deliberate differences: those of `paper`.
"""

_LOG_MEL_229 = FrontEnd(
    name="log_mel_229",
    rate_hz=16_000,
    hop_s=512 / 16_000,
    window_s=2048 / 16_000,
    window="hann",
    window_offset_s=0.0,
    n_fft=2048,
    n_bands=229,
    min_hz=30.0,
    max_hz=8_000.0,
    filter_bank="htk",
    pre_emphasis=0.0,
    power_divisor=1.0,
    power_floor=1e-10,
    db_factor=10.0,
    pad_level=0.0,
)
"""229 log-mel bands at 31.25 frames/s, for the network `onsets_frames`.

Source: Hawthorne et al., "Onsets and frames: dual-objective piano transcription", ISMIR 2018, section 3.1,
with the scale (HTK, from 30 Hz) of its released code.
"""

_SEMITONES_196 = replace(
    _LOG_MEL_229,
    name="semitones_196",
    hop_s=0.02,
    n_bands=196,
    min_hz=27.5,
    max_hz=27.5 * 2 ** (195 / 24),
    filter_bank="log_frequency",
    power_floor=1e-8,
)
"""Two bands per semitone from the piano's lowest key (27.5 Hz) to 7.7 kHz at 50 frames/s, for `compact`.

An interval spans the same number of bands everywhere, so that a network can treat all keys alike.
"""

FRONT_ENDS: Mapping[str, FrontEnd] = {
    preset.name: preset for preset in (_LOG_MEL_48, _PAPER, _PAPER_PIANO, _LOG_MEL_229, _SEMITONES_196)
}


def front_end(name: str) -> FrontEnd:
    """Return the front end with this name.

    Raises:
        ConfigError: The name is unknown.
    """
    if name not in FRONT_ENDS:
        raise ConfigError(f"`features` must be one of {', '.join(FRONT_ENDS)}, but got {name}")
    return FRONT_ENDS[name]
