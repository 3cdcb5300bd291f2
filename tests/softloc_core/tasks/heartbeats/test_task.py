"""Scores of the heartbeat task."""

import pytest

from softloc_core.tasks import TASKS, DataRequest


def test_the_standard_tolerance_of_150_ms_is_scored_as_well(tmp_path):
    task = TASKS.get("heartbeats")
    request = DataRequest("heartbeats", "synthetic", "train_cv", fold=0, features="ecg_60", seed=0)
    data = task.load(request, data_root=None, cache_dir=tmp_path)
    late = {r.name: r.reference.moved(r.reference.time_s + 0.1) for r in data.test}
    scores = task.score(data, late, tolerance_s=0.05)
    assert scores.f1 < 0.05
    assert scores.measures["f1_150ms"] == pytest.approx(1.0)
    assert set(scores.measures) == {"f1_150ms", "f1_150ms_beat", "f1_150ms_pvc"}
