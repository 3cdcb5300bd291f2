"""Rendered piano recordings with exact onsets. Each one has a different instrument and piece."""

from __future__ import annotations

import numpy as np
import scipy.signal
from numpy.typing import NDArray

from softloc_core.tasks.base import (
    AudioRecording,
    RenderedAudio,
    RenderedSource,
    TimedClass,
    named_events,
    numbered_names,
    rendered_info,
)
from softloc_core.tasks.piano.instrument import RATE_HZ, Piano, draw_piano
from softloc_core.tasks.piano.keys import KEY_NAMES, key_name
from softloc_core.tasks.piano.pieces import Note, draw_piece

__all__ = ["NAMES", "RenderedPiano", "RenderedPianoSource"]

RENDERING_VERSION = 1
DURATION_S = 20.0
NAMES = numbered_names(train=12, validation=3, test=6)


class RenderedPiano(RenderedAudio):
    """A rendered recording of a piano piece."""

    kind, version, length_s = "piano", RENDERING_VERSION, DURATION_S

    def piece(self) -> tuple[Note, ...]:
        """Draw the notes."""
        return draw_piece(duration_s=DURATION_S, rng=self._generator("piece"))

    def load(self) -> tuple[NDArray[np.float32], int]:
        """Render the recording and return its samples and its sampling rate in Hz."""
        piano = draw_piano(self._generator("piano"))
        return _recorded(self.piece(), piano, rng=self._generator("room")), RATE_HZ


def _recorded(notes: tuple[Note, ...], piano: Piano, *, rng: np.random.Generator) -> NDArray[np.float32]:
    """Render all notes in a room, with hiss and a random level, [sample] within [-1, 1]."""
    dry = np.zeros(round(DURATION_S * RATE_HZ))
    for note in notes:
        start = round(note.time_s * RATE_HZ)
        sound = piano.stroke(note.midi, velocity=note.velocity, held_s=note.held_s)
        end = min(len(dry), start + len(sound))
        dry[start:end] += sound[: end - start]
    decay_s = rng.uniform(0.1, 0.5)
    n_tail = int(4 * decay_s * RATE_HZ)
    tail = rng.standard_normal(n_tail) * np.exp(-np.arange(n_tail) / (decay_s * RATE_HZ))
    tail *= 10 ** (rng.uniform(-20, -8) / 20) / np.sqrt(np.sum(tail**2))
    gap = np.zeros(int(rng.uniform(0.004, 0.02) * RATE_HZ))
    wet = dry + scipy.signal.oaconvolve(dry, np.concatenate([gap, tail]))[: len(dry)]
    wet /= np.sqrt(np.mean(wet**2))
    wet += 10 ** (rng.uniform(-60, -42) / 20) * rng.standard_normal(len(wet))
    level = 10 ** (rng.uniform(-9, -1) / 20)
    return np.asarray(level * wet / np.abs(wet).max(), dtype=np.float32)


class RenderedPianoSource(RenderedSource[AudioRecording]):
    """Rendered piano recordings: 12 for training, 3 for validation and 6 for testing, 20 s each."""

    info = rendered_info(
        "rendered piano pieces, a different instrument and piece in each recording", "new_pianos"
    )
    names = NAMES

    def recording(self, name: str, seed: int) -> AudioRecording:
        """Return the recording with this name."""
        return _recording(RenderedPiano(name, seed))


def _recording(audio: RenderedPiano) -> AudioRecording:
    """Return a recording with its exact onsets, at the samples where the notes start."""
    onsets: list[TimedClass] = [
        (round(note.time_s * RATE_HZ) / RATE_HZ, key_name(note.midi)) for note in audio.piece()
    ]
    reference = named_events(onsets, channel_names=KEY_NAMES, duration_s=audio.duration_s)
    return AudioRecording(name=audio.name, group=audio.name, audio=audio, reference=reference)
