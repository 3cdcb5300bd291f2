"""Curves fill a square: they visit every cell once and move to adjacent cells only."""

import numpy as np
import pytest

from softloc_core.errors import ConfigError
from softloc_core.tasks.digits.curves import CURVES, boustrophedon, hilbert, moore, peano

KINDS = [
    *((hilbert, side) for side in (1, 2, 4, 8, 16, 32)),
    *((moore, side) for side in (2, 4, 8, 16, 32)),
    *((peano, side) for side in (1, 3, 9, 27)),
    *((boustrophedon, side) for side in (1, 2, 5, 8)),
]


@pytest.mark.parametrize(("curve", "side"), KINDS, ids=lambda value: getattr(value, "__name__", str(value)))
def test_every_cell_is_visited_once_from_neighbour_to_neighbour(curve, side) -> None:
    cells = curve(side)
    assert sorted(map(tuple, cells.tolist())) == [
        (row, column) for row in range(side) for column in range(side)
    ]
    assert (np.abs(np.diff(cells, axis=0)).sum(axis=1) == 1).all()


def test_curves_start_as_published() -> None:
    assert hilbert(2).tolist() == [[0, 0], [1, 0], [1, 1], [0, 1]]
    assert peano(3).tolist() == [[0, 0], [1, 0], [2, 0], [2, 1], [1, 1], [0, 1], [0, 2], [1, 2], [2, 2]]
    assert boustrophedon(2).tolist() == [[0, 0], [0, 1], [1, 1], [1, 0]]


@pytest.mark.parametrize("side", [2, 4, 8, 16])
def test_the_moore_curve_is_closed(side) -> None:
    cells = moore(side)
    assert np.abs(cells[0] - cells[-1]).sum() == 1


@pytest.mark.parametrize("side", [8, 32])
def test_the_hilbert_curve_keeps_neighbours_together(side) -> None:
    """The Hilbert curve completes a quarter of the square before the next, unlike boustrophedon rows."""
    quarter = hilbert(side)[: side * side // 4]
    assert quarter.max() < side // 2
    assert boustrophedon(side)[: side * side // 4].max() == side - 1


def test_sides_that_a_curve_cannot_fill_are_rejected() -> None:
    with pytest.raises(ConfigError, match="Hilbert's curve needs a side that is a power of 2, but got 6"):
        hilbert(6)
    with pytest.raises(ConfigError, match="Moore's curve needs a side that is a power of 2, but got 9"):
        moore(9)
    with pytest.raises(ConfigError, match="Peano's curve needs a side that is a power of 3, but got 8"):
        peano(8)
    with pytest.raises(ConfigError, match="the side of a square must be at least 1, but got 0"):
        boustrophedon(0)


@pytest.mark.parametrize("name", CURVES)
def test_centres_of_cells_are_spaced_evenly_in_the_canvas(name) -> None:
    centre = CURVES[name].centre_px(64)
    assert len(centre) == CURVES[name].side ** 2
    np.testing.assert_allclose(centre.mean(axis=0), 32)
    assert centre.min() == pytest.approx(64 / CURVES[name].side / 2)
