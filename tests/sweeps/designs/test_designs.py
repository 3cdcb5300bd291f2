"""One suite over every design."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from softloc_core.errors import ConfigError
from sweeps.designs.contract import Design
from sweeps.designs.registry import (
    DESIGN_TYPES,
    LEARNING,
    MULTI_OBJECTIVE,
    ONE_OBJECTIVE,
    make_design as make_registered_design,
)
from sweeps.designs.space import Parameter, active_part

SPACE = {
    "softness": Parameter("uniform", (0.0, 0.15), steps=4),
    "loss": Parameter("choice", ("softloc", "count", "cross_entropy")),
    "batch_size": Parameter("integers", (8, 10)),
    "learning_rate": Parameter("log_uniform", (1e-4, 1e-2), steps=2),
}
# Three conditional parameters: two depend on the loss, and one of these decides whether the third is active.
CONDITIONAL = {
    "softness": Parameter("uniform", (0.0, 0.15), steps=3, when=(("loss", ("softloc",)),)),
    "loss": Parameter("choice", ("softloc", "bootstrap_soft", "cross_entropy")),
    "loss_options.beta": Parameter("choice", (0.5, 0.9), when=(("loss", ("bootstrap_soft",)),)),
    "batch_size": Parameter("integers", (8, 10), when=(("loss_options.beta", (0.9,)),)),
    "label_noise": Parameter("uniform", (0.0, 0.1), steps=2),
}
PREFIX_STABLE = ("random", "sobol", "explicit")


def make_design(name: str, space: dict[str, Parameter], *, seed: int, budget: int, **rest: object) -> Design:
    """Return a design; an explicit design lists the points of a random design."""
    if name != "explicit":
        return make_registered_design(name, space, seed=seed, budget=budget, **rest)  # type: ignore[arg-type]
    listed = points(make_registered_design("random", space, seed=seed, budget=budget))
    return make_registered_design(name, {}, seed=seed, budget=budget, options={"points": listed})


def points(design: Design, n_objectives: int = 1) -> list[dict[str, object]]:
    """Return all points of a design that receives the same value for each."""
    found = []
    while (point := design.ask()) is not None:
        found.append(point)
        design.tell(point, 0.5 if n_objectives == 1 else (0.5,) * n_objectives)
    return found


SAMPLERS = ("tpe", "gp", "cmaes", "nsga2", "nsga3")
# Optuna warns that some of its features are experimental.
pytestmark = pytest.mark.filterwarnings(
    "ignore::FutureWarning", "ignore::UserWarning", "ignore::DeprecationWarning", "ignore::ResourceWarning"
)


def needs_a_space(name: str) -> bool:
    return name in (*SAMPLERS, "adaptive")


@pytest.fixture(params=sorted(DESIGN_TYPES))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_points_are_inside_the_space(name: str) -> None:
    for point in points(make_design(name, SPACE, seed=1, budget=12)):
        assert set(point) == set(SPACE)
        assert 0.0 <= point["softness"] <= 0.15  # type: ignore[operator]
        assert point["loss"] in SPACE["loss"].values
        assert point["batch_size"] in (8, 9, 10)
        assert 0.999e-4 <= point["learning_rate"] <= 1.001e-2  # type: ignore[operator]


def test_values_are_plain_python_objects(name: str) -> None:
    for point in points(make_design(name, SPACE, seed=1, budget=4)):
        assert all(type(value) in (float, int, str) for value in point.values())


def test_the_same_seed_produces_the_same_points(name: str) -> None:
    once, again = (points(make_design(name, SPACE, seed=5, budget=6)) for _ in range(2))
    assert once == again


def test_the_number_of_points_is_the_budget(name: str) -> None:
    found = points(make_design(name, SPACE, seed=5, budget=13))
    assert len(found) == (4 * 3 * 3 * 2 if name == "grid" else 13)


def test_another_seed_produces_other_points(name: str) -> None:
    once, again = (points(make_design(name, SPACE, seed=seed, budget=4)) for seed in (1, 2))
    assert (once == again) == (name == "grid")


def test_a_space_without_parameters_has_one_point_repeated(name: str) -> None:
    if needs_a_space(name):
        with pytest.raises(ConfigError, match="`space`"):
            make_design(name, {}, seed=0, budget=2)
        return
    found = points(make_design(name, {}, seed=0, budget=2))
    assert found == ([{}] if name == "grid" else [{}, {}])


def test_points_have_the_parameters_whose_conditions_hold_and_no_others(name: str) -> None:
    found = points(make_design(name, CONDITIONAL, seed=2, budget=24))
    for point in found:
        assert point == active_part(CONDITIONAL, point)
        assert ("softness" in point) == (point["loss"] == "softloc")
        assert ("loss_options.beta" in point) == (point["loss"] == "bootstrap_soft")
        assert ("batch_size" in point) == (point.get("loss_options.beta") == 0.9)
        assert "label_noise" in point
    assert {point["loss"] for point in found} == set(CONDITIONAL["loss"].values)
    assert len({repr(point) for point in found}) == len(found)


def test_a_grid_has_no_points_that_differ_in_inactive_parameters_only() -> None:
    # softloc 3 x 2; cross entropy 2; bootstrap with 0.5: 2, with 0.9: 3 x 2.
    assert len(points(make_design("grid", CONDITIONAL, seed=0, budget=0))) == 6 + 2 + 2 + 6


def test_a_condition_that_never_holds_removes_the_parameter(name: str) -> None:
    space = {**SPACE, "excerpt": Parameter("uniform", (1.0, 2.0), steps=2, when=(("measure", ()),))}
    assert all("excerpt" not in point for point in points(make_design(name, space, seed=1, budget=6)))


def test_conditions_leave_the_other_parameters_of_a_random_design_unchanged() -> None:
    unconditional = {key: Parameter(p.kind, p.values, p.steps) for key, p in CONDITIONAL.items()}
    once = points(make_design("random", CONDITIONAL, seed=3, budget=9))
    whole = points(make_design("random", unconditional, seed=3, budget=9))
    assert once == [active_part(CONDITIONAL, point) for point in whole]


@pytest.mark.parametrize("name", LEARNING)
@pytest.mark.parametrize("space", [SPACE, CONDITIONAL], ids=["plain", "conditional"])
def test_a_resumed_design_learns_from_the_stored_results(name: str, space: dict[str, Parameter]) -> None:
    first = make_design(name, space, seed=1, budget=16)
    stored = []
    for _ in range(12):
        point = first.ask()
        assert point is not None
        stored.append(point)
        first.tell(point, float(point.get("softness", 0.0)))  # type: ignore[arg-type]
    again, same = (make_design(name, space, seed=1, budget=16) for _ in range(2))
    for design in (again, same):
        for point in stored:
            design.tell(point, float(point.get("softness", 0.0)))  # type: ignore[arg-type]
    rest = points(again)
    assert rest == points(same)
    assert all(point == active_part(space, point) for point in rest)
    if name in SAMPLERS:
        assert len(rest) == 4
        assert not any(point in stored for point in rest)


@pytest.mark.parametrize("name", MULTI_OBJECTIVE)
def test_designs_accept_several_objectives(name: str) -> None:
    once, again = (
        points(make_design(name, SPACE, seed=0, budget=12, n_objectives=2), n_objectives=2) for _ in range(2)
    )
    assert once == again
    assert len(once) == 12


@pytest.mark.parametrize("name", ONE_OBJECTIVE)
def test_designs_with_one_objective_reject_several(name: str) -> None:
    with pytest.raises(ConfigError, match=f"`design: {name}` learns from one objective .*, but got 2"):
        make_design(name, SPACE, seed=0, budget=12, n_objectives=2)


@pytest.mark.parametrize("name", PREFIX_STABLE)
@settings(max_examples=20, deadline=None)
@given(st.integers(1, 40), st.integers(0, 40), st.integers(0, 1000))
def test_a_larger_budget_starts_with_the_same_points(name: str, budget: int, more: int, seed: int) -> None:
    small = points(make_design(name, SPACE, seed=seed, budget=budget))
    large = points(make_design(name, SPACE, seed=seed, budget=budget + more))
    assert large[:budget] == small


def test_another_parameter_leaves_the_others_of_a_random_design_unchanged() -> None:
    more = {**SPACE, "excerpt": Parameter("uniform", (1.0, 2.0))}
    once = [point["softness"] for point in points(make_design("random", SPACE, seed=3, budget=9))]
    assert once == [point["softness"] for point in points(make_design("random", more, seed=3, budget=9))]


def test_sobol_points_fill_the_space_more_evenly_than_random_points() -> None:
    # Oracle: the star discrepancy of 64 points in two dimensions, by SciPy.
    from scipy.stats import qmc

    space = {key: Parameter("uniform", (0.0, 1.0)) for key in ("a", "b")}
    found = {
        name: qmc.discrepancy(
            np.array([list(p.values()) for p in points(make_design(name, space, seed=0, budget=64))])
        )
        for name in ("random", "sobol")
    }
    assert found["sobol"] < found["random"] / 4


def test_a_grid_has_every_combination_once() -> None:
    found = points(make_design("grid", SPACE, seed=0, budget=0))
    assert len({tuple(point.values()) for point in found}) == len(found) == 72
    assert sorted({point["softness"] for point in found}) == pytest.approx([0.0, 0.05, 0.1, 0.15])
    assert {point["softness"] for point in found} >= {0.0, 0.15}  # both ends, exactly


class TestParameter:
    @given(st.floats(0, 1, exclude_max=True))
    def test_choices_and_integers_divide_the_positions_evenly(self, position: float) -> None:
        assert Parameter("choice", ("a", "b")).at(position) == ("a" if position < 0.5 else "b")
        assert Parameter("integers", (1, 4)).at(position) == 1 + int(position * 4)

    def test_log_uniform_is_uniform_in_the_logarithm(self) -> None:
        assert Parameter("log_uniform", (1e-4, 1e-2)).at(0.5) == pytest.approx(1e-3)
        assert math.isclose(Parameter("log_uniform", (1e-4, 1e-2)).at(0.0), 1e-4)

    def test_integers_without_steps_have_a_level_for_each_number(self) -> None:
        assert Parameter("integers", (3, 6)).levels() == (3, 4, 5, 6)
        assert Parameter("integers", (0, 10), steps=3).levels() == (0, 5, 10)


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_resumed_sampler_proposes_the_rest_of_the_budget_and_no_point_twice(name: str) -> None:
    space = {key: Parameter("uniform", (0.0, 1.0)) for key in ("a", "b")}
    first = make_design(name, space, seed=1, budget=8)
    stored = [first.ask() for _ in range(5)]
    again = make_design(name, space, seed=1, budget=8)
    for point in stored:
        assert point is not None
        again.tell(point, point["a"])
    rest = points(again)
    assert len(rest) == 3
    assert not any(point in stored for point in rest)


def test_tpe_searches_for_the_best_point() -> None:
    space = {"a": Parameter("uniform", (0.0, 1.0)), "loss": Parameter("choice", ("bad", "good"))}
    design = make_design("tpe", space, seed=0, budget=40)
    found = []
    while (point := design.ask()) is not None:
        found.append(point)
        design.tell(point, -abs(point["a"] - 0.7) + (point["loss"] == "good"))
    late = found[25:]
    assert sum(point["loss"] == "good" for point in late) > 0.6 * len(late)
    assert np.mean([abs(point["a"] - 0.7) for point in late]) < 0.25  # random points: 0.29


def dominated_hypervolume(values: list[tuple[float, float]]) -> float:
    """Return the area that the front of two objectives in [0, 1] dominates, with the origin as reference."""
    area, reached = 0.0, 0.0
    for first, second in sorted(values, reverse=True):
        area += first * max(second - reached, 0.0)
        reached = max(reached, second)
    return area


@pytest.mark.parametrize("name", ["nsga2", "nsga3"])
def test_a_genetic_sampler_continues_from_the_stored_generations(name: str) -> None:
    # The first objective is best at a = 0 and the second at a = 1. Both are best where b to e are 0.
    space = {key: Parameter("uniform", (0.0, 1.0)) for key in "abcde"}

    def values(point: dict[str, float]) -> tuple[float, float]:
        waste = sum(point[key] for key in "bcde") / 4
        return (1 - point["a"]) * (1 - waste), point["a"] * (1 - waste)

    def run(design: Design, n: int) -> list[dict[str, float]]:
        proposed = []
        for _ in range(n):
            point = design.ask()
            assert point is not None
            proposed.append(point)
            design.tell(point, values(point))
        return proposed

    gained = []
    for seed in range(3):
        options = {"population_size": 10}
        stored = run(make_design(name, space, seed=seed, budget=120, options=options, n_objectives=2), 80)
        again = make_design(name, space, seed=seed, budget=120, options=options, n_objectives=2)
        for point in stored:
            again.tell(point, values(point))
        late = [values(point) for point in run(again, 40)]
        random_points = run(make_design("random", space, seed=seed + 9, budget=40), 40)
        gained.append(dominated_hypervolume(late) - dominated_hypervolume([values(p) for p in random_points]))
    assert np.mean(gained) > 0.03


def test_an_evolution_strategy_starts_from_the_best_stored_points() -> None:
    space = {key: Parameter("uniform", (0.0, 1.0)) for key in "abc"}
    design = make_design("cmaes", space, seed=0, budget=80)
    rng = np.random.default_rng(0)
    for _ in range(60):
        point = {key: float(rng.random()) for key in "abc"}
        design.tell(point, -sum((point[key] - 0.85) ** 2 for key in "abc"))
    rest = [design.ask() for _ in range(10)]
    found = np.array([[point[key] for key in "abc"] for point in rest if point is not None])
    # Without the stored points, the strategy would start around 0.5.
    assert (found.mean(axis=0) > 0.7).all()


def test_no_point_is_proposed_twice_and_an_exhausted_space_ends_the_design() -> None:
    space = {"loss": Parameter("choice", ("a", "b", "c")), "batch_size": Parameter("integers", (1, 2))}
    for name in ("tpe", "nsga2"):
        found = points(make_design(name, space, seed=0, budget=20))
        assert len(found) == len({repr(point) for point in found}) == 6


@pytest.mark.parametrize("size", [1, 2.5, "many"])
def test_invalid_population_sizes_are_rejected(size: object) -> None:
    with pytest.raises(
        ConfigError, match=f"`population_size` must be a whole number, at least 2, but got {size}"
    ):
        make_design("nsga2", SPACE, seed=0, budget=9, options={"population_size": size})


def test_a_failed_point_counts_against_the_budget() -> None:
    design = make_design("tpe", {"a": Parameter("uniform", (0.0, 1.0))}, seed=0, budget=3)
    for _ in range(3):
        point = design.ask()
        assert point is not None
        design.tell(point, None)
    assert design.ask() is None
