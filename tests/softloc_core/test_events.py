"""Events and frames: round trips, the rounding rule and errors."""

import math

import numpy as np
import pytest
from hypothesis import given, strategies as st

from softloc_core.errors import DataError
from softloc_core.events import EventList, FrameGrid

DURATION_S = 10.0
times = st.lists(st.floats(0, DURATION_S), max_size=20)
hops = st.sampled_from([0.001, 0.005, 0.01, 1 / 30, 1 / 360, 0.0232])


def _events(time_s: list[float]) -> EventList:
    return EventList(time_s, [index % 3 for index in range(len(time_s))], DURATION_S)


@given(times)
def test_events_are_sorted_by_time_then_channel(time_s: list[float]) -> None:
    events = _events(time_s)
    pairs = list(zip(events.time_s, events.channel, strict=True))
    assert pairs == sorted(zip(time_s, [index % 3 for index in range(len(time_s))], strict=True))
    assert len(events) == len(time_s)


@given(times, st.randoms(use_true_random=False))
def test_the_order_of_the_input_does_not_matter(time_s: list[float], random) -> None:
    pairs = [(time, index % 3) for index, time in enumerate(time_s)]
    random.shuffle(pairs)
    shuffled = EventList([time for time, _ in pairs], [channel for _, channel in pairs], DURATION_S)
    assert shuffled == _events(time_s)


@given(times)
def test_each_channel_gets_its_own_times(time_s: list[float]) -> None:
    events = _events(time_s)
    for channel in range(3):
        assert events.channel_time_s(channel).tolist() == sorted(time_s[channel::3])


def test_events_that_differ_in_any_field_are_not_equal() -> None:
    events = EventList([1.0, 2.0], [0, 1], DURATION_S)
    assert events == EventList([2.0, 1.0], [1, 0], DURATION_S)
    for other in (
        EventList([1.0, 2.1], [0, 1], DURATION_S),
        EventList([1.0, 2.0], [0, 0], DURATION_S),
        EventList([1.0, 2.0], [0, 1], DURATION_S + 1),
        EventList([1.0], [0], DURATION_S),
        "events",
    ):
        assert events != other


def test_events_cannot_be_changed_or_hashed() -> None:
    events = EventList([1.0], [0], DURATION_S)
    with pytest.raises(ValueError, match="read-only"):
        events.time_s[0] = 2.0
    with pytest.raises(TypeError, match="unhashable"):
        hash(events)


def test_the_arrays_of_the_caller_stay_writable() -> None:
    time_s = np.array([1.0, 2.0])
    EventList(time_s, np.array([0, 0]), DURATION_S)
    time_s[0] = 1.5


@given(times, st.lists(st.floats(-20, 20), min_size=20, max_size=20))
def test_moved_events_stay_within_the_recording_and_keep_their_number(
    time_s: list[float], shift_s: list[float]
) -> None:
    events = _events(time_s)
    moved = events.moved(events.time_s + shift_s[: len(events)])
    assert (
        np.bincount(moved.channel, minlength=3).tolist() == np.bincount(events.channel, minlength=3).tolist()
    )
    for channel in range(3):
        mine = events.channel == channel
        expected = np.clip((events.time_s + shift_s[: len(events)])[mine], 0, DURATION_S)
        assert moved.channel_time_s(channel).tolist() == sorted(expected.tolist())


@pytest.mark.parametrize(
    ("time_s", "channel", "duration_s", "message"),
    [
        ([1.0], [], 10.0, "every event needs a channel, but got 1 times, 0 channels"),
        ([], [], math.nan, "duration must be finite and >= 0 s, but got nan"),
        ([], [], -1.0, "duration must be finite and >= 0 s, but got -1.0"),
        ([-0.1], [0], 10.0, "must be within the recording, 0 to 10 s, but got -0.1 s"),
        ([1.0, 10.5], [0, 0], 10.0, "must be within the recording, 0 to 10 s, but got 10.5 s"),
        ([math.nan], [0], 10.0, "must be within the recording, 0 to 10 s, but got nan s"),
        ([1.0], [-1], 10.0, "channels must be at least 0, but got -1"),
    ],
)
def test_bad_events_raise(time_s: list[float], channel: list[int], duration_s: float, message: str) -> None:
    with pytest.raises(DataError, match=message):
        EventList(time_s, channel, duration_s)


