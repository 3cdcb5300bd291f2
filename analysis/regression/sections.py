"""A surface cut out of one with more parameters: some held at a value, some averaged over."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from analysis.arrays import Array
from analysis.regression.kernel import Grid, Regression, coordinates

__all__ = ["Section", "averaging_places"]

_NODES = {1: 9, 2: 4, 3: 3}


@dataclass(frozen=True, eq=False)
class Section:
    """The regression over some of the parameters of another, which knows them all.

    Its standard error is that of what is drawn: a mean over a parameter is better known than a cut.

    Attributes:
        whole: Over all parameters.
        drawn: Positions of the kept parameters among all, in the order in which they are kept.
        places: Values of each other parameter by position: one for a cut, several for a mean over them.
    """

    whole: Regression
    drawn: tuple[int, ...]
    places: Mapping[int, Array]

    def predict(self, at: Array | Grid) -> Array:
        """Estimated mean."""
        return self.whole.predict(self._nodes(at))

    def standard_error(self, at: Array | Grid) -> Array:
        """Standard error of that mean."""
        return self.whole.standard_error(self._nodes(at))

    def support(self, at: Array | Grid) -> Array:
        """Effective number of trials in reach; its mean over the nodes of an average."""
        return self.whole.support(self._nodes(at))

    def smoother(self, at: Array | Grid) -> Array:
        """[point, trial]: the share of each trial's value in each estimate."""
        return self.whole.smoother(self._nodes(at))

    def draws(self, at: Array | Grid, *, n: int, rng: np.random.Generator) -> Array:
        """[draw, point]: surfaces that the trials' noise leaves possible."""
        return self.whole.draws(self._nodes(at), n=n, rng=rng)

    @property
    def noise_sd(self) -> float:
        """Standard deviation of a trial of weight 1 around the mean over all parameters."""
        return self.whole.noise_sd

    @property
    def is_mean(self) -> bool:
        """Whether some parameter is averaged over."""
        return len(self._rest) > 1

    @cached_property
    def _rest(self) -> Array:
        """[node, other parameter]: every combination of the other parameters' places."""
        return np.array(list(itertools.product(*self.places.values())))

    def _nodes(self, at: Array | Grid) -> Array:
        """Points of all parameters, [point, node, parameter]; without the nodes where there is one."""
        points = coordinates(at)
        nodes = np.empty((len(points), len(self._rest), len(self.drawn) + len(self.places)))
        nodes[..., list(self.drawn)] = points[:, None, :]
        nodes[..., list(self.places)] = self._rest
        return nodes if self.is_mean else nodes[:, 0]


def averaging_places(ends: Sequence[tuple[float, float]]) -> list[Array]:
    """Where parameters with these ranges are looked at for a mean over them: middles of equal parts.

    Nine for one parameter, four each for two, three each for three: a surface bends little between them.
    """
    n = _NODES[len(ends)] if ends else 0
    return [low + (high - low) * (np.arange(n) + 0.5) / n for low, high in ends]
