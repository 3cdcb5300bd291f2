"""The count distribution in torch operations, for accelerators: a tree of polynomial products.

Each frame is the polynomial q + p z. The coefficients of the product over all frames are P(count). The
product is formed pairwise, in about log2(number of frames) steps. A second pass down the tree computes
P(count, given an event in the frame) for every frame. Everything is float64, and unlikely counts are tilted
as on the CPU.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["log_prob_and_gradient"]

_TRUSTED = 1e-190
# Number of coefficients that a product handles at a time; it bounds the memory for large counts.
_BLOCK = 64


def log_prob_and_gradient(
    logit: Tensor, count: Tensor, length: Tensor, *, near_one: float
) -> tuple[Tensor, Tensor]:
    """Return the log probability of each sequence's count and its gradient, both float64.

    Args:
        logit: [sequence, frame].
        count: [sequence] int64, from 0 to the length.
        length: [sequence] int64, number of valid frames.
        near_one: Probabilities closer to 1 than this are computed from their complement.

    Returns:
        The log probability, [sequence], and its gradient with respect to the logits, [sequence, frame].
    """
    frame = torch.arange(logit.shape[-1], device=logit.device)
    valid = frame < length.unsqueeze(-1)
    silent = length - count
    sign = torch.where(count <= silent, 1.0, -1.0).to(torch.float64)
    target = torch.minimum(count, silent)
    x = sign.unsqueeze(-1) * logit.double()
    total, both = _pass(x, valid, target)
    prior = torch.sigmoid(x).masked_fill(~valid, 0)
    posterior = prior * both / total.unsqueeze(-1)
    log_prob = total.log()
    n_certain = (valid & (x == torch.inf)).sum(dim=-1)
    n_never = (valid & (x == -torch.inf)).sum(dim=-1)
    possible = (n_certain <= target) & (target <= length - n_never)
    rare = (total <= _TRUSTED) & (target > 0) & possible
    if bool(rare.any()):
        log_prob[rare], posterior[rare] = _tilted(x[rare], valid[rare], target[rare])
    likely = (1 - total < near_one) & (target > 0)
    if bool(likely.any()):
        log_prob[likely] = _log_complement(x[likely], valid[likely], target[likely])
    none = target == 0
    log_prob[none] = -functional.softplus(x[none]).masked_fill(~valid[none], 0).sum(dim=-1)
    posterior[none] = 0.0
    gradient = sign.unsqueeze(-1) * (posterior - prior)
    return log_prob.masked_fill(~possible, -torch.inf), gradient.masked_fill(~possible.unsqueeze(-1), 0)


def _pass(x: Tensor, valid: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Return P(target), [sequence], and P(target, given an event in a frame), [sequence, frame]."""
    n_states = int(target.max()) + 1 if target.numel() else 1
    comp = torch.sigmoid(-x).masked_fill(~valid, 1)
    leaves = torch.stack([comp, torch.sigmoid(x).masked_fill(~valid, 0)], dim=-1)
    n_leaves = 1 << max(0, x.shape[-1] - 1).bit_length()
    silence = leaves.new_tensor([1.0, 0.0]).expand(len(x), n_leaves - x.shape[-1], 2)
    levels = [torch.cat([leaves, silence], dim=1)[..., : max(2, n_states)]]
    while levels[-1].shape[1] > 1:
        levels.append(_product(levels[-1][:, 0::2], levels[-1][:, 1::2], n_states=max(2, n_states)))
    root = levels[-1][:, 0]
    wanted = functional.one_hot(target, root.shape[-1]).to(root.dtype)
    total = (root * wanted).sum(dim=-1)
    adjoint = wanted.unsqueeze(1)
    for level in reversed(levels[:-1]):
        left, right = level[:, 0::2], level[:, 1::2]
        pair = [_adjoint(adjoint, right, left.shape[-1]), _adjoint(adjoint, left, left.shape[-1])]
        adjoint = torch.stack(pair, dim=2).flatten(1, 2)
    return total, adjoint[:, : x.shape[-1], 1]


