"""The mix of a rendered drum recording: drums with choked hi-hats, a room, a band and a distorting desk."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import scipy.signal
from numpy.typing import NDArray

from softloc_core.tasks.drums.kit import RATE_HZ, Kit
from softloc_core.tasks.drums.patterns import CHANNEL_OF_VOICE, DrumPart, Stroke

__all__ = ["rendered_mix"]

Samples = NDArray[np.float64]
_WAVE_LENGTH = 2048


def rendered_mix(
    part: DrumPart, kit: Kit, *, duration_s: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Render a recording, [sample] within [-1, 1] at `RATE_HZ`.

    Args:
        part: The strokes. Each one starts at the sample nearest to its time.
        kit: The sounds of the strokes.
        duration_s: Length in seconds.
        rng: Generator for all random choices.
    """
    drums = _drums(part.strokes, kit, n_samples=round(duration_s * RATE_HZ), rng=rng)
    drums /= np.sqrt(np.mean(drums**2))
    drums = _in_a_room(drums, rng)
    band = _band(part.beat_s, n_samples=len(drums), rng=rng)
    hiss = 10 ** (rng.uniform(-58, -38) / 20) * rng.standard_normal(len(drums))
    return _through_a_desk(drums + band + hiss, rng)


def _drums(strokes: tuple[Stroke, ...], kit: Kit, *, n_samples: int, rng: np.random.Generator) -> Samples:
    """Render all strokes. An open hi-hat is choked by the next hi-hat stroke."""
    mix = np.zeros(n_samples)
    buzz = 10 ** (rng.uniform(-38, -26) / 20)
    hat_start = [
        round(stroke.time_s * RATE_HZ) for stroke in strokes if CHANNEL_OF_VOICE.get(stroke.voice) == "HH"
    ]
    for stroke in strokes:
        start = round(stroke.time_s * RATE_HZ)
        sound = kit.stroke(stroke.voice, stroke.velocity, rng)
        if stroke.voice == "open_hat":
            sound = _choked(
                sound, min((later - start for later in hat_start if later > start), default=n_samples)
            )
        _add(mix, sound, start)
        if stroke.voice in ("kick", "low_tom", "high_tom"):
            _add(mix, buzz * stroke.velocity * kit.stroke("clap", 1.0, rng), start)
    return mix


def _choked(sound: Samples, n_samples: int) -> Samples:
    """Stop a sound after `n_samples`, with a decay of 8 ms."""
    tail = sound[n_samples:]
    tail *= np.exp(-np.arange(len(tail)) / (0.008 * RATE_HZ))
    return sound


def _add(mix: Samples, sound: Samples, start: int) -> None:
    """Add a sound to the mix and cut it at the end of the mix."""
    end = min(len(mix), start + len(sound))
    mix[start:end] += sound[: end - start]


def _in_a_room(dry: Samples, rng: np.random.Generator) -> Samples:
    """Add reverberation: a tail of decaying, band-limited noise after a short gap."""
    decay_s = rng.uniform(0.08, 0.45)
    n_tail = int(4 * decay_s * RATE_HZ)
    tail = rng.standard_normal(n_tail) * np.exp(-np.arange(n_tail) / (decay_s * RATE_HZ))
    sos = scipy.signal.butter(1, [180, rng.uniform(3000, 9000)], btype="bandpass", fs=RATE_HZ, output="sos")
    tail = scipy.signal.sosfilt(sos, tail)
    tail *= 10 ** (rng.uniform(-18, -7) / 20) / np.sqrt(np.sum(tail**2))
    gap = int(rng.uniform(0.004, 0.02) * RATE_HZ)
    wet = scipy.signal.oaconvolve(dry, np.concatenate([np.zeros(gap), tail]))
    return np.asarray(dry + wet[: len(dry)])


@dataclass(frozen=True)
class _Note:
    """A tone of the band with its envelope."""

    start_s: float
    length_s: float
    pitch_hz: float
    attack_s: float
    decay_s: float
    level: float


def _band(beat_s: float, *, n_samples: int, rng: np.random.Generator) -> Samples:
    """Render bass, chords and plucked notes on the beat, at a random level relative to the drums."""
    band = np.zeros(n_samples)
    brightness = int(rng.integers(4, 14))
    for note in _notes(beat_s, duration_s=n_samples / RATE_HZ, rng=rng):
        time_s = np.arange(int(note.length_s * RATE_HZ)) / RATE_HZ
        index = (note.pitch_hz * time_s % 1 * _WAVE_LENGTH).astype(np.int64)
        envelope = (1 - np.exp(-time_s / note.attack_s)) * np.exp(-time_s / note.decay_s)
        envelope *= np.minimum(1, (note.length_s - time_s) / 0.01)
        _add(band, note.level * envelope * _wave(brightness)[index], int(note.start_s * RATE_HZ))
    level = 10 ** (rng.uniform(-22, -8) / 20)
    return np.asarray(level * band / np.sqrt(np.mean(band**2)))


def _notes(beat_s: float, *, duration_s: float, rng: np.random.Generator) -> list[_Note]:
    """Draw one chord per bar, a bass line and a plucked line."""
    root_hz = rng.uniform(41, 82)
    notes = []
    for bar in range(int(duration_s / beat_s / 4)):
        start_s = bar * 4 * beat_s
        bass_hz = root_hz * 2 ** (int(rng.choice([0, 5, 7, 9, -2])) / 12)
        for interval in (12, 16, 19, 24):
            pitch_hz = bass_hz * 2 ** ((interval + 12) / 12) * rng.uniform(0.997, 1.003)
            notes.append(_Note(start_s, 4 * beat_s, pitch_hz, 0.15, 3.0, 0.25))
        for half_beat in range(8):
            at_s = start_s + half_beat * beat_s / 2 + rng.normal(0, 0.006)
            if at_s > 0 and rng.random() < 0.6:
                notes.append(_Note(at_s, 0.48 * beat_s, bass_hz, 0.004, 0.4, 1.0))
            if at_s > 0 and rng.random() < 0.35:
                pitch_hz = bass_hz * 2 ** (int(rng.choice([24, 28, 31, 36])) / 12)
                notes.append(_Note(at_s, 0.4 * beat_s, pitch_hz, 0.002, 0.12, 0.6))
    return notes


@cache
def _wave(n_harmonics: int) -> Samples:
    """Return one period of a dull sawtooth wave."""
    phase = 2 * np.pi * np.arange(_WAVE_LENGTH) / _WAVE_LENGTH
    return np.asarray(np.sum([np.sin(k * phase) / k**1.3 for k in range(1, n_harmonics + 1)], axis=0))


def _through_a_desk(mix: Samples, rng: np.random.Generator) -> NDArray[np.float32]:
    """Apply a spectral tilt, some saturation and a random level."""
    tilt = rng.uniform(-0.35, 0.35)
    mix = mix + tilt * np.append(0.0, mix[:-1])
    drive = rng.uniform(0.05, 0.35)
    mix = np.tanh(drive * mix / np.sqrt(np.mean(mix**2)))
    level = 10 ** (rng.uniform(-9, -1) / 20)
    return np.asarray(level * mix / np.abs(mix).max(), dtype=np.float32)
