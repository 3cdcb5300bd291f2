"""Count distribution compiled for the CPU: value and gradient of eight sequences in one pass."""

from __future__ import annotations

import math
import threading
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from softloc_core.losses._kernels.sigmoid import exp_of_minus, sigmoid_pair, sigmoids, softplus
from softloc_core.losses._kernels.simd import (
    N_LANES,
    backward_step,
    forward_step,
    rows_from_vectors,
    vectors_from_rows,
)
from softloc_core.losses._kernels.tilting import is_possible, tilt_log_factor, tilt_shift

__all__ = ["N_LANES", "Workspace", "log_prob_rows", "thread_workspace"]

# Below this probability the masses that were set to zero could matter, so the sequence is tilted instead.
_TRUSTED = 1e-190
# A table with more entries than this is stored at checkpoints only; the rest is recomputed from them.
_MAX_TABLE = 2**18


class Workspace(NamedTuple):
    """Working memory for eight sequences, one in each SIMD lane.

    A lane counts either its events or its silent frames, whichever are fewer. "Counted" below refers to
    whichever the lane counts.

    Attributes:
        target: [lane] number of counted frames whose probability is wanted.
        sign: [lane] 1 if events are counted, -1 if silent frames are.
        log_factor: [lane] log of the factor that undoes the tilting; 0 without tilting.
        total: [lane] P(target).
        prob: [frame, lane] probability that a frame is counted.
        comp: [frame, lane] its complement.
        both: [frame, lane] P(target, given that the frame is counted).
        prob_rows: [lane, frame] transpose of `prob`; the frames are padded to whole blocks.
        comp_rows: [lane, frame] transpose of `comp`.
        both_rows: [lane, frame] transpose of `both`.
        table: Flat array of [frame, state, lane]: masses before each frame of a segment.
        checkpoint: Flat array of [segment, state, lane]: masses before each segment.
        ahead: [state, lane] probability of reaching the target from a state.
        size: [frame] absolute logits of one lane.
        small: [frame] exp(-size).
        bits: [frame] bit patterns of float64 powers of two.
        power: [frame] the same memory, read as float64.
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


def _new_workspace(n_frames: int, n_states: int) -> Workspace:
    """Allocate a workspace for sequences of up to `n_frames` frames and `n_states` states."""
    row = (n_states + 2) * N_LANES
    segment = min(n_frames, max(_MAX_TABLE // row, 2 * math.isqrt(n_frames)))
    n_segments = -(-n_frames // segment)
    bits = np.empty(n_frames, np.int64)
    n_filled = -(-n_frames // N_LANES) * N_LANES
    return Workspace(
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


_THREAD = threading.local()


def thread_workspace(n_frames: int, n_states: int) -> Workspace:
    """Return this thread's workspace, large enough for this many frames and states.

    The workspace is reused from call to call, because touching fresh pages costs as much as the recursion.
    """
    last: tuple[int, int, Workspace] | None = getattr(_THREAD, "last", None)
    if last is not None and n_frames <= last[0] and n_states <= last[1]:
        return last[2]
    n_frames, n_states = max(1, n_frames), max(1, n_states)
    workspace = _new_workspace(n_frames, n_states)
    if len(workspace.table) + len(workspace.checkpoint) <= 2 * _MAX_TABLE:
        _THREAD.last = (n_frames, n_states, workspace)
    return workspace


@njit(cache=True, nogil=True)
def _load_lane(workspace, lane, logit, n_frames, n_filled, shift):  # type: ignore[no-untyped-def]
    """Fill one lane with the probabilities of the shifted logits; padded frames never hold an event."""
    sign, size, small = workspace.sign[lane], workspace.size, workspace.small
    prob, comp = workspace.prob_rows[lane], workspace.comp_rows[lane]
    for t in range(n_frames):
        comp[t] = sign * np.float64(logit[t]) + shift
        size[t] = abs(comp[t])
    exp_of_minus(size, n_frames, small, workspace.bits, workspace.power)
    sigmoids(comp, small, n_frames, prob, comp)
    for t in range(n_frames, n_filled):
        prob[t], comp[t] = 0.0, 1.0


@njit(cache=True, nogil=True)
def _forward(prob, comp, start, stop, n_states, table):  # type: ignore[no-untyped-def]
    """Run the recursion from frame `start`, whose masses are in `table[0]`, to frame `stop`.

    `table[t - start, k + 1]` receives the probability that k frames before frame t are counted.
    """
    for t in range(start, stop):
        i = t - start
        reached = min(t + 1, n_states - 1)
        table[i + 1, 0] = 0.0
        forward_step(table[i + 1], table[i], prob[t], comp[t], reached + 2)
        table[i + 1, reached + 2 :] = 0.0


@njit(cache=True, nogil=True)
def _backward(prob, comp, start, stop, n_states, table, ahead, both):  # type: ignore[no-untyped-def]
    """Run the recursion back from frame `stop` to `start`; `both[t]` is P(target, frame t is counted)."""
    for t in range(stop - 1, start - 1, -1):
        backward_step(table[t - start], ahead, prob[t], comp[t], both[t], min(t, n_states - 1) + 1)


@njit(cache=True, nogil=True, inline="always")
def _largest(count):  # type: ignore[no-untyped-def]
    """Return the largest count of all lanes."""
    largest = 0
    for lane in range(N_LANES):
        largest = max(largest, count[lane])
    return largest


@njit(cache=True, nogil=True)
def _copy(target, source):  # type: ignore[no-untyped-def]
    """Copy [state, lane] masses; Numba's slice assignment would allocate, and take seconds to compile."""
    for k in range(len(target)):
        for lane in range(N_LANES):
            target[k, lane] = source[k, lane]


