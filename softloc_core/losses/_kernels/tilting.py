"""Exponential tilting: the shift of all logits at which an unlikely count becomes the expected one."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from softloc_core.losses._kernels.sigmoid import sigmoid_pair, softplus

__all__ = ["is_possible", "tilt_log_factor", "tilt_shift"]


@njit(cache=True, nogil=True)
def is_possible(logit, n_frames, sign, count):  # type: ignore[no-untyped-def]
    """Return whether `count` frames can be counted; infinite logits fix whether their frames are."""
    n_certain, n_open = 0, 0
    for t in range(n_frames):
        x = sign * np.float64(logit[t])
        n_certain += x == np.inf
        n_open += x != np.inf and x != -np.inf
    return n_certain <= count <= n_certain + n_open


@njit(cache=True, nogil=True)
def tilt_shift(logit, n_frames, sign, count):  # type: ignore[no-untyped-def]
    """Return the shift of all logits at which the expected count is `count`, within 0.01."""
    smallest, largest = np.inf, -np.inf
    for t in range(n_frames):
        x = sign * np.float64(logit[t])
        if math.isfinite(x):
            smallest, largest = min(smallest, x), max(largest, x)
    margin = math.log(n_frames) + 2.0
    lower, upper = -largest - margin, -smallest + margin
    shift = 0.5 * (lower + upper)
    for _ in range(200):
        excess = -float(count)
        for t in range(n_frames):
            excess += sigmoid_pair(sign * np.float64(logit[t]) + shift)[0]
        if abs(excess) < 0.01:
            break
        if excess > 0:
            upper = shift
        else:
            lower = shift
        shift = 0.5 * (lower + upper)
    return shift


@njit(cache=True, nogil=True)
def tilt_log_factor(logit, n_frames, sign, count, shift):  # type: ignore[no-untyped-def]
    """Return log P(count) minus log P(count) under the tilted logits, as a compensated (Kahan) sum."""
    total, lost = 0.0, 0.0
    per_frame = shift * (count / n_frames)
    for t in range(n_frames):
        x = sign * np.float64(logit[t])
        if x == np.inf:
            gain = shift
        elif x == -np.inf:
            gain = 0.0
        else:
            gain = softplus(x + shift) - softplus(x)
        term = (gain - per_frame) - lost
        summed = total + term
        lost = (summed - total) - term
        total = summed
    return total
