"""Rendered swings: reproducible, with every event once and in order, learnable but not perfectly."""

import numpy as np
import pytest

from softloc_core.tasks import TASKS, DataRequest
from softloc_core.tasks.golf.rendered import BAND_NAMES, draw_swing
from softloc_core.trial.run import TrialConfig, run_trial

GOLF = TASKS.get("golf")


def load(tmp_path, *, seed=0, split="new_golfers"):
    request = DataRequest("golf", "synthetic", split, 0, "plain", seed)
    return GOLF.load(request, data_root=None, cache_dir=tmp_path)


def test_events_occur_once_in_order_within_the_clip():
    for seed in range(50):
        swing = draw_swing(np.random.default_rng(seed))
        assert (np.diff(swing.event_frame) > 0).all() and len(swing.event_frame) == 8
        assert swing.event_frame[0] > 0 and swing.event_frame[-1] < len(swing.features) - 1
        assert swing.features.shape[1] == len(BAND_NAMES) and np.isfinite(swing.features).all()


def test_equal_seeds_render_equal_clips(tmp_path):
    one, same, other = (load(tmp_path, seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one.train[3].features, same.train[3].features)
    assert one.fingerprint == same.fingerprint != other.fingerprint
    assert not np.array_equal(one.train[3].features, other.train[3].features[: len(one.train[3].features)])


def test_slow_motion_has_a_larger_tolerance(tmp_path):
    tolerance_frames = {round(r.tolerance_s * 30) for r in load(tmp_path).train}
    assert 1 in tolerance_frames and max(tolerance_frames) >= 3


def test_the_club_is_fastest_near_the_impact():
    speed, impact = BAND_NAMES.index("club_speed"), 5
    near = [
        abs(int(np.argmax(swing.features[:, speed])) - int(swing.event_frame[impact]))
        / (swing.event_frame[-1] - swing.event_frame[0])
        for swing in (draw_swing(np.random.default_rng(seed)) for seed in range(40))
    ]
    assert np.median(near) < 0.1


@pytest.mark.slow
def test_clean_labels_are_learned_but_not_perfectly(tmp_path):
    defaults = {**GOLF.defaults("compact"), "data": "synthetic", "split": "train_cv", "loss": "softloc"}
    config = TrialConfig(
        **{**defaults, "loss_options": (), "seed": 0, "replicate": 0, "noise_draw": 0, "threads": 1}
    )
    pce = run_trial(config, load(tmp_path, split="train_cv")).scores.measures["pce"]
    assert 0.75 < pce < 0.99
