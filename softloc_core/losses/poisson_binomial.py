"""The distribution of the number of events (Poisson-binomial), and the count loss based on it."""

from __future__ import annotations

import math
import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from softloc_core.errors import DataError, UserError
from softloc_core.losses._kernels import poisson_binomial_torch as _poisson_binomial_torch
from softloc_core.losses._kernels.autograd import (
    keep_stored_gradients,
    stored_gradient_backward,
    with_derivatives,
)
from softloc_core.losses._kernels.poisson_binomial_cpu import N_LANES, log_prob_rows, thread_workspace
from softloc_core.losses.inputs import (
    at_least_float32,
    full_lengths,
    in_full_precision,
    only_possible,
    only_valid,
    require_same_shape,
    valid_frames,
)
from softloc_core.losses.reductions import reduce_counts

if TYPE_CHECKING:
    from jaxtyping import Float, Int

__all__ = ["count_loss", "count_pmf", "initial_bias", "label_count", "poisson_binomial_log_prob"]

# With less work than this (states x frames), a second thread costs more than it saves.
_WORK_PER_THREAD = 1_000_000
_POOLS: dict[tuple[int, int], ThreadPoolExecutor] = {}


def poisson_binomial_log_prob(
    event_logit: Float[Tensor, "*batch frame"],
    count: Int[Tensor, "*batch"],
    *,
    lengths: Int[Tensor, "*batch"] | None = None,
    check_finite: bool = True,
) -> Float[Tensor, "*batch"]:
    """Return the exact log probability that the frames of each sequence hold `count` events.

    Each frame holds an event with probability sigmoid(event_logit), independently of the others. One compiled
    pass computes the value and the gradient in float64 for every input type, so that neither underflows. The
    gradient with respect to a frame's logit is the probability of an event in that frame *given the count*,
    minus the probability without that knowledge. Forward-mode differentiation and the transforms of
    `torch.func` work as well, except under `torch.compile`.

    Args:
        event_logit: Log odds of an event in each frame; any number, or minus infinity (no event) or infinity
            (certainly an event).
        count: Number of events, from 0 to the length.
        lengths: Number of valid frames of each sequence, all by default. Further frames are ignored and get
            no gradient. `lengths` may have fewer axes than `count`: [batch] goes with [batch, channel].
        check_finite: Whether to raise if a logit is NaN; otherwise the result of its sequence is NaN.

    Returns:
        The log probability, at most 0, in the input's type (float32 for half precision). If infinite logits
        make the count impossible, it is minus infinity, and its gradient is zero.

    Raises:
        DataError: A count is below 0 or above the length, a length is out of range, or a logit is NaN; the
            message names the sequence.
        NotImplementedError: A second derivative is requested.

    Source: LoCo paper, eq. 6 and 9. Deliberate difference: the released code recurses on probabilities in
    float32 and adds 1e-9 inside the logarithm, which hides underflow and stops the gradient. This function
    is exact.
    """
    logit = at_least_float32(event_logit)
    shape = logit.shape[:-1]
    if count.shape != shape:
        raise DataError(
            f"`count` must have shape {list(shape)}, one per sequence, but got {list(count.shape)}"
        )
    if count.is_floating_point() or count.is_complex():
        raise DataError(f"`count` must hold integers, but got {count.dtype}")
    count = count.to(device=logit.device, dtype=torch.int64)
    return with_derivatives(
        _count_log_prob, logit, count, full_lengths(logit, lengths), check_finite, n_gradients=1
    )


@torch.library.custom_op(
    "softloc::count_log_prob",
    mutates_args=(),
    schema="(Tensor logit, Tensor count, Tensor lengths, bool check_finite, bool wanted) -> (Tensor, Tensor)",
)
def _count_log_prob(
    logit: Tensor, count: Tensor, lengths: Tensor, check_finite: bool, wanted: bool
) -> tuple[Tensor, Tensor]:
    """Compute the value and, if wanted, the gradient; opaque to `torch.compile`."""
    bad = (count < 0) | (count > lengths)
    if bool(bad.any()):
        where = tuple(bad.nonzero()[0].tolist())
        raise DataError(
            f"a count must be between 0 and the {int(lengths[where])} frames of its sequence, "
            f"but got {int(count[where])} in sequence {list(where)}"
        )
    rows = logit.reshape(count.numel(), logit.shape[-1])
    counts, n_frames = count.reshape(-1), lengths.reshape(-1)
    near_one = 0.05 if logit.dtype == torch.float64 else 1e-6
    compute = _on_accelerator if logit.device.type in ("cuda", "xpu") else _on_cpu
    log_prob, gradient = compute(rows, counts, n_frames, near_one=near_one, wanted=wanted)
    log_prob = log_prob.to(logit).reshape(count.shape)
    if check_finite and bool(torch.isnan(log_prob).any()):
        _raise_nan(logit, lengths)
    return log_prob, gradient.to(logit).reshape(logit.shape) if wanted else logit.new_empty(0)


