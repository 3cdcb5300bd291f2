"""Several tasks and other names in one study: grouped or held, but never mixed."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.answers.curves import loss_curves
from analysis.answers.maps import map_study
from analysis.errors import AnalysisError
from analysis.reading.categories import hold_categories, tasks_of
from analysis.reading.results import load_results
from analysis.reading.views import View
from analysis.report.commands import write_compare, write_surface
from analysis.report.outputs import ReportOptions

WriteStudy = Callable[..., Path]
LEVELS_S = np.array([0.0, 0.05, 0.1])


def grid_rows(rows: Callable[..., pd.DataFrame], task: str, *, drop: float) -> pd.DataFrame:
    """Return two losses at three noise levels with two replicates; cross entropy loses `drop` per level."""
    parts = []
    for number, loss in enumerate(("cross_entropy", "softloc")):
        part = rows(loss, 6, seed=number + 10 * ord(task[1]))
        level = np.repeat(np.arange(3), 2)
        part["replicate"] = np.tile([0, 1], 3)
        part["softness_s"], part["label_noise_s"] = 0.1, LEVELS_S[level]
        lost = level * (drop if loss == "cross_entropy" else 0.01)
        part["f1"] = 0.9 - lost + np.tile([-0.005, 0.005], 3)
        parts.append(part.assign(task=task))
    return pd.concat(parts)


@pytest.fixture
def two_tasks(write_study: WriteStudy, rows: Callable[..., pd.DataFrame]) -> Path:
    return write_study(grid_rows(rows, "golf", drop=0.2), grid_rows(rows, "gait", drop=0.4))


def test_every_task_has_its_own_folder(two_tasks: Path, tmp_path: Path) -> None:
    for write in (write_surface, write_compare):
        output = write(two_tasks, ReportOptions(out_dir=tmp_path / "out"))
        assert {path.parent.name for path in output.paths} == {"golf", "gait"}
        assert [line for line in output.text.splitlines() if line in ("golf", "gait")] == ["gait", "golf"]
    alone = write_compare(two_tasks, ReportOptions(out_dir=tmp_path / "alone", at={"task": "golf"}))
    both = write_compare(two_tasks, ReportOptions(out_dir=tmp_path / "both"))
    assert alone.text in both.text
    assert {path.parent.name for path in alone.paths} == {"alone"}


def test_tasks_are_not_mixed(two_tasks: Path) -> None:
    study = load_results(two_tasks)
    assert tasks_of(study) == ["gait", "golf"]
    message = re.escape("has gait, golf: choose one with --at task=gait")
    with pytest.raises(AnalysisError, match=message):
        map_study(study)
    assert len(map_study(study, view=View(at={"task": "gait"})).panels) == 2
    by_task = map_study(study, by="task", view=View(at={"loss": "softloc"}))
    assert [panel.name for panel in by_task.panels] == ["gait", "golf"]


def test_the_text_says_why_a_task_cannot_be_shown(
    write_study: WriteStudy, rows: Callable[..., pd.DataFrame], tmp_path: Path
) -> None:
    study = write_study(grid_rows(rows, "golf", drop=0.2), rows("softloc", 1).assign(task="gait"))
    output = write_surface(study, ReportOptions(out_dir=tmp_path / "out"))
    assert "gait: not shown, because " in output.text
    assert {path.parent.name for path in output.paths} == {"golf"}


def test_a_fold_can_be_held(two_tasks: Path) -> None:
    study = load_results(two_tasks)
    held, left = hold_categories(study, {"replicate": "1", "alpha": "0.5"})
    assert set(held.trials["replicate"]) == {1}
    assert left == {"alpha": "0.5"}
    with pytest.raises(AnalysisError, match="`fold` must be one of 0, but got 7 for "):
        hold_categories(study, {"fold": 7})


def test_the_means_of_few_levels_with_replicates_are_joined(two_tasks: Path) -> None:
    study = load_results(two_tasks)
    study_map, curves, _ = loss_curves(study, at={"task": "gait"})
    assert study_map.estimator == "level_means"
    [entropy] = [curve for curve in curves if curve.name == "cross_entropy"]
    np.testing.assert_allclose(entropy.mean[[0, 50, 100]], [0.9, 0.5, 0.1], atol=1e-12)
    assert entropy.mean[25] == pytest.approx(0.7)
    smooth, _, _ = loss_curves(study, at={"task": "gait"}, estimator="gaussian_process")
    assert smooth.estimator == "gaussian_process"
