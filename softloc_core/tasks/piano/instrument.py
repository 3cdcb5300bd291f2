"""What a piano sounds like: every instrument drawn at random, its partials inharmonic and dying away."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.signal
from numpy.typing import NDArray

__all__ = ["RATE_HZ", "Piano", "draw_piano"]

RATE_HZ = 16_000
_LONGEST_S = 3.0
_N_PARTIALS = 24
_HIGHEST_HZ = 7_600.0

Samples = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Piano:
    """The sounds of one recording.

    Attributes:
        inharmonicity: Of the middle C's strings: partial k lies at k f sqrt(1 + B k^2).
        stretch: How fast it grows per octave away from there.
        tuning_cents: Offset of the whole instrument.
        decay_s: Time constant of the middle C's first partial; halves in an octave and a half.
        damping: How much faster each further partial dies.
        slope: Fall of the partials' amplitudes, as a power of their number, for a hard stroke.
        softness: What a soft stroke adds to that power.
        strike: Where the hammer hits, as a share of the string: partials with a node there are weak.
        beating_hz: Difference between the strings of a key.
        knock: Level of the hammer's noise.
        attack_s: Time constant of the rise.
        release_s: Time constant of a damped string.
        seed: Of the noise.
    """

    inharmonicity: float
    stretch: float
    tuning_cents: float
    decay_s: float
    damping: float
    slope: float
    softness: float
    strike: float
    beating_hz: float
    knock: float
    attack_s: float
    release_s: float
    seed: int

    def stroke(self, midi: int, *, velocity: float, held_s: float) -> Samples:
        """One note, [sample] at `RATE_HZ`; it starts to sound with its first sample.

        Args:
            midi: MIDI number of the key.
            velocity: How hard, in (0, 1].
            held_s: Until the damper falls, in seconds.
        """
        hard, soft = self._layers(midi)
        length_s = min(_LONGEST_S, held_s + 5 * self.release_s)
        n_samples = round(length_s * RATE_HZ)
        sound = velocity * (velocity * hard[:n_samples] + (1 - velocity) * soft[:n_samples])
        after_s = np.maximum(0.0, np.arange(len(sound)) / RATE_HZ - held_s)
        sound *= np.exp(-after_s / self.release_s)
        n_fade = min(160, len(sound))
        sound[len(sound) - n_fade :] *= np.linspace(1, 0, n_fade)
        return sound

    @cached_property
    def _known(self) -> dict[int, tuple[Samples, Samples]]:
        return {}

    def _layers(self, midi: int) -> tuple[Samples, Samples]:
        """A key's hard and soft stroke, at their full length."""
        if midi not in self._known:
            self._known[midi] = self._rendered(midi)
        return self._known[midi]

    def _rendered(self, midi: int) -> tuple[Samples, Samples]:
        time_s = np.arange(round(_LONGEST_S * RATE_HZ)) / RATE_HZ
        octaves = (midi - 60) / 12
        pitch_hz = 440 * 2 ** ((midi - 69 + self.tuning_cents / 100) / 12)
        b = self.inharmonicity * 2 ** (self.stretch * abs(octaves))
        decay_s = self.decay_s * 2 ** (-octaves / 1.5)
        hard, soft = np.zeros(len(time_s)), np.zeros(len(time_s))
        for k in range(1, _N_PARTIALS + 1):
            partial_hz = k * pitch_hz * math.sqrt(1 + b * k**2)
            if partial_hz > _HIGHEST_HZ:
                break
            tau_s = decay_s / (1 + self.damping * (k - 1))
            # Two slopes: the strings first swing together and lose much, then against each other.
            envelope = 0.8 * np.exp(-time_s / tau_s) + 0.2 * np.exp(-time_s / (4 * tau_s))
            envelope *= 1 + 0.2 * np.cos(2 * np.pi * k * self.beating_hz * time_s)
            sound = envelope * np.sin(2 * np.pi * partial_hz * time_s + 0.7 * k)
            level = abs(math.sin(math.pi * k * self.strike)) * k**-self.slope
            hard += level * sound
            soft += level * k**-self.softness * sound
        rise = 1 - np.exp(-time_s / self.attack_s)
        knock = self.knock * self._noise * np.exp(-time_s / 0.012)
        return rise * (hard + knock), rise * (soft + 0.3 * knock)

    @cached_property
    def _noise(self) -> Samples:
        """The hammer and the wood, as long as a stroke."""
        noise = np.random.default_rng(self.seed).standard_normal(round(_LONGEST_S * RATE_HZ))
        sos = scipy.signal.butter(2, [120, 2_500], btype="bandpass", fs=RATE_HZ, output="sos")
        return np.asarray(scipy.signal.sosfilt(sos, noise))


def draw_piano(rng: np.random.Generator) -> Piano:
    """An instrument, from ranges that hold uprights and grands alike."""
    u = rng.uniform
    return Piano(
        inharmonicity=10 ** u(-3.8, -3.2),
        stretch=u(0.3, 0.9),
        tuning_cents=u(-12, 12),
        decay_s=u(0.5, 1.6),
        damping=u(0.05, 0.3),
        slope=u(0.6, 1.4),
        softness=u(0.4, 1.2),
        strike=u(0.09, 0.15),
        beating_hz=u(0.1, 0.8),
        knock=u(0.05, 0.5),
        attack_s=u(0.001, 0.004),
        release_s=u(0.04, 0.12),
        seed=int(rng.integers(2**31)),
    )
