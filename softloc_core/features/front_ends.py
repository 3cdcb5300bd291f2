"""Audio front ends by name: samples to spectral bands on a regular grid of frames."""

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
from softloc_core.features.filter_banks import filter_bank

__all__ = ["FRONT_ENDS", "FrontEnd", "front_end", "mel_filters"]

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
        mel: Kind of filter bank, one of `softloc_core.features.filter_banks.FILTER_BANKS`.
        pre_emphasis: Coefficient of the first-order high-pass filter, 0 for none.
        power_divisor: What the squared magnitude is divided by.
        power_floor: Smallest power of a band, > 0, so that silence is finite.
        db_factor: Decibels a decade of power; 10 is the definition.
        pad_level: Standard deviation of the fixed Gaussian noise that stands before and after the recording.
        kept_bands: How many of the bands are given, the lowest ones; None for all.
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
    kept_bands: int | None = None

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
        bands = np.empty((n_frames, self.n_features), dtype=np.float32)
        for first in range(0, n_frames, _BLOCK_FRAMES):
            block = slice(first, first + _BLOCK_FRAMES)
            bands[block] = self._decibels(padded[start[block, None] + np.arange(self.window_samples)])
        return bands

    def n_frames(self, duration_s: float) -> int:
        """Number of frames of a recording: every k with `k * hop_s` not past its end."""
        return 1 + math.floor(round(duration_s / self.hop_s, 6))

    def sum_of(self, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        """Features of two sounds at once, [*, band]: the powers of their bands add.

        That is so on average over phases; where both are tones in one band they may beat, which this leaves
        out. Two equal sounds come out at `db_factor * log10(2)` above one: 3 dB at a factor of 10.
        """
        scale = math.log(10) / self.db_factor
        return torch.logaddexp(first * scale, second * scale) / scale

    @property
    def n_features(self) -> int:
        """Number of bands that are given."""
        return self.n_bands if self.kept_bands is None else self.kept_bands

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
        shape = scipy.signal.get_window(self.window, self.window_samples, fftbins=self.mel != "htk_floored")
        spectrum = scipy.fft.rfft(windows * shape, n=self.n_fft, axis=1)
        power = (spectrum.real**2 + spectrum.imag**2) / self.power_divisor
        bands: NDArray[np.float64] = np.maximum(power @ mel_filters(self).T, self.power_floor)
        return self.db_factor * np.log10(bands)


@cache
def mel_filters(front_end: FrontEnd) -> NDArray[np.float64]:
    """Weight of each Fourier bin in each band that is given, [band, bin].

    Raises:
        ConfigError: `mel` is no known kind of filter bank.
    """
    filters = filter_bank(
        front_end.mel,
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

_PAPER_PIANO = replace(
    _PAPER, name="paper_piano", n_fft=8192, power_divisor=8192.0, n_bands=550, kept_bands=384
)
"""The papers' piano front end: as `paper`, with 550 bands of which the lowest 384 are kept (up to 7.2 kHz).

The lowest bands are narrower than a Fourier bin: some hold none and are constant, as in the papers' code.

Source: the SoftLoc paper's released code, piano experiment; deliberate differences as for `paper`.
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
    mel="htk",
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
    mel="log_frequency",
    power_floor=1e-8,
)
"""Two bands a semitone from the piano's lowest key (27.5 Hz) to 7.7 kHz at 50 frames/s, for piano `compact`.

An interval is the same number of bands everywhere, so that a network may treat all keys alike.
"""

FRONT_ENDS: Mapping[str, FrontEnd] = {
    preset.name: preset for preset in (_LOG_MEL_48, _PAPER, _PAPER_PIANO, _LOG_MEL_229, _SEMITONES_196)
}


def front_end(name: str) -> FrontEnd:
    """The front end of that name.

    Raises:
        ConfigError: There is none.
    """
    if name not in FRONT_ENDS:
        raise ConfigError(f"`features` must be one of {', '.join(FRONT_ENDS)}, but got {name}")
    return FRONT_ENDS[name]
