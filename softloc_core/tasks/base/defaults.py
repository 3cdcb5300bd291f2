"""Defaults that most tasks share. A task defines what differs and what depends on its networks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["COMMON_DEFAULTS", "STEADY_TRAINING"]

COMMON_DEFAULTS: Mapping[str, Any] = {
    # data
    "fold": 0,
    # loss and labels
    "loss_options": (),
    "measure": "squared",
    "softness_s": 0.1,
    "noise": "normal",
    "noise_options": (),
    "label_noise_s": 0.0,
    "validation_labels": "misaligned",
    # training
    "learning_rate_schedule": "trapezoid",
    "weight_decay": 0.01,
    "gradient_clip": 10.0,
    "gain_db": 0.0,
    "band_gain_db": 0.0,
    "rate_variation": 0.0,
    "rate_centre": 1.0,
    "rate_share": 1.0,
    "stacking": 0.0,
    "initial_empty_prob": 0.8,
    # scoring
    "decoding": "calibrated",
    "decoding_options": (),
    "ensemble_options": (),
}
"""Defaults that apply unless a task or one of its networks overrides them."""

STEADY_TRAINING: Mapping[str, Any] = {
    "learning_rate_schedule": "constant",
    "weight_averaging": 0.0,
    "weight_decay": 0.0,
}
"""Training of the papers' networks: a constant learning rate, and the final weights are used."""
