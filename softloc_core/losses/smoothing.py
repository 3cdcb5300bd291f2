"""Gaussian smoothing of event processes, as a cached matrix product."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from softloc_core.errors import ConfigError

if TYPE_CHECKING:
    from jaxtyping import Float

__all__ = ["gaussian_matrix", "smooth"]

BOUNDARIES = ("zero", "renormalised")


def smooth(
    values: Float[Tensor, "*batch channel frame"],
    *,
    softness_frames: float,
    boundary: str = "zero",
) -> Float[Tensor, "*batch channel frame"]:
    """Convolve with a unit-mass Gaussian along the frames.

    A product with a precomputed matrix is an order of magnitude faster than a convolution at the lengths of
    training excerpts (see benchmarks/README.md).

    Args:
        values: Event processes; frames that do not count must be zero.
        softness_frames: Standard deviation in frames, >= 0. 0 is the identity, infinity gives zeros.
        boundary: `zero`, what leaves the sequence is lost, as in the papers; or `renormalised`, each frame's
            mass stays within the sequence.

    Raises:
        ConfigError: A negative softness or an unknown boundary.

    Source: SoftLoc paper, eq. 2. Deliberate difference: the kernel is not truncated; the released code takes
        scipy's filter of an impulse, cut at four standard deviations with the tail folded back.
    """
    if not softness_frames >= 0:
        raise ConfigError(f"`softness_frames` must be at least 0, but got {softness_frames}")
    if boundary not in BOUNDARIES:
        raise ConfigError(f"`boundary` must be one of {', '.join(BOUNDARIES)}, but got {boundary}")
    if softness_frames == 0:
        return values
    if math.isinf(softness_frames):
        return values * 0
    matrix = gaussian_matrix(values.shape[-1], float(softness_frames), boundary, values.dtype, values.device)
    return values @ matrix


@lru_cache(maxsize=64)
def gaussian_matrix(
    n_frames: int, softness_frames: float, boundary: str, dtype: torch.dtype, device: torch.device
) -> Float[Tensor, "frame frame"]:
    """[from frame, to frame] weights; cached, not to be written to."""
    distance = torch.arange(n_frames, dtype=torch.float64)
    reach = torch.arange(
        -math.ceil(10 * softness_frames) - 1, math.ceil(10 * softness_frames) + 2, dtype=torch.float64
    )
    mass = torch.exp(-0.5 * (reach / softness_frames) ** 2).sum()
    weight = torch.exp(-0.5 * ((distance[:, None] - distance[None, :]) / softness_frames) ** 2) / mass
    if boundary == "renormalised":
        weight = weight / weight.sum(dim=1, keepdim=True)
    return weight.to(dtype=dtype, device=device)
