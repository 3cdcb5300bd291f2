"""Which frames of a padded batch count: lengths and masks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from softloc_core.errors import DataError

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int

__all__ = ["full_lengths", "only_valid", "require_same_shape", "valid_frames"]


def full_lengths(values: Float[Tensor, "*batch frame"], lengths: Tensor | None) -> Int[Tensor, "*batch"]:
    """Valid frames of every sequence; lengths of [batch] hold for all its channels.

    Under `torch.compile` the range of the lengths is not checked.

    Raises:
        DataError: A shape that does not lead that of the sequences, or a length out of range.
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
            f"a length must lie between 0 and {n_frames} frames, "
            f"but got {int(lengths[where])} in sequence {list(where)}"
        )
    return lengths.reshape(lengths.shape + (1,) * (len(shape) - lengths.ndim)).expand(shape)


def valid_frames(
    values: Float[Tensor, "*batch frame"], *, lengths: Tensor | None, mask: Tensor | None = None
) -> Bool[Tensor, "*batch frame"] | None:
    """Frames that count, or None where all do.

    Args:
        values: What the frames belong to; only shape and device matter.
        lengths: Valid frames, [batch] or one a sequence.
        mask: True where a frame counts; broadcast against `values`.

    Raises:
        DataError: Lengths as in `full_lengths`, or a mask that cannot be broadcast.
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
    """The values, zero in the frames that do not count; what stood there, NaN included, has no effect."""
    return values if valid is None else values.masked_fill(~valid, 0)


def require_same_shape(prediction: Tensor, label: Tensor) -> None:
    """Refuse a label of another shape than the prediction, which would broadcast silently.

    Raises:
        DataError: The shapes differ, or have no frame axis.
    """
    if prediction.shape != label.shape or prediction.ndim < 1:
        raise DataError(
            f"`label` must have the prediction's shape {list(prediction.shape)}, but got {list(label.shape)}"
        )
