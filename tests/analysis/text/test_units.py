"""Scores under their own names, and times in the task's unit."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analysis import compare_losses, load_results, recommend
from analysis.report import ReportOptions, write_compare, write_report, write_surface
from analysis.text import comparison_text, recommendation_text


@pytest.fixture
def golf(write_study, rows):
    """A study like golf: PCE, and frames of 1/30 s. The softness is up to 4.5 frames, the noise up to 3."""
    return write_study(
        *(rows(loss, n).assign(task="golf") for loss, n in (("softloc", 40), ("cross_entropy", 20)))
    )


def test_a_comparison_has_the_tasks_name_and_unit(golf):
    found = compare_losses(load_results(golf))
    text = comparison_text(found)
    for expected in ("PCE at 0 frames", "PCE at 3 frames", "softness (frames)", "noise (frames)", "mean PCE"):
        assert expected in text
    assert " ms" not in text and "F1" not in text
    softness = found.summary.set_index("loss").loc["softloc", "softness_ms"]
    assert f"{softness * 30 / 1000:.2f}" in text


def test_the_tables_are_in_ms_whatever_the_unit(golf):
    """Oracle: the same trials as a task in ms."""
    frames = load_results(golf)
    ms = load_results(golf)
    ms = type(ms)(ms.location, ms.name, ms.trials.assign(task="drums"), ms.definition)
    one, other = compare_losses(frames), compare_losses(ms)
    pd.testing.assert_frame_equal(one.summary, other.summary, rtol=1e-3)
    pd.testing.assert_frame_equal(one.differences, other.differences, rtol=1e-3)
    tables = [recommend(study, label_noise_s=0.05).table() for study in (frames, ms)]
    pd.testing.assert_frame_equal(*tables, rtol=1e-3)


def test_a_fixed_softness_is_converted(golf):
    found = compare_losses(load_results(golf), softness_ms=100.0)
    curve = next(one for one in found.curves if one.name == "softloc")
    assert curve.softness == pytest.approx(3.0)
    assert found.summary.set_index("loss").loc["softloc", "softness_ms"] == pytest.approx(100.0)


def test_a_recommendation_has_the_tasks_name_and_unit(golf):
    text = recommendation_text(recommend(load_results(golf), label_noise_s=0.05))
    assert text.startswith("For labels off by 1.5 frames, use softloc with a softness of")
    assert "Expected PCE" in text and " ms" not in text and "F1" not in text


def test_figures_and_pages_have_the_tasks_name_and_unit(golf, tmp_path):
    options = ReportOptions(out_dir=tmp_path)
    write_surface(golf, options)
    write_compare(golf, options)
    report = write_report(golf, options).paths[0].read_text()
    for expected in ("mean PCE", "label noise (frames)", "expected PCE", "robustness radius (frames)"):
        assert expected in report
    assert "expected F1" not in report and "(ms)" not in report.split("Other tolerances")[0]
    assert np.isfinite(pd.read_csv(tmp_path / "surface_ridge.csv")["softness_s_flat_low"]).all()
