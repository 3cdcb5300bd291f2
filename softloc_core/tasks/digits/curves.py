"""Space-filling curves, which visit each cell of a square once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from softloc_core.errors import ConfigError

__all__ = ["CURVES", "Curve", "boustrophedon", "hilbert", "moore", "peano"]

Cells = NDArray[np.int64]


def hilbert(side: int) -> Cells:
    """Return the Hilbert curve over a square whose side is a power of two, [cell, (row, column)].

    The curve starts in the first cell of the first row and ends in the last cell of the first row.

    Raises:
        ConfigError: The side is not a power of two.

    Source: Hilbert 1891; LoCo paper, section 8.
    """
    _require_power(side, 2, "Hilbert's curve")
    cells = np.zeros((1, 2), dtype=np.int64)
    size = 1
    while size < side:
        turned = cells[:, ::-1]
        # Down the left column, across, and up the right column. The first and last parts are rotated to fit.
        corner = np.array([size - 1, 2 * size - 1])
        parts = (turned, _moved(cells, size, 0), _moved(cells, size, size), corner - turned)
        cells = np.concatenate(parts)
        size *= 2
        cells = cells if cells[-1, 0] == 0 else cells[:, ::-1]
    return cells


def moore(side: int) -> Cells:
    """Return the Moore curve over a square whose side is a power of two, [cell, (row, column)].

    This closed curve consists of four Hilbert curves. It goes up the left half and down the right half, and
    ends next to its start.

    Raises:
        ConfigError: The side is not a power of two.
    """
    _require_power(side, 2, "Moore's curve")
    if side == 1:
        return hilbert(1)
    half = side // 2
    down = hilbert(half)[:, ::-1]
    up = half - 1 - down
    parts = (_moved(up, half, 0), up, _moved(down, 0, half), _moved(down, half, half))
    return np.concatenate(parts)


def peano(side: int) -> Cells:
    """Return the Peano curve over a square whose side is a power of three, [cell, (row, column)].

    The curve connects opposite corners.

    Raises:
        ConfigError: The side is not a power of three.

    Source: Peano 1890.
    """
    _require_power(side, 3, "Peano's curve")
    cells = np.zeros((1, 2), dtype=np.int64)
    size = 1
    while size < side:
        parts = []
        for column in range(3):
            for row in (0, 1, 2) if column % 2 == 0 else (2, 1, 0):
                part = cells.copy()
                # Mirror parts that are entered from the other side.
                if row % 2:
                    part[:, 1] = size - 1 - part[:, 1]
                if column % 2:
                    part[:, 0] = size - 1 - part[:, 0]
                parts.append(_moved(part, row * size, column * size))
        cells = np.concatenate(parts)
        size *= 3
    return cells


def boustrophedon(side: int) -> Cells:
    """Return the rows of a square of any side in alternating directions, [cell, (row, column)].

    Raises:
        ConfigError: The side is less than 1.
    """
    if side < 1:
        raise ConfigError(f"the side of a square must be at least 1, but got {side}")
    row, column = np.divmod(np.arange(side * side), side)
    return np.stack([row, np.where(row % 2, side - 1 - column, column)], axis=1)


def _moved(cells: Cells, rows: int, columns: int) -> Cells:
    """Shift cells."""
    moved: Cells = cells + np.array([rows, columns])
    return moved


def _require_power(side: int, base: int, what: str) -> None:
    """Raise if the side is not a power of the base."""
    size = 1
    while size < side:
        size *= base
    if size != side:
        raise ConfigError(f"{what} needs a side that is a power of {base}, but got {side}")


@dataclass(frozen=True)
class Curve:
    """A curve over the canvas.

    Attributes:
        cells: Returns the cells of a square with a given side in order, [cell, (row, column)].
        side: Number of cells along each side of the canvas.
    """

    cells: Callable[[int], Cells]
    side: int

    def centre_px(self, canvas_px: int) -> NDArray[np.float64]:
        """Return the centres of the cells in the order of the curve, [cell, (row, column)] in pixels."""
        return ((self.cells(self.side) + 0.5) * (canvas_px / self.side)).astype(np.float64)


CURVES: Mapping[str, Curve] = {
    "hilbert": Curve(hilbert, 8),
    "peano": Curve(peano, 9),
    "moore": Curve(moore, 8),
    "boustrophedon": Curve(boustrophedon, 8),
}
"""The curves by name. The canvas of 64 pixels has 8 cells of 8 pixels per side, as in the papers. The Peano
curve has 9 cells of 7.1 pixels."""
