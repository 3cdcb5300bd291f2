"""The Pareto front of a study's settings."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra.numpy import arrays

from softloc_core.errors import UserError
from sweeps.inspection.pareto import pareto_front, pareto_text, settings_of, study_front_text
from sweeps.study import Objective, Study
from sweeps.study.objectives import F1

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


@given(arrays(np.float64, st.tuples(st.integers(1, 12), st.integers(1, 3)), elements=st.integers(0, 4)))
def test_the_front_has_the_points_that_no_other_point_dominates(gains: np.ndarray) -> None:
    # Oracle: the definition, applied point by point.
    def dominates(one: np.ndarray, other: np.ndarray) -> bool:
        return all(a >= b for a, b in zip(one, other, strict=True)) and any(
            a > b for a, b in zip(one, other, strict=True)
        )

    expected = [not any(dominates(other, one) for other in gains) for one in gains]
    assert pareto_front(gains).tolist() == expected
    assert pareto_front(gains).any()


def test_replicates_are_one_setting_and_failed_trials_are_left_out() -> None:
    found = settings_of(ROWS, BOTH)
    assert [(s.n_trials, s.gains) for s in found] == [
        (2, pytest.approx((0.85, -21.0))),
        (1, (0.7, -5.0)),
        (1, (0.6, -6.0)),
    ]


def test_the_front_as_text() -> None:
    lines = pareto_text(ROWS, BOTH).splitlines()
    assert lines[0] == "Pareto front of f1 (maximize), train_s (minimize): 2 of 3 settings"
    assert lines[1].split() == ["f1", "train_s", "trials", "loss", "softness_s"]
    assert [line.split() for line in lines[2:]] == [
        ["0.85", "21", "2", "softloc", "0.1"],
        ["0.7", "5", "1", "count", "0"],
    ]
    assert pareto_text(ROWS[4:5], BOTH).endswith("no completed trial has a value for each")


def test_a_folder_without_a_study_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"a study's folder must hold study\.yaml, but .* does not"):
        study_front_text(str(tmp_path))


def test_the_front_of_a_stored_study(tmp_path: Path, make_study: Callable[..., Study]) -> None:
    (tmp_path / "study.yaml").write_text(make_study("objectives=[recall, train_s]").to_yaml())
    assert "recall (maximize), train_s (minimize)" in study_front_text(str(tmp_path))
    assert "of n_estimated (minimize):" in study_front_text(str(tmp_path), wanted=["n_estimated=minimize"])
    with pytest.raises(UserError, match="--objective must be one of f1, "):
        study_front_text(str(tmp_path), wanted=["f2"])
    with pytest.raises(UserError, match="--objective must be maximize or minimize for f1, but got up"):
        study_front_text(str(tmp_path), wanted=["f1=up"])
