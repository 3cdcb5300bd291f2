"""Features of electrocardiograms: where a frame is, and that rendered ones are what they say."""

import numpy as np
import pytest

from softloc_core.tasks import TASKS, DataRequest
from softloc_core.tasks.heartbeats.rendered import RenderedHeartbeatsSource, rendered_ecg
from softloc_core.tasks.heartbeats.signal import RATE_HZ, ecg_features, ecg_recording


@pytest.fixture(scope="module")
def record():
    return rendered_ecg("train_00", seed=0)


def test_a_frame_is_centred_on_its_instant():
    bump = np.exp(
        -0.5 * (np.arange(-180, 180) / 12) ** 2
    )  # its peak on samples 180, 540, ...: every 60th frame
    features = ecg_features(np.tile(bump, 10).astype(np.float32), "ecg_60")
    assert features.shape == (600, 7)
    for frame in (150, 210, 270):
        assert np.unravel_index(np.argmax(features[frame - 20 : frame + 20]), (40, 7)) == (20, 3)
        np.testing.assert_allclose(features[frame, ::-1], features[frame], atol=1e-3)


def test_neither_the_baseline_nor_the_scale_matters(record):
    features = ecg_features(record.signal_mv, "ecg_60")
    other = ecg_features(3 * record.signal_mv + 5, "ecg_60")
    assert np.abs(features - other)[200:-200].max() < 1e-2
    assert np.isfinite(features).all() and features.dtype == np.float32


def test_a_flat_line_gives_finite_features():
    assert np.isfinite(ecg_features(np.zeros(720, dtype=np.float32), "ecg_60")).all()


def test_rendered_beats_are_plausible_and_stand_on_a_wave(record):
    record.check("rendered")
    interval_s = np.diff(record.beat_sample) / RATE_HZ
    assert interval_s.min() > 0.2 and interval_s.max() < 2.0
    assert 0.01 < len(record.pvc_sample) / len(record.beat_sample) < 0.3
    # The annotated instant is an extremum of the mean beat, whichever way the lead points.
    normal = np.setdiff1d(record.beat_sample, record.pvc_sample)[2:-2]
    mean = np.mean([record.signal_mv[at - 30 : at + 31] for at in normal], axis=0)
    assert abs(np.argmax(np.abs(mean - np.median(mean))) - 30) <= 1


def test_rendered_ecgs_follow_from_name_and_seed(record):
    again = rendered_ecg("train_00", seed=0)
    np.testing.assert_array_equal(record.signal_mv, again.signal_mv)
    assert not np.array_equal(record.signal_mv, rendered_ecg("train_00", seed=1).signal_mv)
    assert not np.array_equal(record.signal_mv, rendered_ecg("train_01", seed=0).signal_mv)


def test_the_content_decides_the_key(record):
    assert ecg_recording(record).content_key == ecg_recording(rendered_ecg("train_00", seed=0)).content_key
    assert ecg_recording(record).content_key != ecg_recording(rendered_ecg("train_00", seed=2)).content_key


def test_rendered_splits():
    source = RenderedHeartbeatsSource()
    request = DataRequest("heartbeats", "synthetic", "new_persons", fold=0, features="ecg_60", seed=0)
    split = source.split(request, None)
    assert split.train and split.validation and split.test and len(set(split.all)) == 12
    scan = source.scan(None, names=split.test[:1], seed=0)
    assert [found.name for found in scan.recordings] == ["test_00"] and not scan.problems


def test_the_fields_tolerance_is_scored_besides(tmp_path):
    task = TASKS.get("heartbeats")
    request = DataRequest("heartbeats", "synthetic", "train_cv", fold=0, features="ecg_60", seed=0)
    data = task.load(request, data_root=None, cache_dir=tmp_path)
    late = {r.name: r.reference.moved(r.reference.time_s + 0.1) for r in data.test}
    scores = task.score(data, late, tolerance_s=0.05)
    assert scores.f1 < 0.05
    assert scores.measures["f1_150ms"] == pytest.approx(1.0)
    assert set(scores.measures) == {"f1_150ms", "f1_150ms_beat", "f1_150ms_pvc"}
