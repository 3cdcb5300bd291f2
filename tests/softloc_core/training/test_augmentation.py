"""Augmented excerpts: random rates with aligned labels, sums of two excerpts, and gains."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st

from softloc_core.errors import ConfigError
from softloc_core.events import EventList, FrameGrid, SegmentList
from softloc_core.features.front_ends import FRONT_ENDS
from softloc_core.tasks import TASKS, Recording
from softloc_core.training.augmentation import Augmentation, AugmentedSet, feature_sum_for
from softloc_core.training.excerpts import TrainingSet
from softloc_core.trial.run import run_trial
from tests.softloc_core.tiny_data import HOP_S, tiny_data, tiny_recording

CPU = torch.device("cpu")
PLAIN = Augmentation(
    rate_variation=0.0, rate_centre=1.0, rate_share=1.0, stacking=0.0, gain_db=0.0, band_gain_db=0.0
)
POWER = FRONT_ENDS["log_mel_48"].sum_of


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def make_set(recordings, *, excerpt_s=0.5, labels=None, n_channels=2, collision="add"):
    labels = labels or [r.label for r in recordings]
    return TrainingSet.from_recordings(
        recordings, labels, n_channels=n_channels, excerpt_s=excerpt_s, device=CPU, collision=collision
    )


def test_gains_alone_leave_the_random_numbers_unchanged():
    """Without rates and stacking, the random numbers are places, then gains, as in earlier trials."""
    plain = make_set(tiny_data().train)
    augmented = AugmentedSet(plain, replace(PLAIN, gain_db=6.0, band_gain_db=3.0), feature_sum=None)
    drawn, reference = seeded(3), seeded(3)
    for _ in range(3):
        features, label, lengths = augmented.batch(8, generator=drawn)
        pick = torch.randint(len(plain.start), (8,), generator=reference)
        frame = plain.start[pick, None] + torch.arange(plain.excerpt_frames)
        gain = torch.zeros(8, 1, 8) + 6.0 * torch.randn(8, 1, 1, generator=reference)
        gain = gain + 3.0 * torch.randn(8, 1, 8, generator=reference)
        assert torch.equal(features, plain.features[frame] + gain)
        assert torch.equal(label, plain.label[:, frame].transpose(0, 1)) and lengths is None
    assert torch.equal(drawn.get_state(), reference.get_state())


@pytest.mark.parametrize("lengths", [(60, 80), (400, 60)])
def test_a_rate_of_one_leaves_an_excerpt_unchanged(lengths):
    plain = make_set([tiny_recording(f"r{n}", n_frames=n) for n in lengths], excerpt_s=1.0)
    pick = torch.arange(len(plain.start))
    features, label, valid = plain.excerpts(pick)
    features_1, label_1, valid_1 = plain.excerpts_at(pick, np.ones(len(pick)))
    assert torch.equal(features, features_1) and torch.equal(label, label_1)
    assert (valid is None and valid_1 is None) or torch.equal(valid, valid_1)


@st.composite
def rated_excerpts(draw):
    n_frames = draw(st.integers(30, 90))
    time_s = draw(st.lists(st.floats(0, n_frames * HOP_S), max_size=12))
    channel = draw(st.lists(st.integers(0, 1), min_size=len(time_s), max_size=len(time_s)))
    rate = draw(st.floats(0.6, 1.7))
    return n_frames, EventList(time_s, channel, n_frames * HOP_S), rate, draw(st.integers(0, 10**6))


@given(rated_excerpts())
@settings(deadline=None, max_examples=150)
def test_labels_are_events_whose_times_are_divided_by_the_rate(drawn):
    """A plain loop divides the times, rounds them with FrameGrid and keeps those within the excerpt."""
    n_frames, events, rate, place = drawn
    n_excerpt = 40
    features = np.arange(2 * n_frames, dtype=np.float32).reshape(n_frames, 2)
    recording = Recording("a", "a", features, HOP_S, events, events)
    before = tiny_recording("before", n_frames=70)
    before = replace(before, features=np.ascontiguousarray(before.features[:, :2]))
    both = make_set([before, recording, before], excerpt_s=n_excerpt * HOP_S)
    numbers = np.flatnonzero((both.start.numpy() >= 70) & (both.start.numpy() < 70 + n_frames))
    pick = int(numbers[place % len(numbers)])
    features_at, label, lengths = both.excerpts_at(torch.tensor([pick]), np.array([rate]))

    start = int(both.start[pick]) - 70
    start = max(0, min(start, int(np.floor(n_frames - 1 - (n_excerpt - 1) * rate))))
    heard = [k for k in range(n_excerpt) if start + k * rate <= n_frames - 1 + 1e-9]
    n_valid = n_excerpt if lengths is None else int(lengths[0])
    assert n_valid == len(heard)
    grid = FrameGrid(hop_s=HOP_S * rate, n_frames=10**6)
    expected = np.zeros((2, n_excerpt), dtype=np.float32)
    for time_s, channel in zip(events.time_s, events.channel, strict=True):
        time_s = min(time_s, (n_frames - 1) * HOP_S) - start * HOP_S
        if time_s < -HOP_S * rate / 2 - 1e-12:
            continue
        frame = int(grid.to_frames(time_s))
        if n_valid < n_excerpt:
            frame = min(frame, n_valid - 1)
        if frame < n_excerpt:
            expected[channel, frame] += 1.0
    np.testing.assert_array_equal(label[0].numpy(), expected)
    position = np.minimum(start + rate * np.arange(n_excerpt), n_frames - 1)
    for band in range(2):
        line = np.interp(position, np.arange(n_frames), features[:, band])
        np.testing.assert_allclose(features_at[0, :, band].numpy(), line, rtol=1e-5, atol=1e-4)


@given(st.floats(0.5, 2.0), st.integers(0, 300))
@settings(deadline=None)
def test_events_well_within_an_excerpt_are_neither_lost_nor_doubled(rate, place):
    """Events are more than a frame apart at every rate, and none crosses the edge."""
    recording = tiny_recording("a", n_frames=400)
    one = make_set([recording])
    _, label, _ = one.excerpts_at(torch.tensor([place]), np.array([rate]))
    start = min(place, int(np.floor(399 - 49 * rate)))
    frame = recording.grid.to_frames(recording.label.time_s)
    within = ((frame >= start) & (frame <= start + 49 * rate)).sum()
    near_an_edge = (np.abs(frame - start) <= rate).sum() + (np.abs(frame - start - 49 * rate) <= rate).sum()
    assert abs(int(label.sum()) - within) <= near_an_edge


def test_segments_give_each_frame_the_class_of_its_features():
    segments = SegmentList.from_frames(np.repeat([0, 1, 0], [20, 30, 30]), hop_s=HOP_S)
    recording = Recording("a", "a", np.zeros((80, 1), dtype=np.float32), HOP_S, segments, segments)
    one = make_set([recording], excerpt_s=0.4)
    _, label, _ = one.excerpts_at(torch.tensor([0]), np.array([1.5]))
    heard = np.repeat([0, 1, 0], [20, 30, 30])[np.floor(1.5 * np.arange(40) + 0.5).astype(int)]
    np.testing.assert_array_equal(label[0].numpy().argmax(axis=0), heard)
    assert (label.sum(dim=1) == 1).all()


def test_features_and_labels_stay_aligned():
    data = tiny_data().train
    augmented = AugmentedSet(make_set(data), replace(PLAIN, rate_variation=0.2), feature_sum=None)
    features, label, lengths = augmented.batch(64, generator=seeded())
    assert lengths is None and features.shape == (64, 50, 8) and label.shape == (64, 2, 50)
    lit, n_events = 0, 0
    for excerpt, marks in zip(features.numpy(), label.numpy(), strict=True):
        for c, f in zip(*np.nonzero(marks), strict=True):
            lit += excerpt[f : f + 2, 4 * c : 4 * c + 4].mean() > -33
            n_events += 1
    assert n_events > 100 and lit == n_events


def test_rates_have_the_configured_distribution():
    plain = make_set([tiny_recording("a", n_frames=400)])
    seen = []
    plain.__dict__["excerpts_at"] = lambda pick, rate: seen.append(rate) or plain.excerpts(pick)
    setting = replace(PLAIN, rate_variation=0.125, rate_centre=0.875, rate_share=0.75)
    AugmentedSet(plain, setting, feature_sum=None).batch(4000, generator=seeded())
    (rate,) = seen
    drawn = rate[rate != 1.0]
    assert abs(len(drawn) / 4000 - 0.75) < 0.03
    assert drawn.min() >= 0.75 and drawn.max() <= 1.0 and abs(drawn.mean() - 0.875) < 0.005
    assert abs(drawn.std() - 0.25 / 12**0.5) < 0.003


@pytest.mark.parametrize(("first", "second"), [(-40.0, -40.0), (-20.0, -60.0), (-80.0, -80.0)])
@pytest.mark.parametrize("name", ["log_mel_48", "paper"])
def test_two_sounds_add_their_powers(name, first, second):
    """The paper's front end has 20 dB per decade of power."""
    factor = FRONT_ENDS[name].db_factor
    expected = factor * np.log10(10 ** (first / factor) + 10 ** (second / factor))
    found = FRONT_ENDS[name].sum_of(torch.tensor(first), torch.tensor(second))
    assert found.item() == pytest.approx(expected, abs=1e-4)


