"""Rendered breaths: reproducible, with labels on whole breaths for every kind of noise, and learnable."""

import numpy as np
import pytest

from softloc_core.label_noise import misaligned
from softloc_core.tasks import TASKS, DataRequest
from softloc_core.trial.run import TrialConfig, run_trial

PUFFS = TASKS.get("puffs")


def load(tmp_path, *, seed=0, split="leave_one_out", fold=0):
    request = DataRequest("puffs", "synthetic", split, fold, "plain", seed)
    return PUFFS.load(request, data_root=None, cache_dir=tmp_path)


def test_equal_seeds_render_equal_breaths(tmp_path):
    one, same, other = (load(tmp_path, seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one.train[3].features, same.train[3].features)
    assert one.fingerprint == same.fingerprint != other.fingerprint


def test_puffs_are_single_breaths_at_least_two_breaths_apart(tmp_path):
    data = load(tmp_path)
    for recording in (*data.train, *data.test):
        step = recording.reference.time_s
        assert (step == np.round(step)).all() and (np.diff(step) >= 2).all()
        assert 5 <= len(step) <= 14 and recording.features.shape[1] == 37


@pytest.mark.parametrize("noise", ["rounded_normal", "binary", "skew_normal"])
@pytest.mark.parametrize("scale", [0, 1, 3])
def test_labels_are_on_whole_breaths_for_every_kind_of_noise(tmp_path, noise, scale):
    recording = load(tmp_path).train[0]
    options = dict(PUFFS.defaults("compact")["noise_options"]) if noise == "rounded_normal" else {}
    noisy = misaligned(
        recording.label, noise=noise, scale_s=scale, seed=0, replicate=0, recording="a", options=options
    )
    label = recording.grid.label(noisy, n_channels=1)[0]
    assert set(np.unique(label)) <= {0.0, 1.0} and label.sum() <= len(recording.label)
    clean = np.zeros(len(label))
    clean[recording.reference.time_s.astype(int)] = 1
    assert np.array_equal(label, clean) is (scale == 0)
    if noise != "skew_normal":
        assert (noisy.time_s == np.round(noisy.time_s)).all()


@pytest.mark.slow
def test_training_on_clean_labels_generalises_to_unseen_people(tmp_path):
    defaults = {**PUFFS.defaults("compact"), "data": "synthetic", "split": "train_cv", "loss": "softloc"}
    config = TrialConfig(**{**defaults, "seed": 0, "replicate": 0, "noise_draw": 0, "threads": 1})
    assert 0.7 < run_trial(config, load(tmp_path, split="train_cv")).scores.f1 < 0.99
