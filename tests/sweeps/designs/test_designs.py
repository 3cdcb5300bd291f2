"""One suite over every design."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from softloc_core.errors import ConfigError
from sweeps.designs.fixed import (
    DESIGN_TYPES,
    MULTI_OBJECTIVE,
    ONE_OBJECTIVE,
    Design,
    make_design as make_design_of,
)
from sweeps.designs.space import Parameter, active_part

SPACE = {
    "softness": Parameter("uniform", (0.0, 0.15), steps=4),
    "loss": Parameter("choice", ("softloc", "count", "cross_entropy")),
    "batch_size": Parameter("integers", (8, 10)),
    "learning_rate": Parameter("log_uniform", (1e-4, 1e-2), steps=2),
}
# Three parameters of which only some points have each: a loss's own, and one that hangs on that one.
CONDITIONAL = {
    "softness": Parameter("uniform", (0.0, 0.15), steps=3, when=(("loss", ("softloc",)),)),
    "loss": Parameter("choice", ("softloc", "bootstrap_soft", "cross_entropy")),
    "loss_options.beta": Parameter("choice", (0.5, 0.9), when=(("loss", ("bootstrap_soft",)),)),
    "batch_size": Parameter("integers", (8, 10), when=(("loss_options.beta", (0.9,)),)),
    "label_noise": Parameter("uniform", (0.0, 0.1), steps=2),
}
PREFIX_STABLE = ("random", "sobol", "explicit")
LEARNING = (*MULTI_OBJECTIVE, *ONE_OBJECTIVE)


def make_design(name: str, space: dict[str, Parameter], *, seed: int, budget: int, **rest: object) -> Design:
    """A design; an explicit one lists the points of a random one."""
    if name != "explicit":
        return make_design_of(name, space, seed=seed, budget=budget, **rest)  # type: ignore[arg-type]
    listed = points(make_design_of("random", space, seed=seed, budget=budget))
    return make_design_of(name, {}, seed=seed, budget=budget, options={"points": listed})


def points(design: Design, n_objectives: int = 1) -> list[dict[str, object]]:
    found = []
    while (point := design.ask()) is not None:
        found.append(point)
        design.tell(point, 0.5 if n_objectives == 1 else (0.5,) * n_objectives)
    return found


SAMPLERS = ("tpe", "gp", "cmaes", "nsga2", "nsga3")
# Optuna calls some of what it has experimental.
pytestmark = pytest.mark.filterwarnings(
    "ignore::FutureWarning", "ignore::UserWarning", "ignore::DeprecationWarning", "ignore::ResourceWarning"
)


def make_needs_space(name: str) -> bool:
    return name in (*SAMPLERS, "adaptive")


@pytest.fixture(params=sorted(DESIGN_TYPES))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_points_lie_in_the_space(name: str) -> None:
    for point in points(make_design(name, SPACE, seed=1, budget=12)):
        assert set(point) == set(SPACE)
        assert 0.0 <= point["softness"] <= 0.15  # type: ignore[operator]
        assert point["loss"] in SPACE["loss"].values
        assert point["batch_size"] in (8, 9, 10)
        assert 0.999e-4 <= point["learning_rate"] <= 1.001e-2  # type: ignore[operator]


def test_values_are_plain_python(name: str) -> None:
    for point in points(make_design(name, SPACE, seed=1, budget=4)):
        assert all(type(value) in (float, int, str) for value in point.values())


def test_the_same_seed_gives_the_same_points(name: str) -> None:
    once, again = (points(make_design(name, SPACE, seed=5, budget=6)) for _ in range(2))
    assert once == again


def test_the_budget_is_kept(name: str) -> None:
    found = points(make_design(name, SPACE, seed=5, budget=13))
    assert len(found) == (4 * 3 * 3 * 2 if name == "grid" else 13)


def test_another_seed_gives_other_points(name: str) -> None:
    once, again = (points(make_design(name, SPACE, seed=seed, budget=4)) for seed in (1, 2))
    assert (once == again) == (name == "grid")


def test_a_space_without_parameters_has_one_point_repeated(name: str) -> None:
    if make_needs_space(name):
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


def test_a_grid_counts_what_is_no_parameter_once() -> None:
    # softloc 3 x 2; cross entropy 2; bootstrap with 0.5: 2, with 0.9: 3 x 2.
    assert len(points(make_design("grid", CONDITIONAL, seed=0, budget=0))) == 6 + 2 + 2 + 6


def test_a_condition_that_never_holds_takes_the_parameter_away(name: str) -> None:
    space = {**SPACE, "excerpt": Parameter("uniform", (1.0, 2.0), steps=2, when=(("measure", ()),))}
    assert all("excerpt" not in point for point in points(make_design(name, space, seed=1, budget=6)))


def test_conditions_move_no_other_parameter_of_a_random_design() -> None:
    free = {key: Parameter(p.kind, p.values, p.steps) for key, p in CONDITIONAL.items()}
    once = points(make_design("random", CONDITIONAL, seed=3, budget=9))
    whole = points(make_design("random", free, seed=3, budget=9))
    assert once == [active_part(CONDITIONAL, point) for point in whole]


@pytest.mark.parametrize("name", LEARNING)
@pytest.mark.parametrize("space", [SPACE, CONDITIONAL], ids=["plain", "conditional"])
def test_a_design_that_goes_on_is_told_what_is_stored(name: str, space: dict[str, Parameter]) -> None:
    first = make_design(name, space, seed=1, budget=16)
    told = []
    for _ in range(12):
        point = first.ask()
        assert point is not None
        told.append(point)
        first.tell(point, float(point.get("softness", 0.0)))  # type: ignore[arg-type]
    again, same = (make_design(name, space, seed=1, budget=16) for _ in range(2))
    for design in (again, same):
        for point in told:
            design.tell(point, float(point.get("softness", 0.0)))  # type: ignore[arg-type]
    rest = points(again)
    assert rest == points(same)
    assert all(point == active_part(space, point) for point in rest)
    if name in SAMPLERS:
        assert len(rest) == 4
        assert not any(point in told for point in rest)


@pytest.mark.parametrize("name", MULTI_OBJECTIVE)
def test_several_objectives(name: str) -> None:
    once, again = (
        points(make_design(name, SPACE, seed=0, budget=12, n_objectives=2), n_objectives=2) for _ in range(2)
    )
    assert once == again
    assert len(once) == 12


@pytest.mark.parametrize("name", ONE_OBJECTIVE)
def test_several_objectives_of_a_design_that_learns_from_one(name: str) -> None:
    with pytest.raises(ConfigError, match=f"`design: {name}` learns from one objective .*, but got 2"):
        make_design(name, SPACE, seed=0, budget=12, n_objectives=2)


@pytest.mark.parametrize("name", PREFIX_STABLE)
@settings(max_examples=20, deadline=None)
@given(st.integers(1, 40), st.integers(0, 40), st.integers(0, 1000))
def test_a_larger_budget_begins_with_the_same_points(name: str, budget: int, more: int, seed: int) -> None:
    small = points(make_design(name, SPACE, seed=seed, budget=budget))
    large = points(make_design(name, SPACE, seed=seed, budget=budget + more))
    assert large[:budget] == small


def test_random_another_parameter_moves_no_other() -> None:
    more = {**SPACE, "excerpt": Parameter("uniform", (1.0, 2.0))}
    once = [point["softness"] for point in points(make_design("random", SPACE, seed=3, budget=9))]
    assert once == [point["softness"] for point in points(make_design("random", more, seed=3, budget=9))]


def test_sobol_fills_the_space_more_evenly_than_chance() -> None:
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


def test_grid_is_every_combination_once() -> None:
    found = points(make_design("grid", SPACE, seed=0, budget=0))
    assert len({tuple(point.values()) for point in found}) == len(found) == 72
    assert sorted({point["softness"] for point in found}) == pytest.approx([0.0, 0.05, 0.1, 0.15])
    assert {point["softness"] for point in found} >= {0.0, 0.15}  # both ends, exactly


class TestParameter:
    @given(st.floats(0, 1, exclude_max=True))
    def test_every_choice_and_integer_has_the_same_share(self, position: float) -> None:
        assert Parameter("choice", ("a", "b")).at(position) == ("a" if position < 0.5 else "b")
        assert Parameter("integers", (1, 4)).at(position) == 1 + int(position * 4)

    def test_log_uniform_is_uniform_in_the_logarithm(self) -> None:
        assert Parameter("log_uniform", (1e-4, 1e-2)).at(0.5) == pytest.approx(1e-3)
        assert math.isclose(Parameter("log_uniform", (1e-4, 1e-2)).at(0.0), 1e-4)

    def test_integers_without_steps_are_all_of_them(self) -> None:
        assert Parameter("integers", (3, 6)).levels() == (3, 4, 5, 6)
        assert Parameter("integers", (0, 10), steps=3).levels() == (0, 5, 10)


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_sampler_that_goes_on_gives_the_rest_of_the_budget_and_no_point_twice(name: str) -> None:
    space = {key: Parameter("uniform", (0.0, 1.0)) for key in ("a", "b")}
    first = make_design(name, space, seed=1, budget=8)
    told = [first.ask() for _ in range(5)]
    again = make_design(name, space, seed=1, budget=8)
    for point in told:
        assert point is not None
        again.tell(point, point["a"])
    rest = points(again)
    assert len(rest) == 3
    assert not any(point in told for point in rest)


def test_tpe_looks_for_the_best() -> None:
    space = {"a": Parameter("uniform", (0.0, 1.0)), "loss": Parameter("choice", ("bad", "good"))}
    design = make_design("tpe", space, seed=0, budget=40)
    found = []
    while (point := design.ask()) is not None:
        found.append(point)
        design.tell(point, -abs(point["a"] - 0.7) + (point["loss"] == "good"))
    late = found[25:]
    assert sum(point["loss"] == "good" for point in late) > 0.6 * len(late)
    assert np.mean([abs(point["a"] - 0.7) for point in late]) < 0.25  # by chance 0.29


def dominated_hypervolume(values: list[tuple[float, float]]) -> float:
    """Area below the front of two objectives in [0, 1], seen from the origin."""
    area, reached = 0.0, 0.0
    for first, second in sorted(values, reverse=True):
        area += first * max(second - reached, 0.0)
        reached = max(reached, second)
    return area


@pytest.mark.parametrize("name", ["nsga2", "nsga3"])
def test_a_genetic_sampler_goes_on_from_the_generations_that_are_stored(name: str) -> None:
    # Two objectives of which one lives at a = 0, the other at a = 1; both want b..e at 0.
    space = {key: Parameter("uniform", (0.0, 1.0)) for key in "abcde"}

    def values(point: dict[str, float]) -> tuple[float, float]:
        waste = sum(point[key] for key in "bcde") / 4
        return (1 - point["a"]) * (1 - waste), point["a"] * (1 - waste)

    def run(design: Design, n: int) -> list[dict[str, float]]:
        given = []
        for _ in range(n):
            point = design.ask()
            assert point is not None
            given.append(point)
            design.tell(point, values(point))
        return given

    gained = []
    for seed in range(3):
        options = {"population_size": 10}
        stored = run(make_design(name, space, seed=seed, budget=120, options=options, n_objectives=2), 80)
        again = make_design(name, space, seed=seed, budget=120, options=options, n_objectives=2)
        for point in stored:
            again.tell(point, values(point))
        late = [values(point) for point in run(again, 40)]
        by_chance = run(make_design("random", space, seed=seed + 9, budget=40), 40)
        gained.append(dominated_hypervolume(late) - dominated_hypervolume([values(p) for p in by_chance]))
    assert np.mean(gained) > 0.03


def test_an_evolution_strategy_goes_on_where_the_best_stored_points_are() -> None:
    space = {key: Parameter("uniform", (0.0, 1.0)) for key in "abc"}
    design = make_design("cmaes", space, seed=0, budget=80)
    rng = np.random.default_rng(0)
    for _ in range(60):
        point = {key: float(rng.random()) for key in "abc"}
        design.tell(point, -sum((point[key] - 0.85) ** 2 for key in "abc"))
    rest = [design.ask() for _ in range(10)]
    found = np.array([[point[key] for key in "abc"] for point in rest if point is not None])
    # A strategy that began anew would stand around 0.5.
    assert (found.mean(axis=0) > 0.7).all()


def test_no_point_is_given_twice_and_an_exhausted_space_ends_the_design() -> None:
    space = {"loss": Parameter("choice", ("a", "b", "c")), "batch_size": Parameter("integers", (1, 2))}
    for name in ("tpe", "nsga2"):
        found = points(make_design(name, space, seed=0, budget=20))
        assert len(found) == len({repr(point) for point in found}) == 6


@pytest.mark.parametrize("size", [1, 2.5, "many"])
def test_a_population_that_is_none(size: object) -> None:
    with pytest.raises(
        ConfigError, match=f"`population_size` must be a whole number, at least 2, but got {size}"
    ):
        make_design("nsga2", SPACE, seed=0, budget=9, options={"population_size": size})


def test_a_failed_point_is_told_and_counts() -> None:
    design = make_design("tpe", {"a": Parameter("uniform", (0.0, 1.0))}, seed=0, budget=3)
    for _ in range(3):
        point = design.ask()
        assert point is not None
        design.tell(point, None)
    assert design.ask() is None
