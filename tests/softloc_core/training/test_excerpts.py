"""Training excerpts hold as many labels as the recordings, also where labels collide in a frame."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st

from softloc_core.events import EventList
from softloc_core.label_noise import misaligned
from softloc_core.training import TrainingSet
from softloc_core.trial import run_trial
from tests.softloc_core.tiny_data import HOP_S, tiny_recording

CPU = torch.device("cpu")


def whole(recordings, labels, *, collision):
    """Return a training set whose excerpts are whole recordings."""
    return TrainingSet.from_recordings(
        recordings, labels, n_channels=2, excerpt_s=4.0, device=CPU, collision=collision
    )


@given(scale_s=st.floats(0, 3), seed=st.integers(0, 99), rate=st.sampled_from([0.5, 1.0]))
@settings(deadline=None, max_examples=40)
def test_misaligned_labels_keep_their_number_unless_they_are_merged(scale_s, seed, rate):
    recordings = [tiny_recording(f"r{k}") for k in range(3)]
    labels = [
        misaligned(r.label, noise="normal", scale_s=scale_s, seed=seed, replicate=0, recording=r.name)
        for r in recordings
    ]
    kept, merged = (whole(recordings, labels, collision=rule) for rule in ("add", "merge"))
    for k, (recording, label) in enumerate(zip(recordings, labels, strict=True)):
        count = np.bincount(label.channel, minlength=2)
        assert count.tolist() == np.bincount(recording.label.channel, minlength=2).tolist()
        pick = torch.tensor([k])
        assert kept.excerpts(pick)[1].sum(dim=-1).tolist() == [count.tolist()]
        assert torch.equal(merged.excerpts(pick)[1], kept.excerpts(pick)[1].clamp(max=1))
        same, again = (one.excerpts_at(pick, np.array([rate]))[1] for one in (kept, merged))
        assert torch.equal(again, same.clamp(max=1))
        if rate == 1:
            assert same.sum(dim=-1).tolist() == [count.tolist()]


def test_300_labels_in_400_frames_stay_300():
    recording = tiny_recording("r")
    time_s = np.random.default_rng(0).uniform(0, 4.0, 300)
    label = EventList(time_s, np.zeros(300, dtype=int), recording.label.duration_s)
    kept, merged = (whole([recording], [label], collision=rule) for rule in ("add", "merge"))
    assert (int(kept.label.sum()), int(merged.label.sum())) == (300, len(np.unique(kept.label[0].nonzero())))
    assert int(merged.label.sum()) < 250


@pytest.mark.parametrize(("options", "same"), [((), False), ((("collision", "merge"),), True)])
def test_a_trial_counts_labels_in_one_frame_according_to_the_option_of_its_noise(config, data, options, same):
    crowded = tuple(replace(r, label=_doubled(r.label)) for r in data.train)
    trial = replace(config, noise_options=options, iterations=3)
    history = [run_trial(trial, replace(data, train=train)).history for train in (data.train, crowded)]
    assert ([point.loss for point in history[0]] == [point.loss for point in history[1]]) is same


def _doubled(label: EventList) -> EventList:
    """Return every label twice, 0.1 frames apart and in the same frame."""
    time_s = np.concatenate([label.time_s, label.time_s + 0.1 * HOP_S])
    return EventList(time_s, np.tile(label.channel, 2), label.duration_s)
