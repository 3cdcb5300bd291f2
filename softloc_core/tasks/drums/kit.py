"""A synthesised drum kit: random for each recording, with small variations between strokes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import scipy.signal
from numpy.typing import NDArray

__all__ = ["RATE_HZ", "Kit", "draw_kit"]

RATE_HZ = 44_100
_POOL_S = 4.0

Samples = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Drum:
    """A drum with a skin: a tone of falling pitch, the click of the stick, and the rattle of snare wires.

    Attributes:
        pitch_hz: Final pitch of the tone in Hz.
        sweep: Initial pitch divided by the final pitch, minus 1.
        sweep_s: Time constant of the pitch in seconds.
        decay_s: Time constant of the tone's decay in seconds.
        overtone: Level of a second, inharmonic mode.
        click: Level of the stick's click.
        rattle: Level of the wires.
        rattle_s: Time constant of the wires' decay in seconds.
    """

    pitch_hz: float
    sweep: float
    sweep_s: float
    decay_s: float
    overtone: float
    click: float
    rattle: float = 0.0
    rattle_s: float = 0.1


@dataclass(frozen=True, eq=False)
class Metal:
    """A cymbal or another instrument that sounds like noise.

    Attributes:
        pool: Name of the coloured noise that strokes are cut from.
        attack_s: Time constant of the attack in seconds.
        decay_s: Time constant of the decay in seconds.
    """

    pool: str
    attack_s: float
    decay_s: float


@dataclass(frozen=True, eq=False)
class Kit:
    """The sounds of one recording.

    Attributes:
        drums: Drums by voice.
        metals: Cymbals and hand percussion by voice.
        pools: Coloured noise that strokes are cut from, by name.
        level_db: Level of each voice in dB.
        contrast: Exponent that maps velocity to amplitude.
    """

    drums: Mapping[str, Drum]
    metals: Mapping[str, Metal]
    pools: Mapping[str, Samples]
    level_db: Mapping[str, float]
    contrast: float

    def stroke(self, voice: str, velocity: float, rng: np.random.Generator) -> Samples:
        """Render one stroke, [sample] at `RATE_HZ`. The sound starts at the first sample."""
        if voice in self.drums:
            sound = self._skin(self.drums[voice], velocity, rng)
        else:
            sound = self._hiss(self.metals[voice], velocity, rng)
        level_db = self.level_db[voice] + rng.normal(0, 0.7)
        return np.asarray(10 ** (level_db / 20) * velocity**self.contrast * sound)

    def _skin(self, drum: Drum, velocity: float, rng: np.random.Generator) -> Samples:
        """Render tone, click and rattle."""
        time_s = _time_s(5 * max(drum.decay_s, drum.rattle_s if drum.rattle else 0.0))
        pitch_hz = drum.pitch_hz * (1 + 0.01 * rng.standard_normal())
        # The phase is the integral of a pitch that falls exponentially.
        swept = time_s + drum.sweep * velocity * drum.sweep_s * (1 - np.exp(-time_s / drum.sweep_s))
        phase = 2 * np.pi * pitch_hz * swept
        tone = (np.sin(phase) + drum.overtone * np.sin(1.59 * phase)) * np.exp(-time_s / drum.decay_s)
        click = drum.click * velocity * np.exp(-time_s / 0.0025) * self._cut("click", len(time_s), rng)
        rattle = drum.rattle * np.exp(-time_s / drum.rattle_s) * self._cut("wires", len(time_s), rng)
        return _faded(tone * _rise(time_s, 0.0008) + click + rattle * _rise(time_s, 0.001))

    def _hiss(self, metal: Metal, velocity: float, rng: np.random.Generator) -> Samples:
        """Render coloured noise under an envelope. Harder strokes last longer."""
        decay_s = metal.decay_s * (0.6 + 0.5 * velocity) * rng.uniform(0.85, 1.15)
        time_s = _time_s(5 * decay_s)
        noise = self._cut(metal.pool, len(time_s), rng)
        return _faded(noise * _rise(time_s, metal.attack_s) * np.exp(-time_s / decay_s))

    def _cut(self, pool: str, n_samples: int, rng: np.random.Generator) -> Samples:
        """Cut a random section from a pool."""
        start = int(rng.integers(0, len(self.pools[pool]) - n_samples))
        return self.pools[pool][start : start + n_samples]


def draw_kit(rng: np.random.Generator) -> Kit:
    """Draw the sizes, tuning, damping and balance of a kit, from drum machines to real kits."""
    return Kit(
        drums=_draw_drums(rng),
        metals=_draw_metals(rng),
        pools=_draw_pools(rng),
        level_db=_draw_levels(rng),
        contrast=rng.uniform(1.1, 1.7),
    )


def _draw_drums(rng: np.random.Generator) -> dict[str, Drum]:
    """Draw kick, snare, sidestick, toms and cowbell."""
    u = rng.uniform
    tom_hz = u(90, 130)
    return {
        "kick": Drum(u(42, 72), u(0.8, 4.0), u(0.008, 0.04), u(0.05, 0.22), u(0.0, 0.15), u(0.05, 0.5)),
        "snare": Drum(
            u(150, 250), u(0.1, 0.6), 0.01, u(0.03, 0.1), u(0.2, 0.7), u(0.2, 0.8), u(0.4, 1.2), u(0.04, 0.16)
        ),
        "sidestick": Drum(u(380, 700), 0.1, 0.005, u(0.008, 0.02), u(0.5, 1.0), u(0.5, 1.0)),
        "high_tom": Drum(tom_hz * u(1.35, 1.7), u(0.2, 0.5), 0.03, u(0.1, 0.22), u(0.1, 0.4), u(0.2, 0.6)),
        "low_tom": Drum(tom_hz, u(0.2, 0.5), 0.04, u(0.12, 0.3), u(0.1, 0.3), u(0.2, 0.5)),
        "cowbell": Drum(u(520, 620), 0.0, 0.01, u(0.03, 0.09), 0.8, 0.3),
    }  # fmt: skip


def _draw_metals(rng: np.random.Generator) -> dict[str, Metal]:
    """Draw hi-hats, cymbals and hand percussion."""
    u = rng.uniform
    closed_s = u(0.012, 0.045)
    return {
        "closed_hat": Metal("hat", 0.0005, closed_s),
        "open_hat": Metal("hat", 0.001, u(0.12, 0.35)),
        "pedal_hat": Metal("dull_hat", 0.003, closed_s * u(0.8, 1.5)),
        "crash": Metal("crash", 0.002, u(0.35, 0.7)),
        "ride": Metal("ride", 0.0005, u(0.15, 0.5)),
        "shaker": Metal("shaker", u(0.01, 0.03), u(0.015, 0.035)),
        "tambourine": Metal("ride", 0.002, u(0.03, 0.08)),
        "clap": Metal("wires", 0.004, u(0.03, 0.08)),
    }


def _draw_levels(rng: np.random.Generator) -> dict[str, float]:
    """Draw the balance of the kit in dB."""
    u = rng.uniform
    hat_db = u(-20, -9)
    return {
        "kick": u(-3, 3), "snare": u(-5, 2), "sidestick": u(-9, -3),
        "closed_hat": hat_db, "open_hat": hat_db + u(-4, 1), "pedal_hat": hat_db - u(0, 4),
        "crash": u(-18, -10), "ride": u(-20, -11), "high_tom": u(-6, 0), "low_tom": u(-5, 1),
        "cowbell": u(-20, -12), "shaker": u(-26, -16), "tambourine": u(-24, -14), "clap": u(-12, -5),
    }  # fmt: skip


def _draw_pools(rng: np.random.Generator) -> dict[str, Samples]:
    """Draw coloured noise of each kind, at unit power."""
    u = rng.uniform
    hat = _metallic(u(300, 600), rng) * u(0.2, 1.0) + rng.standard_normal(_n_samples(_POOL_S)) * u(0.3, 1.0)
    cymbal = _metallic(u(200, 400), rng) * 0.7 + rng.standard_normal(_n_samples(_POOL_S)) * 0.6
    noise = rng.standard_normal(_n_samples(_POOL_S))
    hat_low_hz = u(4500, 8500)
    return {
        "hat": _band(hat, hat_low_hz, u(13_000, 19_000)),
        "dull_hat": _band(hat, 0.6 * hat_low_hz, 12_000),
        "crash": _band(cymbal, u(1500, 4000), u(12_000, 18_000)),
        "ride": _band(cymbal, u(2500, 5000), u(9_000, 15_000)),
        "shaker": _band(noise, u(4000, 6500), u(9_000, 14_000)),
        "wires": _band(noise, u(900, 2200), u(6_000, 12_000)),
        "click": _band(noise, u(800, 2000), u(4_000, 9_000)),
    }


def _metallic(base_hz: float, rng: np.random.Generator) -> Samples:
    """Render six square waves without a common pitch, as in the cymbals of drum machines."""
    time_s = _time_s(_POOL_S)
    ratios = np.array([1.0, 1.342, 1.2312, 1.6532, 1.9523, 2.1523]) * rng.uniform(0.95, 1.05, 6)
    waves = [np.where((base_hz * ratio * time_s) % 1 < 0.5, 1.0, -1.0) for ratio in ratios]
    return np.asarray(np.sum(waves, axis=0) / 2.5)


def _band(samples: Samples, low_hz: float, high_hz: float) -> Samples:
    """Band-pass the samples and scale them to unit power."""
    sos = scipy.signal.butter(2, [low_hz, high_hz], btype="bandpass", fs=RATE_HZ, output="sos")
    band: Samples = scipy.signal.sosfilt(sos, samples)
    return np.asarray(band / np.sqrt(np.mean(band**2)))


def _n_samples(duration_s: float) -> int:
    return int(duration_s * RATE_HZ)


def _time_s(duration_s: float) -> Samples:
    return np.arange(_n_samples(duration_s)) / RATE_HZ


def _rise(time_s: Samples, attack_s: float) -> Samples:
    """Return an exponential attack from 0 to 1."""
    return 1 - np.exp(-time_s / attack_s)


def _faded(sound: Samples) -> Samples:
    """Fade out the end of a sound to avoid a click."""
    n_fade = min(200, len(sound))
    sound[len(sound) - n_fade :] *= np.linspace(1, 0, n_fade)
    return sound
