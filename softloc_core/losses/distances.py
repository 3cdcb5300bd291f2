"""Distances that the soft localization loss takes between the two smoothed processes, frame by frame."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from softloc_core.errors import ConfigError

__all__ = ["MEASURES", "Measure", "measure_named"]

Measure = Callable[[Tensor, Tensor], Tensor]
"""From smoothed prediction and smoothed label to a loss of the same shape."""

# Smoothed processes are small numbers: an impulse at a softness of 10 frames peaks at 0.04.
_HUBER_DELTA = 0.01


def _squared(prediction: Tensor, label: Tensor) -> Tensor:
    """Squared difference, bounded; the papers' choice throughout."""
    return (prediction - label).square()


def _absolute(prediction: Tensor, label: Tensor) -> Tensor:
    """Absolute difference."""
    return (prediction - label).abs()


def _huber(prediction: Tensor, label: Tensor) -> Tensor:
    """Half the squared difference up to 0.01, linear beyond."""
    return torch.nn.functional.huber_loss(prediction, label, reduction="none", delta=_HUBER_DELTA)


def _log(prediction: Tensor, label: Tensor) -> Tensor:
    """-log(1 - |difference|), whose limit at softness 0 is the cross entropy (SoftLoc paper, eq. 5)."""
    rest = 1 - (prediction - label).abs()
    return -torch.log(rest.clamp(min=torch.finfo(rest.dtype).tiny))


MEASURES: Mapping[str, Measure] = {
    "squared": _squared,
    "absolute": _absolute,
    "huber": _huber,
    "log": _log,
}


def measure_named(measure: str | Measure) -> Measure:
    """The measure of that name; a callable is taken as it is.

    Raises:
        ConfigError: An unknown name.
    """
    if callable(measure):
        return measure
    if measure not in MEASURES:
        raise ConfigError(f"`measure` must be one of {', '.join(MEASURES)}, but got {measure}")
    return MEASURES[measure]