def test_summed_features_approximate_the_features_of_summed_sounds():
    """The oracle is the front end on the sum of two sounds, noise in different bands and times."""
    rng = np.random.default_rng(0)
    bands = FRONT_ENDS["log_mel_48"]
    sounds = rng.normal(0, 0.1, (2, 44_100)).astype(np.float32)
    sounds[0, 20_000:] *= 0.01
    one, two = (torch.from_numpy(bands(sound, 44_100)) for sound in sounds)
    both = torch.from_numpy(bands(sounds.sum(axis=0), 44_100))
    error_db = bands.sum_of(one, two) - both
    assert abs(error_db.mean().item()) < 0.5 and error_db.abs().median().item() < 2


@pytest.mark.parametrize("collision", ["add", "merge"])
def test_a_stacked_excerpt_has_the_events_of_both_excerpts(collision):
    # Every event of the first recording is in the same frames as those of the others.
    plain = make_set((tiny_data().train[0],) * 3, excerpt_s=4.0, collision=collision)
    stacked = AugmentedSet(plain, replace(PLAIN, stacking=1.0), feature_sum=POWER)
    features, label, _ = stacked.batch(16, generator=seeded(1))
    reference = seeded(1)
    torch.rand(16, generator=reference)
    pick = torch.randint(len(plain.start), (32,), generator=reference)
    one, two = plain.excerpts(pick[:16]), plain.excerpts(pick[16:])
    both = one[1] + two[1]
    assert both.max() == 2 and torch.equal(label, both if collision == "add" else both.clamp(max=1))
    assert torch.equal(features, POWER(one[0], two[0]))
    assert (features >= torch.maximum(one[0], two[0]) - 1e-4).all()


