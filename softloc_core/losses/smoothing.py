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
    softness_frames: float | Tensor,
    boundary: str = "zero",
    valid: Tensor | None = None,
) -> Float[Tensor, "*batch channel frame"]:
    """Convolve with a unit-mass Gaussian along the frames.

    A product with a precomputed matrix is faster than a convolution up to some thousand frames (see
    benchmarks/README.md).

    Args:
        values: Event processes; frames that do not count must be zero.
        softness_frames: Standard deviation in frames, >= 0. 0 is the identity, infinity gives zeros. A tensor
            that broadcasts against the sequences gives each its own: [channel], or [batch, 1] for one a
            recording or annotator. No gradient flows to it.
        boundary: `zero`, what leaves the sequence is lost, as in the papers; or `renormalised`, each frame's
            mass stays within the sequence's valid frames.
        valid: Frames that count, for `renormalised`; all by default.

    Raises:
        ConfigError: A negative softness, one that does not broadcast, or an unknown boundary.

    Source: SoftLoc paper, eq. 2 and section 4.4. Deliberate difference: the kernel is not truncated; the
    released code takes scipy's filter of an impulse, cut at four standard deviations with the tail folded
    back.
    """
    if boundary not in BOUNDARIES:
        raise ConfigError(f"`boundary` must be one of {', '.join(BOUNDARIES)}, but got {boundary}")
    if not isinstance(softness_frames, Tensor):
        return _smooth_alike(values, float(softness_frames), boundary, valid)
    try:
        each = softness_frames.detach().to(values.device).expand(values.shape[:-1])
    except RuntimeError as error:
        raise ConfigError(
            f"`softness_frames` must broadcast to the sequences {list(values.shape[:-1])}, "
            f"but got shape {list(softness_frames.shape)}"
        ) from error
    smoothed = torch.zeros_like(values)
    for softness in torch.unique(each).tolist():
        alike = each == softness
        inside = valid if valid is None else valid.expand(values.shape)[alike]
        smoothed[alike] = _smooth_alike(values[alike], softness, boundary, inside)
    return smoothed


def _smooth_alike(values: Tensor, softness_frames: float, boundary: str, valid: Tensor | None) -> Tensor:
    """Smooth all sequences with one softness."""
    if not softness_frames >= 0:
        raise ConfigError(f"`softness_frames` must be at least 0, but got {softness_frames}")
    if softness_frames == 0:
        return values
    if math.isinf(softness_frames):
        return values * 0
    weights = gaussian_matrix if torch.compiler.is_compiling() else _cached_matrix
    matrix = weights(values.shape[-1], softness_frames, values.dtype, values.device)
    if boundary == "renormalised":
        inside = torch.ones_like(values) if valid is None else valid.to(values.dtype)
        values = values / (inside @ matrix).clamp(min=torch.finfo(values.dtype).tiny)
    return values @ matrix


def gaussian_matrix(
    n_frames: int, softness_frames: float, dtype: torch.dtype, device: torch.device
) -> Float[Tensor, "frame frame"]:
    """Symmetric [frame, frame] weights of a sampled Gaussian of unit sum."""
    reach = math.ceil(10 * softness_frames) + 1
    around = torch.arange(-reach, reach + 1, dtype=torch.float64)
    mass = torch.exp(-0.5 * (around / softness_frames) ** 2).sum()
    frame = torch.arange(n_frames, dtype=torch.float64)
    distance = frame[:, None] - frame[None, :]
    return (torch.exp(-0.5 * (distance / softness_frames) ** 2) / mass).to(dtype=dtype, device=device)


@lru_cache(maxsize=128)
def _cached_matrix(n_frames: int, softness_frames: float, dtype: torch.dtype, device: torch.device) -> Tensor:
    """The same, kept for the next call and not to be written to; fit for training wherever it was made."""
    with torch.inference_mode(False):
        return gaussian_matrix(n_frames, softness_frames, dtype, device)
