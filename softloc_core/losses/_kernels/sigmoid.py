"""Sigmoid, softplus and exp for the compiled loops, precise for large and small arguments alike."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

__all__ = ["exp_of_minus", "sigmoid_pair", "sigmoids", "softplus"]

# 1/13!, 1/12!, ..., 1: the Taylor series of exp, accurate to the last bit on [-ln(2)/2, ln(2)/2].
_TAYLOR = tuple(1.0 / math.factorial(n) for n in range(13, -1, -1))
_LN2_HIGH, _LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10


@njit(cache=True, nogil=True, inline="always")
def sigmoid_pair(x):  # type: ignore[no-untyped-def]
    """Return sigmoid(x) and sigmoid(-x), each with full relative precision."""
    small = math.exp(-abs(x))
    large = 1.0 / (1.0 + small)
    return (large, small * large) if x >= 0 else (small * large, large)


@njit(cache=True, nogil=True, inline="always")
def softplus(x):  # type: ignore[no-untyped-def]
    """Return log(1 + exp(x)) without overflow."""
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


@njit(cache=True, nogil=True, fastmath={"contract"})
def exp_of_minus(size, n_frames, out, bits, power):  # type: ignore[no-untyped-def]
    """Set out = exp(-size) for size >= 0, in a form that the compiler vectorises.

    Args:
        size: [frame] float64, >= 0.
        n_frames: Number of frames to compute.
        out: [frame] float64, written.
        bits: [frame] int64 working memory for the bit patterns of powers of two.
        power: [frame] float64 view of the same memory.
    """
    for t in range(n_frames):
        limited = 708.0 if size[t] > 708.0 else size[t]
        halvings = math.floor(limited * 1.4426950408889634 + 0.5)
        rest = halvings * _LN2_LOW - (limited - halvings * _LN2_HIGH)
        value = 0.0
        for coefficient in _TAYLOR:
            value = value * rest + coefficient
        out[t] = value
        bits[t] = (1023 - np.int64(halvings)) << 52
    for t in range(n_frames):
        out[t] = 0.0 if size[t] > 708.0 else out[t] * power[t]


@njit(cache=True, nogil=True, fastmath={"contract"}, error_model="numpy")
def sigmoids(x, small, n_frames, prob, comp):  # type: ignore[no-untyped-def]
    """Set prob = sigmoid(x) and comp = sigmoid(-x), in a form that the compiler vectorises.

    Args:
        x: [frame] float64; may be the same array as `comp`.
        small: [frame] float64, exp(-|x|).
        n_frames: Number of frames to compute.
        prob: [frame] float64, written.
        comp: [frame] float64, written.
    """
    for t in range(n_frames):
        large = 1.0 / (1.0 + small[t])
        rest = small[t] * large
        positive = x[t] >= 0
        prob[t] = large if positive else rest
        comp[t] = rest if positive else large
