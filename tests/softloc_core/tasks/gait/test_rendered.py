"""Rendered walking, its two reference systems, and what is scored."""

import numpy as np
import pytest

from softloc_core.tasks import TASKS, DataRequest
from softloc_core.tasks.gait.rendered import (
    SENSORS_LATE_S,
    SENSORS_SCATTER_S,
    SPLITS,
    RenderedGaitSource,
    rendered_stretch,
)
from softloc_core.tasks.gait.stretches import contact_runs


def request(split: str) -> DataRequest:
    return DataRequest("gait", "synthetic", split, fold=0, features="imu_100", seed=0)


def test_runs_of_placed_contacts():
    nan = np.nan
    runs = contact_runs(np.array([nan, 1.0, 2.0, nan, 3.0, nan, 4.0, 5.0, 6.0]))
    assert [run.tolist() for run in runs] == [[1.0, 2.0], [4.0, 5.0, 6.0]]
    assert contact_runs(np.array([nan, 1.0])) == [] and contact_runs(np.empty(0)) == []


def test_both_systems_see_one_walk_and_disagree_as_stated():
    error_s = []
    for index in range(6):
        mat, sensors = (rendered_stretch(f"train_{index:02d}", s, seed=0) for s in ("mat", "sensors"))
        np.testing.assert_array_equal(mat.motion, sensors.motion)
        assert np.isfinite(mat.motion).all() and np.diff(mat.contact_s).min() > 0.3
        error_s.append(sensors.contact_s - mat.contact_s)
    late_s = np.concatenate(error_s)
    assert np.median(late_s) == pytest.approx(SENSORS_LATE_S, abs=0.01)
    assert SENSORS_SCATTER_S < late_s.std() < 2 * SENSORS_SCATTER_S


def test_follows_from_name_and_seed():
    first, again, other = (rendered_stretch("test_00", "mat", seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.motion, again.motion)
    assert not np.array_equal(first.motion, other.motion)


@pytest.mark.parametrize("split", SPLITS)
def test_splits_say_whose_contacts_are_trained_on_and_scored(split):
    parts = RenderedGaitSource().split(request(split), None)
    train, test = SPLITS[split]
    assert all(name.endswith(train) for name in parts.train)
    assert all(name.endswith(test) for name in (*parts.validation, *parts.test))
    persons = [{name.split()[0] for name in part} for part in (parts.train, parts.validation, parts.test)]
    assert not persons[0] & persons[1] and not persons[0] & persons[2] and not persons[1] & persons[2]


def test_timing_is_measured_beyond_the_tolerance_too(tmp_path):
    task = TASKS.get("gait")
    data = task.load(request("mat"), data_root=None, cache_dir=tmp_path)
    late = {r.name: r.reference.moved(r.reference.time_s + 0.15) for r in data.test}
    scores = task.score(data, late, tolerance_s=0.1)
    assert scores.f1 == 0 and scores.measures["f1_50ms"] == 0
    assert scores.measures["f1_250ms"] == pytest.approx(1.0)
    assert scores.measures["timing_mean_250ms_s"] == pytest.approx(0.15)
    assert scores.measures["timing_sd_250ms_s"] == pytest.approx(0.0, abs=1e-9)
