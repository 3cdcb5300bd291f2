"""Voting and joined excerpts, compared with plain loops and the meaning of the papers' settings."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from softloc_core.errors import ConfigError
from softloc_core.features.front_ends import FRONT_ENDS
from softloc_core.inference.voting import VOTES, Vote, played_at, reassembled

DRUMS = VOTES["paper_drums"]


def spikes(*frames, n_frames=200):
    prob = np.full(n_frames, 0.01)
    prob[list(frames)] = 0.9
    return prob


@pytest.mark.parametrize(("agreeing", "found"), [(3, []), (4, [100.0]), (7, [100.0])])
def test_four_of_seven_versions_make_a_drum_stroke(agreeing, found):
    """A single vote has a height of 0.0798, and 0.25 is required."""
    versions = [spikes(100) for _ in range(agreeing)] + [spikes() for _ in range(7 - agreeing)]
    assert DRUMS(versions, speed=[1.0] * 7).tolist() == found


def test_two_of_seven_make_a_piano_onset():
    for name, least in (("paper_piano", 2), ("loco_piano", 2)):
        vote = VOTES[name]
        for agreeing in (least - 1, least):
            versions = [spikes(50)] * agreeing + [spikes()] * (vote.n_versions - agreeing)
            assert len(vote(versions, speed=[1.0] * vote.n_versions)) == (agreeing == least)


def test_versions_agree_on_the_time_of_the_recording():
    """An event at frame 100 of the recording is at frame 100 / speed of a version."""
    speeds = [0.9, 0.95, 1.0, 1.05, 1.1]
    versions = [spikes(round(100 / speed), n_frames=round(200 / speed)) for speed in speeds]
    (found,) = DRUMS(versions, speed=speeds)
    assert abs(found - 100) <= 1


@given(
    frames=st.lists(st.integers(0, 119), min_size=1, max_size=12),
    speeds=st.lists(st.floats(0.9, 1.1), min_size=1, max_size=3),
)
@settings(deadline=None)
def test_the_sum_is_a_nadaraya_watson_estimate_of_each_version(frames, speeds):
    """A mass just below the largest brute-force sum yields an event, and one just above it does not."""
    versions = [spikes(*frames, n_frames=120) for _ in speeds]
    grid = np.arange(round(120 * max(speeds)))
    total = np.zeros(len(grid))
    for prob, speed in zip(versions, speeds, strict=True):
        axis = np.arange(-60, 200)
        kernel = np.exp(-0.5 * ((grid[:, None] - speed * axis) / 5) ** 2)
        votes = np.zeros(len(axis))
        votes[60:180] = prob >= 0.5
        total += kernel @ votes / kernel.sum(axis=1)
    vote = Vote(
        n_versions=3, vote_threshold=0.5, bandwidth_frames=5, mass=0.999 * total.max(), suppression_frames=8
    )
    found = vote(versions, speed=speeds)
    assert len(found) and total[found.astype(int)].max() > 0.999 * total.max()
    above = dataclasses.replace(vote, mass=1.001 * total.max())
    assert not len(above(versions, speed=speeds))


def test_an_event_removes_the_votes_around_it():
    versions = [spikes(100, 104, 108, 130)] * 7
    assert DRUMS(versions, speed=[1.0] * 7).tolist() == [104.0, 130.0]


def test_sums_are_updated_after_votes_are_removed():
    """Compared with computing all sums again after every event, over several blocks of frames."""
    rng = np.random.default_rng(0)
    votes = np.sort(rng.uniform(0, 900, 400))
    vote = Vote(n_versions=5, vote_threshold=0.5, bandwidth_frames=3, mass=0.3, suppression_frames=7)
    grid, left, expected = np.arange(900), votes.copy(), []
    while len(left):
        total = np.exp(-0.5 * ((grid[:, None] - left) / 3) ** 2).sum(axis=1) / (3 * np.sqrt(2 * np.pi))
        if total.max() < 0.3:
            break
        expected.append(float(np.argmax(total)))
        left = left[np.abs(left - expected[-1]) > 7]
    found = vote.agreed(rng.permutation(votes), np.ones(400), n_frames=900)
    assert found.tolist() == sorted(expected) and len(found) > 20


def test_without_votes_there_are_no_events():
    assert DRUMS([spikes()] * 3, speed=[1.0] * 3).tolist() == []


def test_versions_without_speeds_raise():
    with pytest.raises(ConfigError, match="each with its speed, but got 2 versions, 1 speeds"):
        DRUMS([spikes(), spikes()], speed=[1.0])
    with pytest.raises(ConfigError, match=r"at least one version, .*, but got 0 versions"):
        DRUMS([], speed=[])


class Click:
    content_key, duration_s = "click", 2.0

    def load(self):
        samples = np.zeros(32_000, dtype=np.float32)
        samples[16_000] = 1.0
        return samples, 16_000


@pytest.mark.parametrize("speed", [0.875, 1.0, 1.125])
def test_a_faster_version_is_shorter_and_its_events_earlier(speed):
    front_end = FRONT_ENDS["semitones_196"]
    bands = played_at(Click(), speed, front_end=front_end)
    assert abs(len(bands) - 2.0 / speed / front_end.hop_s) <= 1
    assert abs(np.argmax(bands.mean(axis=1)) * front_end.hop_s - 1.0 / speed) <= front_end.hop_s


def test_a_speed_must_be_above_0():
    with pytest.raises(ConfigError, match="`speed` must be above 0, but got 0"):
        played_at(Click(), 0.0, front_end=FRONT_ENDS["semitones_196"])


@given(
    n_frames=st.integers(1, 40), advance=st.integers(1, 40), dropped=st.integers(0, 10), n=st.integers(1, 6)
)
def test_excerpts_of_a_recording_are_joined_to_the_recording(n_frames, advance, dropped, n):
    if advance > n_frames - dropped:
        return
    whole = np.random.default_rng(0).random((2, (n - 1) * advance + n_frames))
    excerpts = [whole[:, k * advance : k * advance + n_frames] for k in range(n)]
    found = reassembled(excerpts, advance_frames=advance, dropped_frames=dropped)
    np.testing.assert_allclose(found, whole, atol=1e-12)


def test_overlaps_are_averaged_without_dropped_frames():
    one, two = np.zeros((1, 4)), np.ones((1, 4))
    found = reassembled([one, two], advance_frames=2, dropped_frames=1)
    assert found.tolist() == [[0, 0, 0, 0.5, 1, 1]]


def test_excerpts_that_leave_gaps_raise():
    with pytest.raises(ConfigError, match="at least one excerpt, but got none"):
        reassembled([], advance_frames=1)
    with pytest.raises(ConfigError, match="`advance_frames` must be from 1 to 3, but got 4"):
        reassembled([np.zeros((1, 4))] * 2, advance_frames=4, dropped_frames=1)
