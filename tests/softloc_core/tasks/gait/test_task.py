"""Scores of the gait task."""

import pytest

from softloc_core.tasks import TASKS, DataRequest


def test_timing_errors_are_measured_beyond_the_tolerance(tmp_path):
    task = TASKS.get("gait")
    data = task.load(
        DataRequest("gait", "synthetic", "mat", fold=0, features="imu_100", seed=0),
        data_root=None,
        cache_dir=tmp_path,
    )
    late = {r.name: r.reference.moved(r.reference.time_s + 0.15) for r in data.test}
    scores = task.score(data, late, tolerance_s=0.1)
    assert scores.f1 == 0 and scores.measures["f1_50ms"] == 0
    assert scores.measures["f1_250ms"] == pytest.approx(1.0)
    assert scores.measures["timing_mean_250ms_s"] == pytest.approx(0.15)
    assert scores.measures["timing_sd_250ms_s"] == pytest.approx(0.0, abs=1e-9)
