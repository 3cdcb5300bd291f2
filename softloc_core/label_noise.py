"""Label misalignment: the same unit noise for every loss and every scale (common random numbers)."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from softloc_core.errors import ConfigError
from softloc_core.events import EventList

__all__ = ["NOISES", "Noise", "misaligned", "noise_generator"]


@dataclass(frozen=True)
class Noise:
    """A kind of misalignment.

    Attributes:
        name: As written in a study file.
        description: One line, with what the scale means.
        unit_shift: From a generator and the events to the shift of each at scale 1, [event].
    """

    name: str
    description: str
    unit_shift: Callable[[Generator, EventList], NDArray[np.float64]]


def _normal(generator: Generator, events: EventList) -> NDArray[np.float64]:
    """Standard normal."""
    return generator.standard_normal(len(events))


NOISES: Mapping[str, Noise] = {
    noise.name: noise for noise in (Noise("normal", "normal with the scale as standard deviation", _normal),)
}


def noise_generator(*, seed: int, replicate: int, recording: str) -> Generator:
    """The generator of one recording's label noise; nothing else enters, so losses see the same labels."""
    digest = hashlib.sha256(f"label noise\0{seed}\0{replicate}\0{recording}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:16], "big"))


def misaligned(
    events: EventList,
    *,
    noise: str,
    scale_s: float,
    seed: int,
    replicate: int,
    recording: str,
    options: Mapping[str, Any] | None = None,
) -> EventList:
    """The events at wrong times.

    Args:
        events: True events of one recording.
        noise: One of `NOISES`.
        scale_s: Scale of the misalignment in seconds, >= 0; 0 changes nothing.
        seed: The study's seed.
        replicate: Which repetition.
        recording: The recording's name.
        options: The noise's own parameters.

    Raises:
        ConfigError: An unknown noise or option, or a scale that is negative or not finite.

    Source: SoftLoc paper, eq. 1. Deliberate differences from the released code: each recording has its own
        seed (there, forked workers share one), and events that leave the recording are clipped onto its
        ends, which keeps their number (there, they are dropped).
    """
    if noise not in NOISES:
        raise ConfigError(f"`noise` must be one of {', '.join(NOISES)}, but got {noise}")
    if not (scale_s >= 0 and math.isfinite(scale_s)):
        raise ConfigError(f"`label_noise` must be finite and at least 0 s, but got {scale_s}")
    for key in options or {}:
        raise ConfigError(f"`noise_options` of {noise} must be empty, but got {key}")
    generator = noise_generator(seed=seed, replicate=replicate, recording=recording)
    return events.moved(events.time_s + scale_s * NOISES[noise].unit_shift(generator, events))
