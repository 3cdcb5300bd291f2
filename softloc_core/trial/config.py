"""What a trial is: every field that decides its result, and the identity that follows from them."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from softloc_core.errors import ConfigError
from softloc_core.losses import Schedule
from softloc_core.tasks import DataRequest

__all__ = ["OPTION_FIELDS", "Options", "TrialConfig", "trial_id"]

Options = tuple[tuple[str, bool | int | float | str], ...]
OPTION_FIELDS = ("loss_options", "noise_options", "decoding_options", "ensemble_options")
"""The fields of `TrialConfig` that hold options."""

# Fields that came later, with the value at which a trial is what it was without them: its identity stays.
_NEUTRAL: Mapping[str, Any] = {
    "decoding_options": {},
    "rate_variation": 0.0,
    "rate_centre": 1.0,
    "rate_share": 1.0,
    "stacking": 0.0,
    "ensemble_options": {},
}

_AT_LEAST_0 = ("softness_s", "label_noise_s", "weight_decay", "gain_db", "band_gain_db", "rate_variation")


@dataclass(frozen=True, kw_only=True)
class TrialConfig:
    """Everything that decides a trial's result, besides the data. No field has a default.

    Attributes:
        task: Registered task.
        data: One of the task's data sources.
        split: One of the source's splits.
        fold: Part of the split that is the test set, from 0.
        features: Name of the front end.
        network: Registered network.
        loss: Registered loss.
        loss_options: The loss's own parameters, sorted by name.
        measure: Distance that the soft localization loss takes between the smoothed processes.
        softness_s: Standard deviation of the smoothing kernel in seconds, >= 0; infinity leaves the count
            alone.
        alpha: Weight of the count loss over training.
        noise: Registered kind of label misalignment.
        noise_options: Its own parameters, sorted by name.
        label_noise_s: Scale of the label misalignment in seconds, >= 0.
        iterations: Optimiser steps, >= 1.
        batch_size: Excerpts a step, >= 1.
        excerpt_s: Length of an excerpt in seconds, > 0.
        learning_rate: Peak learning rate, > 0.
        learning_rate_schedule: `constant`, or `trapezoid`: a short linear rise, level until three fifths,
            then a line down to a fiftieth of the peak.
        weight_averaging: Decay of the running average of the weights that is scored, in [0, 1); 0 scores the
            last weights.
        weight_decay: AdamW's decoupled weight decay, >= 0.
        gradient_clip: Largest global norm of the gradient, > 0; infinity switches clipping off.
        gain_db: Standard deviation of the random gain of each training excerpt, in dB, >= 0.
        band_gain_db: Standard deviation of the random gain of each band of an excerpt, in dB, >= 0.
        rate_variation: Half the width of the interval around `rate_centre` that a training excerpt's playback
            rate is drawn from, >= 0 and below `rate_centre`; 0.125 is Uniform(0.875, 1.125).
        rate_centre: Middle of that interval, > 0.
        rate_share: Share of the excerpts whose rate is drawn, in [0, 1]; the others are played as they are.
        stacking: Share of the training excerpts that are the sum of two, in [0, 1].
        initial_empty_prob: Probability that an untrained network gives to an excerpt without events, in (0,
            1); the output bias follows from it (LoCo paper, eq. 15).
        decoding: Named decoding preset, or `auto`: the one that suits the loss.
        decoding_options: Attributes of the decoder that are set, sorted by name; `offset_s` is added to every
            time; with `calibrate_offset` the offset that is left is measured on the validation recordings and
            added too.
        ensemble_options: How the trained network is asked, sorted by name: versions of a recording at other
            rates that vote, an excerpt at a time or whole recordings; see `softloc_core.inference.ensemble`.
        tolerance_s: Largest accepted time difference in scoring, inclusive, in seconds, > 0.
        seed: The study's seed; label noise depends on it, the replicate and the recording only.
        replicate: Which repetition, from 0.

    Raises:
        ConfigError: A value out of its range.
    """

    task: str
    data: str
    split: str
    fold: int
    features: str
    network: str
    loss: str
    loss_options: Options
    measure: str
    softness_s: float
    alpha: Schedule
    noise: str
    noise_options: Options
    label_noise_s: float
    iterations: int
    batch_size: int
    excerpt_s: float
    learning_rate: float
    learning_rate_schedule: str
    weight_averaging: float
    weight_decay: float
    gradient_clip: float
    gain_db: float
    band_gain_db: float
    rate_variation: float
    rate_centre: float
    rate_share: float
    stacking: float
    initial_empty_prob: float
    decoding: str
    decoding_options: Options
    ensemble_options: Options
    tolerance_s: float
    seed: int
    replicate: int

    def __post_init__(self) -> None:
        for name in _AT_LEAST_0:
            _require(self, name, getattr(self, name) >= 0, "at least 0")
        for name in ("excerpt_s", "learning_rate", "gradient_clip", "tolerance_s", "rate_centre"):
            _require(self, name, getattr(self, name) > 0, "above 0")
        for name in ("iterations", "batch_size"):
            _require(self, name, getattr(self, name) >= 1, "at least 1")
        for name in ("fold", "seed", "replicate"):
            _require(self, name, getattr(self, name) >= 0, "at least 0")
        for name in ("label_noise_s", "excerpt_s", "learning_rate", "weight_decay", "tolerance_s"):
            _require(self, name, math.isfinite(getattr(self, name)), "finite")
        for name in ("rate_share", "stacking"):
            _require(self, name, 0 <= getattr(self, name) <= 1, "in [0, 1]")
        _require(self, "rate_centre", math.isfinite(self.rate_centre), "finite")
        below = self.rate_variation < self.rate_centre
        _require(self, "rate_variation", below, f"below rate_centre, {self.rate_centre:g}")
        _require(self, "weight_averaging", 0 <= self.weight_averaging < 1, "in [0, 1)")
        _require(
            self, "initial_empty_prob", 0 < self.initial_empty_prob < 1, "between 0 and 1, both excluded"
        )

    def spec(self) -> dict[str, Any]:
        """The configuration as plain values, in field order; equal configurations give equal specs."""
        spec = {field.name: getattr(self, field.name) for field in fields(self)}
        spec["alpha"] = self.alpha.spec()
        for name in OPTION_FIELDS:
            spec[name] = dict(sorted(spec[name]))
        return spec

    def data_request(self) -> DataRequest:
        """Which data the trial reads; trials with equal requests share one load."""
        return DataRequest(
            task=self.task,
            source=self.data,
            split=self.split,
            fold=self.fold,
            features=self.features,
            seed=self.seed,
        )


def _require(config: TrialConfig, name: str, holds: bool, rule: str) -> None:
    """Refuse a field whose rule does not hold."""
    if not holds:
        raise ConfigError(f"`{name}` must be {rule}, but got {getattr(config, name)}")


def trial_id(config: TrialConfig, *, data_fingerprint: str) -> str:
    """Identity of a trial: 16 hexadecimal digits of a hash over its configuration and its data, nothing else.

    Floats enter by their shortest exact representation, so that 1 and 1.0 are the same value.
    """
    spec = {
        name: _canonical(value)
        for name, value in config.spec().items()
        if name not in _NEUTRAL or value != _NEUTRAL[name]
    }
    text = json.dumps({"config": spec, "data": data_fingerprint}, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _canonical(value: Any) -> Any:
    """Plain JSON values in which equal numbers look equal."""
    if isinstance(value, Mapping):
        return {str(key): _canonical(item) for key, item in value.items()}
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    return repr(float(value))
