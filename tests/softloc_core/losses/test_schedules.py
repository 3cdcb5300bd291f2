"""Schedules of alpha: values, specs and errors."""

import pytest

from softloc_core.errors import ConfigError
from softloc_core.losses import (
    PAPER_SCHEDULES,
    Constant,
    Cosine,
    Linear,
    Ramp,
    Step,
    schedule_from_spec,
)

EXAMPLES = [
    Constant(0.95),
    Ramp(low=0.2, high=0.9, start=0.2, stop=0.9),
    Linear(low=0.1, high=0.7),
    Cosine(low=0.9, high=0.1),
    Step(low=0.0, high=1.0, at=0.5),
]


@pytest.mark.parametrize("schedule", [*EXAMPLES, *PAPER_SCHEDULES.values()])
def test_schedule_from_spec_inverts_spec(schedule):
    assert schedule_from_spec(schedule.spec()) == schedule


@pytest.mark.parametrize("schedule", EXAMPLES)
def test_alpha_stays_between_low_and_high(schedule):
    values = [schedule(i / 100) for i in range(101)]
    assert all(0 <= value <= 1 for value in values)
    ends = {values[0], values[-1]}
    assert all(min(ends) <= value <= max(ends) for value in values)


def test_schedules_have_the_expected_values():
    assert Linear(low=0.1, high=0.7)(0.5) == pytest.approx(0.4)
    assert Cosine(low=0.0, high=1.0)(0.25) == pytest.approx((1 - 2**-0.5) / 2)
    assert [Step(low=0.2, high=0.9, at=0.5)(x) for x in (0.0, 0.49, 0.5, 1.0)] == [0.2, 0.2, 0.9, 0.9]


@pytest.mark.parametrize(
    ("name", "n_steps", "formula"),
    [
        ("drums", 150_000, lambda i: max(min((i - 30_000) / 100_000, 0.9), 0.2)),
        ("piano", 160_000, lambda i: max(min((i - 100_000) / 100_000, 0.9), 0.2)),
        ("golf", 10_000, lambda i: 0.005 * min(max((i - 7_000) / 2_000, 0), 1)),
        ("puffs", 10_000, lambda i: 0.95),
    ],
)
def test_paper_schedules_are_the_published_formulas(name, n_steps, formula):
    schedule = schedule_from_spec({"paper": name})
    for i in range(0, n_steps + 1, n_steps // 40):
        assert schedule(i / n_steps) == pytest.approx(formula(i), abs=1e-12)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"quadratic": 1}, "`alpha` must be one of constant, ramp, linear, cosine, step, but got quadratic"),
        ({}, "`alpha` must be one of .* with its value, but got {}"),
        ({"constant": 1.5}, "`alpha: constant` must be a number from 0 to 1, but got 1.5"),
        ({"linear": {"low": 0.1}}, "`alpha: linear` must give low, high, but got low"),
        (
            {"cosine": {"low": 0.1, "high": "up"}},
            "`alpha: cosine: high` must be a number from 0 to 1, but got up",
        ),
        ({"linear": {"low": -1, "high": 1}}, "`alpha: linear: low` must be a number from 0 to 1, but got -1"),
        (
            {"step": {"low": 0, "high": 1, "at": 2}},
            "`alpha: step: at` must be a number from 0 to 1, but got 2",
        ),
        ({"paper": "cello"}, "`alpha: paper` must be one of drums, piano, puffs, golf, but got cello"),
        (
            {"ramp": {"low": 0.2, "high": 0.9, "start": 0.9, "stop": 0.2}},
            "`alpha: ramp` must start before it stops, but got 0.9 and 0.2",
        ),
    ],
)
def test_bad_specs_raise(spec, message):
    with pytest.raises(ConfigError, match=message):
        schedule_from_spec(spec)
