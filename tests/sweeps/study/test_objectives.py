"""Objectives: the metrics that a study optimizes."""

from __future__ import annotations

import math
import re
from collections.abc import Callable

import pytest

from softloc_core.errors import ConfigError
from sweeps.study import Study, study_from_yaml
from sweeps.study.objectives import F1, METRICS, Objective, mean_value, objective, value_of

COMPLETED = {"status": "completed", "f1": 0.9, "train_s": 20.0}
FAILED = {"status": "failed", "f1": None, "train_s": None}
NOT_FINITE = {"status": "completed", "f1": 0.99, "train_s": math.nan}
BOTH = (F1, Objective("train_s", "minimize"))


def test_a_study_file_gives_objectives_as_a_list_or_a_mapping(make_study: Callable[..., Study]) -> None:
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
        (
            "[n_estimated]",
            "`objectives` must give a direction (maximize or minimize) for n_estimated, but does not",
        ),
        ("{f1: upwards}", "must be maximize or minimize for f1, but got upwards"),
        ("f1", "`objectives` must be a list, but got f1"),
    ],
)
def test_invalid_objectives_are_rejected(
    make_study: Callable[..., Study], override: str, message: str
) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        make_study(f"objectives={override}")


def test_a_design_that_learns_from_one_objective_rejects_several(make_study: Callable[..., Study]) -> None:
    message = r"`objectives` must be a single objective for `design: adaptive` \(designs for several: tpe, gp"
    with pytest.raises(ConfigError, match=message):
        make_study("design=adaptive", "objectives=[f1, train_s]")


def test_metrics_are_the_numeric_results_of_a_trial() -> None:
    assert {"f1", "train_s", "timing_sd_s", "n_estimated"} <= set(METRICS)
    assert not {"status", "seed", "softness_s", "error", "host"} & set(METRICS)


def test_values_have_the_sign_for_which_larger_is_better() -> None:
    assert value_of(COMPLETED, (F1,)) == 0.9
    assert value_of(COMPLETED, BOTH) == (0.9, -20.0)
    assert value_of(FAILED, BOTH) is None
    assert value_of(NOT_FINITE, BOTH) is None
    assert value_of({"f1_per_class": {"KD": 0.25}}, (objective("f1_per_class.KD"),)) == 0.25
    assert value_of({"f1_per_class": None}, (objective("f1_per_class.KD"),)) is None
    assert mean_value([0.5, None, 0.7]) == pytest.approx(0.6)
    assert mean_value([(0.5, -1.0), (0.7, -3.0)]) == pytest.approx((0.6, -2.0))
    assert mean_value([None, None]) is None