@njit(cache=True, nogil=True)
def _pass(workspace, n_frames, with_gradient):  # type: ignore[no-untyped-def]
    """Compute `total`, P(target), of each lane and, for the gradient, `both` of each frame."""
    prob, comp, ahead = workspace.prob, workspace.comp, workspace.ahead
    n_blocks, stride = (n_frames + N_LANES - 1) // N_LANES, len(prob)
    vectors_from_rows(workspace.prob_rows, prob, n_blocks, stride)
    vectors_from_rows(workspace.comp_rows, comp, n_blocks, stride)
    n_states = _largest(workspace.target) + 1
    row = (n_states + 2) * N_LANES
    segment = min(n_frames, len(workspace.table) // row - 1)
    n_segments = (n_frames + segment - 1) // segment
    table = workspace.table[: (segment + 1) * row].reshape((segment + 1, n_states + 2, N_LANES))
    saved = workspace.checkpoint[: n_segments * row].reshape((n_segments, n_states + 2, N_LANES))
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
        workspace.total[lane] = table[last, workspace.target[lane] + 1, lane]
        ahead[workspace.target[lane], lane] = 1.0
    if not with_gradient:
        return
    for s in range(n_segments - 1, -1, -1):
        start, stop = s * segment, min((s + 1) * segment, n_frames)
        if s < n_segments - 1:
            _copy(table[0], saved[s])
            _forward(prob, comp, start, stop, n_states, table)
        _backward(prob, comp, start, stop, n_states, table, ahead, workspace.both)
    rows_from_vectors(workspace.both_rows, workspace.both, n_blocks, stride)


@njit(cache=True, nogil=True)
def _log_complement(workspace, lane, n_frames):  # type: ignore[no-untyped-def]
    """Return log P(target) as log(1 - P(any other count)), which stays precise near 0."""
    count, mass = workspace.target[lane], workspace.table
    for k in range(count + 1):
        mass[k] = 0.0
    mass[0] = 1.0
    others = 0.0
    for t in range(n_frames):
        p, q = workspace.prob_rows[lane, t], workspace.comp_rows[lane, t]
        others += p * mass[count]
        for k in range(count, 0, -1):
            mass[k] = q * mass[k] + p * mass[k - 1]
        mass[0] *= q
    for k in range(count):
        others += mass[k]
    return math.log1p(-others)


@njit(cache=True, nogil=True)
def _clear(gradient, n_frames):  # type: ignore[no-untyped-def]
    """Set the gradient of a sequence to zero, because its count is impossible."""
    for t in range(n_frames):
        gradient[t] = 0.0


@njit(cache=True, nogil=True)
def _silence(workspace, lane, logit, n_frames, with_gradient, gradient):  # type: ignore[no-untyped-def]
    """Return the log probability that no frame is counted, and fill its gradient, for a target of 0.

    The loop updates both the product of the complements and one minus that product, so that neither suffers
    from cancellation.
    """
    value, silent, heard = 0.0, 1.0, 0.0
    for t in range(n_frames):
        p, q = workspace.prob_rows[lane, t], workspace.comp_rows[lane, t]
        if with_gradient:
            gradient[t] = -workspace.sign[lane] * p
        if p < 0.5:
            heard += p * silent
            silent *= q
        else:
            value -= softplus(workspace.sign[lane] * np.float64(logit[t]))
        if silent < 0.5:
            heard, silent, value = 0.0, 1.0, value + math.log(silent)
    if with_gradient and value == -np.inf:
        _clear(gradient, n_frames)
    return value + math.log1p(-heard)


@njit(cache=True, nogil=True)
def _counted(workspace, lane, logit, n_frames, near_one, with_gradient, gradient):  # type: ignore[no-untyped-def]
    """Return the log probability of a lane's target after `_pass`, and fill its gradient."""
    sign, total, log_factor = workspace.sign[lane], workspace.total[lane], workspace.log_factor[lane]
    possible = not total <= 0
    if with_gradient and not possible:
        _clear(gradient, n_frames)
    elif with_gradient:
        scale = sign / total
        prob, both = workspace.prob_rows[lane], workspace.both_rows[lane]
        for t in range(n_frames):
            gradient[t] = prob[t] * both[t] * scale - sign * prob[t]
        if log_factor != 0:
            for t in range(n_frames):
                prior = sigmoid_pair(sign * np.float64(logit[t]))[0]
                gradient[t] = prob[t] * both[t] * scale - sign * prior
    if log_factor == 0 and 1.0 - total < near_one:
        return _log_complement(workspace, lane, n_frames)
    return log_factor + (math.log(total) if possible else -np.inf)


@njit(cache=True, nogil=True)
def _load(workspace, rows, logit, count, length):  # type: ignore[no-untyped-def]
    """Fill all lanes and return their number of frames.

    Lanes without a sequence repeat the last sequence with a target of 0.
    """
    n_frames = 0
    for lane in range(N_LANES):
        i = rows[min(lane, len(rows) - 1)]
        silent = length[i] - count[i]
        workspace.target[lane] = min(count[i], silent) if lane < len(rows) else 0
        workspace.sign[lane] = 1.0 if count[i] <= silent else -1.0
        workspace.log_factor[lane] = 0.0
        n_frames = max(n_frames, length[i])
    for lane in range(N_LANES):
        i = rows[min(lane, len(rows) - 1)]
        _load_lane(workspace, lane, logit[i], length[i], n_frames, 0.0)
    return n_frames


@njit(cache=True, nogil=True)
def _tilt_where_needed(workspace, rows, logit, length):  # type: ignore[no-untyped-def]
    """Tilt the lanes whose target is too unlikely for the plain recursion; return whether any was tilted."""
    any_tilted = False
    for lane in range(len(rows)):
        if workspace.total[lane] > _TRUSTED or math.isnan(workspace.total[lane]):
            continue
        i, count, sign = rows[lane], workspace.target[lane], workspace.sign[lane]
        if not is_possible(logit[i], length[i], sign, count):
            continue
        shift = tilt_shift(logit[i], length[i], sign, count)
        workspace.log_factor[lane] = tilt_log_factor(logit[i], length[i], sign, count, shift)
        _load_lane(workspace, lane, logit[i], length[i], length[i], shift)
        any_tilted = True
    return any_tilted


@njit(cache=True, nogil=True)
def log_prob_rows(  # type: ignore[no-untyped-def]
    workspace,
    logit,
    count,
    length,
    order,
    first_group,
    group_step,
    near_one,
    with_gradient,
    log_prob,
    gradient,
):
    """Compute the log probability of the counts, and its gradient, for every `group_step`-th group of eight.

    The plain recursion (LoCo paper, eq. 9) runs on probabilities. If the count is so unlikely that its
    probability could underflow, all logits are first shifted until the count is the expected one (exponential
    tilting). The shift changes the probability by a known factor. It does not change the probability of an
    event *given the count*. Counts above half the frames are computed as counts of silent frames. An
    impossible count has log probability minus infinity and gradient zero. The result for a sequence does not
    depend on which other sequences share its group.

    Args:
        workspace: Working memory, large enough for all sequences.
        logit: [sequence, frame] float32 or float64.
        count: [sequence] int64, from 0 to the length.
        length: [sequence] int64, number of valid frames.
        order: [sequence] int64, the order in which sequences are grouped; sorting by count wastes least work.
        first_group: First group to compute.
        group_step: Distance to the next group to compute; the number of threads that share the work.
        near_one: Probabilities closer to 1 than this are computed from their complement.
        with_gradient: Whether to fill `gradient`.
        log_prob: [sequence] float64, written.
        gradient: [sequence, frame] of the logit's type; its valid frames are written, the rest must be zero.
    """
    for start in range(first_group * N_LANES, len(order), group_step * N_LANES):
        rows = order[start : start + N_LANES]
        n_frames = _load(workspace, rows, logit, count, length)
        if _largest(workspace.target) > 0:
            _pass(workspace, n_frames, with_gradient)
            for lane in range(N_LANES):
                if workspace.target[lane] == 0:
                    workspace.total[lane] = 1.0
            if _tilt_where_needed(workspace, rows, logit, length):
                _pass(workspace, n_frames, with_gradient)
        for lane in range(len(rows)):
            i = rows[lane]
            row = gradient[i] if with_gradient else gradient[0]
            if workspace.target[lane] == 0:
                log_prob[i] = _silence(workspace, lane, logit[i], length[i], with_gradient, row)
            else:
                log_prob[i] = _counted(workspace, lane, logit[i], length[i], near_one, with_gradient, row)
