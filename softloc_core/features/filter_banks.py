"""Filter banks, which map Fourier bins to bands."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import librosa
import numpy as np
from numpy.typing import NDArray

from softloc_core.errors import ConfigError

__all__ = ["FILTER_BANKS", "filter_bank"]


def filter_bank(
    kind: str, *, rate_hz: int, n_fft: int, n_bands: int, min_hz: float, max_hz: float
) -> NDArray[np.float64]:
    """Return the weight of each Fourier bin in each band, [band, bin].

    Args:
        kind: One of `FILTER_BANKS`.
        rate_hz: Sampling rate in Hz.
        n_fft: Length of the Fourier transform.
        n_bands: Number of bands.
        min_hz: Lower edge of the lowest band in Hz; its centre for `log_frequency`.
        max_hz: Upper edge of the highest band in Hz; its centre for `log_frequency`.

    Raises:
        ConfigError: The kind is unknown.
    """
    if kind not in FILTER_BANKS:
        *first, last = FILTER_BANKS
        raise ConfigError(f"`filter_bank` must be {', '.join(first)} or {last}, but got {kind}")
    return FILTER_BANKS[kind](rate_hz, n_fft, n_bands, min_hz, max_hz)


def _slaney(rate_hz: int, n_fft: int, n_bands: int, min_hz: float, max_hz: float) -> NDArray[np.float64]:
    """Return librosa's filters on Slaney's mel scale, triangles of area 1."""
    return _librosa_mel(rate_hz, n_fft, n_bands, min_hz, max_hz, htk=False)


def _htk(rate_hz: int, n_fft: int, n_bands: int, min_hz: float, max_hz: float) -> NDArray[np.float64]:
    """Return librosa's filters on HTK's mel scale, triangles of area 1."""
    return _librosa_mel(rate_hz, n_fft, n_bands, min_hz, max_hz, htk=True)


def _librosa_mel(
    rate_hz: int, n_fft: int, n_bands: int, min_hz: float, max_hz: float, *, htk: bool
) -> NDArray[np.float64]:
    filters: NDArray[np.float64] = librosa.filters.mel(
        sr=rate_hz, n_fft=n_fft, n_mels=n_bands, fmin=min_hz, fmax=max_hz, htk=htk, dtype=np.float64
    )
    return filters


def _htk_floored(rate_hz: int, n_fft: int, n_bands: int, min_hz: float, max_hz: float) -> NDArray[np.float64]:
    """Return triangles of height 1 with corners equally spaced in mel and then floored to Fourier bins."""
    low, high = (2595.0 * math.log10(1.0 + hz / 700.0) for hz in (min_hz, max_hz))
    corner_hz = 700.0 * (10.0 ** (np.linspace(low, high, n_bands + 2) / 2595.0) - 1.0)
    corner = np.floor((n_fft + 1) * corner_hz / rate_hz)[:, None]
    left, centre, right = corner[:-2], corner[1:-1], corner[2:]
    bin_index = np.arange(n_fft // 2 + 1)
    # If a corner coincides with its neighbour, that side has no bins, and its divisor is not used.
    rising = (bin_index - left) / np.maximum(centre - left, 1.0)
    falling = (right - bin_index) / np.maximum(right - centre, 1.0)
    triangle = np.where(bin_index < centre, rising, falling)
    return np.where((bin_index >= left) & (bin_index <= right), np.maximum(triangle, 0.0), 0.0)


def _log_frequency(
    rate_hz: int, n_fft: int, n_bands: int, min_hz: float, max_hz: float
) -> NDArray[np.float64]:
    """Return triangles of height 1 with centres evenly spaced in octaves.

    Each triangle extends to its neighbours' centres, but at least one Fourier bin to either side. Where bins
    are wider than bands, a band thus interpolates between the bins around its centre.
    """
    centre_hz = np.geomspace(min_hz, max_hz, n_bands)[:, None]
    ratio = (max_hz / min_hz) ** (1 / max(n_bands - 1, 1))
    bin_hz = rate_hz / n_fft
    distance_hz = np.arange(n_fft // 2 + 1) * bin_hz - centre_hz
    below_hz = np.maximum(centre_hz * (1 - 1 / ratio), bin_hz)
    above_hz = np.maximum(centre_hz * (ratio - 1), bin_hz)
    away = np.where(distance_hz < 0, -distance_hz / below_hz, distance_hz / above_hz)
    triangle: NDArray[np.float64] = np.maximum(1 - away, 0.0)
    return triangle


FILTER_BANKS: Mapping[str, Callable[[int, int, int, float, float], NDArray[np.float64]]] = {
    "slaney": _slaney,
    "htk_floored": _htk_floored,
    "htk": _htk,
    "log_frequency": _log_frequency,
}
"""Kinds of filter bank.

`slaney` and `htk` are mel scales with triangles of area 1. `htk_floored` is HTK's mel scale with triangles of
peak 1 and corners floored to bins. `log_frequency` has triangles of peak 1 with centres evenly spaced in
octaves.
"""
