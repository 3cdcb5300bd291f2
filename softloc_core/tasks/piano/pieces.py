"""Random piano pieces: a melody and an accompaniment with chords and pedal."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["Note", "draw_piece"]

_SCALES = ((0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10), (0, 2, 3, 5, 7, 9, 10))
_PROGRESSIONS = ((0, 3, 4, 0), (0, 5, 3, 4), (0, 4, 5, 3), (1, 4, 0, 5), (0, 6, 5, 4), (5, 3, 0, 4))
# Chord tones (0 root, 1 third, 2 fifth, 3 octave, ...) at each half beat of a bar of four beats.
_ACCOMPANIMENTS = (
    ((0, 2, 3), (), (1, 2, 3), (), (0, 2, 3), (), (1, 2, 3), ()),
    ((0,), (2,), (1,), (2,), (0,), (2,), (1,), (2,)),
    ((0,), (2,), (3,), (4,), (5,), (4,), (3,), (2,)),
    ((0, 3), (), (4, 5), (), (0, 3), (), (4, 5), ()),
    ((0, 1, 2, 3), (), (), (), (), (), (), ()),
)
_SMALLEST_GAP_S = 0.06
_LOWEST, _HIGHEST = 24, 103


@dataclass(frozen=True)
class Note:
    """One note.

    Attributes:
        time_s: Onset in seconds.
        midi: MIDI number of the key.
        velocity: Strength of the stroke, in (0, 1].
        held_s: Time until the damper falls, in seconds. With the pedal, this is after the key is released.
    """

    time_s: float
    midi: int
    velocity: float
    held_s: float


@dataclass(frozen=True)
class _Style:
    """Properties that are drawn once for each piece."""

    beat_s: float
    tonic: int
    scale: tuple[int, ...]
    pattern: int
    busy: float
    doubling: float
    pedal: bool

    def pitch(self, degree: int) -> int:
        """Return the MIDI number of a scale degree above the tonic."""
        return self.tonic + 12 * (degree // 7) + self.scale[degree % 7]


def draw_piece(*, duration_s: float, rng: np.random.Generator) -> tuple[Note, ...]:
    """Draw the notes of a piece, sorted by time. No key is struck twice within 60 ms.

    Args:
        duration_s: Length in seconds. The last bar ends earlier.
        rng: Generator for all random choices.
    """
    style = _Style(
        beat_s=60 / rng.uniform(60, 130),
        tonic=int(rng.integers(36, 48)),
        scale=_SCALES[rng.integers(len(_SCALES))],
        pattern=int(rng.integers(len(_ACCOMPANIMENTS))),
        busy=rng.uniform(0.2, 0.7),
        doubling=rng.uniform(0, 0.5),
        pedal=bool(rng.random() < 0.6),
    )
    progression = _PROGRESSIONS[rng.integers(len(_PROGRESSIONS))]
    notes: list[Note] = []
    degree = int(rng.integers(14, 22))
    start_s, bar = rng.uniform(0.2, 0.6), 0
    while start_s + 4 * style.beat_s < duration_s - 0.3:
        root = progression[bar % len(progression)]
        notes += _accompaniment(style, root, start_s, rng)
        melody, degree = _melody(style, root, degree, start_s, rng)
        notes += melody
        start_s, bar = start_s + 4 * style.beat_s * (1 + 0.01 * rng.standard_normal()), bar + 1
    return _playable(notes)


def _accompaniment(style: _Style, root: int, start_s: float, rng: np.random.Generator) -> list[Note]:
    """Draw a bar of the left hand."""
    pattern = style.pattern if rng.random() < 0.8 else int(rng.integers(len(_ACCOMPANIMENTS)))
    tones = (0, 2, 4, 7, 9, 11)
    notes = []
    for step, chord in enumerate(_ACCOMPANIMENTS[pattern]):
        at_s = start_s + step * style.beat_s / 2
        velocity = rng.uniform(0.25, 0.6)
        held_s = (start_s + 4 * style.beat_s - at_s) if style.pedal else 0.45 * style.beat_s
        notes += _struck([style.pitch(root + tones[tone]) for tone in chord], at_s, velocity, held_s, rng)
    return notes


def _melody(
    style: _Style, root: int, degree: int, start_s: float, rng: np.random.Generator
) -> tuple[list[Note], int]:
    """Draw a bar of the right hand and return it with the scale degree at its end."""
    notes: list[Note] = []
    step = 0.0
    while step < 4:
        length = float(rng.choice([0.25, 0.5, 1.0, 2.0], p=_lengths(style.busy)))
        if rng.random() > 0.12:
            pitches = [style.pitch(degree)]
            if rng.random() < style.doubling:
                below = int(rng.choice([2, 2, 5, 7]))
                pitches += [style.pitch(degree - below)] + ([style.pitch(degree - 4)] if below == 2 else [])
            at_s = start_s + step * style.beat_s
            held_s = (1.2 if style.pedal else 0.85) * length * style.beat_s
            notes += _struck(pitches, at_s, rng.uniform(0.4, 1.0), held_s, rng)
        degree += int(rng.choice([-3, -2, -1, 1, 2, 3], p=[0.1, 0.15, 0.25, 0.25, 0.15, 0.1]))
        degree = int(np.clip(degree, 12, 27))
        step += length
    return notes, degree


def _lengths(busy: float) -> list[float]:
    """Return the probability of each note length. Busy pieces have short notes."""
    weights = np.array([busy, 0.5, 0.6 * (1 - busy), 0.15 * (1 - busy)])
    return list(weights / weights.sum())


def _struck(
    pitches: list[int], at_s: float, velocity: float, held_s: float, rng: np.random.Generator
) -> list[Note]:
    """Return notes that are struck almost simultaneously."""
    together_s = at_s + rng.normal(0, 0.006)
    return [
        Note(
            time_s=max(0.0, together_s + rng.normal(0, 0.003)),
            midi=int(np.clip(midi, _LOWEST, _HIGHEST)),
            velocity=float(np.clip(velocity + rng.normal(0, 0.06), 0.12, 1.0)),
            held_s=held_s,
        )
        for midi in pitches
    ]


def _playable(notes: list[Note]) -> tuple[Note, ...]:
    """Sort the notes, drop those that repeat a key too soon, and end each note before the next of its key."""
    kept: dict[int, list[Note]] = {}
    for note in sorted(notes, key=lambda note: note.time_s):
        earlier = kept.setdefault(note.midi, [])
        if earlier and note.time_s - earlier[-1].time_s < _SMALLEST_GAP_S:
            continue
        if earlier:
            last = earlier[-1]
            held_s = min(last.held_s, note.time_s - last.time_s)
            earlier[-1] = Note(last.time_s, last.midi, last.velocity, held_s)
        earlier.append(note)
    return tuple(sorted((n for each in kept.values() for n in each), key=lambda n: (n.time_s, n.midi)))
