"""Rendered electrocardiograms with exact beats. Each one is of a different person."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from softloc_core.tasks.base import (
    RenderedSource,
    SignalRecording,
    generator_of,
    numbered_names,
    rendered_info,
)
from softloc_core.tasks.heartbeats.signal import RATE_HZ, EcgRecord, ecg_recording

__all__ = ["RenderedHeartbeatsSource", "rendered_ecg"]

RENDERING_VERSION = 1
DURATION_S = 120.0

# Waves of a beat: time from the annotated instant in s, width (standard deviation) in s, height in mV.
Waves = NDArray[np.float64]
_NORMAL: Waves = np.array(
    [
        (-0.170, 0.020, 0.12),
        (-0.028, 0.008, -0.12),
        (0.0, 0.010, 1.0),
        (0.030, 0.010, -0.22),
        (0.270, 0.050, 0.28),
    ]
)
_VENTRICULAR: Waves = np.array([(-0.01, 0.030, 1.2), (0.075, 0.035, -0.55), (0.29, 0.065, -0.45)])


@dataclass(frozen=True)
class _Person:
    """Properties that are constant over a recording.

    Attributes:
        normal: Waves of a normal beat.
        ventricular: Waves of a premature ventricular beat.
        interval_s: Mean time between beats in seconds.
        ventricular_rate: Probability that a beat is ventricular.
    """

    normal: Waves
    ventricular: Waves
    interval_s: float
    ventricular_rate: float


def rendered_ecg(name: str, *, seed: int) -> EcgRecord:
    """Render a record of two minutes that is determined by its name and a seed.

    A beat is a sum of Gaussian waves (P, Q, R, S and T). A ventricular beat is wide and has no P wave. The
    annotated instant is the sample at the peak of the R wave.

    Source: McSharry et al., IEEE Trans. Biomed. Eng. 50(3), 2003. Deliberate difference: the waves are added
    directly, without the differential equations of that model.
    """
    rng = generator_of("heartbeats", RENDERING_VERSION, seed, name)
    person = _draw_person(rng)
    sample, ventricular = _draw_beats(person, rng)
    n_samples = round(DURATION_S * RATE_HZ)
    signal = _disturbance(n_samples, rng)
    for at, is_ventricular in zip(sample, ventricular, strict=True):
        waves = person.ventricular if is_ventricular else person.normal
        _add_beat(signal, at, waves * [1.0, 1.0, rng.normal(1.0, 0.05)])
    return EcgRecord(name, name, signal.astype(np.float32), sample, sample[ventricular])


def _draw_person(rng: np.random.Generator) -> _Person:
    """Draw a heart and the placement of the electrodes."""
    lead = rng.choice([1.0, -1.0], p=[0.85, 0.15]) * rng.uniform(0.6, 1.6)
    normal, ventricular = (waves.copy() for waves in (_NORMAL, _VENTRICULAR))
    for waves in (normal, ventricular):
        # The largest wave stays at the annotated instant.
        main = np.argmax(np.abs(waves[:, 2]))
        moved = np.arange(len(waves)) != main
        waves[moved, 0] += rng.normal(0.0, 0.012, size=moved.sum())
        waves[:, 1] *= rng.uniform(0.8, 1.3)
        waves[:, 2] *= lead * rng.uniform(0.6, 1.4, size=len(waves))
    normal[-1, 2] *= rng.uniform(0.4, 2.2)
    ventricular[:, 2] *= rng.choice([1.0, -1.0])
    return _Person(normal, ventricular, rng.uniform(0.6, 1.0), rng.uniform(0.03, 0.15))


def _draw_beats(person: _Person, rng: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Draw the samples of the beats and which are ventricular, that is, early and followed by a pause."""
    times, kinds = [], []
    time_s, pause_s = rng.uniform(0.3, 0.8), 0.0
    while time_s < DURATION_S - 0.4:
        breathing = 0.05 * np.sin(2 * np.pi * 0.25 * time_s)
        interval_s = person.interval_s * (1 + breathing + 0.03 * rng.standard_normal())
        is_ventricular = bool(pause_s == 0.0 and rng.random() < person.ventricular_rate)
        early_s = rng.uniform(0.2, 0.35) * interval_s if is_ventricular else 0.0
        times.append(time_s - early_s)
        kinds.append(is_ventricular)
        pause_s = early_s
        time_s += interval_s
    return np.round(np.array(times) * RATE_HZ).astype(np.int64), np.array(kinds)


def _add_beat(signal: NDArray[np.float64], at: int, waves: Waves) -> None:
    """Add the waves of a beat to the signal around a sample."""
    first, last = max(0, at - RATE_HZ // 2), min(len(signal), at + RATE_HZ)
    offset_s = (np.arange(first, last) - at) / RATE_HZ
    for place_s, width_s, height in waves:
        signal[first:last] += height * np.exp(-0.5 * ((offset_s - place_s) / width_s) ** 2)


def _disturbance(n_samples: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw the noise: baseline drift, bursts of muscle activity and mains hum."""
    time_s = np.arange(n_samples) / RATE_HZ
    drift = lfilter([1.0], [1.0, -0.9995], rng.normal(0.0, 0.004, n_samples))
    drift += 0.15 * np.sin(2 * np.pi * 0.25 * time_s + rng.uniform(0, 2 * np.pi))
    bursts = np.clip(lfilter([0.001], [1.0, -0.999], rng.standard_normal(n_samples)) * 20, 0, None)
    muscles = rng.standard_normal(n_samples) * (rng.uniform(0.02, 0.06) + 0.15 * bursts)
    mains = rng.uniform(0.0, 0.05) * np.sin(2 * np.pi * 60 * time_s)
    noise: NDArray[np.float64] = drift + muscles + mains
    return noise


class RenderedHeartbeatsSource(RenderedSource[SignalRecording]):
    """Rendered electrocardiograms of two minutes: 6 persons for training, 2 for validation, 4 for testing."""

    info = rendered_info("rendered electrocardiograms, a different heart in each recording", "new_persons")
    names = numbered_names(train=6, validation=2, test=4)

    def recording(self, name: str, seed: int) -> SignalRecording:
        """Return the recording with this name."""
        return ecg_recording(rendered_ecg(name, seed=seed))
