"""Compiled count distribution on the CPU: value and gradient of eight sequences in one pass."""

from __future__ import annotations

import math
import threading
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from softloc_core.losses._kernels.sigmoid import exp_of_minus, sigmoid_pair, sigmoids, softplus
from softloc_core.losses._kernels.simd import N_LANES, advance, retreat, to_lanes, to_rows

__all__ = ["N_LANES", "Group", "log_prob_rows", "working_memory"]

# Below this probability, masses that were set to zero could matter; the sequence is then tilted.
_TRUSTED = 1e-190
# Tables of more numbers than this are kept at checkpoints only and recomputed from there.
_MAX_TABLE = 2**18


class Group(NamedTuple):
    """Working memory of eight sequences, the lanes.

    Attributes:
        target: [lane] the count: of events, or of silent frames where those are fewer.
        sign: [lane] 1, or -1 where silent frames are counted.
        log_factor: [lane] what tilting took from the log probability; 0 where it was not needed.
        total: [lane] P(count).
        prob: [frame, lane] probability of what is counted.
        comp: [frame, lane] its complement.
        both: [frame, lane] P(count, given that the frame counts).
        prob_rows: The same as `prob`, [lane, frame]; the frames are filled up to whole blocks.
        comp_rows: The same as `comp`.
        both_rows: The same as `both`.
        table: Flat; masses before each frame of a segment, [frame, state, lane].
        checkpoint: Flat; masses before each segment.
        ahead: [state, lane] probability of reaching the count from a state.
        size: [frame] absolute logits of one lane.
        small: [frame] exp(-size).
        bits: [frame] powers of two, as the bits of a float64.
        power: [frame] the same memory as numbers.
    """

    target: NDArray[np.int64]
    sign: NDArray[np.float64]
    log_factor: NDArray[np.float64]
    total: NDArray[np.float64]
    prob: NDArray[np.float64]
    comp: NDArray[np.float64]
    both: NDArray[np.float64]
    prob_rows: NDArray[np.float64]
    comp_rows: NDArray[np.float64]
    both_rows: NDArray[np.float64]
    table: NDArray[np.float64]
    checkpoint: NDArray[np.float64]
    ahead: NDArray[np.float64]
    size: NDArray[np.float64]
    small: NDArray[np.float64]
    bits: NDArray[np.int64]
    power: NDArray[np.float64]


