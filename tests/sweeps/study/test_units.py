"""Durations and their units."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, strategies as st

from softloc_core.errors import ConfigError
from sweeps.study.units import Duration, TimeBase, parse_duration

BASE = TimeBase(hop_s=0.01, tolerance_s=0.05)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("100ms", 0.1),
        ("0.1s", 0.1),
        ("3frames", 0.03),
        ("1frame", 0.01),
        ("2tol", 0.1),
        (" 5 ms ", 0.005),
        ("0ms", 0.0),
    ],
)
def test_durations_convert_to_seconds(text: str, seconds: float) -> None:
    assert parse_duration(text).seconds(BASE) == pytest.approx(seconds, rel=1e-15)


def test_hundred_milliseconds_are_exactly_a_tenth_of_a_second() -> None:
    # Otherwise 100ms and 0.1s would be different trials.
    assert parse_duration("100ms").seconds(BASE) == 0.1


def test_infinity_has_no_unit() -> None:
    assert math.isinf(parse_duration("inf").seconds(BASE))
    assert str(parse_duration("inf")) == "inf"


@given(st.floats(0, 1e6), st.sampled_from(["ms", "s", "frames", "tol"]))
def test_a_written_duration_reads_back_equal(value: float, unit: str) -> None:
    assert parse_duration(str(Duration(value, unit))) == Duration(value, unit)


@pytest.mark.parametrize("value", [5, 5.0, "5", "5 minutes", "ms", None, True, "1e3"])
def test_a_number_without_a_unit_is_rejected(value: object) -> None:
    with pytest.raises(
        ConfigError, match=r"must carry a unit \(ms, s, frames, tol; for example 100ms\), but got"
    ):
        parse_duration(value)


def test_a_negative_duration_is_rejected() -> None:
    with pytest.raises(ConfigError, match="must be at least 0 and carry a unit, but got -5ms"):
        parse_duration("-5ms")


@pytest.mark.parametrize(
    ("text", "is_absolute"), [("5ms", True), ("5s", True), ("5frames", False), ("5tol", False)]
)
def test_only_ms_and_s_need_no_time_base(text: str, is_absolute: bool) -> None:
    duration = parse_duration(text)
    assert duration.is_absolute == is_absolute
    if is_absolute:
        assert duration.seconds() == duration.seconds(BASE)
