"""How a trial's network is asked: versions of a recording, how they agree, one excerpt at a time or not."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np

from softloc_core.errors import ConfigError
from softloc_core.inference.voting import Vote
from softloc_core.options import Option, OptionValue, resolved_options

__all__ = ["ENSEMBLE_OPTIONS", "Ensemble", "ensemble_for"]

ENSEMBLE_OPTIONS: Mapping[str, Option] = {
    "rates": Option(1.0, "number of versions of a recording", low=1, high=100),
    "spread": Option(0.125, "largest distance of a version's rate from the middle one", low=0.0, high=0.9),
    "centre": Option(1.0, "the middle rate", low=0.1, high=10.0),
    "combine": Option("events", "what versions agree by", choices=("events", "frames", "mean")),
    "mass": Option(0.45, "share of the versions that must vote for an event", low=1e-3, high=1.0),
    "bandwidth_s": Option(
        0.025, "standard deviation in seconds that votes are smoothed by", low=1e-6, high=1e3
    ),
    "suppression_s": Option(0.045, "how far around an event votes are taken away", low=0.0, high=1e3),
    "trigger": Option(0.4, "smallest probability of a frame's vote", low=1e-6, high=1.0),
    "excerpts": Option(False, "whether the network sees an excerpt at a time, as in training"),
    "overlap_s": Option(0.0, "overlap of two excerpts in seconds", low=0.0, high=1e6),
    "dropped_s": Option(0.0, "what is left out at the start of each but the first", low=0.0, high=1e6),
}
"""What a study may set under `ensemble_options`."""


@dataclass(frozen=True, kw_only=True)
class Ensemble:
    """Versions of a recording and how they agree.

    Source: the SoftLoc and LoCo papers' released code: 7 (drums, piano) or 4 versions (LoCo), 5 to 14 frames
    of suppression, excerpts of 1.5 s every 0.5 s. Deliberate differences: rates are spaced evenly, where
    there they are drawn; frames of features are interpolated (`training.augmentation`); `mass` is a
    share of the versions, where there it is a height of their smoothed sum: one of 0.25 for seven versions at
    a bandwidth of 5 frames is a share of 0.45.

    Attributes:
        rates: Number of versions, at least 1; a whole number. One alone is played at `centre`.
        spread: Distance of the slowest and the fastest rate from `centre`, below it.
        centre: The middle rate.
        combine: `events`: each version is decoded, its events vote. `frames`: frames of at least `trigger`
            vote, as in the papers. `mean`: probabilities are averaged, then decoded.
        mass: Share of the versions that must vote for an event, when they agree to the frame.
        bandwidth_s: Standard deviation in seconds that votes are smoothed by, at least a frame.
        suppression_s: How far around an event votes are taken away, in seconds.
        trigger: Smallest probability of a frame's vote.
        excerpts: Whether the network sees an excerpt at a time, of the length it was trained on.
        overlap_s: Overlap of neighbouring excerpts in seconds; their results are averaged there.
        dropped_s: What is left out at the start of each excerpt but the first, in seconds.

    Raises:
        ConfigError: A number of versions that is not whole, or a rate that is not above 0.
    """

    rates: float
    spread: float
    centre: float
    combine: str
    mass: float
    bandwidth_s: float
    suppression_s: float
    trigger: float
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
        """The rate of each version, ascending."""
        if self.rates == 1:
            return (self.centre,)
        return tuple(self.centre + self.spread * np.linspace(-1, 1, round(self.rates)))

    @property
    def votes(self) -> bool:
        """Whether versions vote."""
        return self.rates > 1 and self.combine != "mean"

    def vote(self, *, hop_s: float) -> Vote:
        """How versions vote, in frames.

        Raises:
            ConfigError: A bandwidth below a frame, under which votes between two frames would be lost.
        """
        if self.bandwidth_s < hop_s * (1 - 1e-9):
            raise ConfigError(
                f"`ensemble_options: bandwidth_s` must be at least a frame ({hop_s:g} s), "
                f"but got {self.bandwidth_s:g}"
            )
        bandwidth_frames = self.bandwidth_s / hop_s
        return Vote(
            n_versions=round(self.rates),
            trigger=self.trigger,
            bandwidth_frames=bandwidth_frames,
            # Just below: versions that agree to the frame must not miss it by rounding.
            mass=(1 - 1e-9) * self.mass * self.rates / (bandwidth_frames * math.sqrt(2 * math.pi)),
            suppression_frames=self.suppression_s / hop_s,
        )

    def advance_frames(self, excerpt_frames: int, *, hop_s: float) -> int:
        """Frames from one excerpt's start to the next.

        Raises:
            ConfigError: An overlap, with what is dropped, that leaves nothing of an excerpt, or gaps.
        """
        advance = excerpt_frames - round(self.overlap_s / hop_s)
        if advance < 1:
            raise ConfigError(
                f"`ensemble_options: overlap_s` must be below the excerpt's {excerpt_frames * hop_s:g} s, "
                f"but got {self.overlap_s:g}"
            )
        if self.dropped_s > self.overlap_s:
            raise ConfigError(
                f"`ensemble_options: dropped_s` must be at most overlap_s ({self.overlap_s:g}), for else "
                f"frames are left without an excerpt, but got {self.dropped_s:g}"
            )
        return advance


def ensemble_for(options: Mapping[str, OptionValue]) -> Ensemble:
    """The ensemble that a configuration gives; what it leaves out is at its default, one plain version.

    Raises:
        ConfigError: An option that does not exist, or a value out of range.
    """
    values = resolved_options(options, known=ENSEMBLE_OPTIONS, key="ensemble_options", owner="an ensemble")
    return Ensemble(**{item.name: values[item.name] for item in fields(Ensemble)})  # type: ignore[arg-type]
