"""What a study looks for, and the front of what it found."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra.numpy import arrays

from softloc_core.errors import ConfigError, UserError
from sweeps.inspection.pareto import pareto_front, pareto_text, settings_of, study_front_text
from sweeps.study.objectives import F1, METRICS, Objective, mean_value, objective, value_of
from sweeps.study.reading import Study, study_from_yaml

ROWS = [
    {"status": "completed", "f1": 0.9, "train_s": 20.0, "loss": "softloc", "softness_s": 0.1, "replicate": 0},
    {"status": "completed", "f1": 0.8, "train_s": 22.0, "loss": "softloc", "softness_s": 0.1, "replicate": 1},
    {"status": "completed", "f1": 0.7, "train_s": 5.0, "loss": "count", "softness_s": 0.0, "replicate": 0},
    {
        "status": "completed",
        "f1": 0.6,
        "train_s": 6.0,
        "loss": "extended",
        "softness_s": 0.05,
        "replicate": 0,
    },
    {"status": "failed", "f1": None, "train_s": None, "loss": "count", "softness_s": 0.02, "replicate": 0},
    {"status": "completed", "f1": 0.99, "train_s": math.nan, "loss": "x", "softness_s": 0.0, "replicate": 0},
]
BOTH = (F1, Objective("train_s", "minimize"))


def test_objectives_of_a_study_file(make_study: Callable[..., Study]) -> None:
    assert make_study().objectives == (F1,)
    assert make_study("objectives=[f1, train_s]").objectives == BOTH
    study = make_study("objectives={recall: minimize, n_estimated: maximize, f1_per_class.a: maximize}")
    assert [str(one) for one in study.objectives] == [
        "recall (minimize)",
        "n_estimated (maximize)",
        "f1_per_class.a (maximize)",
    ]
    assert study_from_yaml(study.to_yaml(), name="again") == study


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("[f2]", "`objectives` must be one of f1, precision, recall,"),
        ("[]", "`objectives` must name at least one metric, but got []"),
        ("[f1, f1]", "`objectives` must name each metric once"),
        ("[n_estimated]", "`objectives` must say maximize or minimize for n_estimated, but does not"),
        ("{f1: upwards}", "must be maximize or minimize for f1, but got upwards"),
        ("f1", "`objectives` must be a list, but got f1"),
    ],
)
def test_objectives_that_are_none(make_study: Callable[..., Study], override: str, message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        make_study(f"objectives={override}")


def test_several_objectives_of_a_design_that_learns_from_one(make_study: Callable[..., Study]) -> None:
    message = r"`objectives` must be one for `design: adaptive` \(several: tpe, gp, nsga2, nsga3\), but got"
    with pytest.raises(ConfigError, match=message):
        make_study("design=adaptive", "objectives=[f1, train_s]")


def test_every_metric_is_a_number_of_a_finished_trial() -> None:
    assert {"f1", "train_s", "timing_sd_s", "n_estimated"} <= set(METRICS)
    assert not {"status", "seed", "softness_s", "error", "host"} & set(METRICS)


def test_what_a_trial_gave_is_turned_so_that_larger_is_better() -> None:
    assert value_of(ROWS[0], (F1,)) == 0.9
    assert value_of(ROWS[0], BOTH) == (0.9, -20.0)
    assert value_of(ROWS[4], BOTH) is None
    assert value_of(ROWS[5], BOTH) is None
    assert value_of({"f1_per_class": {"KD": 0.25}}, (objective("f1_per_class.KD"),)) == 0.25
    assert value_of({"f1_per_class": None}, (objective("f1_per_class.KD"),)) is None
    assert mean_value([0.5, None, 0.7]) == pytest.approx(0.6)
    assert mean_value([(0.5, -1.0), (0.7, -3.0)]) == pytest.approx((0.6, -2.0))
    assert mean_value([None, None]) is None


@given(arrays(np.float64, st.tuples(st.integers(1, 12), st.integers(1, 3)), elements=st.integers(0, 4)))
def test_the_front_is_what_nothing_dominates(gains: np.ndarray) -> None:
    # Oracle: the definition, point by point.
    def dominates(one: np.ndarray, other: np.ndarray) -> bool:
        return all(a >= b for a, b in zip(one, other, strict=True)) and any(
            a > b for a, b in zip(one, other, strict=True)
        )

    expected = [not any(dominates(other, one) for other in gains) for one in gains]
    assert pareto_front(gains).tolist() == expected
    assert pareto_front(gains).any()


def test_replicates_are_one_setting_and_failed_trials_none() -> None:
    found = settings_of(ROWS, BOTH)
    assert [(s.n_trials, s.gains) for s in found] == [
        (2, pytest.approx((0.85, -21.0))),
        (1, (0.7, -5.0)),
        (1, (0.6, -6.0)),
    ]


def test_the_front_in_words() -> None:
    lines = pareto_text(ROWS, BOTH).splitlines()
    assert lines[0] == "Pareto front of f1 (maximize), train_s (minimize): 2 of 3 settings"
    assert lines[1].split() == ["f1", "train_s", "trials", "loss", "softness_s"]
    assert [line.split() for line in lines[2:]] == [
        ["0.85", "21", "2", "softloc", "0.1"],
        ["0.7", "5", "1", "count", "0"],
    ]
    assert pareto_text(ROWS[4:5], BOTH).endswith("no completed trial has all of them")


def test_the_front_of_a_folder_that_holds_no_study(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"a study's folder must hold study\.yaml, but .* does not"):
        study_front_text(str(tmp_path))


def test_the_front_of_a_study(tmp_path: Path, make_study: Callable[..., Study]) -> None:
    (tmp_path / "study.yaml").write_text(make_study("objectives=[recall, train_s]").to_yaml())
    assert "recall (maximize), train_s (minimize)" in study_front_text(str(tmp_path))
    assert "of n_estimated (minimize):" in study_front_text(str(tmp_path), wanted=["n_estimated=minimize"])
    with pytest.raises(UserError, match="--objective must be one of f1, "):
        study_front_text(str(tmp_path), wanted=["f2"])
    with pytest.raises(UserError, match="--objective must be maximize or minimize for f1, but got up"):
        study_front_text(str(tmp_path), wanted=["f1=up"])
