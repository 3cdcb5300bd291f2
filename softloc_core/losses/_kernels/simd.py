"""SIMD versions of the count recursion's inner loops: one vector holds one value of eight sequences.

Each sequence occupies one lane of the vectors. The code is written as LLVM instructions because Numba's
loops stay scalar here: the compiler cannot know that the arrays do not overlap, and eight iterations are too
few for a check at run time to pay off.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

__all__ = ["N_LANES", "backward_step", "forward_step", "rows_from_vectors", "vectors_from_rows"]

# One AVX-512 register, or two AVX2 registers, of float64.
N_LANES = 8
_VECTOR = ir.VectorType(ir.DoubleType(), N_LANES)
# Smaller masses become 0: subnormal numbers are slow, and no representable result depends on them.
_NEGLIGIBLE = ir.Constant(_VECTOR, [1e-220] * N_LANES)
_ZERO = ir.Constant(_VECTOR, [0.0] * N_LANES)


def _vector_pointer(context: Any, builder: Any, array_type: Any, value: Any) -> Any:
    """Return a pointer to an array's first vector."""
    data = context.make_array(array_type)(context, builder, value).data
    return builder.bitcast(data, _VECTOR.as_pointer())


def _load(builder: Any, vectors: Any, index: Any) -> Any:
    return builder.load(builder.gep(vectors, [index]), align=8)


def _store(builder: Any, value: Any, vectors: Any, index: Any) -> None:
    builder.store(value, builder.gep(vectors, [index]), align=8)


def _mixture(builder: Any, comp: Any, stays: Any, prob: Any, moves: Any) -> Any:
    """Compute comp * stays + prob * moves and set negligible values to zero; NaN passes through."""
    flags = ("contract",)
    mass = builder.fadd(builder.fmul(comp, stays, flags), builder.fmul(prob, moves, flags), flags)
    return builder.select(builder.fcmp_ordered("<", mass, _NEGLIGIBLE), _ZERO, mass)


@intrinsic
def forward_step(typingctx, new, old, prob, comp, n_rows):  # type: ignore[no-untyped-def]
    """Set new[k] = comp * old[k] + prob * old[k - 1] for k = 1 ... n_rows - 1, in every lane."""
    signature = types.void(new, old, prob, comp, types.int64)

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        new_rows, old_rows, prob_row, comp_row = (
            _vector_pointer(context, builder, signature.args[i], arguments[i]) for i in range(4)
        )
        first = ir.Constant(ir.IntType(64), 0)
        one = ir.Constant(ir.IntType(64), 1)
        p, q = _load(builder, prob_row, first), _load(builder, comp_row, first)
        below = cgutils.alloca_once_value(builder, _load(builder, old_rows, first))
        with cgutils.for_range_slice(builder, one, arguments[4], one) as (row, _):
            here = _load(builder, old_rows, row)
            _store(builder, _mixture(builder, q, here, p, builder.load(below)), new_rows, row)
            builder.store(here, below)
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def backward_step(typingctx, behind, ahead, prob, comp, both, n_rows):  # type: ignore[no-untyped-def]
    """Store the sum of behind[k + 1] * ahead[k + 1] over k in `both`, then update `ahead` in place.

    The update is ahead[k] = comp * ahead[k] + prob * ahead[k + 1]. In both formulas k runs from 0 to
    n_rows - 1 in every lane, and the right-hand sides use the values of `ahead` before the update.
    """
    signature = types.void(behind, ahead, prob, comp, both, types.int64)

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        behind_rows, ahead_rows, prob_row, comp_row, both_row = (
            _vector_pointer(context, builder, signature.args[i], arguments[i]) for i in range(5)
        )
        first = ir.Constant(ir.IntType(64), 0)
        one = ir.Constant(ir.IntType(64), 1)
        p, q = _load(builder, prob_row, first), _load(builder, comp_row, first)
        here = cgutils.alloca_once_value(builder, _load(builder, ahead_rows, first))
        total = cgutils.alloca_once_value(builder, _ZERO)
        flags = ("contract",)
        with cgutils.for_range_slice(builder, first, arguments[5], one) as (row, _):
            above = builder.add(row, one)
            reached = _load(builder, ahead_rows, above)
            product = builder.fmul(_load(builder, behind_rows, above), reached, flags)
            builder.store(builder.fadd(builder.load(total), product, flags), total)
            _store(builder, _mixture(builder, q, builder.load(here), p, reached), ahead_rows, row)
            builder.store(reached, here)
        _store(builder, builder.load(total), both_row, first)
        return context.get_dummy_value()

    return signature, codegen


def _transposed(builder: Any, vectors: list[Any]) -> list[Any]:
    """Transpose an 8 x 8 block in three rounds of shuffles, each of which swaps one bit of row and lane."""
    index = ir.VectorType(ir.IntType(32), N_LANES)
    lanes = range(N_LANES)
    for bit in (1, 2, 4):
        low = ir.Constant(index, [lane if not lane & bit else N_LANES + (lane ^ bit) for lane in lanes])
        high = ir.Constant(index, [lane | bit if not lane & bit else N_LANES + lane for lane in lanes])
        for i in (i for i in lanes if not i & bit):
            first, second = vectors[i], vectors[i | bit]
            vectors[i] = builder.shuffle_vector(first, second, low)
            vectors[i | bit] = builder.shuffle_vector(first, second, high)
    return vectors


def _transpose_blocks(context: Any, builder: Any, signature: Any, arguments: Any, *, to_vectors: bool) -> Any:
    """Generate code that transposes between [lane, frame] and [frame, lane] arrays, block by block."""
    width, zero, one = (ir.Constant(ir.IntType(64), n) for n in (N_LANES, 0, 1))
    rows, vectors_of_frames = (
        context.make_array(signature.args[i])(context, builder, arguments[i]).data for i in range(2)
    )
    stride = arguments[3]
    with cgutils.for_range_slice(builder, zero, arguments[2], one) as (block, _):
        frame = builder.mul(block, width)
        in_rows, in_vectors = [], []
        for i in range(N_LANES):
            number = ir.Constant(ir.IntType(64), i)
            in_rows.append(builder.gep(rows, [builder.add(builder.mul(number, stride), frame)]))
            offset = builder.mul(builder.add(frame, number), width)
            in_vectors.append(builder.gep(vectors_of_frames, [offset]))
        source, target = (in_rows, in_vectors) if to_vectors else (in_vectors, in_rows)
        pointer = _VECTOR.as_pointer()
        vectors = [builder.load(builder.bitcast(each, pointer), align=8) for each in source]
        for value, each in zip(_transposed(builder, vectors), target, strict=True):
            builder.store(value, builder.bitcast(each, pointer), align=8)
    return context.get_dummy_value()


@intrinsic
def vectors_from_rows(typingctx, rows, vectors, n_blocks, stride):  # type: ignore[no-untyped-def]
    """Set vectors[frame, lane] = rows[lane, frame] for `n_blocks` times eight frames.

    Each row is `stride` values long.
    """

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return _transpose_blocks(context, builder, signature, arguments, to_vectors=True)

    return types.void(rows, vectors, types.int64, types.int64), codegen


@intrinsic
def rows_from_vectors(typingctx, rows, vectors, n_blocks, stride):  # type: ignore[no-untyped-def]
    """Set rows[lane, frame] = vectors[frame, lane] for `n_blocks` times eight frames.

    Each row is `stride` values long.
    """

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return _transpose_blocks(context, builder, signature, arguments, to_vectors=False)

    return types.void(rows, vectors, types.int64, types.int64), codegen
