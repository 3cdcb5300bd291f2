"""The limits of one run, and how the next run continues."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from softloc_core.errors import ConfigError
from sweeps.execution.progress import Counts
from sweeps.planning import load_data, make_planner
from sweeps.planning.budget import UNLIMITED, Budget, BudgetedSource
from sweeps.planning.source import TrialSource, trial_source
from sweeps.storage.folder import StudyFolder
from sweeps.storage.store import StoredTrial
from sweeps.study import Study

ROW = {"f1": 0.5}


@pytest.fixture
def source_of(make_study: Callable[..., Study], tmp_path: Path) -> Callable[..., TrialSource]:
    """Return a function that makes a source of the twelve simulated trials, without stored ones."""

    def make(stored: dict[str, str] | None = None, *overrides: str) -> TrialSource:
        study = make_study(*overrides)
        plan = make_planner(study, load_data(study, data_root=None, cache_dir=tmp_path))
        known = {key: StoredTrial(key, status, ROW) for key, status in (stored or {}).items()}
        return trial_source(plan, known, StudyFolder(tmp_path / "study"))

    return make


def given(source: TrialSource) -> list[str]:
    """Return all trials of a source, and report each as completed."""
    found = []
    while (trial := source.next()) is not None:
        found.append(trial.setting_id)
        source.tell(trial.trial_id, ROW)
    return found


def test_without_limits_all_trials_run(source_of: Callable[..., TrialSource]) -> None:
    source = BudgetedSource(source_of(), UNLIMITED)
    assert source.n_left == 12
    assert len(given(source)) == 12
    assert source.spent is None


@pytest.mark.parametrize("overrides", [(), ("design=tpe",)])
def test_trials_beyond_the_limit_run_next_time(
    source_of: Callable[..., TrialSource], overrides: tuple[str, ...]
) -> None:
    stored: dict[str, str] = {}
    for expected in (5, 5, 2):
        source = BudgetedSource(source_of(stored, *overrides), Budget(max_trials=5))
        assert source.n_left == expected
        assert source.is_sequential == bool(overrides)
        now = given(source)
        assert len(now) == expected
        assert not set(now) & set(stored)
        stored |= dict.fromkeys(now, "completed")
        assert (source.spent is None) == (len(stored) == 12)
    assert "5 trials were run (--max-trials 5)" in str(
        _spent(BudgetedSource(source_of(), Budget(max_trials=5)))
    )


def _spent(source: BudgetedSource) -> str | None:
    given(source)
    return source.spent


def test_no_trial_starts_after_the_hours_have_passed(source_of: Callable[..., TrialSource]) -> None:
    now_s = 100.0
    source = BudgetedSource(source_of(), Budget(max_hours=0.5), clock_s=lambda: now_s)
    now_s += 1799
    assert source.next() is not None
    now_s += 1
    assert source.next() is None
    assert source.spent == "0.5 hours have passed (--max-hours 0.5)"
    assert source.n_left == 11


def test_no_trial_starts_after_too_many_failures(source_of: Callable[..., TrialSource]) -> None:
    source = BudgetedSource(source_of(), Budget(max_failures=2))
    for row in (None, ROW, None):
        trial = source.next()
        assert trial is not None
        source.tell(trial.trial_id, row)
    assert source.next() is None
    assert source.spent == "2 trials failed (--max-failures 2)"


def test_the_trials_left_are_limited_by_the_budget() -> None:
    assert Counts(designed=12, kept=2, done=3, failed=1).left == 6
    assert Counts(designed=12, kept=2, done=3, failed=1, at_most=5).left == 1
    assert Counts(designed=12, kept=2, done=3, failed=1, at_most=50).left == 6


def test_the_summary_of_the_design_is_passed_on(
    source_of: Callable[..., TrialSource], monkeypatch: pytest.MonkeyPatch
) -> None:
    inner = source_of()
    assert BudgetedSource(inner, UNLIMITED).summary is None
    monkeypatch.setattr(type(inner), "summary", "known well enough")
    assert BudgetedSource(inner, UNLIMITED).summary == "known well enough"


def test_failed_trials_run_after_all_others(
    source_of: Callable[..., TrialSource],
) -> None:
    designed = given(source_of())
    assert given(source_of({designed[0]: "failed", designed[3]: "completed"})) == [
        *(designed[1:3]),
        *(designed[4:]),
        designed[0],
    ]


def test_a_limit_reached_with_the_last_trial_is_not_reported(
    source_of: Callable[..., TrialSource],
) -> None:
    assert _spent(BudgetedSource(source_of(), Budget(max_trials=12))) is None


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"max_hours": 0.0}, "--max-hours must be above 0, but got 0"),
        ({"max_hours": float("nan")}, "--max-hours must be above 0, but got nan"),
        ({"max_hours": float("inf")}, "--max-hours must be above 0, but got inf"),
        ({"max_trials": 0}, "--max-trials must be at least 1, but got 0"),
        ({"max_failures": 0}, "--max-failures must be at least 1, but got 0"),
    ],
)
def test_a_limit_out_of_its_range_is_rejected(limits: dict[str, float], message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        Budget(**limits)  # type: ignore[arg-type]