def _new_group(n_frames: int, n_states: int) -> Group:
    """Working memory for sequences of up to that many frames and states, one a thread."""
    row = (n_states + 2) * N_LANES
    segment = min(n_frames, max(_MAX_TABLE // row, 2 * math.isqrt(n_frames)))
    n_segments = -(-n_frames // segment)
    bits = np.empty(n_frames, np.int64)
    n_filled = -(-n_frames // N_LANES) * N_LANES
    return Group(
        target=np.zeros(N_LANES, np.int64),
        sign=np.ones(N_LANES),
        log_factor=np.zeros(N_LANES),
        total=np.ones(N_LANES),
        prob=np.empty((n_filled, N_LANES)),
        comp=np.empty((n_filled, N_LANES)),
        both=np.empty((n_filled, N_LANES)),
        prob_rows=np.empty((N_LANES, n_filled)),
        comp_rows=np.empty((N_LANES, n_filled)),
        both_rows=np.empty((N_LANES, n_filled)),
        table=np.empty((segment + 1) * row),
        checkpoint=np.empty(n_segments * row),
        ahead=np.empty((n_states + 2, N_LANES)),
        size=np.empty(n_frames),
        small=np.empty(n_frames),
        bits=bits,
        power=bits.view(np.float64),
    )


_KEPT = threading.local()


def working_memory(n_frames: int, n_states: int) -> Group:
    """This thread's working memory, kept from call to call: fresh pages cost as much as the recursion."""
    kept: tuple[int, int, Group] | None = getattr(_KEPT, "group", None)
    if kept is not None and n_frames <= kept[0] and n_states <= kept[1]:
        return kept[2]
    n_frames, n_states = max(1, n_frames), max(1, n_states)
    group = _new_group(n_frames, n_states)
    if len(group.table) + len(group.checkpoint) <= 2 * _MAX_TABLE:
        _KEPT.group = (n_frames, n_states, group)
    return group


@njit(cache=True, nogil=True)
def _load_lane(group, lane, logit, n_frames, n_filled, shift):  # type: ignore[no-untyped-def]
    """Fill one lane with the shifted probabilities; frames beyond the end stay silent."""
    sign, size, small = group.sign[lane], group.size, group.small
    prob, comp = group.prob_rows[lane], group.comp_rows[lane]
    for t in range(n_frames):
        comp[t] = sign * np.float64(logit[t]) + shift
        size[t] = abs(comp[t])
    exp_of_minus(size, n_frames, small, group.bits, group.power)
    sigmoids(comp, small, n_frames, prob, comp)
    for t in range(n_frames, n_filled):
        prob[t], comp[t] = 0.0, 1.0


@njit(cache=True, nogil=True)
def _forward(prob, comp, start, stop, n_states, table):  # type: ignore[no-untyped-def]
    """From the masses in `table[0]` before frame `start` to those before `stop`; count k is in row k + 1."""
    for t in range(start, stop):
        i = t - start
        reached = min(t + 1, n_states - 1)
        table[i + 1, 0] = 0.0
        advance(table[i + 1], table[i], prob[t], comp[t], reached + 2)
        table[i + 1, reached + 2 :] = 0.0


@njit(cache=True, nogil=True)
def _backward(prob, comp, start, stop, n_states, table, ahead, both):  # type: ignore[no-untyped-def]
    """From frame `stop` back to `start`: `both[t]` is P(count, given an event in frame t)."""
    for t in range(stop - 1, start - 1, -1):
        retreat(table[t - start], ahead, prob[t], comp[t], both[t], min(t, n_states - 1) + 1)


@njit(cache=True, nogil=True, inline="always")
def _largest(count):  # type: ignore[no-untyped-def]
    """Largest count of the lanes."""
    largest = 0
    for lane in range(N_LANES):
        largest = max(largest, count[lane])
    return largest


@njit(cache=True, nogil=True)
def _copy(target, source):  # type: ignore[no-untyped-def]
    """Copy a row of lanes; numba's own assignment would allocate, and compile for seconds to do so."""
    for k in range(len(target)):
        for lane in range(N_LANES):
            target[k, lane] = source[k, lane]


@njit(cache=True, nogil=True)
def _pass(group, n_frames, with_gradient):  # type: ignore[no-untyped-def]
    """P(count) of each lane to `total`, and P(count, given that frame t counts) to `both`."""
    prob, comp, ahead = group.prob, group.comp, group.ahead
    n_blocks, stride = (n_frames + N_LANES - 1) // N_LANES, len(prob)
    to_lanes(group.prob_rows, prob, n_blocks, stride)
    to_lanes(group.comp_rows, comp, n_blocks, stride)
    n_states = _largest(group.target) + 1
    row = (n_states + 2) * N_LANES
    segment = min(n_frames, len(group.table) // row - 1)
    n_segments = (n_frames + segment - 1) // segment
    table = group.table[: (segment + 1) * row].reshape((segment + 1, n_states + 2, N_LANES))
    saved = group.checkpoint[: n_segments * row].reshape((n_segments, n_states + 2, N_LANES))
    table[0] = 0.0
    table[0, 1] = 1.0
    for start in range(0, n_frames, segment):
        if start > 0:
            _copy(table[0], table[segment])
        _copy(saved[start // segment], table[0])
        _forward(prob, comp, start, min(start + segment, n_frames), n_states, table)
    last = n_frames - segment * (n_segments - 1)
    ahead[: n_states + 1] = 0.0
    for lane in range(N_LANES):
        group.total[lane] = table[last, group.target[lane] + 1, lane]
        ahead[group.target[lane], lane] = 1.0
    if not with_gradient:
        return
    for s in range(n_segments - 1, -1, -1):
        start, stop = s * segment, min((s + 1) * segment, n_frames)
        if s < n_segments - 1:
            _copy(table[0], saved[s])
            _forward(prob, comp, start, stop, n_states, table)
        _backward(prob, comp, start, stop, n_states, table, ahead, group.both)
    to_rows(group.both_rows, group.both, n_blocks, stride)


@njit(cache=True, nogil=True)
def _log_complement(group, lane, n_frames):  # type: ignore[no-untyped-def]
    """Log P(count) as log(1 - P(any other count)), which keeps its relative precision next to 0."""
    count, mass = group.target[lane], group.table
    for k in range(count + 1):
        mass[k] = 0.0
    mass[0] = 1.0
    others = 0.0
    for t in range(n_frames):
        p, q = group.prob_rows[lane, t], group.comp_rows[lane, t]
        others += p * mass[count]
        for k in range(count, 0, -1):
            mass[k] = q * mass[k] + p * mass[k - 1]
        mass[0] *= q
    for k in range(count):
        others += mass[k]
    return math.log1p(-others)


@njit(cache=True, nogil=True)
def _tilt(logit, n_frames, sign, count):  # type: ignore[no-untyped-def]
    """The shift of all logits at which the expected count is `count`, to a hundredth of an event."""
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
def _tilt_log_factor(logit, n_frames, sign, count, shift):  # type: ignore[no-untyped-def]
    """Log P(count) less log P(count) under the tilted logits, by a compensated sum."""
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


@njit(cache=True, nogil=True)
def _silence(group, lane, logit, n_frames, with_gradient, gradient):  # type: ignore[no-untyped-def]
    """Log probability that no frame counts, and its gradient, for a lane whose count is 0.

    The product of the complements and one less that product are carried along, both without cancellation.
    """
    value, silent, heard = 0.0, 1.0, 0.0
    for t in range(n_frames):
        p, q = group.prob_rows[lane, t], group.comp_rows[lane, t]
        if with_gradient:
            gradient[t] = -group.sign[lane] * p
        if p < 0.5:
            heard += p * silent
            silent *= q
        else:
            value -= softplus(group.sign[lane] * np.float64(logit[t]))
        if silent < 0.5:
            heard, silent, value = 0.0, 1.0, value + math.log(silent)
    return value + math.log1p(-heard)


@njit(cache=True, nogil=True)
def _counted(group, lane, logit, n_frames, near_one, with_gradient, gradient):  # type: ignore[no-untyped-def]
    """Log probability of a lane's count from what the pass left, and its gradient."""
    sign, total, log_factor = group.sign[lane], group.total[lane], group.log_factor[lane]
    possible = not total <= 0
    if with_gradient:
        scale = sign / total if possible else 0.0
        prob, both = group.prob_rows[lane], group.both_rows[lane]
        for t in range(n_frames):
            gradient[t] = prob[t] * both[t] * scale - sign * prob[t]
        if log_factor != 0:
            for t in range(n_frames):
                prior = sigmoid_pair(sign * np.float64(logit[t]))[0]
                gradient[t] = prob[t] * both[t] * scale - sign * prior
    if log_factor == 0 and 1.0 - total < near_one:
        return _log_complement(group, lane, n_frames)
    return log_factor + (math.log(total) if possible else -np.inf)


@njit(cache=True, nogil=True)
def _load(group, rows, logit, count, length):  # type: ignore[no-untyped-def]
    """Fill all lanes; those without a sequence repeat the last one and count nothing. Returns the frames."""
    n_frames = 0
    for lane in range(N_LANES):
        i = rows[min(lane, len(rows) - 1)]
        silent = length[i] - count[i]
        group.target[lane] = min(count[i], silent) if lane < len(rows) else 0
        group.sign[lane] = 1.0 if count[i] <= silent else -1.0
        group.log_factor[lane] = 0.0
        n_frames = max(n_frames, length[i])
    for lane in range(N_LANES):
        i = rows[min(lane, len(rows) - 1)]
        _load_lane(group, lane, logit[i], length[i], n_frames, 0.0)
    return n_frames


@njit(cache=True, nogil=True)
def _tilt_where_needed(group, rows, logit, length):  # type: ignore[no-untyped-def]
    """Shift the lanes whose count is too unlikely for the plain recursion; whether there was one."""
    any_tilted = False
    for lane in range(len(rows)):
        if group.total[lane] > _TRUSTED or math.isnan(group.total[lane]):
            continue
        i, count, sign = rows[lane], group.target[lane], group.sign[lane]
        shift = _tilt(logit[i], length[i], sign, count)
        group.log_factor[lane] = _tilt_log_factor(logit[i], length[i], sign, count, shift)
        _load_lane(group, lane, logit[i], length[i], length[i], shift)
        any_tilted = True
    return any_tilted


@njit(cache=True, nogil=True)
def log_prob_rows(  # type: ignore[no-untyped-def]
    group, logit, count, length, order, first_group, group_step, near_one, with_gradient, log_prob, gradient
):
    """Log probability of the counts of every `group_step`-th group of eight sequences, and its gradient.

    The plain recursion (LoCo paper, eq. 9) runs on probabilities. Where the count is so unlikely that it
    could underflow, all logits are first shifted so that the count becomes the expected one (exponential
    tilting); that changes the probability by a known factor and the probability of an event *given the
    count* not at all. Counts above half the frames are taken as counts of silent frames. What is computed
    of a sequence does not depend on which others share its group.

    Args:
        group: Working memory, large enough for all sequences.
        logit: [sequence, frame] float32 or float64.
        count: [sequence] int64, from 0 to the length.
        length: [sequence] int64, valid frames.
        order: [sequence] int64, the order in which sequences are grouped; by count wastes least.
        first_group: First group to take.
        group_step: Every which group to take, for threads.
        near_one: Probabilities nearer to 1 than this are computed from their complement.
        with_gradient: Whether to fill `gradient`.
        log_prob: [sequence] float64, written.
        gradient: [sequence, frame] of the logit's type, written in the valid frames; zero beforehand.
    """
    for start in range(first_group * N_LANES, len(order), group_step * N_LANES):
        rows = order[start : start + N_LANES]
        n_frames = _load(group, rows, logit, count, length)
        if _largest(group.target) > 0:
            _pass(group, n_frames, with_gradient)
            for lane in range(N_LANES):
                if group.target[lane] == 0:
                    group.total[lane] = 1.0
            if _tilt_where_needed(group, rows, logit, length):
                _pass(group, n_frames, with_gradient)
        for lane in range(len(rows)):
            i = rows[lane]
            row = gradient[i] if with_gradient else gradient[0]
            if group.target[lane] == 0:
                log_prob[i] = _silence(group, lane, logit[i], length[i], with_gradient, row)
            else:
                log_prob[i] = _counted(group, lane, logit[i], length[i], near_one, with_gradient, row)
