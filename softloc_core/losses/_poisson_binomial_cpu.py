"""Compiled count distribution on the CPU: value and gradient of each sequence in one pass."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

__all__ = ["log_prob_rows"]

# States with less mass are dropped: they cost time (subnormal numbers) and change nothing that is
# representable.
_NEGLIGIBLE = 1e-220
# Below this probability the dropped states could matter; the sequence is then tilted.
_TRUSTED = 1e-190
# Reordering of sums is needed to vectorise; NaN and infinity keep their meaning.
_MATH = {"reassoc", "contract", "nsz"}


@njit(cache=True, nogil=True, inline="always")
def _sigmoid_pair(x):  # type: ignore[no-untyped-def]
    """Sigmoid(x) and sigmoid(-x), each with full relative precision."""
    small = math.exp(-abs(x))
    large = 1.0 / (1.0 + small)
    return (large, small * large) if x >= 0 else (small * large, large)


@njit(cache=True, nogil=True, inline="always")
def _softplus(x):  # type: ignore[no-untyped-def]
    """log(1 + exp(x)) without overflow."""
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


@njit(cache=True, nogil=True, fastmath=_MATH)
def _prefix(prob, comp, n_frames, count, table, low, high):  # type: ignore[no-untyped-def]
    """Fill `table[t, k + 1]` with P(k events in the first t frames); return P(count events in all).

    Only the states from `low[t]` to `high[t]` are kept: those that can still reach the count and hold mass.
    """
    table[0, 0] = table[0, 2] = 0.0
    table[0, 1] = 1.0
    low[0] = high[0] = 0
    for t in range(n_frames):
        p, q = prob[t], comp[t]
        first = max(low[t], count - (n_frames - t - 1))
        last = min(high[t] + 1, count)
        old, new = table[t], table[t + 1]
        for k in range(first + 1, last + 2):
            new[k] = q * old[k] + p * old[k - 1]
        while first < last and new[first + 1] < _NEGLIGIBLE:
            first += 1
        while last > first and new[last + 1] < _NEGLIGIBLE:
            last -= 1
        new[first] = new[last + 2] = 0.0
        low[t + 1], high[t + 1] = first, last
    return table[n_frames, count + 1] if low[n_frames] <= count <= high[n_frames] else 0.0


@njit(cache=True, nogil=True, fastmath=_MATH)
def _posterior(prob, comp, n_frames, count, table, low, high, ahead, total, out):  # type: ignore[no-untyped-def]
    """Write P(event in frame t | count) to `out`; `ahead[k]` is P(reaching the count from state k)."""
    ahead[: count + 2] = 0.0
    ahead[count] = 1.0
    bottom = top = count
    scale = 1.0 / total
    for t in range(n_frames - 1, -1, -1):
        p, q = prob[t], comp[t]
        behind = table[t]
        first, last = max(low[t], bottom - 1), min(high[t], top)
        both = 0.0
        for k in range(first, last + 1):
            both += behind[k + 1] * ahead[k + 1]
            ahead[k] = q * ahead[k] + p * ahead[k + 1]
        bottom = min(bottom, first) if first <= last else bottom
        while bottom < top and ahead[bottom] < _NEGLIGIBLE:
            ahead[bottom] = 0.0
            bottom += 1
        while top > bottom and ahead[top] < _NEGLIGIBLE:
            ahead[top] = 0.0
            top -= 1
        out[t] = p * (both * scale)


@njit(cache=True, nogil=True)
def _log_complement(prob, comp, n_frames, count, mass):  # type: ignore[no-untyped-def]
    """Log P(count) as log(1 - P(any other count)), which keeps its relative precision next to 0."""
    mass[: count + 1] = 0.0
    mass[0] = 1.0
    above = 0.0
    for t in range(n_frames):
        p, q = prob[t], comp[t]
        above += p * mass[count]
        for k in range(count, 0, -1):
            mass[k] = q * mass[k] + p * mass[k - 1]
        mass[0] *= q
    below = 0.0
    for k in range(count):
        below += mass[k]
    return math.log1p(-(above + below))


@njit(cache=True, nogil=True)
def _tilt(logit, n_frames, count):  # type: ignore[no-untyped-def]
    """The shift of all logits at which the expected count is within half an event of `count`."""
    smallest, largest = np.inf, -np.inf
    for t in range(n_frames):
        x = np.float64(logit[t])
        if math.isfinite(x):
            smallest, largest = min(smallest, x), max(largest, x)
    margin = math.log(n_frames) + 2.0
    lower, upper = -largest - margin, -smallest + margin
    shift = 0.5 * (lower + upper)
    for _ in range(200):
        excess = -float(count)
        for t in range(n_frames):
            excess += _sigmoid_pair(np.float64(logit[t]) + shift)[0]
        if abs(excess) < 0.01:
            break
        if excess > 0:
            upper = shift
        else:
            lower = shift
        shift = 0.5 * (lower + upper)
    return shift


@njit(cache=True, nogil=True)
def _tilt_log_factor(logit, n_frames, count, shift):  # type: ignore[no-untyped-def]
    """Log P(count) less log P(count) under the tilted logits, by a compensated sum."""
    total, lost = 0.0, 0.0
    per_frame = shift * (count / n_frames)
    for t in range(n_frames):
        x = np.float64(logit[t])
        if x == np.inf:
            gain = shift
        elif x == -np.inf:
            gain = 0.0
        else:
            gain = _softplus(x + shift) - _softplus(x)
        term = (gain - per_frame) - lost
        summed = total + term
        lost = (summed - total) - term
        total = summed
    return total


@njit(cache=True, nogil=True)
def _certain_count(logit, prob, comp, n_frames, count, with_gradient, gradient):  # type: ignore[no-untyped-def]
    """Closed forms of the counts 0 and `n_frames`: every frame is silent, or every frame holds an event."""
    total = 0.0
    for t in range(n_frames):
        x = np.float64(logit[t])
        total -= _softplus(x if count == 0 else -x)
        if with_gradient:
            gradient[t] = -prob[t] if count == 0 else comp[t]
    return total


@njit(cache=True, nogil=True)
def _sequence(  # type: ignore[no-untyped-def]
    logit, n_frames, count, with_gradient, gradient, near_one, prob, comp, table, low, high, ahead, posterior
):
    """Log probability of one sequence's count; its gradient with respect to the logits goes to `gradient`."""
    for t in range(n_frames):
        prob[t], comp[t] = _sigmoid_pair(np.float64(logit[t]))
    if count == 0 or count == n_frames:
        return _certain_count(logit, prob, comp, n_frames, count, with_gradient, gradient)
    total = _prefix(prob, comp, n_frames, count, table, low, high)
    log_factor, tilted = 0.0, not total > _TRUSTED
    if tilted:
        shift = _tilt(logit, n_frames, count)
        for t in range(n_frames):
            prob[t], comp[t] = _sigmoid_pair(np.float64(logit[t]) + shift)
        total = _prefix(prob, comp, n_frames, count, table, low, high)
        log_factor = _tilt_log_factor(logit, n_frames, count, shift)
    value = math.log(total) + log_factor if total > 0 or math.isnan(total) else -np.inf
    if with_gradient:
        _posterior(prob, comp, n_frames, count, table, low, high, ahead, total, posterior)
        for t in range(n_frames):
            gradient[t] = posterior[t] - (_sigmoid_pair(np.float64(logit[t]))[0] if tilted else prob[t])
    if not tilted and 1.0 - total < near_one:
        value = _log_complement(prob, comp, n_frames, count, ahead)
    return value