@_count_log_prob.register_fake
def _(
    logit: Tensor, count: Tensor, lengths: Tensor, check_finite: bool, wanted: bool
) -> tuple[Tensor, Tensor]:
    return logit.new_empty(count.shape), torch.empty_like(logit) if wanted else logit.new_empty(0)


_count_log_prob.register_autograd(
    stored_gradient_backward(n_inputs=5), setup_context=keep_stored_gradients(n_gradients=1)
)


def _on_accelerator(
    rows: Tensor, counts: Tensor, n_frames: Tensor, *, near_one: float, wanted: bool
) -> tuple[Tensor, Tensor]:
    """Compute the tree of products on the tensors' own device."""
    return _poisson_binomial_torch.log_prob_and_gradient(rows, counts, n_frames, near_one=near_one)


def _on_cpu(
    rows: Tensor, counts: Tensor, n_frames: Tensor, *, near_one: float, wanted: bool
) -> tuple[Tensor, Tensor]:
    """Run the compiled pass over all sequences, in as many threads as torch uses."""
    logit = rows.detach().contiguous().cpu().numpy()
    count, length = (np.ascontiguousarray(each.cpu().numpy()) for each in (counts, n_frames))
    log_prob = np.zeros(len(logit))
    gradient = np.zeros_like(logit) if wanted else np.empty((1, 1), logit.dtype)
    states = np.minimum(count, length - count) + 1
    order = np.argsort(states, kind="stable")
    n_threads = _n_threads(len(logit), work=int((states * length).sum()))

    def run(thread: int) -> None:
        workspace = thread_workspace(int(length.max()), int(states.max()))
        log_prob_rows(
            workspace, logit, count, length, order, thread, n_threads, near_one, wanted, log_prob, gradient
        )

    if n_threads == 1 and len(logit):
        run(0)
    elif n_threads > 1:
        list(_pool(n_threads).map(run, range(n_threads)))
    return torch.from_numpy(log_prob), torch.from_numpy(gradient)


