"""Random drum parts: which voice is struck when, and how hard."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

__all__ = ["CHANNEL_OF_VOICE", "STYLES", "DrumPart", "Stroke", "Style", "draw_part"]

CHANNEL_OF_VOICE: Mapping[str, str] = {
    "closed_hat": "HH",
    "open_hat": "HH",
    "pedal_hat": "HH",
    "kick": "KD",
    "snare": "SD",
    "sidestick": "SD",
}
"""Class of each voice that the task detects. Cymbals, toms and hand percussion serve as distractors."""

_HAT_OF_MARK = {"x": "closed_hat", "X": "closed_hat", "o": "closed_hat", "O": "open_hat", "p": "pedal_hat"}
_CHANCE_OF_MARK = {"X": 1.0, "x": 0.95, "O": 0.85, "p": 0.9, "o": 0.45, "g": 0.6}
_VELOCITY_OF_MARK = {"X": 0.95, "x": 0.75, "O": 0.85, "p": 0.6, "o": 0.6, "g": 0.28}
_SMALLEST_GAP_S = 0.045


@dataclass(frozen=True)
class Stroke:
    """One stroke.

    Attributes:
        time_s: Start in seconds.
        voice: The instrument that is struck.
        velocity: Strength of the stroke, in (0, 1].
    """

    time_s: float
    voice: str
    velocity: float


@dataclass(frozen=True)
class DrumPart:
    """The strokes of a recording and its beat.

    Attributes:
        strokes: The strokes, sorted by time.
        beat_s: Length of a beat in seconds.
    """

    strokes: tuple[Stroke, ...]
    beat_s: float


@dataclass(frozen=True)
class Style:
    """A bar of four beats with one mark per step.

    `X` is always struck and loud, `x` is nearly always struck, `o` occasionally, and `g` is a ghost note.

    Attributes:
        tempo_bpm: Range of tempi in beats per minute.
        steps_per_beat: 4, or 3 for triplets.
        kick: Marks of the kick drum.
        snare: Marks of the snare drum.
        hat: Marks of the hi-hat. `O` is open, `p` is played with the foot.
        ride: Marks of the ride cymbal.
        snare_voice: `snare` or `sidestick`.
        softness: Reduction of all velocities, as a share from 0 to 1.
    """

    tempo_bpm: tuple[float, float]
    steps_per_beat: int
    kick: str
    snare: str
    hat: str
    ride: str = ""
    snare_voice: str = "snare"
    softness: float = 0.0


STYLES: Mapping[str, Style] = {
    "rock": Style((96, 138), 4, "X.....o.X.x...o.", "....X.......X..o", "x.x.x.x.x.x.x.O."),
    "pop": Style((84, 112), 4, "X..x..o.X.o..x..", "....X..g.g..X..g", "xoxxxoxxxoxxxoxx"),
    "disco": Style((112, 128), 4, "X...X...X...X..o", "....X.......X...", "x.Oox.Oxx.Oox.Ox"),
    "half time": Style((70, 92), 4, "X..x...o....o.x.", "..g.....X....g.g", "x.x.x.xxx.x.xoxx"),
    "funk": Style((88, 110), 4, "X.x..o..o.X..x..", "....X..g.g.gX..g", "xxxxxoxxxxxOxoxx"),
    "punk": Style((150, 182), 4, "X...o.x.X...o.x.", "..X...X...X...X.", "x.x.x.x.x.x.x.x."),
    "break": Style((125, 160), 4, "X.X...o...Xo....", "....X..g.g..X..g", "x.x.x.x.x.x.x.x."),
    "bossa": Style(
        (66, 84), 4, "X..xX..xX..xX..x", "x..x..x...x..x..", "xxxxxxxxxxxxxxxx", "", "sidestick", 0.3
    ),
    "shuffle": Style((88, 130), 3, "X....oX..o..", "...X....gX.g", "x.xx.xx.xx.O"),
    "swing": Style(
        (110, 165), 3, "x..o..x..o..", "..g..o.g...o", "...p.....p..", "x..x.xx..x.x", "snare", 0.25
    ),
}


def draw_part(style: Style, *, duration_s: float, rng: np.random.Generator) -> DrumPart:
    """Draw a part in a style: a random bar with variations, fills, swing and human timing.

    Args:
        style: The style to draw from.
        duration_s: Length in seconds. No stroke starts within the last quarter of a second.
        rng: Generator for all random choices.
    """
    beat_s = 60.0 / rng.uniform(*style.tempo_bpm)
    step_s = beat_s / style.steps_per_beat
    feel = _Feel.draw(rng, step_s=step_s, straight=style.steps_per_beat == 4)
    strokes = [
        Stroke(feel.time_s(step, voice, rng), voice, feel.velocity(velocity * (1 - style.softness), rng))
        for step, voice, velocity in _grid_strokes(style, n_bars=int(duration_s / beat_s / 4) + 1, rng=rng)
    ]
    within = [
        stroke
        for stroke in sorted(strokes, key=lambda stroke: stroke.time_s)
        if 0 <= stroke.time_s < duration_s - 0.25
    ]
    return DrumPart(strokes=tuple(_without_doubles(within)), beat_s=beat_s)


@dataclass(frozen=True)
class _Feel:
    """How a player deviates from the grid."""

    start_s: float
    step_s: float
    swing: float
    jitter_s: float
    push_s: Mapping[str, float]
    spread: float

    @classmethod
    def draw(cls, rng: np.random.Generator, *, step_s: float, straight: bool) -> _Feel:
        """Draw a player. Only straight rhythms can swing."""
        voices = ("kick", "snare", "sidestick", "closed_hat", "open_hat", "pedal_hat")
        return cls(
            start_s=rng.uniform(0.05, 0.6),
            step_s=step_s,
            swing=rng.uniform(0, 0.22) if straight else 0.0,
            jitter_s=rng.uniform(0.002, 0.007),
            push_s={voice: rng.normal(0, 0.004) for voice in voices},
            spread=rng.uniform(0.08, 0.2),
        )

    def time_s(self, step: float, voice: str, rng: np.random.Generator) -> float:
        """Return the time of a stroke on a step, in seconds."""
        late = self.swing if round(step) % 2 else 0.0
        human_s = self.push_s.get(voice, 0.0) + rng.normal(0, self.jitter_s)
        return float(self.start_s + (step + late) * self.step_s + human_s)

    def velocity(self, velocity: float, rng: np.random.Generator) -> float:
        """Return the velocity with a random deviation."""
        return float(np.clip(velocity * (1 + self.spread * rng.standard_normal()), 0.08, 1.0))


def _grid_strokes(
    style: Style, *, n_bars: int, rng: np.random.Generator
) -> Iterator[tuple[float, str, float]]:
    """Draw step, voice and velocity of each stroke of the part."""
    bar_steps = 4 * style.steps_per_beat
    habit = {name: _habit(getattr(style, name), rng) for name in ("kick", "snare", "hat", "ride")}
    percussion = _percussion(bar_steps, rng)
    for bar in range(n_bars):
        fill_steps = 0
        if bar % 4 == 3 and rng.random() < 0.7:
            fill_steps = style.steps_per_beat * int(rng.integers(1, 3))
        if bar % 4 == 0 and rng.random() < 0.6:
            yield bar * bar_steps, "crash", 0.9
        for name, marks in habit.items():
            length = bar_steps if name == "kick" else bar_steps - fill_steps
            for step, mark in enumerate(marks[:length]):
                if rng.random() < _CHANCE_OF_MARK.get(mark, 0.015 if name in ("kick", "snare") else 0.0):
                    voice = _voice(name, mark, style)
                    yield bar * bar_steps + step, voice, _VELOCITY_OF_MARK.get(mark, 0.35)
        yield from _fill((bar + 1) * bar_steps - fill_steps, fill_steps, rng)
        for step, voice, velocity in percussion:
            yield bar * bar_steps + step, voice, velocity


def _habit(marks: str, rng: np.random.Generator) -> str:
    """Draw the player's basic bar: each optional mark is kept or replaced at random."""
    kept = {"o": ("x", "o", "."), "g": ("g", "g", "."), "O": ("O", "O", "x")}
    return "".join(str(rng.choice(kept[mark])) if mark in kept else mark for mark in marks)


