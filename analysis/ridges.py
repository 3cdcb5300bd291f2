"""The ridge of a surface, the best softness for each label noise, and slices through it, with bands."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.maps import Panel
from analysis.regression import Array, Grid
from analysis.uncertainty import Band, pointwise_band

__all__ = ["Ridge", "Slice", "fit_ridge", "slices"]

_N_DRAWS = 300
_LATTICE = (121, 41)


@dataclass(frozen=True, eq=False)
class Ridge:
    """The best place of the first axis for every place of the second.

    Attributes:
        along: [point], the second axis (label noise), in shown units.
        best: Where the mean is largest on the first axis (softness), with limits.
        value: [point], the mean there.
    """

    along: Array
    best: Band
    value: Array


@dataclass(frozen=True, eq=False)
class Slice:
    """A cut through a surface along one axis.

    Attributes:
        at: Where the other axis stands, in shown units.
        along: [point], in shown units.
        band: Mean and pointwise limits.
        support: [point], effective number of trials.
    """

    at: float
    along: Array
    band: Band
    support: Array


def fit_ridge(panel: Panel, *, level: float = 0.9, seed: int = 0) -> Ridge:
    """The ridge of a two-dimensional panel; the limits are quantiles of the ridges of drawn surfaces.

    Places without support do not take part. On a flat surface the band is as wide as the flat, which is the
    answer: there the choice does not matter.
    """
    across, along = panel.axes[0].lattice(_LATTICE[0]), panel.axes[1].lattice(_LATTICE[1])
    fit, grid, rng = panel.regression, Grid((across, along)), np.random.default_rng(seed)
    supported = fit.support(grid).reshape(grid.shape) >= 1.0
    supported |= ~supported.any(axis=0)
    mean = np.where(supported, fit.predict(grid).reshape(grid.shape), -np.inf)
    places = np.empty((_N_DRAWS, len(along)))
    for row, at in enumerate(along):
        draws = fit.draws(np.stack([across, np.full_like(across, at)], axis=1), n=_N_DRAWS, rng=rng)
        places[:, row] = across[np.where(supported[:, row], draws, -np.inf).argmax(axis=1)]
    low, high = np.quantile(places, [0.5 - level / 2, 0.5 + level / 2], axis=0)
    best = mean.argmax(axis=0)
    middle = across[best]
    band = Band(np.minimum(low, middle), middle, np.maximum(high, middle))
    return Ridge(along, band, mean[best, np.arange(len(along))])


def slices(
    panel: Panel, *, axis: int, n: int = 5, n_points: int = 121, level: float = 0.9
) -> tuple[Slice, ...]:
    """Cuts along `axis` (0 across, 1 up) at `n` evenly spaced places of the other, ends included."""
    along = panel.axes[axis].lattice(n_points)
    cuts = []
    for at in panel.axes[1 - axis].lattice(n):
        columns = [along, np.full_like(along, at)]
        points = np.stack(columns if axis == 0 else columns[::-1], axis=1)
        band, support = (
            pointwise_band(panel.regression, points, level=level),
            panel.regression.support(points),
        )
        cuts.append(Slice(float(at), along, band, support))
    return tuple(cuts)
