"""The designs that a study can name, and the options of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from softloc_core.errors import ConfigError
from sweeps.designs.conditional import ConditionalDesign
from sweeps.designs.contract import Design
from sweeps.designs.fixed import ExplicitDesign, GridDesign, LatinHypercubeDesign, RandomDesign, SobolDesign
from sweeps.designs.space import Space

__all__ = [
    "DESIGN_OPTIONS",
    "DESIGN_TYPES",
    "LEARNING",
    "MULTI_OBJECTIVE",
    "ONE_OBJECTIVE",
    "SPREAD_DESIGNS",
    "make_design",
]


def _adaptive(space: Space, **options: Any) -> Design:
    """Return the adaptive design, imported on demand because it imports the analysis."""
    from sweeps.designs.adaptive import AdaptiveDesign

    return ConditionalDesign(lambda whole: AdaptiveDesign(whole, **options), space)


def _optuna(sampler: str) -> Callable[..., Design]:
    """Return the constructor of a design based on one of Optuna's samplers, imported on demand."""

    def make(space: Space, **options: Any) -> Design:
        from sweeps.designs.optuna import OptunaDesign

        return OptunaDesign(sampler, space, **options)

    return make


DESIGN_TYPES: Mapping[str, Callable[..., Design]] = {
    "random": RandomDesign,
    "sobol": SobolDesign,
    "latin_hypercube": LatinHypercubeDesign,
    "grid": GridDesign,
    "explicit": ExplicitDesign,
    "adaptive": _adaptive,
    "tpe": _optuna("tpe"),
    "gp": _optuna("gp"),
    "cmaes": _optuna("cmaes"),
    "nsga2": _optuna("nsga2"),
    "nsga3": _optuna("nsga3"),
}
DESIGN_OPTIONS: Mapping[str, tuple[str, ...]] = {
    "adaptive": ("focus", "max_standard_error"),
    "nsga2": ("population_size",),
    "nsga3": ("population_size",),
}
"""The keys that `design_options` of a study may hold, by design."""
MULTI_OBJECTIVE = ("tpe", "gp", "nsga2", "nsga3")
"""The designs that can learn from several objectives at once."""
ONE_OBJECTIVE = ("adaptive", "cmaes")
"""The designs that learn from one objective only."""
LEARNING = (*ONE_OBJECTIVE, *MULTI_OBJECTIVE)
"""The designs whose later points depend on earlier results."""


SPREAD_DESIGNS = ("random", "sobol", "latin_hypercube", "adaptive")
"""The designs that spread points over the space, each with its own draw of label noise by default."""


def make_design(
    name: str,
    space: Space,
    *,
    seed: int,
    budget: int,
    options: Mapping[str, Any] | None = None,
    n_objectives: int = 1,
) -> Design:
    """Return a new design of the given type.

    Args:
        name: One of `DESIGN_TYPES`.
        space: Varied parameters with plain numbers or listed values.
        seed: Whole number >= 0.
        budget: Number of points. A grid has one point for each combination of its levels instead, and an
            explicit design has the points that it lists.
        options: Options of the design type, see `DESIGN_OPTIONS`; for an explicit design, its `points`.
        n_objectives: Length of the results that the design receives, >= 1.

    Raises:
        ConfigError: The design does not support this space, option or number of objectives.
    """
    if n_objectives > 1 and name in ONE_OBJECTIVE:
        allowed = ", ".join(MULTI_OBJECTIVE)
        raise ConfigError(
            f"`design: {name}` learns from one objective ({allowed} learn from several), but got "
            f"{n_objectives} in `objectives`"
        )
    several = {"n_objectives": n_objectives} if name in MULTI_OBJECTIVE else {}
    return DESIGN_TYPES[name](space, seed=seed, budget=budget, **(options or {}), **several)
