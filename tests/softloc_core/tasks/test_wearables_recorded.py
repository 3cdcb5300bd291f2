"""The available recordings of heartbeats and walking, read completely."""

import numpy as np
import pytest

from softloc_core.tasks import TASKS, DataRequest
from tests.recorded_data import recorded

pytestmark = pytest.mark.data


@pytest.mark.parametrize(("task", "source"), [("heartbeats", "mit_bih"), ("gait", "mobgap")])
def test_recorded_sources_have_no_problems(task, source):
    report = TASKS.get(task).check(source, data_root=recorded(source))
    assert not report.problems and report.recordings


def test_mit_bih_records_have_the_published_beats_and_finite_features(tmp_path):
    request = DataRequest("heartbeats", "mit_bih", "by_record", fold=0, features="ecg_60", seed=0)
    data = TASKS.get("heartbeats").load(request, data_root=recorded("mit_bih"), cache_dir=tmp_path)
    recordings = (*data.train, *data.test)
    assert all(np.isfinite(r.features).all() and r.features.shape == (108_334, 7) for r in recordings)
    assert {r.name: len(r.reference.channel_time_s(0)) for r in recordings}["100"] == 2_273


@pytest.mark.parametrize("split", ["indip_to_stereophoto", "stereophoto_to_indip"])
def test_mobgap_stretches_have_finite_features_and_splits_separate_persons(split, tmp_path):
    for fold in (0, 1):
        request = DataRequest("gait", "mobgap", split, fold=fold, features="imu_100", seed=0)
        data = TASKS.get("gait").load(request, data_root=recorded("mobgap"), cache_dir=tmp_path)
        assert all(np.isfinite(r.features).all() for r in (*data.train, *data.test))
        assert not {r.group for r in data.train} & {r.group for r in data.test}
