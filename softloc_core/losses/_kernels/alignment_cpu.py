"""Compiled sum over all order-preserving placements of events, on the CPU."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

__all__ = ["alignment_rows"]


@njit(cache=True, nogil=True, inline="always")
def _log_add(a, b):  # type: ignore[no-untyped-def]
    """Log(exp(a) + exp(b)), also where one or both are minus infinity."""
    larger, smaller = (a, b) if a > b else (b, a)
    if smaller == -np.inf:
        return larger
    return larger + math.log1p(math.exp(smaller - larger))


@njit(cache=True, nogil=True, inline="always")
def _log_sigmoid(x):  # type: ignore[no-untyped-def]
    """Log(sigmoid(x)) without overflow."""
    return min(x, 0.0) - math.log1p(math.exp(-abs(x)))


@njit(cache=True, nogil=True)
def _forward(logit, log_density, n_frames, n_events, table):  # type: ignore[no-untyped-def]
    """table[t, m]: log probability of the first m labels and their m events within the first t frames."""
    for m in range(n_events + 1):
        table[0, m] = 0.0 if m == 0 else -np.inf
    for t in range(n_frames):
        on, off = _log_sigmoid(np.float64(logit[t])), _log_sigmoid(-np.float64(logit[t]))
        table[t + 1, 0] = table[t, 0] + off
        for m in range(1, n_events + 1):
            placed = table[t, m - 1] + on + log_density[m - 1, t]
            table[t + 1, m] = _log_add(table[t, m] + off, placed)
    return table[n_frames, n_events]


@njit(cache=True, nogil=True)
def _backward(logit, log_density, n_frames, n_events, table, ahead, total, gradient, posterior):  # type: ignore[no-untyped-def]
    """Posterior of event m in frame t, and from it the gradient with respect to the logits."""
    for m in range(n_events + 1):
        ahead[m] = 0.0 if m == n_events else -np.inf
    for t in range(n_frames - 1, -1, -1):
        on, off = _log_sigmoid(np.float64(logit[t])), _log_sigmoid(-np.float64(logit[t]))
        here = 0.0
        for m in range(n_events):
            placed = on + log_density[m, t] + ahead[m + 1]
            posterior[m, t] = math.exp(table[t, m] + placed - total)
            here += posterior[m, t]
            ahead[m] = _log_add(ahead[m] + off, placed)
        ahead[n_events] += off
        gradient[t] = here - math.exp(on)


@njit(cache=True, nogil=True)
def alignment_rows(  # type: ignore[no-untyped-def]
    logit, log_density, n_events, length, table, ahead, with_gradient, log_prob, gradient, posterior
):
    """Log probability of each sequence's labels, with its gradients where they are wanted.

    Args:
        logit: [sequence, frame] float32 or float64.
        log_density: [sequence, event, frame] log probability of a label, given its event's frame.
        n_events: [sequence] int64.
        length: [sequence] int64, valid frames.
        table: Working memory, [frame + 1, event + 1].
        ahead: Working memory, [event + 1].
        with_gradient: Whether to fill the gradients.
        log_prob: [sequence] float64, written.
        gradient: [sequence, frame], written in the valid frames; zero beforehand.
        posterior: [sequence, event, frame], written for the events there are; zero beforehand.
    """
    for i in range(len(logit)):
        total = _forward(logit[i], log_density[i], length[i], n_events[i], table)
        log_prob[i] = total
        if with_gradient and total > -np.inf:
            _backward(
                logit[i],
                log_density[i],
                length[i],
                n_events[i],
                table,
                ahead,
                total,
                gradient[i],
                posterior[i],
            )
