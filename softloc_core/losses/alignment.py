"""The marginal alignment likelihood, which treats labels as misplaced copies of the true events, in order."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from softloc_core.errors import ConfigError, DataError
from softloc_core.losses._kernels.alignment_cpu import alignment_rows
from softloc_core.losses._kernels.autograd import (
    keep_stored_gradients,
    stored_gradient_backward,
    with_derivatives,
)
from softloc_core.losses.inputs import (
    at_least_float32,
    full_lengths,
    only_possible,
    only_valid,
    require_same_shape,
    valid_frames,
)
from softloc_core.losses.poisson_binomial import label_count
from softloc_core.losses.reductions import reduce_counts

if TYPE_CHECKING:
    from jaxtyping import Float, Int

__all__ = ["MarginalAlignmentLoss", "alignment_log_prob", "label_frames"]


def label_frames(
    label: Float[Tensor, "*batch frame"], *, lengths: Tensor | None = None, mask: Tensor | None = None
) -> tuple[Int[Tensor, "*batch event"], Int[Tensor, "*batch"]]:
    """Return the frame of each event, in ascending order, and the number of events.

    A frame with several events is repeated. Rows with fewer events than the longest one are padded with the
    number of frames.

    Args:
        label: Events in each frame.
        lengths: Number of valid frames, [batch] or one per sequence.
        mask: True where a frame counts; must broadcast to the shape of the label.

    Raises:
        DataError: A label does not hold a whole number of events.
    """
    n_events = label_count(label, lengths=lengths, mask=mask)
    within = only_valid(label, valid_frames(label, lengths=lengths, mask=mask)).round().cumsum(dim=-1)
    rank = torch.arange(1, max(1, int(n_events.max()) if n_events.numel() else 1) + 1, device=label.device)
    ranks = rank.to(within.dtype).expand(*within.shape[:-1], -1).contiguous()
    return torch.searchsorted(within.contiguous(), ranks), n_events


def alignment_log_prob(
    event_logit: Float[Tensor, "*batch frame"],
    log_density: Float[Tensor, "*batch event frame"],
    n_events: Int[Tensor, "*batch"],
    *,
    lengths: Tensor | None = None,
) -> Float[Tensor, "*batch"]:
    """Return the log probability of the observed labels, summed exactly over all placements of the events.

    Each frame holds an event with probability sigmoid(event_logit), and the m-th true event in time gives
    rise to the m-th label. One compiled pass in log space computes the value and the gradient, which is also
    a posterior. With respect to a frame's logit it is the probability of an event in that frame given the
    labels, minus the prior probability. With respect to a log density it is the probability that the
    label's event is in that frame. Forward-mode differentiation and the transforms of `torch.func` work as
    well, except under `torch.compile`.

    Args:
        event_logit: Log odds of an event in each frame.
        log_density: Log probability of the m-th label, given that its event is in a frame; minus infinity
            forbids the placement.
        n_events: Number of labels of each sequence; further rows of `log_density` are ignored.
        lengths: Number of valid frames, [batch] or one per sequence.

    Returns:
        The log probability of each sequence, at most the largest sum of its log densities.

    Raises:
        DataError: The shapes do not match, or the labels of a sequence have no possible placement.
        NotImplementedError: A second derivative is requested.

    Source: Adams and Marlin 2017 (marginal likelihood of the LR-M model), here for any network instead of a
    logistic regression. Deliberate difference: the model does not include missing or spurious labels.
    """
    if log_density.shape[:-2] != event_logit.shape[:-1] or log_density.shape[-1] != event_logit.shape[-1]:
        raise DataError(
            f"`log_density` must have shape {[*event_logit.shape[:-1], 'event', event_logit.shape[-1]]}, "
            f"but got {list(log_density.shape)}"
        )
    logit = at_least_float32(event_logit)
    density = log_density.to(logit.dtype)
    return with_derivatives(_alignment, logit, density, n_events, full_lengths(logit, lengths), n_gradients=2)


@torch.library.custom_op(
    "softloc::alignment_log_prob",
    mutates_args=(),
    schema="(Tensor logit, Tensor log_density, Tensor n_events, Tensor lengths, bool wanted) "
    "-> (Tensor, Tensor, Tensor)",
)
def _alignment(
    logit: Tensor, log_density: Tensor, n_events: Tensor, lengths: Tensor, wanted: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """Compute value and gradients on the CPU; opaque to `torch.compile`."""
    rows = logit.reshape(n_events.numel(), logit.shape[-1]).contiguous().cpu().numpy()
    density = log_density.reshape(len(rows), *log_density.shape[-2:]).contiguous().cpu().numpy()
    events = np.ascontiguousarray(n_events.reshape(-1).cpu().numpy(), dtype=np.int64)
    n_frames = np.ascontiguousarray(lengths.reshape(-1).cpu().numpy())
    table, ahead = np.empty((rows.shape[-1] + 1, density.shape[1] + 1)), np.empty(density.shape[1] + 1)
    log_prob = np.zeros(len(rows))
    gradient, posterior = (np.zeros_like(each) if wanted else each[:0] for each in (rows, density))
    alignment_rows(rows, density, events, n_frames, table, ahead, wanted, log_prob, gradient, posterior)
    value = torch.from_numpy(log_prob).to(logit).reshape(n_events.shape)
    impossible = torch.isneginf(value).nonzero()
    if len(impossible):
        where = impossible[0].tolist()
        raise DataError(
            f"labels must have a placement that keeps their order with one event per frame, "
            f"but got {int(n_events[tuple(where)])} labels without one in sequence {where}"
        )
    if not wanted:
        return value, logit.new_empty(0), log_density.new_empty(0)
    return (
        value,
        torch.from_numpy(gradient).to(logit.device).reshape(logit.shape),
        torch.from_numpy(posterior).to(logit.device).reshape(log_density.shape),
    )


@_alignment.register_fake
def _(
    logit: Tensor, log_density: Tensor, n_events: Tensor, lengths: Tensor, wanted: bool
) -> tuple[Tensor, Tensor, Tensor]:
    gradient, posterior = (
        torch.empty_like(each) if wanted else each.new_empty(0) for each in (logit, log_density)
    )
    return logit.new_empty(n_events.shape), gradient, posterior


_alignment.register_autograd(
    stored_gradient_backward(n_inputs=5), setup_context=keep_stored_gradients(n_gradients=2)
)


class MarginalAlignmentLoss(nn.Module):
    """Negative log marginal likelihood of the labels under a misalignment model.

    The loss has two limits. At a noise scale of 0 it is the sum of the frames' cross entropies, in which
    several labels in one frame count as one. At an infinite scale it is the count loss. After each call,
    `terms` holds the detached loss.

    Source: Adams and Marlin 2017. Deliberate difference: the Gaussian is normalised over whole frames,
    because labels are placed in frames. A learned scale therefore cannot gain unbounded likelihood by
    shrinking.
    """

    alpha = 0.0

    def __init__(
        self,
        *,
        noise_frames: float,
        learn_scale: bool = False,
        log_density: Callable[[Tensor], Tensor] | None = None,
        reduction: str = "mean",
    ) -> None:
        """Configure the loss.

        Args:
            noise_frames: Standard deviation of the misalignment in frames, >= 0. If the scale is learned,
                this is its initial value, which must be finite and above 0.
            learn_scale: Whether `log_scale` is a trainable parameter. If so, pass the loss's parameters to
                the optimiser as well.
            log_density: Another misalignment model: a function from (label frame - event frame) to a log
                probability. It replaces the Gaussian, and `noise_frames` then has no effect.
            reduction: One of `softloc_core.losses.REDUCTIONS`.

        Raises:
            ConfigError: The scale is negative, or it is learned and its initial value is 0 or infinite.
        """
        super().__init__()
        if not noise_frames >= 0:
            raise ConfigError(f"`noise_frames` must be at least 0, but got {noise_frames}")
        if learn_scale and not 0 < noise_frames < math.inf:
            raise ConfigError(
                f"`noise_frames` must be above 0 and finite to be learned, but got {noise_frames}"
            )
        self.noise_frames = noise_frames
        self.log_density = log_density
        self.reduction = reduction
        self.log_scale = nn.Parameter(torch.tensor(math.log(noise_frames))) if learn_scale else None
        self.terms: dict[str, Tensor] = {}

    def forward(
        self,
        event_logit: Float[Tensor, "*batch channel frame"],
        label: Float[Tensor, "*batch channel frame"],
        *,
        step: int = 0,
        lengths: Tensor | None = None,
        mask: Tensor | None = None,
    ) -> Tensor:
        """Return the loss; `step` is part of the common interface and has no effect.

        Args:
            event_logit: Log odds of an event in each frame.
            label: Events in each frame.
            step: Has no effect.
            lengths: Number of valid frames, [batch] or one per sequence.
            mask: True where a frame counts; must broadcast to the shape of the label. Labels within these
                frames are copies of events within them.

        Raises:
            DataError: The inputs do not match; see `alignment_log_prob`.
        """
        require_same_shape(event_logit, label)
        event_logit = only_valid(at_least_float32(event_logit), valid_frames(event_logit, lengths=lengths))
        if self.log_scale is None and self.noise_frames == 0 and self.log_density is None:
            label = label.clamp(max=1)
        if mask is not None:
            event_logit = only_possible(event_logit, lengths=lengths, mask=mask)
        frames, n_events = label_frames(label, lengths=lengths, mask=mask)
        here = torch.arange(label.shape[-1], device=label.device)
        distance = (frames.unsqueeze(-1) - here).to(event_logit.dtype)
        log_density = (self.log_density or self._gaussian)(distance)
        log_prob = alignment_log_prob(event_logit, log_density, n_events, lengths=lengths)
        value = reduce_counts(-log_prob, reduction=self.reduction)
        self.terms = {"marginal_alignment": value.detach()}
        return value

    def _gaussian(self, distance: Tensor) -> Tensor:
        """Return the log probability of a distance in whole frames under the Gaussian."""
        if self.log_scale is None and self.noise_frames == 0:
            return torch.where(distance == 0, 0.0, -math.inf).to(distance.dtype)
        if self.log_scale is None and math.isinf(self.noise_frames):
            return torch.zeros_like(distance)
        scale = torch.tensor(self.noise_frames) if self.log_scale is None else self.log_scale.exp()
        scale = scale.to(distance)
        reach = max(distance.shape[-1], math.ceil(10 * float(scale.detach())))
        around = torch.arange(-reach, reach + 1, dtype=distance.dtype, device=distance.device)
        mass = torch.logsumexp(-0.5 * (around / scale).square(), dim=0)
        return -0.5 * (distance / scale).square() - mass
