"""Gaussian smoothing of event processes, as a product with a cached matrix."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from softloc_core.errors import ConfigError
from softloc_core.losses.matrix_cache import MatrixCache

if TYPE_CHECKING:
    from jaxtyping import Float

__all__ = ["BOUNDARIES", "gaussian_matrix", "smooth"]

BOUNDARIES = ("zero", "renormalised")
"""Rules for smoothed mass that leaves the sequence; see `smooth`."""

# A matrix of 1000 frames in float32 has 4 MB; up to 8192 frames it is kept.
_CACHE_BYTES = 2**28


def smooth(
    values: Float[Tensor, "*batch channel frame"],
    *,
    softness_frames: float | Tensor,
    boundary: str = "zero",
    valid: Tensor | None = None,
) -> Float[Tensor, "*batch channel frame"]:
    """Convolve event processes with a unit-mass Gaussian along the frames.

    Up to a few thousand frames, a product with a precomputed matrix is faster than a convolution (see
    benchmarks/README.md). Matrices are kept for later calls, up to 256 MiB in all.

    Args:
        values: Event processes; frames that do not count must be zero.
        softness_frames: Standard deviation in frames, >= 0. At 0 the values are returned unchanged, at
            infinity they become zero. A tensor sets a softness for each sequence; it must broadcast to the
            shape of the sequences, such as [channel], or [batch, 1] for one per recording or annotator. No
            gradient flows to it.
        boundary: With `zero`, mass that leaves the sequence is lost, as in the papers. With `renormalised`,
            the mass of each frame stays within the sequence's valid frames.
        valid: Frames that count, used by `renormalised`; all by default.

    Raises:
        ConfigError: The softness is negative or does not broadcast, or the boundary is unknown.

    Source: SoftLoc paper, eq. 2 and section 4.4. Deliberate difference: the kernel is not truncated. The
    released code applies scipy's filter to an impulse, which cuts the kernel at four standard deviations and
    folds the tail back.
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
    """Smooth all sequences with the same softness."""
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
    """Return the symmetric weights of a sampled Gaussian whose samples sum to one."""
    reach = math.ceil(10 * softness_frames) + 1
    around = torch.arange(-reach, reach + 1, dtype=torch.float64)
    mass = torch.exp(-0.5 * (around / softness_frames) ** 2).sum()
    frame = torch.arange(n_frames, dtype=torch.float64)
    distance = frame[:, None] - frame[None, :]
    return (torch.exp(-0.5 * (distance / softness_frames) ** 2) / mass).to(dtype=dtype, device=device)


_CACHE = MatrixCache(_CACHE_BYTES)


def _cached_matrix(n_frames: int, softness_frames: float, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return `gaussian_matrix` from a cache; callers must not modify it.

    It is created outside inference mode, so that a matrix cached during scoring can also be used in training.
    """
    key = (n_frames, softness_frames, dtype, device)
    with torch.inference_mode(False):
        return _CACHE.get(key, lambda: gaussian_matrix(*key))
