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
        # Contacts near the ends may be within the recording for one system only.
        inner_s = mat.contact_s[(mat.contact_s > 1) & (mat.contact_s < 39)]
        nearest = np.abs(sensors.contact_s[:, None] - (inner_s + SENSORS_LATE_S)).argmin(axis=0)
        error_s.append(sensors.contact_s[nearest] - inner_s)
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
    assert all(name.endswith(train) for name in (*parts.train, *parts.validation))
    assert all(name.endswith(test) for name in parts.test)
    persons = [{name.split()[0] for name in part} for part in (parts.train, parts.validation, parts.test)]
    assert not persons[0] & persons[1] and not persons[0] & persons[2] and not persons[1] & persons[2]


def test_the_first_and_the_last_contact_are_anywhere_in_a_step():
    """A rendered walk that started at a known time would tell its first contact without the signal."""
    shares = []
    for index in range(100):
        walk = rendered_stretch(f"train_{index}", "mat", seed=3)
        step_s = np.median(np.diff(walk.contact_s))
        shares.append([walk.contact_s[0] / step_s, (40.0 - walk.contact_s[-1]) / step_s])
    for share in np.transpose(shares):
        assert np.mean(share < 0.5) == pytest.approx(0.5, abs=0.15) and np.quantile(share, 0.05) < 0.15