def test_a_stacked_excerpt_has_the_shorter_length():
    recordings = [tiny_recording("long", n_frames=100), tiny_recording("short", n_frames=60)]
    plain = make_set(recordings, excerpt_s=1.0)
    augmented = AugmentedSet(plain, replace(PLAIN, stacking=1.0), feature_sum=POWER)
    _, label, lengths = augmented.batch(64, generator=seeded())
    assert set(lengths.tolist()) == {60, 100} and (lengths == 60).sum() > 40
    assert not label[lengths == 60][:, :, 60:].any()


def test_stacking_chooses_excerpts_that_keep_their_rate_first():
    """Three of seven stretched, three summed, one unchanged, and none both, as for the papers' piano."""
    plain = make_set([tiny_recording("a", n_frames=400)])
    seen = []
    plain.__dict__["excerpts_at"] = lambda pick, rate: seen.append(rate) or plain.excerpts(pick)
    setting = replace(PLAIN, rate_variation=0.125, rate_centre=0.875, rate_share=3 / 7, stacking=3 / 7)
    AugmentedSet(plain, setting, feature_sum=POWER).batch(700, generator=seeded())
    (rate,) = seen
    assert abs((rate[:700] != 1).sum() - 300) < 50 and abs(len(rate) - 1000) < 50
    assert (rate[700:] == 1).all()


@pytest.mark.parametrize("task", ["puffs", "digits"])
def test_random_rates_raise_if_frames_are_not_equally_spaced_in_time(task):
    with pytest.raises(ConfigError, match=f"`rate_variation` must be 0 for {task}, .* but got 0.1 around 1"):
        feature_sum_for(replace(PLAIN, rate_variation=0.1), task=TASKS.get(task), features="plain")
    assert feature_sum_for(PLAIN, task=TASKS.get(task), features="plain") is None


@pytest.mark.parametrize("task", ["puffs", "golf", "segmentation", "heartbeats", "gait", "digits"])
def test_stacking_raises_if_recordings_cannot_be_added(task):
    with pytest.raises(ConfigError, match=rf"`stacking` must be 0 for {task} on plain .* but got 0.5"):
        feature_sum_for(replace(PLAIN, stacking=0.5), task=TASKS.get(task), features="plain")


@pytest.mark.parametrize("features", sorted(FRONT_ENDS))
@pytest.mark.parametrize("task", ["drums", "piano"])
def test_every_audio_front_end_can_add_two_sounds(task, features):
    found = feature_sum_for(replace(PLAIN, stacking=0.5), task=TASKS.get(task), features=features)
    assert found(torch.zeros(1), torch.zeros(1)).item() > 0


def test_augmented_trials_learn_and_are_reproducible(config, data):
    augmented = replace(
        config, features="log_mel_48", rate_variation=0.125, stacking=0.25, iterations=150, label_noise_s=0.01
    )
    result = run_trial(augmented, data)
    assert result.scores.f1 > 0.8
    again = run_trial(replace(augmented, iterations=5), tiny_data())
    assert again.history == run_trial(replace(augmented, iterations=5), data).history
    assert again.history != run_trial(replace(augmented, iterations=5, stacking=0.0), data).history
