"""Rendered electrocardiograms."""

import numpy as np
import pytest

from softloc_core.tasks import DataRequest
from softloc_core.tasks.heartbeats.rendered import RenderedHeartbeatsSource, rendered_ecg
from softloc_core.tasks.heartbeats.signal import RATE_HZ


@pytest.fixture(scope="module")
def record():
    return rendered_ecg("train_00", seed=0)


def test_beats_are_plausible_and_at_the_peak_of_a_wave(record):
    record.check("rendered")
    interval_s = np.diff(record.beat_sample) / RATE_HZ
    assert interval_s.min() > 0.2 and interval_s.max() < 2.0
    assert 0.01 < len(record.pvc_sample) / len(record.beat_sample) < 0.3
    # The annotated instant is an extremum of the mean beat for either sign of the lead.
    normal = np.setdiff1d(record.beat_sample, record.pvc_sample)[2:-2]
    mean = np.mean([record.signal_mv[at - 30 : at + 31] for at in normal], axis=0)
    assert abs(np.argmax(np.abs(mean - np.median(mean))) - 30) <= 1


def test_a_record_depends_on_its_name_and_the_seed_only(record):
    again = rendered_ecg("train_00", seed=0)
    np.testing.assert_array_equal(record.signal_mv, again.signal_mv)
    assert not np.array_equal(record.signal_mv, rendered_ecg("train_00", seed=1).signal_mv)
    assert not np.array_equal(record.signal_mv, rendered_ecg("train_01", seed=0).signal_mv)


def test_the_split_has_three_parts_without_overlap():
    source = RenderedHeartbeatsSource()
    request = DataRequest("heartbeats", "synthetic", "new_persons", fold=0, features="ecg_60", seed=0)
    split = source.split(request, None)
    assert split.train and split.validation and split.test and len(set(split.all)) == 12
    scan = source.scan(None, names=split.test[:1], seed=0)
    assert [found.name for found in scan.recordings] == ["test_00"] and not scan.problems
