"""The configuration of a trial: every field that affects its result, and the identity derived from them."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from softloc_core.errors import ConfigError
from softloc_core.losses import LOSSES, Schedule
from softloc_core.tasks import DataRequest
from softloc_core.trial.versions import part_versions

__all__ = ["OPTION_FIELDS", "VALIDATION_LABELS", "Options", "TrialConfig", "setting_id", "trial_id"]

Options = tuple[tuple[str, bool | int | float | str], ...]
"""Options by name, sorted."""
VALIDATION_LABELS = ("misaligned", "clean")
"""Labels that validation recordings may have."""
OPTION_FIELDS = ("loss_options", "noise_options", "decoding_options", "ensemble_options")
"""The fields of `TrialConfig` that hold options."""

# Fields added later, with the value at which a trial is what it was before. At that value a field does not
# enter the identity, so that the identities of earlier trials remain valid.
_NEUTRAL: Mapping[str, Any] = {
    "noise_draw": 0,
    "validation_labels": "clean",
    "threads": 1,
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
    """Everything that affects a trial's result, except the data. No field has a default.

    Attributes:
        task: Name of a registered task.
        data: One of the task's data sources.
        split: One of the source's splits.
        fold: Number of the split's part that is the test set, from 0.
        features: Name of the front end.
        network: Name of one of the task's networks.
        loss: Name of a registered loss.
        loss_options: Options of the loss, sorted by name.
        measure: Distance between the smoothed processes in the soft localization loss.
        softness_s: Standard deviation of the smoothing kernel in seconds, >= 0; at infinity only the count
            loss remains.
        alpha: Schedule of the weight of the count loss.
        noise: Name of a registered kind of label misalignment.
        noise_options: Options of the noise, sorted by name.
        label_noise_s: Scale of the label misalignment in seconds, >= 0.
        noise_draw: Number of the draw of label noise, >= 0. At 0 the replicate determines the draw, so that
            all design points share it. Another number is a separate draw, which replicates share.
        validation_labels: Labels of the validation recordings, for calibration and early stopping:
            `misaligned` like those of training, or `clean`.
        iterations: Number of optimiser steps, >= 1.
        batch_size: Number of excerpts per step, >= 1.
        excerpt_s: Length of an excerpt in seconds, > 0.
        learning_rate: Peak learning rate, > 0.
        learning_rate_schedule: `constant`, or `trapezoid`: a short linear rise, constant until three fifths
            of the training, then a linear decay to a fiftieth of the peak.
        weight_averaging: Decay of the running average of the weights, which is scored, in [0, 1); 0 scores
            the last weights.
        weight_decay: AdamW's decoupled weight decay, >= 0.
        gradient_clip: Largest global norm of the gradient, > 0; infinity disables clipping.
        gain_db: Standard deviation of the random gain of each training excerpt, in dB, >= 0.
        band_gain_db: Standard deviation of the random gain of each band of an excerpt, in dB, >= 0.
        rate_variation: Half the width of the interval around `rate_centre` from which a training excerpt's
            playback rate is drawn, >= 0 and below `rate_centre`; 0.125 means Uniform(0.875, 1.125).
        rate_centre: Middle of this interval, > 0.
        rate_share: Share of the excerpts that are played at a random rate, in [0, 1]; the others are played
            unchanged.
        stacking: Share of the training excerpts that are the sum of two, in [0, 1].
        initial_empty_prob: Probability of no event that an untrained network assigns to an excerpt, in
            (0, 1); it determines the output bias (LoCo paper, eq. 15).
        decoding: `calibrated` for parameters chosen on the validation recordings, by the same procedure for
            every loss; the name of a fixed decoder; or `auto` for the fixed decoder that suits the loss.
        decoding_options: Attributes of the decoder to set, sorted by name. Calibration does not vary them.
            `offset_s` is added to every time. With `calibrate_offset`, the remaining offset is measured on
            the validation recordings and added as well.
        ensemble_options: Options of inference, sorted by name: versions of a recording at other rates that
            vote, and excerpts or whole recordings as input; see `softloc_core.inference.ensemble`.
        tolerance_s: Largest accepted time difference in scoring, inclusive, in seconds, > 0.
        seed: The study's seed; label noise depends only on the seed, the replicate and the recording.
        replicate: Number of the repetition, from 0.
        threads: Number of threads that train and score the network, >= 1. The order of sums, and so the last
            digits of the weights, depend on it.

    Raises:
        ConfigError: A value is out of range.
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
    noise_draw: int
    validation_labels: str
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
    threads: int

    def __post_init__(self) -> None:
        for name in _AT_LEAST_0:
            _require(self, name, getattr(self, name) >= 0, "at least 0")
        for name in ("excerpt_s", "learning_rate", "gradient_clip", "tolerance_s", "rate_centre"):
            _require(self, name, getattr(self, name) > 0, "above 0")
        for name in ("iterations", "batch_size", "threads"):
            _require(self, name, getattr(self, name) >= 1, "at least 1")
        for name in ("fold", "seed", "replicate", "noise_draw"):
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
            self,
            "validation_labels",
            self.validation_labels in VALIDATION_LABELS,
            f"one of {', '.join(VALIDATION_LABELS)}",
        )
        _require(
            self, "initial_empty_prob", 0 < self.initial_empty_prob < 1, "between 0 and 1, both excluded"
        )

    def spec(self) -> dict[str, Any]:
        """Return the configuration as plain values, in field order; equal configurations have equal specs."""
        spec = {field.name: getattr(self, field.name) for field in fields(self)}
        spec["alpha"] = self.alpha.spec()
        for name in OPTION_FIELDS:
            spec[name] = dict(sorted(spec[name]))
        return spec

    @property
    def label_draw(self) -> int:
        """The number that stands for the draw of label noise: the replicate, or minus `noise_draw`."""
        return -self.noise_draw if self.noise_draw else self.replicate

    def data_request(self) -> DataRequest:
        """Return the request for the trial's data; trials with equal requests can share the loaded data."""
        return DataRequest(
            task=self.task,
            source=self.data,
            split=self.split,
            fold=self.fold,
            features=self.features,
            seed=self.seed,
        )


