"""Inputs of the losses: their precision, their shapes, and which frames of a padded batch count."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Concatenate, ParamSpec

import torch
from torch import Tensor

from softloc_core.errors import DataError

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int

__all__ = [
    "at_least_float32",
    "full_lengths",
    "in_full_precision",
    "only_possible",
    "only_valid",
    "require_same_shape",
    "valid_frames",
]

Rest = ParamSpec("Rest")


def at_least_float32(values: Tensor) -> Tensor:
    """Convert half precision to float32; return any other tensor unchanged."""
    return values.float() if values.dtype in (torch.float16, torch.bfloat16) else values


def in_full_precision(
    loss: Callable[Concatenate[Tensor, Rest], Tensor],
) -> Callable[Concatenate[Tensor, Rest], Tensor]:
    """Compute a loss in float32 or better, even if the network runs under `torch.autocast`.

    The decorated loss receives its first argument, the prediction, in at least float32 and runs with autocast
    off. Smoothed processes are small differences of small numbers, which eight bits of mantissa cannot hold.
    """

    @wraps(loss)
    def wrapped(prediction: Tensor, /, *args: Rest.args, **kwargs: Rest.kwargs) -> Tensor:
        with torch.autocast(prediction.device.type, enabled=False):
            return loss(at_least_float32(prediction), *args, **kwargs)

    return wrapped


def full_lengths(values: Float[Tensor, "*batch frame"], lengths: Tensor | None) -> Int[Tensor, "*batch"]:
    """Return the number of valid frames of every sequence.

    Lengths of shape [batch] apply to all channels of a recording. Under `torch.compile` the range of the
    lengths is not checked.

    Raises:
        DataError: The shape of `lengths` does not match the leading axes of `values`, or a length is out of
            range.
    """
    shape, n_frames = values.shape[:-1], values.shape[-1]
    if lengths is None:
        return torch.full(shape, n_frames, dtype=torch.int64, device=values.device)
    if lengths.shape != shape[: lengths.ndim]:
        raise DataError(
            f"`lengths` must have shape {list(shape[:1])} or {list(shape)}, but got {list(lengths.shape)}"
        )
    lengths = lengths.to(device=values.device, dtype=torch.int64)
    bad = (lengths < 0) | (lengths > n_frames)
    if not torch.compiler.is_compiling() and bool(bad.any()):
        where = tuple(bad.nonzero()[0].tolist())
        raise DataError(
            f"a length must be between 0 and {n_frames} frames, "
            f"but got {int(lengths[where])} in sequence {list(where)}"
        )
    return lengths.reshape(lengths.shape + (1,) * (len(shape) - lengths.ndim)).expand(shape)


def valid_frames(
    values: Float[Tensor, "*batch frame"], *, lengths: Tensor | None, mask: Tensor | None = None
) -> Bool[Tensor, "*batch frame"] | None:
    """Return a mask of the frames that count, or None if all do.

    Args:
        values: Sequences that the frames belong to; only their shape and device matter.
        lengths: Number of valid frames, [batch] or one per sequence.
        mask: True where a frame counts; must broadcast to the shape of `values`.

    Raises:
        DataError: The lengths are not as `full_lengths` requires, or the mask does not broadcast.
    """
    valid = None
    if lengths is not None:
        frame = torch.arange(values.shape[-1], device=values.device)
        valid = frame < full_lengths(values, lengths).unsqueeze(-1)
    if mask is None:
        return valid
    try:
        mask = mask.to(device=values.device, dtype=torch.bool).expand(values.shape)
    except RuntimeError as error:
        raise DataError(
            f"`mask` must broadcast to shape {list(values.shape)}, but got {list(mask.shape)}"
        ) from error
    return mask if valid is None else valid & mask


def only_valid(values: Tensor, valid: Tensor | None) -> Tensor:
    """Set frames that do not count to zero, so that whatever they held, even NaN, has no effect."""
    return values if valid is None else values.masked_fill(~valid, 0)


def only_possible(event_logit: Tensor, *, lengths: Tensor | None, mask: Tensor) -> Tensor:
    """Make events impossible in frames that do not count, so that they add nothing to a number of events."""
    valid = valid_frames(event_logit, lengths=lengths, mask=mask)
    return event_logit if valid is None else event_logit.masked_fill(~valid, -math.inf)


def require_same_shape(prediction: Tensor, label: Tensor) -> None:
    """Raise if the label's shape differs from the prediction's, because it would broadcast silently.

    Raises:
        DataError: The shapes differ, or have no frame axis.
    """
    if prediction.shape != label.shape or prediction.ndim < 1:
        raise DataError(
            f"`label` must have the prediction's shape {list(prediction.shape)}, but got {list(label.shape)}"
        )