def _product(left: Tensor, right: Tensor, *, n_states: int) -> Tensor:
    """Multiply polynomials, [..., coefficient], and keep the first `n_states` coefficients."""
    n_out = min(n_states, left.shape[-1] + right.shape[-1] - 1)
    out = left.new_zeros(*left.shape[:-1], n_out)
    for start in range(0, right.shape[-1], _BLOCK):
        block = right[..., start : start + _BLOCK]
        shifted = functional.pad(left, (block.shape[-1] - 1, n_out))
        windows = shifted.unfold(-1, block.shape[-1], 1)[..., : n_out - start, :]
        out[..., start:] += (windows @ block.flip(-1).unsqueeze(-1)).squeeze(-1)
    return out


def _adjoint(adjoint: Tensor, other: Tensor, n_coefficients: int) -> Tensor:
    """Return the gradient with respect to one factor, given the gradient with respect to the product."""
    out = adjoint.new_zeros(*other.shape[:-1], n_coefficients)
    for start in range(0, other.shape[-1], _BLOCK):
        block = other[..., start : start + _BLOCK]
        shifted = functional.pad(adjoint, (0, n_coefficients + other.shape[-1]))[..., start:]
        windows = shifted.unfold(-1, block.shape[-1], 1)[..., :n_coefficients, :]
        out += (windows @ block.unsqueeze(-1)).squeeze(-1)
    return out


def _tilted(x: Tensor, valid: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Return log probability and posterior of counts that would underflow.

    All logits are shifted until the count is the expected one; see `poisson_binomial_cpu.log_prob_rows`.
    """
    finite = valid & torch.isfinite(x)
    margin = valid.sum(dim=-1).double().log() + 2
    lower = -x.masked_fill(~finite, -torch.inf).amax(dim=-1) - margin
    upper = -x.masked_fill(~finite, torch.inf).amin(dim=-1) + margin
    for _ in range(60):
        shift = 0.5 * (lower + upper)
        expected = torch.sigmoid(x + shift.unsqueeze(-1)).masked_fill(~valid, 0).sum(dim=-1)
        lower = torch.where(expected <= target, shift, lower)
        upper = torch.where(expected <= target, upper, shift)
    shift = 0.5 * (lower + upper)
    moved = x + shift.unsqueeze(-1)
    total, both = _pass(moved, valid, target)
    gain = functional.softplus(moved) - functional.softplus(x)
    gain = torch.where(x == torch.inf, shift.unsqueeze(-1), torch.where(x == -torch.inf, 0.0, gain))
    gain = gain - (shift * target / valid.sum(dim=-1)).unsqueeze(-1)
    log_prob = total.log() + gain.masked_fill(~valid, 0).sum(dim=-1)
    scale = torch.where(total > 0, 1 / total, 0.0).unsqueeze(-1)
    return log_prob, torch.sigmoid(moved).masked_fill(~valid, 0) * both * scale


def _log_complement(x: Tensor, valid: Tensor, target: Tensor) -> Tensor:
    """Return log P(target) from the probability of all other counts, frame by frame; precise near 0."""
    state = torch.arange(int(target.max()) + 1, device=x.device)
    mass = (state == 0).to(x.dtype).expand(len(x), -1)
    above = x.new_zeros(len(x))
    prob, comp = torch.sigmoid(x).masked_fill(~valid, 0), torch.sigmoid(-x).masked_fill(~valid, 1)
    allowed = state <= target.unsqueeze(-1)
    for p, q in zip(prob.T, comp.T, strict=True):
        above = above + p * mass.gather(-1, target.unsqueeze(-1)).squeeze(-1)
        moved = functional.pad(mass[:, :-1], (1, 0)) * p.unsqueeze(-1)
        mass = torch.where(allowed, q.unsqueeze(-1) * mass + moved, 0.0)
    below = torch.where(state < target.unsqueeze(-1), mass, 0.0).sum(dim=-1)
    return torch.log1p(-(above + below))
