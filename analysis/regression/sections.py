"""Sections of a regression with more parameters: some are held at a value, others are averaged over."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from analysis.arrays import Array
from analysis.regression.base import Grid, Regression, coordinates

__all__ = ["Section", "averaging_places"]

_NODES = {1: 9, 2: 4, 3: 3}


@dataclass(frozen=True, eq=False)
class Section:
    """A regression over some of the parameters of a larger one.

    The standard error is that of the section. A mean over a parameter is known better than a cut.

    Attributes:
        whole: The regression over all parameters.
        kept: Positions of the section's parameters among all parameters, in the order of the section.
        places: Values of each other parameter, by position: one for a cut, several for a mean over them.
    """

    whole: Regression
    kept: tuple[int, ...]
    places: Mapping[int, Array]

    def predict(self, at: Array | Grid) -> Array:
        """Return the estimated mean."""
        return self.whole.predict(self.nodes(at))

    def standard_error(self, at: Array | Grid) -> Array:
        """Return the standard error of the estimated mean."""
        return self.whole.standard_error(self.nodes(at))

    def support(self, at: Array | Grid) -> Array:
        """Return the effective number of trials, averaged over the nodes of a mean."""
        return self.whole.support(self.nodes(at))

    def smoother(self, at: Array | Grid) -> Array:
        """Return the weight of each trial's value in each estimate, [point, trial]."""
        return self.whole.smoother(self.nodes(at))

    def samples(self, at: Array | Grid, *, n: int, rng: np.random.Generator) -> Array:
        """Return random surfaces that are compatible with the noise of the trials, [sample, point]."""
        return self.whole.samples(self.nodes(at), n=n, rng=rng)

    @property
    def noise_sd(self) -> float:
        """The standard deviation of a trial of weight 1 around the regression over all parameters."""
        return self.whole.noise_sd

    @property
    def is_mean(self) -> bool:
        """Whether any parameter is averaged over."""
        return len(self._rest) > 1

    @cached_property
    def _rest(self) -> Array:
        """Every combination of the other parameters' values, [node, other parameter]."""
        return np.array(list(itertools.product(*self.places.values())))

    def nodes(self, at: Array | Grid) -> Array:
        """Return points in all parameters, [point, node, parameter], or [point, parameter] for one node."""
        points = coordinates(at)
        nodes = np.empty((len(points), len(self._rest), len(self.kept) + len(self.places)))
        nodes[..., list(self.kept)] = points[:, None, :]
        nodes[..., list(self.places)] = self._rest
        return nodes if self.is_mean else nodes[:, 0]


def averaging_places(ends: Sequence[tuple[float, float]]) -> list[Array]:
    """Return the nodes of a mean over parameters with these ranges: the midpoints of equal intervals.

    There are nine nodes for one parameter, four each for two, and three each for three. A surface bends
    little between them.
    """
    n = _NODES[len(ends)] if ends else 0
    return [low + (high - low) * (np.arange(n) + 0.5) / n for low, high in ends]
