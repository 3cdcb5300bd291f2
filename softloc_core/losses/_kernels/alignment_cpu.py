"""Sum over all order-preserving placements of events, compiled for the CPU."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

__all__ = ["alignment_rows"]


@njit(cache=True, nogil=True, inline="always")
def _log_add(a, b):  # type: ignore[no-untyped-def]
    """Return log(exp(a) + exp(b)), also if one or both are minus infinity."""
    larger, smaller = (a, b) if a > b else (b, a)
    if smaller == -np.inf:
        return larger
    return larger + math.log1p(math.exp(smaller - larger))


@njit(cache=True, nogil=True, inline="always")
def _log_sigmoid(x):  # type: ignore[no-untyped-def]
    """Return log(sigmoid(x)) without overflow."""
    return min(x, 0.0) - math.log1p(math.exp(-abs(x)))


@njit(cache=True, nogil=True)
def _forward(logit, log_density, n_frames, n_events, table):  # type: ignore[no-untyped-def]
    """Return the log probability of all labels, and fill the table of the forward recursion.

    `table[t, m]` is the log probability that the first t frames hold m events and that these events give
    rise to the first m labels.
    """
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
    """Fill the posterior of event m in frame t and, from it, the gradient with respect to the logits."""
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
    """Compute the log probability of each sequence's labels and, if requested, its gradients.

    Args:
        logit: [sequence, frame] float32 or float64.
        log_density: [sequence, event, frame] log probability of a label, given its event's frame.
        n_events: [sequence] int64, number of labels.
        length: [sequence] int64, number of valid frames.
        table: Working memory, [frame + 1, event + 1].
        ahead: Working memory, [event + 1].
        with_gradient: Whether to fill the gradients.
        log_prob: [sequence] float64, written.
        gradient: [sequence, frame]; its valid frames are written, the rest must be zero.
        posterior: [sequence, event, frame]; the rows of existing events are written, the rest must be zero.
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
