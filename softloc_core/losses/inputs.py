"""Losses in float32 at least, also where the network runs under `torch.autocast`."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

import torch
from torch import Tensor

__all__ = ["in_full_precision", "widened"]

Rest = ParamSpec("Rest")


def widened(values: Tensor) -> Tensor:
    """Half precision as float32; anything else as it is."""
    return values.float() if values.dtype in (torch.float16, torch.bfloat16) else values


def in_full_precision(
    loss: Callable[Concatenate[Tensor, Rest], Tensor],
) -> Callable[Concatenate[Tensor, Rest], Tensor]:
    """A loss whose first argument, the prediction, is widened and inside which autocast is off.

    Smoothed processes are small differences of small numbers; eight bits of mantissa do not hold them.
    """

    @wraps(loss)
    def wrapped(prediction: Tensor, /, *args: Rest.args, **kwargs: Rest.kwargs) -> Tensor:
        with torch.autocast(prediction.device.type, enabled=False):
            return loss(widened(prediction), *args, **kwargs)

    return wrapped