def _require(config: TrialConfig, name: str, holds: bool, rule: str) -> None:
    """Raise if a field violates its rule."""
    if not holds:
        raise ConfigError(f"`{name}` must be {rule}, but got {getattr(config, name)}")


def setting_id(config: TrialConfig, *, data_fingerprint: str) -> str:
    """Return the hash of a trial's configuration and data, as 16 hexadecimal digits.

    It seeds the trial's weights and batches. Numbers enter as the shortest exact representation of a float,
    so that 1 and 1.0 are the same value; whole numbers that no float equals are kept exact. Options and
    fields that were added later do not enter at the value that leaves a trial as it was.
    """
    return _hash({"config": _identifying(config), "data": data_fingerprint})


def trial_id(config: TrialConfig, *, data_fingerprint: str) -> str:
    """Return the identity of a trial: 16 hexadecimal digits of a hash of its setting and its parts' versions.

    Parts of version 1 do not enter, so the identity of a trial whose parts never changed is its `setting_id`.

    Raises:
        ConfigError: The task, the loss or the kind of noise is not registered.
    """
    versions = part_versions(task=config.task, network=config.network, loss=config.loss, noise=config.noise)
    later = {part: number for part, number in versions.items() if number > 1}
    content = {"config": _identifying(config), "data": data_fingerprint}
    return _hash({**content, "versions": later} if later else content)


def _hash(content: Mapping[str, Any]) -> str:
    """Return the first 16 hexadecimal digits of the SHA-256 of plain values."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _identifying(config: TrialConfig) -> dict[str, Any]:
    """Return the part of a configuration that identifies a trial, in canonical form."""
    spec = config.spec()
    added = {
        "loss_options": LOSSES[config.loss].options if config.loss in LOSSES else {},
        "noise_options": {},
    }
    for name, known in added.items():
        later = {key: option.default for key, option in known.items() if option.added}
        spec[name] = {key: value for key, value in spec[name].items() if later.get(key) != value}
    return {
        name: _canonical(value)
        for name, value in spec.items()
        if name not in _NEUTRAL or value != _NEUTRAL[name]
    }


def _canonical(value: Any) -> Any:
    """Convert to plain JSON values in which equal numbers are written the same way."""
    if isinstance(value, Mapping):
        return {str(key): _canonical(item) for key, item in value.items()}
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    if isinstance(value, int) and int(float(value)) != value:
        return str(value)
    return repr(float(value))
