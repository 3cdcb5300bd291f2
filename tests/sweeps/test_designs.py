"""One suite over every design."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from softloc_core.errors import ConfigError
from sweeps.designs import DESIGN_TYPES, Design, make_design
from sweeps.space import Parameter

SPACE = {
    "softness": Parameter("uniform", (0.0, 0.15), steps=4),
    "loss": Parameter("choice", ("softloc", "count", "cross_entropy")),
    "batch_size": Parameter("integers", (8, 10)),
    "learning_rate": Parameter("log_uniform", (1e-4, 1e-2), steps=2),
}
PREFIX_STABLE = ("random", "sobol")


def points(design: Design) -> list[dict[str, object]]:
    found = []
    while (point := design.ask()) is not None:
        found.append(point)
        design.tell(point, 0.5)
    return found


SAMPLERS = ("tpe", "gp", "cmaes", "nsga2")
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
        for name in PREFIX_STABLE
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


def test_a_failed_point_is_told_and_counts() -> None:
    design = make_design("tpe", {"a": Parameter("uniform", (0.0, 1.0))}, seed=0, budget=3)
    for _ in range(3):
        point = design.ask()
        assert point is not None
        design.tell(point, None)
    assert design.ask() is None
