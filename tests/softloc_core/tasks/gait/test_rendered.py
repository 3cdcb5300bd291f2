"""Rendered walking with two reference systems."""

import numpy as np
import pytest

from softloc_core.tasks import DataRequest
from softloc_core.tasks.gait.rendered import (
    SENSORS_LATE_S,
    SENSORS_SCATTER_S,
    SPLITS,
    RenderedGaitSource,
    rendered_stretch,
)


def request(split: str) -> DataRequest:
    return DataRequest("gait", "synthetic", split, fold=0, features="imu_100", seed=0)


def test_both_systems_observe_the_same_walk_and_disagree_as_documented():
    error_s = []
    for index in range(6):
        mat, sensors = (rendered_stretch(f"train_{index:02d}", s, seed=0) for s in ("mat", "sensors"))
        np.testing.assert_array_equal(mat.motion, sensors.motion)
        assert np.isfinite(mat.motion).all() and np.diff(mat.contact_s).min() > 0.3
        error_s.append(sensors.contact_s - mat.contact_s)
    late_s = np.concatenate(error_s)
    assert np.median(late_s) == pytest.approx(SENSORS_LATE_S, abs=0.01)
    assert SENSORS_SCATTER_S < late_s.std() < 2 * SENSORS_SCATTER_S


def test_a_stretch_depends_on_the_person_and_the_seed():
    first, again, other = (rendered_stretch("test_00", "mat", seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.motion, again.motion)
    assert not np.array_equal(first.motion, other.motion)


@pytest.mark.parametrize("split", SPLITS)
def test_splits_select_the_systems_for_training_and_testing(split):
    parts = RenderedGaitSource().split(request(split), None)
    train, test = SPLITS[split]
    assert all(name.endswith(train) for name in parts.train)
    assert all(name.endswith(test) for name in (*parts.validation, *parts.test))
    persons = [{name.split()[0] for name in part} for part in (parts.train, parts.validation, parts.test)]
    assert not persons[0] & persons[1] and not persons[0] & persons[2] and not persons[1] & persons[2]