@given(hops, st.integers(1, 100_000), st.data())
def test_frames_to_seconds_to_frames_is_the_identity(
    hop_s: float, n_frames: int, data: st.DataObject
) -> None:
    frame = data.draw(st.integers(0, n_frames - 1))
    grid = FrameGrid(hop_s=hop_s, n_frames=n_frames)
    assert int(grid.to_frames(grid.to_seconds(frame))) == frame


@given(hops, st.integers(1, 5000), st.floats(0, 1))
def test_seconds_to_frames_to_seconds_is_off_by_at_most_half_a_hop(
    hop_s: float, n_frames: int, part: float
) -> None:
    grid = FrameGrid(hop_s=hop_s, n_frames=n_frames)
    time_s = part * (n_frames - 0.5) * hop_s
    error_s = abs(float(grid.to_seconds(grid.to_frames(time_s))) - time_s)
    # Rounding a position to nine digits may move a time that is exactly between two frames.
    assert error_s <= (0.5 + 1e-9) * hop_s * (1 + 1e-12)


def test_halves_are_rounded_up() -> None:
    grid = FrameGrid(hop_s=0.01, n_frames=1000)
    half_way_s = [0.005, 0.145, 0.285, 1.005, 8.675]
    assert grid.to_frames(half_way_s).tolist() == [1, 15, 29, 101, 868]
    assert grid.to_frames(np.array(half_way_s) - 1e-6).tolist() == [0, 14, 28, 100, 867]


def test_times_beyond_the_ends_belong_to_the_first_and_last_frames() -> None:
    assert FrameGrid(hop_s=0.01, n_frames=10).to_frames([-1.0, 0.0949, 0.0951, 5.0]).tolist() == [0, 9, 9, 9]


def test_the_frame_rate_is_the_inverse_of_the_hop() -> None:
    assert FrameGrid(hop_s=0.005, n_frames=1).frame_rate_hz == 200.0


def test_fractions_of_a_frame_have_a_time() -> None:
    assert FrameGrid(hop_s=0.01, n_frames=10).to_seconds([0.5, 2.25]).tolist() == [0.005, 0.0225]


@given(times, hops)
def test_labels_that_add_events_contain_all_of_them(time_s: list[float], hop_s: float) -> None:
    events = _events(time_s)
    grid = FrameGrid(hop_s=hop_s, n_frames=round(DURATION_S / hop_s))
    added = grid.label(events, n_channels=4, collision="add")
    merged = grid.label(events, n_channels=4)
    assert added.shape == merged.shape == (4, grid.n_frames)
    assert added.sum(axis=1).tolist() == np.bincount(events.channel, minlength=4).tolist()
    np.testing.assert_array_equal(merged, (added > 0).astype(np.float32))


def test_two_events_in_one_frame_merge_or_add() -> None:
    events = EventList([0.101, 0.099, 0.1], [0, 0, 1], 1.0)
    grid = FrameGrid(hop_s=0.01, n_frames=100)
    assert grid.label(events, n_channels=2)[:, 10].tolist() == [1.0, 1.0]
    assert grid.label(events, n_channels=2, collision="add")[:, 10].tolist() == [2.0, 1.0]


@pytest.mark.parametrize(
    ("hop_s", "n_frames", "message"),
    [
        (0.0, 1, "the hop between frames must be above 0 s, but got 0.0"),
        (math.nan, 1, "the hop between frames must be above 0 s, but got nan"),
        (0.01, 0, "a grid needs at least one frame, but got 0"),
    ],
)
def test_bad_grids_raise(hop_s: float, n_frames: int, message: str) -> None:
    with pytest.raises(DataError, match=message):
        FrameGrid(hop_s=hop_s, n_frames=n_frames)


def test_bad_labels_raise() -> None:
    grid = FrameGrid(hop_s=0.01, n_frames=10)
    with pytest.raises(DataError, match="`collision` must be merge or add, but got drop"):
        grid.label(EventList([], [], 0.1), n_channels=1, collision="drop")
    with pytest.raises(DataError, match="channels must be below 2, but got 2"):
        grid.label(EventList([0.0], [2], 0.1), n_channels=2)
