"""Early stopping in study files, and when trials report their score."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from softloc_core.errors import ConfigError
from sweeps.planning import load_data, require_scored_recordings
from sweeps.study import Study, study_from_yaml
from sweeps.study.early_stopping import RULES, EarlyStopping

RULE_NAMES = sorted(RULES)


def test_a_rule_can_be_named_alone_or_with_its_options(make_study: Callable[..., Study]) -> None:
    assert make_study("stop_early=asha").stop_early == EarlyStopping("asha", {"grace": 0.1, "reduction": 3})
    study = make_study("stop_early={median: {grace: 0.5}, score_on: test}")
    assert study.stop_early == EarlyStopping("median", {"grace": 0.5, "every": 0.1, "trials": 5}, "test")
    assert make_study("stop_early={hyperband: }").stop_early == EarlyStopping("hyperband", RULES["hyperband"])
    assert make_study().stop_early is None
    assert make_study("stop_early=asha", "stop_early=null").stop_early is None


def test_one_option_can_be_overridden(make_study: Callable[..., Study]) -> None:
    study = make_study("stop_early={asha: {grace: 0.2}}", "stop_early.asha.reduction=2")
    assert study.stop_early == EarlyStopping("asha", {"grace": 0.2, "reduction": 2})


@pytest.mark.parametrize("rule", RULE_NAMES)
def test_a_written_study_reads_back_equal(make_study: Callable[..., Study], rule: str) -> None:
    study = make_study(f"stop_early={{{rule}: {{}}, score_on: training}}", "checkpoint={every: 10min}",
                       "keep_weights=true")  # fmt: skip
    assert study_from_yaml(study.to_yaml(), name="again") == study
    assert (study.checkpoint and study.checkpoint.every_s, study.keep_weights) == (600.0, True)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (
            "pbt",
            "`stop_early` must be one of asha, median, hyperband, or a mapping from one to its options, "
            "but got pbt in ",
        ),
        ("3", "but got 3 in"),
        (
            "{ashe: {}}",
            "must be a known key; did you mean asha? (one of asha, median, hyperband, score_on), "
            "but got ashe in ",
        ),
        ("{score_on: test}", "`stop_early` must name exactly one of asha, median, hyperband, but got"),
        ("{asha: {}, median: {}}", "`stop_early` must name exactly one of"),
        (
            "{asha: {}, score_on: guess}",
            "`stop_early.score_on` must be one of validation, training, test, but got guess in",
        ),
        ("{asha: {every: 0.1}}", "must be a known key (one of grace, reduction), but got every in"),
        (
            "{asha: {grace: 0}}",
            "`stop_early.asha.grace` must be a number above 0 and below 1 (a fraction of "
            "the iterations), but got 0 in",
        ),
        ("{asha: {grace: true}}", "but got True in"),
        ("{asha: {grace: 1}}", "but got 1 in"),
        ("{asha: {reduction: 1}}", "`stop_early.asha.reduction` must be a number above 1, but got 1 in"),
        ("{asha: {reduction: .inf}}", "must be a number above 1, but got inf in"),
        ("{median: {every: -1}}", "`stop_early.median.every` must be a number above 0 and below 1"),
        (
            "{median: {trials: 2.5}}",
            "`stop_early.median.trials` must be a whole number, at least 1, but got 2.5",
        ),
        ("{hyperband: {brackets: 0}}", "must be a whole number, at least 1, but got 0 in"),
        (
            "{hyperband: {brackets: 4}}",
            "`stop_early` must have at most as many brackets as reports (3 with this "
            "grace and reduction), but got",
        ),
    ],
)
def test_invalid_values_are_rejected(make_study: Callable[..., Study], value: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        make_study(f"stop_early={value}")
    assert message in str(caught.value)
    assert str(caught.value).endswith(f"in --set stop_early={value}")


def test_a_message_names_the_line(make_study: Callable[..., Study]) -> None:
    text = make_study().to_yaml() + "stop_early:\n  asha:\n    grace: 2\n"
    line = text.splitlines().index("    grace: 2") + 1
    with pytest.raises(ConfigError, match=rf"but got 2 in studies/x.yaml, line {line}$"):
        study_from_yaml(text, name="studies/x.yaml")


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            ("design=nsga2", "objectives=[f1, precision]"),
            "must be left out of a study with several objectives, but got it with f1, precision in",
        ),
        (
            ("objectives=[train_s]",),
            "needs an objective that is known before the end of a trial (a score), but got train_s",
        ),
        (("design=adaptive",), "must be left out with `design: adaptive`, which learns the surface"),
        (
            ("task=[simulated, drums]", "data={simulated: plain, drums: synthetic}"),
            "must be left out of a study of "
            "several tasks, because their scores are not comparable, but got it with simulated, drums in",
        ),
    ],
)
def test_contradictory_keys_are_rejected(
    make_study: Callable[..., Study], overrides: tuple[str, ...], message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        make_study("stop_early=asha", *overrides)
    assert message in str(caught.value)


def test_without_validation_recordings_a_study_must_choose_what_to_score(
    make_study: Callable[..., Study],
) -> None:
    data = load_data(make_study("split=other"), data_root=None, cache_dir=Path("unused"))
    with pytest.raises(ConfigError) as caught:
        require_scored_recordings(make_study("stop_early=asha"), data)
    assert str(caught.value) == (
        "`stop_early` needs validation recordings to score, but simulated on plain has none in "
        "--set stop_early=asha: choose another split, or set `score_on: training` (scores against the noisy "
        "labels) or `score_on: test` (stops trials by the same scores that the study reports)"
    )
    require_scored_recordings(make_study("stop_early={asha: {}, score_on: test}"), data)
    require_scored_recordings(make_study(), data)


def test_trials_report_at_the_rungs_of_the_rule() -> None:
    assert EarlyStopping("asha", RULES["asha"]).reports(1000) == {
        100: pytest.approx(0.1),
        300: pytest.approx(0.3),
        900: pytest.approx(0.9),
    }
    median = EarlyStopping("median", {"grace": 0.5, "every": 0.2, "trials": 1})
    assert list(median.reports(10)) == [5, 7, 9]
    # A trial of one iteration has no report before its end.
    assert EarlyStopping("asha", RULES["asha"]).reports(1) == {}


@given(st.sampled_from(RULE_NAMES), st.floats(0.01, 0.99), st.floats(1.1, 8), st.integers(1, 5000))
def test_all_reports_are_due_before_the_end_of_a_trial(
    rule: str, fraction: float, reduction: float, iterations: int
) -> None:
    options = {**RULES[rule], "grace": fraction, "every": fraction, "reduction": reduction}
    stopping = EarlyStopping(rule, options)
    assert list(stopping.fractions) == sorted(set(stopping.fractions))
    assert stopping.fractions[0] > 0 and stopping.fractions[-1] < 1
    reports = stopping.reports(iterations)
    assert all(0 < at < iterations and at >= part * iterations - 1e-6 for at, part in reports.items())
