"""Features of electrocardiograms."""

import numpy as np
import pytest

from softloc_core.tasks.heartbeats.rendered import rendered_ecg
from softloc_core.tasks.heartbeats.signal import ecg_features, ecg_recording


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


def test_features_do_not_depend_on_baseline_and_scale(record):
    features = ecg_features(record.signal_mv, "ecg_60")
    other = ecg_features(3 * record.signal_mv + 5, "ecg_60")
    assert np.abs(features - other)[200:-200].max() < 1e-2
    assert np.isfinite(features).all() and features.dtype == np.float32


def test_a_flat_line_has_finite_features():
    assert np.isfinite(ecg_features(np.zeros(720, dtype=np.float32), "ecg_60")).all()


def test_the_content_key_depends_on_the_signal(record):
    assert ecg_recording(record).content_key == ecg_recording(rendered_ecg("train_00", seed=0)).content_key
    assert ecg_recording(record).content_key != ecg_recording(rendered_ecg("train_00", seed=2)).content_key
