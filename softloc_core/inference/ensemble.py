"""Options of inference: versions of a recording at other rates, how they vote, and excerpts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np

from softloc_core.errors import ConfigError
from softloc_core.events import seconds_to_frames, whole_frames
from softloc_core.inference.voting import Vote
from softloc_core.options import Option, OptionValue, resolved_options

__all__ = ["ENSEMBLE_OPTIONS", "Ensemble", "ensemble_for"]

ENSEMBLE_OPTIONS: Mapping[str, Option] = {
    "rates": Option(1.0, "number of versions of a recording", low=1, high=100),
    "spread": Option(0.125, "largest distance of a version's rate from the middle rate", low=0.0, high=0.9),
    "centre": Option(1.0, "the middle rate", low=0.1, high=10.0),
    "combine": Option("events", "how versions are combined", choices=("events", "frames", "mean")),
    "mass": Option(0.45, "share of the versions that must vote for an event", low=1e-3, high=1.0),
    "bandwidth_s": Option(
        0.025, "standard deviation in seconds with which votes are smoothed", low=1e-6, high=1e3
    ),
    "suppression_s": Option(0.045, "radius in seconds around an event that removes votes", low=0.0, high=1e3),
    "trigger": Option(0.4, "smallest probability at which a frame votes", low=1e-6, high=1.0),
    "excerpts": Option(False, "whether the network reads one excerpt at a time, as in training"),
    "overlap_s": Option(0.0, "overlap of neighbouring excerpts in seconds", low=0.0, high=1e6),
    "dropped_s": Option(0.0, "seconds dropped at the start of each excerpt but the first", low=0.0, high=1e6),
}
"""Options that a study may set under `ensemble_options`."""


@dataclass(frozen=True, kw_only=True)
class Ensemble:
    """Versions of a recording, and how they are combined.

    Source: the SoftLoc and LoCo papers' released code, which uses 7 (drums, piano) or 4 versions (LoCo), 5 to
    14 frames of suppression, and excerpts of 1.5 s every 0.5 s. Deliberate differences: rates are evenly
    spaced here and random there. Features are interpolated between frames (see `training.augmentation`).
    `mass` is a share of the versions here and a height of their smoothed sum there; a height of 0.25 for
    seven versions at a bandwidth of 5 frames is a share of 0.45.

    Attributes:
        rates: Number of versions, a whole number of at least 1. A single version is played at `centre`.
        spread: Distance of the slowest and the fastest rate from `centre`, below `centre`.
        centre: The middle rate, > 0.
        combine: With `events`, each version is decoded and its events vote. With `frames`, the frames whose
            probability is at least `vote_threshold` vote, as in the papers. With `mean`, the probabilities
            are averaged, then decoded.
        mass: Share of the versions that must vote for an event if they agree to the frame, in (0, 1].
        bandwidth_s: Standard deviation in seconds with which votes are smoothed, at least one frame.
        suppression_s: Radius in seconds around an event within which votes are removed.
        vote_threshold: Smallest probability at which a frame votes, in (0, 1]; the option `trigger`.
        excerpts: Whether the network reads one excerpt at a time, of the length used in training.
        overlap_s: Overlap of neighbouring excerpts in seconds, where their probabilities are averaged.
        dropped_s: Seconds dropped at the start of each excerpt but the first.

    Raises:
        ConfigError: The number of versions is not whole, or a rate is not above 0.
    """

    rates: float
    spread: float
    centre: float
    combine: str
    mass: float
    bandwidth_s: float
    suppression_s: float
    vote_threshold: float
    excerpts: bool
    overlap_s: float
    dropped_s: float

    def __post_init__(self) -> None:
        if self.rates != round(self.rates):
            raise ConfigError(f"`ensemble_options: rates` must be a whole number, but got {self.rates:g}")
        if not self.spread < self.centre:
            raise ConfigError(
                f"`ensemble_options: spread` must be below the centre, {self.centre:g}, "
                f"but got {self.spread:g}"
            )

    @property
    def speeds(self) -> tuple[float, ...]:
        """Rate of each version, ascending."""
        if self.rates == 1:
            return (self.centre,)
        return tuple(self.centre + self.spread * np.linspace(-1, 1, round(self.rates)))

    @property
    def votes(self) -> bool:
        """Whether versions vote."""
        return self.rates > 1 and self.combine != "mean"

    def vote(self, *, hop_s: float) -> Vote:
        """Return the rule by which versions vote, in frames.

        Raises:
            ConfigError: The bandwidth is below one frame, so that votes between two frames would be lost.
        """
        if self.bandwidth_s < hop_s * (1 - 1e-9):
            raise ConfigError(
                f"`ensemble_options: bandwidth_s` must be at least a frame ({hop_s:g} s), "
                f"but got {self.bandwidth_s:g}"
            )
        bandwidth_frames = seconds_to_frames(self.bandwidth_s, hop_s=hop_s)
        return Vote(
            n_versions=round(self.rates),
            vote_threshold=self.vote_threshold,
            bandwidth_frames=bandwidth_frames,
            # Slightly lower, so that versions that agree to the frame do not miss it by a rounding error.
            mass=(1 - 1e-9) * self.mass * self.rates / (bandwidth_frames * math.sqrt(2 * math.pi)),
            suppression_frames=seconds_to_frames(self.suppression_s, hop_s=hop_s),
        )

    def advance_frames(self, excerpt_frames: int, *, hop_s: float) -> int:
        """Return the number of frames from one excerpt's start to the next.

        Raises:
            ConfigError: The overlap is as long as the excerpt, or dropped frames leave gaps.
        """
        advance = excerpt_frames - whole_frames(self.overlap_s, hop_s=hop_s)
        if advance < 1:
            raise ConfigError(
                f"`ensemble_options: overlap_s` must be below the excerpt's {excerpt_frames * hop_s:g} s, "
                f"but got {self.overlap_s:g}"
            )
        if self.dropped_s > self.overlap_s:
            raise ConfigError(
                f"`ensemble_options: dropped_s` must be at most overlap_s ({self.overlap_s:g}), or some "
                f"frames would be in no excerpt, but got {self.dropped_s:g}"
            )
        return advance


def ensemble_for(options: Mapping[str, OptionValue]) -> Ensemble:
    """Return the ensemble with these options; missing options take their defaults, a single plain version.

    Raises:
        ConfigError: An option is unknown, or a value is out of range.
    """
    values = resolved_options(options, known=ENSEMBLE_OPTIONS, key="ensemble_options", owner="an ensemble")
    values["vote_threshold"] = values.pop("trigger")
    return Ensemble(**{item.name: values[item.name] for item in fields(Ensemble)})  # type: ignore[arg-type]
