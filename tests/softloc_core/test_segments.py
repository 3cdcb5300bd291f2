"""Segments fill a recording for any starts, and their frames have its classes."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from softloc_core.errors import DataError
from softloc_core.events import EventList, FrameGrid, SegmentList
from softloc_core.label_noise import NOISES, misaligned

HOP_S = 0.5
classes = st.lists(st.integers(0, 4), min_size=1, max_size=40)


def _shifted(frames: list[int], n_frames: int) -> list[int]:
    """Shift with a plain loop: each frame takes the class n_frames before it; the ends are repeated."""
    last = len(frames) - 1
    return [frames[min(max(index - n_frames, 0), last)] for index in range(len(frames))]


def _frames(segments: EventList, n_frames: int) -> list[int]:
    label = FrameGrid(hop_s=HOP_S, n_frames=n_frames).label(segments, n_channels=5)
    assert (label.sum(axis=0) == 1).all(), "every frame has one class"
    return label.argmax(axis=0).tolist()


@given(classes)
@settings(deadline=None)
def test_frames_to_segments_to_frames_is_the_identity(frames: list[int]) -> None:
    segments = SegmentList.from_frames(frames, hop_s=HOP_S)
    assert _frames(segments, len(frames)) == frames
    assert segments.duration_s == len(frames) * HOP_S
    assert (segments.end_s - segments.start_s).sum() == pytest.approx(segments.duration_s)


@given(classes, st.integers(-60, 60))
@settings(deadline=None)
def test_a_shift_moves_the_whole_labelling_and_fills_its_ends(frames: list[int], shift: int) -> None:
    segments = SegmentList.from_frames(frames, hop_s=HOP_S)
    moved = segments.moved(segments.start_s + shift * HOP_S)
    # A shift past the end leaves the first class, and a shift past the beginning leaves the last one.
    assert _frames(moved, len(frames)) == _shifted(frames, shift)


def test_sequence_shift_moves_whole_recordings_in_either_direction() -> None:
    frames = [0] * 6 + [1] * 2 + [2] * 8
    segments = SegmentList.from_frames(frames, hop_s=HOP_S)
    drawn = {
        tuple(
            _frames(
                misaligned(
                    segments, noise="sequence_shift", scale_s=3.5, seed=0, replicate=0, recording=f"{name}"
                ),
                len(frames),
            )
        )
        for name in range(20)
    }
    assert drawn == {tuple([0] * 13 + [1] * 2 + [2]), tuple([1] + [2] * 15)}


@given(
    classes,
    st.sampled_from(sorted(NOISES)),
    st.floats(0, 30),
    st.sampled_from(["clip", "drop"]),
    st.sampled_from(["keep", "merge"]),
    st.floats(0, 1),
)
@settings(max_examples=60, deadline=None)
def test_any_noise_leaves_segments_that_fill_the_recording(
    frames: list[int], noise: str, scale_s: float, outside: str, collision: str, rate: float
) -> None:
    segments = SegmentList.from_frames(frames, hop_s=HOP_S)
    options = {"outside": outside, "collision": collision, "missing_rate": rate, "spurious_rate": rate}
    moved = misaligned(
        segments, noise=noise, scale_s=scale_s, seed=0, replicate=0, recording="a", options=options
    )
    assert isinstance(moved, SegmentList)
    assert set(_frames(moved, len(frames))) <= set(frames)
    untouched = misaligned(segments, noise=noise, scale_s=0.0, seed=0, replicate=0, recording="a")
    assert untouched == segments


def test_classes_keep_their_order_when_boundaries_cross() -> None:
    segments = SegmentList([0, 2, 4, 6], [0, 1, 2, 3], 10.0)
    moved = segments.moved([0, 5, 3, 6])
    assert moved == SegmentList([0, 3, 5, 6], [0, 1, 2, 3], 10.0)


def test_a_segment_without_a_label_joins_the_one_before() -> None:
    segments = SegmentList([0, 2, 4, 6], [0, 1, 2, 3], 10.0)
    found = [
        misaligned(
            segments,
            noise="normal",
            scale_s=0.0,
            seed=0,
            replicate=0,
            recording=f"{name}",
            options={"missing_rate": 0.5},
        )
        for name in range(30)
    ]
    assert all(set(labels.start_s) <= {0.0, 2.0, 4.0, 6.0} and len(labels) >= 1 for labels in found)
    assert 1.5 < np.mean([len(labels) for labels in found]) < 2.5


def test_segments_that_do_not_fill_the_recording_raise() -> None:
    with pytest.raises(DataError, match="a recording's segments must fill it, but got none"):
        SegmentList([], [], 1.0)
    with pytest.raises(DataError, match=r"the first segment must start at 0 s, but got 0\.5 s"):
        SegmentList([0.5], [0], 1.0)
    with pytest.raises(DataError, match=r"needs a length above 0 s, but got none at 0\.5 s"):
        SegmentList([0, 0.5, 0.5], [0, 1, 2], 1.0)
    with pytest.raises(DataError, match="needs a length above 0 s, but got none at 1 s"):
        SegmentList([0, 1.0], [0, 1], 1.0)
    with pytest.raises(DataError, match="must fill it, but got none"):
        SegmentList.from_starts([], [], 1.0)