def _n_threads(n_rows: int, *, work: int) -> int:
    """Return the number of threads to use; it does not affect the result."""
    return max(1, min(torch.get_num_threads(), -(-n_rows // N_LANES), work // _WORK_PER_THREAD))


def _pool(n_threads: int) -> ThreadPoolExecutor:
    """Return this process's thread pool; a forked child creates its own."""
    key = (os.getpid(), n_threads)
    if key not in _POOLS:
        _POOLS[key] = ThreadPoolExecutor(n_threads, thread_name_prefix="count-loss")
    return _POOLS[key]


def _raise_nan(logit: Tensor, lengths: Tensor) -> None:
    """Raise an error that names the first frame whose logit is NaN."""
    where = torch.isnan(only_valid(logit.detach(), valid_frames(logit, lengths=lengths))).nonzero()
    if len(where):
        *sequence, frame = where[0].tolist()
        raise DataError(f"`event_logit` must hold numbers, but got NaN in sequence {sequence}, frame {frame}")


def count_pmf(event_prob: Float[Tensor, "*batch frame"], *, max_count: int) -> Float[Tensor, "*batch count"]:
    """Return the distribution of the number of events; the last bin is "`max_count` or more".

    It is differentiable by plain autograd and meant for inspecting a model. For training use
    `poisson_binomial_log_prob`, which is many times faster.

    Args:
        event_prob: Probability of an event in each frame, in [0, 1].
        max_count: Index of the last bin, >= 1.

    Returns:
        `max_count + 1` probabilities that sum to one.

    Raises:
        UserError: `max_count` is below 1.

    Source: LoCo paper, eq. 9 and 14 (mass thresholding).
    """
    if max_count < 1:
        raise UserError(f"`max_count` must be at least 1, but got {max_count}")
    mass = torch.zeros(
        *event_prob.shape[:-1], max_count + 1, dtype=event_prob.dtype, device=event_prob.device
    )
    mass[..., 0] = 1.0
    for prob in event_prob.unsqueeze(-2).unbind(-1):
        moved = mass[..., :-1] * prob
        stays = torch.cat([mass[..., :-1] * (1 - prob), mass[..., -1:]], dim=-1)
        mass = stays + torch.nn.functional.pad(moved, (1, 0))
    return mass


def label_count(
    label: Float[Tensor, "*batch frame"], *, lengths: Tensor | None = None, mask: Tensor | None = None
) -> Int[Tensor, "*batch"]:
    """Return the number of events in the valid frames of each label.

    Args:
        label: Events in each frame.
        lengths: Number of valid frames, [batch] or one per sequence.
        mask: True where a frame counts; must broadcast to the shape of the label.

    Raises:
        DataError: The sum of a label is not a whole number, as after smoothing.
    """
    total = only_valid(label, valid_frames(label, lengths=lengths, mask=mask)).sum(dim=-1)
    count = total.round()
    if torch.compiler.is_compiling() or not label.is_floating_point():
        return count.to(torch.int64)
    if not bool(torch.isclose(total, count, rtol=0.0, atol=1e-3).all()):
        off = float(total[(total - count).abs() > 1e-3].reshape(-1)[0])
        raise DataError(
            f"a label must hold a whole number of events, but got {off:.6g}; count before smoothing"
        )
    return count.to(torch.int64)


@in_full_precision
def count_loss(
    event_logit: Float[Tensor, "*batch frame"],
    label: Float[Tensor, "*batch frame"],
    *,
    lengths: Tensor | None = None,
    mask: Tensor | None = None,
    reduction: str = "mean",
    check_finite: bool = True,
) -> Tensor:
    """Return the negative log probability of the label's number of events (LoCo or mass convergence loss).

    Args:
        event_logit: Log odds of an event in each frame.
        label: Events in each frame; only their number matters.
        lengths: Number of valid frames, [batch] or one per sequence.
        mask: True where a frame counts; must broadcast to the shape of the label. The number of events within
            these frames is compared with the number of labels there.
        reduction: One of `softloc_core.losses.REDUCTIONS`, of which the rule for the count loss is used.
        check_finite: Whether to raise if a logit is NaN.

    Raises:
        DataError: See `poisson_binomial_log_prob` and `label_count`; or there are more labels than frames
            that count (not checked under `torch.compile`, where the loss is then infinite).
        ConfigError: The reduction is unknown.

    Source: LoCo paper, eq. 7; SoftLoc paper, eq. 3.
    """
    require_same_shape(event_logit, label)
    count = label_count(label, lengths=lengths, mask=mask)
    if mask is not None:
        _require_enough_frames(count, valid_frames(event_logit, lengths=lengths, mask=mask))
        event_logit = only_possible(event_logit, lengths=lengths, mask=mask)
    log_prob = poisson_binomial_log_prob(event_logit, count, lengths=lengths, check_finite=check_finite)
    return reduce_counts(-log_prob, reduction=reduction)


def _require_enough_frames(count: Tensor, valid: Tensor | None) -> None:
    """Raise if a sequence has more labels than frames that count."""
    if torch.compiler.is_compiling() or valid is None:
        return
    n_frames = valid.sum(dim=-1)
    bad = count > n_frames
    if bool(bad.any()):
        where = tuple(bad.nonzero()[0].tolist())
        raise DataError(
            f"a count must be between 0 and the {int(n_frames[where])} frames of its sequence that count, "
            f"but got {int(count[where])} in sequence {list(where)}"
        )


def initial_bias(empty_prob: float, n_frames: float) -> float:
    """Return the output bias at which `n_frames` frames hold no event with probability `empty_prob`.

    It initialises the output layer of a network, so that training starts from a plausible count.

    Args:
        empty_prob: Probability of no event, in (0, 1); well away from both ends.
        n_frames: Length of a training excerpt in frames, > 0.

    Raises:
        UserError: A value is out of range.

    Source: LoCo paper, eq. 15. The released drum code uses the square of `empty_prob` instead.
    """
    if not 0 < empty_prob < 1:
        raise UserError(f"`empty_prob` must be between 0 and 1, both excluded, but got {empty_prob}")
    if not n_frames > 0:
        raise UserError(f"`n_frames` must be above 0, but got {n_frames}")
    log_silent = math.log(empty_prob) / n_frames
    return math.log(-math.expm1(log_silent)) - log_silent
