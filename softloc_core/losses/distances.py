"""Distances between the smoothed prediction and the smoothed label, frame by frame."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from softloc_core.errors import ConfigError

__all__ = ["MEASURES", "Measure", "get_measure"]

Measure = Callable[[Tensor, Tensor], Tensor]
"""Function of the smoothed prediction and the smoothed label that returns a loss of the same shape."""

# Smoothed processes are small numbers: an impulse at a softness of 10 frames peaks at 0.04.
_HUBER_DELTA = 0.01


def _squared(prediction: Tensor, label: Tensor) -> Tensor:
    """Return the squared difference, which is bounded; all of the papers use it."""
    return (prediction - label).square()


def _absolute(prediction: Tensor, label: Tensor) -> Tensor:
    """Return the absolute difference."""
    return (prediction - label).abs()


def _huber(prediction: Tensor, label: Tensor) -> Tensor:
    """Return half the squared difference up to a difference of 0.01, and a linear function beyond."""
    return torch.nn.functional.huber_loss(prediction, label, reduction="none", delta=_HUBER_DELTA)


def _log(prediction: Tensor, label: Tensor) -> Tensor:
    """Return -log(1 - |difference|), the cross entropy at softness 0 (SoftLoc paper, eq. 5).

    Several labels in one frame can exceed 1 at small softness, which no prediction reaches; they count as 1.
    """
    rest = 1 - (prediction - label.clamp(max=1)).abs()
    return -torch.log(rest.clamp(min=torch.finfo(rest.dtype).tiny))


MEASURES: Mapping[str, Measure] = {
    "squared": _squared,
    "absolute": _absolute,
    "huber": _huber,
    "log": _log,
}


def get_measure(measure: str | Measure) -> Measure:
    """Return the measure with this name; a callable is returned unchanged.

    Raises:
        ConfigError: The name is unknown.
    """
    if callable(measure):
        return measure
    if measure not in MEASURES:
        raise ConfigError(f"`measure` must be one of {', '.join(MEASURES)}, but got {measure}")
    return MEASURES[measure]