@njit(cache=True, nogil=True)
def log_prob_rows(logit, count, length, start, stop, near_one, with_gradient, log_prob, gradient):  # type: ignore[no-untyped-def]
    """Log probability of the counts of sequences `start` to `stop`, and its gradient where that is wanted.

    The plain recursion (LoCo paper, eq. 9) runs on probabilities. Where the count is so unlikely that it
    could underflow, all logits are first shifted so that the count becomes the expected one (exponential
    tilting); that changes the probability by a known factor and the probability of an event *given the
    count* not at all.

    Args:
        logit: [sequence, frame] float32 or float64.
        count: [sequence] int64, from 0 to the length.
        length: [sequence] int64, valid frames.
        start: First sequence.
        stop: One past the last sequence.
        near_one: Probabilities nearer to 1 than this are computed from their complement.
        with_gradient: Whether to fill `gradient`.
        log_prob: [sequence] float64, written.
        gradient: [sequence, frame] of the logit's type, written in the valid frames; zero beforehand.
    """
    n_frames, n_states = 0, 0
    for i in range(start, stop):
        n_frames, n_states = max(n_frames, length[i]), max(n_states, count[i] + 1)
    prob, comp, posterior = np.empty(n_frames), np.empty(n_frames), np.empty(n_frames)
    table, ahead = np.empty((n_frames + 1, n_states + 2)), np.zeros(n_states + 2)
    low, high = np.empty(n_frames + 1, np.int64), np.empty(n_frames + 1, np.int64)
    for i in range(start, stop):
        row = gradient[i] if with_gradient else gradient[0]
        log_prob[i] = _sequence(
            logit[i], length[i], count[i], with_gradient, row, near_one,
            prob, comp, table, low, high, ahead, posterior,
        )  # fmt: skip
