"""One-to-one matching of estimated to reference events in time."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["SLACK", "matched_errors"]

SLACK = 1e-9
"""Amount by which a difference may exceed its bound and still be accepted, in the unit of the difference:
seconds for times, pixels for places, 1 for overlaps. It exceeds the rounding errors of these numbers, and is
too small to matter otherwise. Without it, 0.35 s - 0.3 s exceeds a tolerance of 0.05 s."""

# The ways in which the best matching of the first references and estimates ends.
_REFERENCE_LEFT, _ESTIMATE_LEFT, _MATCHED = 0, 1, 2


def matched_errors(
    reference_s: NDArray[np.float64], estimated_s: NDArray[np.float64], *, tolerance_s: float
) -> NDArray[np.float64]:
    """Return estimated minus reference time of each matched pair, [pair] in seconds, in temporal order.

    Each event is in at most one pair. There are as many pairs as possible and, among all such matchings, the
    sum of their absolute time differences is the smallest. On a line, a best matching exists in which no two
    pairs cross. Dynamic programming therefore finds it in time proportional to the number of pairs of events
    within the tolerance. If several matchings are equally good to within `SLACK`, the result is still
    determined, but which one is returned is not specified.

    Args:
        reference_s: [event] times of the reference events of one class in seconds, in any order.
        estimated_s: [event] times of the estimated events of the same class in seconds, in any order.
        tolerance_s: Largest accepted time difference in seconds, inclusive; `SLACK` is added to it.

    Source: the number of pairs is that of `mir_eval.util.match_events`. Deliberate differences: mir_eval
    returns any of the largest matchings, and it loses pairs exactly at the tolerance to rounding, except in
    `mir_eval.transcription`, which rounds differences to 0.1 ms.
    """
    if not len(reference_s) or not len(estimated_s):
        return np.empty(0)
    reference_s = np.sort(np.asarray(reference_s, dtype=np.float64))
    estimated_s = np.sort(np.asarray(estimated_s, dtype=np.float64))
    error_s: NDArray[np.float64] = _errors(reference_s, estimated_s, tolerance_s + SLACK)
    return error_s


@njit(cache=True, nogil=True)
def _windows(reference, estimated, reach):  # type: ignore[no-untyped-def]
    """Return the first estimate within reach of each reference, and the first one beyond it."""
    first, beyond = np.empty(len(reference), np.int64), np.empty(len(reference), np.int64)
    low = high = 0
    for i in range(len(reference)):
        while low < len(estimated) and reference[i] - estimated[low] > reach:
            low += 1
        high = max(low, high)
        while high < len(estimated) and estimated[high] - reference[i] <= reach:
            high += 1
        first[i], beyond[i] = low, high
    return first, beyond


@njit(cache=True, nogil=True)
def _errors(reference, estimated, reach):  # type: ignore[no-untyped-def]
    """Match group by group; the windows of references in different groups share no estimate."""
    first, beyond = _windows(reference, estimated, reach)
    error = np.empty(min(len(reference), len(estimated)))
    n_pairs = start = 0
    for stop in range(1, len(reference) + 1):
        if stop < len(reference) and first[stop] < beyond[stop - 1]:
            continue
        if stop - start == 1 and beyond[start] - first[start] == 1:
            error[n_pairs] = estimated[first[start]] - reference[start]
            n_pairs += 1
        elif beyond[start] > first[start]:
            end = _end_of_group(reference, estimated, first[start:stop], beyond[start:stop], start)
            n_pairs = _pairs_of_group(
                reference, estimated, first[start:stop], beyond[start:stop], start, end, error, n_pairs
            )
        start = stop
    return error[:n_pairs]


@njit(cache=True, nogil=True)
def _end_of_group(reference, estimated, first, beyond, start):  # type: ignore[no-untyped-def]
    """Return how the best matching ends for every number of references and estimates of a group.

    Cell [i, j] holds the first i + 1 references and the estimates before `first[i] + j`. Cells are stored
    one row after another.
    """
    width = beyond[-1] - first[0] + 1
    count, distance = np.zeros(width, np.int64), np.zeros(width)
    n_cells = 0
    for i in range(len(first)):
        n_cells += beyond[i] - first[i] + 1
    end = np.empty(n_cells, np.int8)
    cell, reached = 0, 0
    for i in range(len(first)):
        low, high = first[i] - first[0], beyond[i] - first[0]
        for j in range(reached + 1, high + 1):
            count[j], distance[j] = count[reached], distance[reached]
        reached = high
        # Values of the row above: of this cell, and of the cell to its left.
        left_count, left_distance = count[low], distance[low]
        end[cell] = _REFERENCE_LEFT
        for j in range(low + 1, high + 1):
            above_count, above_distance = count[j], distance[j]
            error = abs(estimated[first[0] + j - 1] - reference[start + i])
            best, count[j], distance[j] = _MATCHED, left_count + 1, left_distance + error
            if above_count == count[j] and above_distance < distance[j] - SLACK:
                best, distance[j] = _REFERENCE_LEFT, above_distance
            if count[j - 1] == count[j] and distance[j - 1] < distance[j] - SLACK:
                best, distance[j] = _ESTIMATE_LEFT, distance[j - 1]
            end[cell + j - low] = best
            left_count, left_distance = above_count, above_distance
        cell += high - low + 1
    return end


@njit(cache=True, nogil=True)
def _pairs_of_group(reference, estimated, first, beyond, start, end, error, n_pairs):  # type: ignore[no-untyped-def]
    """Write the time differences of a group's pairs in temporal order and return the new number of pairs."""
    cell, column = len(end), beyond[-1]
    begin = n_pairs
    for i in range(len(first) - 1, -1, -1):
        row = cell - (beyond[i] - first[i] + 1)
        column = min(column, beyond[i])
        while column > first[i] and end[row + column - first[i]] == _ESTIMATE_LEFT:
            column -= 1
        if column > first[i] and end[row + column - first[i]] == _MATCHED:
            column -= 1
            error[n_pairs] = estimated[column] - reference[start + i]
            n_pairs += 1
        cell = row
    for k in range((n_pairs - begin) // 2):
        here, there = begin + k, n_pairs - 1 - k
        error[here], error[there] = error[there], error[here]
    return n_pairs
