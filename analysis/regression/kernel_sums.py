"""Kernel-weighted sums over trials, and the moments that local regression computes from them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from analysis.arrays import Array

__all__ = ["Moments", "grid_sums", "intercept_row", "moments_about", "point_sums", "products"]

Moments = dict[tuple[int, int], Array]
_CHUNK = 4_000_000
_BIN_ABOVE = 20_000
_BINS_A_BANDWIDTH = 20
_DEGENERATE = 1e-10


def _kernel(distance: Array) -> Array:
    return np.asarray(np.exp(-0.5 * distance**2))


def grid_sums(columns: Array, axes: tuple[Array, Array], *, points: Array, bandwidth: Array) -> Array:
    """Return the sums on a two-dimensional grid, one matrix product per column, in chunks of trials."""
    if len(points) > _BIN_ABOVE:
        points, columns = _binned(columns, points=points, bandwidth=bandwidth)
    first, second = axes
    total = np.zeros((len(columns), len(first), len(second)))
    step = max(1, _CHUNK // (len(first) + len(second)))
    for start in range(0, len(points), step):
        part = slice(start, start + step)
        left = _kernel((first[:, None] - points[part, 0]) / bandwidth[0])
        right = _kernel((second[:, None] - points[part, 1]) / bandwidth[1])
        for index, column in enumerate(columns[:, part]):
            total[index] += (left * column) @ right.T
    return total.reshape(len(columns), -1)


def _binned(columns: Array, *, points: Array, bandwidth: Array) -> tuple[Array, Array]:
    """Distribute each trial linearly among the corners of a lattice with steps of 1 / 20 of a bandwidth.

    Source: Fan and Marron (1994). Binning widens the kernel by about 0.03 %, far less than any estimate can
    show.
    """
    low = points.min(axis=0)
    place = (points - low) / (bandwidth / _BINS_A_BANDWIDTH)
    corner = np.floor(place).astype(np.int64)
    part, size = place - corner, corner.max(axis=0) + 2
    if size.prod() > len(points):
        return points, columns
    bins = np.zeros((len(columns), int(size.prod())))
    for right, up in ((0, 0), (0, 1), (1, 0), (1, 1)):
        index = (corner[:, 0] + right) * size[1] + corner[:, 1] + up
        share = np.abs(1 - right - part[:, 0]) * np.abs(1 - up - part[:, 1])
        for total, column in zip(bins, columns, strict=True):
            total += np.bincount(index, weights=share * column, minlength=bins.shape[1])
    filled = np.flatnonzero(np.bincount(corner @ np.array([size[1], 1]), minlength=bins.shape[1]))
    used = np.unique((filled[:, None] + np.array([0, 1, size[1], size[1] + 1])).ravel())
    centres = np.stack(np.divmod(used, size[1]), axis=1)
    return low + centres * (bandwidth / _BINS_A_BANDWIDTH), bins[:, used]


def point_sums(columns: Array, at: Array, *, points: Array, bandwidth: Array) -> Array:
    """Return the sums at any points, in chunks of points."""
    total = np.empty((len(columns), len(at)))
    step = max(1, _CHUNK // max(len(points), 1))
    for start in range(0, len(at), step):
        part = at[start : start + step]
        exponent = sum(
            ((part[:, [axis]] - points[:, axis]) / bandwidth[axis]) ** 2 for axis in range(points.shape[1])
        )
        total[:, start : start + step] = columns @ np.exp(-0.5 * np.asarray(exponent)).T
    return total


def products(design: Array, *, degree: int) -> Array:
    """Return the products of the design's rows (upper triangle), whose sums are moments about the centre."""
    if degree == 0:
        return design
    rows, columns = np.triu_indices(len(design))
    return np.asarray(design[rows] * design[columns])


def moments_about(sums: Array, where: Array, *, degree: int) -> Moments:
    """Return the moments about each point, (i, j) with i <= j -> [point], from those about the centre."""
    if degree == 0:
        return {(0, 0): sums[0]}
    size = len(where) + 1
    pairs = [(i, j) for i in range(size) for j in range(i, size)]
    about = dict(zip(pairs, sums, strict=True))
    mass = about[0, 0]
    moments = {(0, 0): mass}
    for j in range(1, size):
        moments[0, j] = about[0, j] - where[j - 1] * mass
        for i in range(1, j + 1):
            first = where[i - 1] * moments[0, j]
            moments[i, j] = about[i, j] - where[j - 1] * about[0, i] - first
    return moments


def intercept_row(moments: Moments) -> Array:
    """Return the first row of the inverse of the moment matrix, [1 + dimension, point].

    Where the matrix is singular (trials on a line), return the row of the locally constant fit.
    """
    mass = moments[0, 0]
    dimensions = max(j for _, j in moments)
    row = np.zeros((dimensions + 1, len(mass)))
    with np.errstate(divide="ignore", invalid="ignore"):
        row[0] = 1.0 / np.where(mass > 0, mass, np.nan)
        if dimensions:
            slope = _SOLVERS.get(dimensions, _solve_many)(moments)
            rest = mass - sum(moments[0, j] * slope[j - 1] for j in range(1, dimensions + 1))
            usable = np.isfinite(slope).all(axis=0) & (rest > _DEGENERATE * mass)
            row[0] = np.where(usable, 1.0 / rest, row[0])
            row[1:] = np.where(usable, -slope / rest, 0.0)
    return row


def _solve_one(moments: Moments) -> Array:
    """Solve the slope block for the cross moments in one dimension."""
    return np.asarray(moments[0, 1] / np.where(moments[1, 1] > 0, moments[1, 1], np.nan))[None]


def _solve_two(moments: Moments) -> Array:
    """Solve the slope block in two dimensions by Cramer's rule."""
    a, b, c = moments[1, 1], moments[1, 2], moments[2, 2]
    determinant = a * c - b * b
    determinant = np.where(determinant > _DEGENERATE * (a + c) ** 2, determinant, np.nan)
    first, second = moments[0, 1], moments[0, 2]
    return np.stack([c * first - b * second, a * second - b * first]) / determinant


def _solve_many(moments: Moments) -> Array:
    """Solve the slope block in three or more dimensions."""
    size = max(j for _, j in moments)
    pairs = [[moments[min(i, j), max(i, j)] for j in range(1, size + 1)] for i in range(1, size + 1)]
    matrix = np.moveaxis(np.array(pairs), -1, 0)
    right = np.stack([moments[0, j] for j in range(1, size + 1)], axis=1)
    solution = np.full_like(right, np.nan)
    good = np.einsum("mii->m", matrix) > 0
    good[good] = np.linalg.cond(matrix[good]) < 1.0 / _DEGENERATE
    solution[good] = np.linalg.solve(matrix[good], right[good, :, None])[:, :, 0]
    return solution.T


_SOLVERS: dict[int, Callable[[Moments], Array]] = {1: _solve_one, 2: _solve_two}
