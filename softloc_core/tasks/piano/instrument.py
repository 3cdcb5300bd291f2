"""A synthesised piano with random parameters and decaying, inharmonic partials."""

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
        inharmonicity: Inharmonicity B of middle C, whose partial k is at k f sqrt(1 + B k^2).
        stretch: Growth of the inharmonicity per octave away from middle C, as a power of 2.
        tuning_cents: Tuning offset of the whole instrument in cents.
        decay_s: Decay time constant of middle C's first partial in seconds. It halves over 1.5 octaves.
        damping: Relative increase of the decay rate from partial to partial.
        slope: Exponent of the decrease of partial amplitudes with their number, for a hard stroke.
        softness: Increase of this exponent for a soft stroke.
        strike: Position of the hammer, as a share of the string. Partials with a node there are weak.
        beating_hz: Detuning between the strings of a key in Hz.
        knock: Level of the hammer noise.
        attack_s: Time constant of the attack in seconds.
        release_s: Time constant of a damped string in seconds.
        seed: Seed of the hammer noise.
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
        """Render one note, [sample] at `RATE_HZ`. The sound starts at the first sample.

        Args:
            midi: MIDI number of the key.
            velocity: Strength of the stroke, in (0, 1].
            held_s: Time until the damper falls, in seconds.
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
        """Return the hard and the soft stroke of a key at full length."""
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
            # A double decay: the strings first move in phase and decay fast, then out of phase.
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
        """Noise of the hammer and the wood, as long as a stroke."""
        noise = np.random.default_rng(self.seed).standard_normal(round(_LONGEST_S * RATE_HZ))
        sos = scipy.signal.butter(2, [120, 2_500], btype="bandpass", fs=RATE_HZ, output="sos")
        return np.asarray(scipy.signal.sosfilt(sos, noise))


def draw_piano(rng: np.random.Generator) -> Piano:
    """Draw an instrument from ranges that cover uprights and grands."""
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