def _voice(name: str, mark: str, style: Style) -> str:
    """Return the voice that a mark of a line strikes."""
    if name == "hat":
        return _HAT_OF_MARK[mark]
    return style.snare_voice if name == "snare" else name


def _fill(first: int, n_steps: int, rng: np.random.Generator) -> Iterator[tuple[float, str, float]]:
    """Draw a fill on snare and toms."""
    for step in range(n_steps):
        if rng.random() < 0.85:
            yield (
                first + step,
                str(rng.choice(["snare", "snare", "high_tom", "low_tom"])),
                rng.uniform(0.5, 0.9),
            )


def _percussion(bar_steps: int, rng: np.random.Generator) -> list[tuple[int, str, float]]:
    """Draw a bar of hand percussion, which two out of three recordings contain."""
    voice = str(rng.choice(["shaker", "tambourine", "cowbell", "clap", "none", "none"]))
    chance = {"shaker": 0.7, "tambourine": 0.3, "cowbell": 0.25, "clap": 0.12}.get(voice, 0.0)
    return [(step, voice, rng.uniform(0.3, 0.8)) for step in range(bar_steps) if rng.random() < chance]


def _without_doubles(strokes: list[Stroke]) -> Iterator[Stroke]:
    """Drop strokes that follow another stroke of their class too closely for one drummer."""
    last_s: dict[str, float] = {}
    for stroke in strokes:
        line = CHANNEL_OF_VOICE.get(stroke.voice, stroke.voice)
        if stroke.time_s - last_s.get(line, -1.0) >= _SMALLEST_GAP_S:
            last_s[line] = stroke.time_s
            yield stroke
