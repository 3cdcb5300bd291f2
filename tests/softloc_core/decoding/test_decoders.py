"""Decoding finds each event once, at its position."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from softloc_core.decoding import (
    DECODERS,
    FrameClass,
    LocalMass,
    OneEach,
    PeakPicking,
    Threshold,
    decode,
    decoder_for,
)
from softloc_core.errors import ConfigError
from softloc_core.events import EventList, FrameGrid

HOP_S = 0.01
LOCAL_MASS = LocalMass(mass=0.5, window_s=0.05)


# The others find one event even if it is improbable, or a class for every frame.
ANY_NUMBER = sorted(set(DECODERS) - {"one_each", "frame_class"})


@pytest.mark.parametrize("name", ANY_NUMBER)
def test_every_decoder_finds_nothing_in_silence(name):
    assert len(DECODERS[name](np.zeros(50), hop_s=HOP_S)) == 0


@pytest.mark.parametrize("name", ANY_NUMBER)
@settings(deadline=None)
@given(positions=st.sets(st.integers(0, 9), max_size=6))
def test_every_decoder_finds_isolated_spikes_at_their_positions(name, positions):
    frames = np.array(sorted(positions), dtype=int) * 20
    prob = np.zeros(200)
    prob[frames] = 1.0
    # Decoders for steps take a frame for a second.
    hop_s = 1.0 if name.endswith("_steps") else HOP_S
    np.testing.assert_allclose(DECODERS[name](prob, hop_s=hop_s), frames)


@settings(deadline=None)
@given(st.floats(0, 1), st.integers(2, 40))
def test_an_event_split_over_two_frames_is_found_once_at_its_centre(share, frame):
    prob = np.zeros(50)
    prob[frame], prob[frame + 1] = 1 - share, share
    np.testing.assert_allclose(LOCAL_MASS(prob, hop_s=HOP_S), [frame + share], atol=1e-9)


def test_local_mass_requires_enough_mass():
    prob = np.zeros(50)
    prob[20:23] = 0.15
    assert len(LOCAL_MASS(prob, hop_s=HOP_S)) == 0
    prob[20:23] = 0.2
    np.testing.assert_allclose(LOCAL_MASS(prob, hop_s=HOP_S), [21.0])


def test_local_mass_separates_events_a_window_apart():
    prob = np.zeros(50)
    prob[[20, 25]] = 1.0
    np.testing.assert_allclose(LOCAL_MASS(prob, hop_s=HOP_S), [20, 25])


def test_peak_picking_compares_with_one_smoothed_event():
    softness_frames = 5.0
    frame = np.arange(100)
    smoothed = np.exp(-0.5 * ((frame - 40) / softness_frames) ** 2) / (np.sqrt(2 * np.pi) * softness_frames)
    decoder = decoder_for("auto", prediction="smeared", softness_frames=softness_frames)
    np.testing.assert_allclose(decoder(smoothed, hop_s=HOP_S), [40])
    np.testing.assert_allclose(decoder(0.4 * smoothed, hop_s=HOP_S), [40])
    assert len(decoder(0.3 * smoothed, hop_s=HOP_S)) == 0


def test_a_long_window_decodes_mass_on_two_waves_as_one_event_between_them():
    prob = np.zeros(100)
    prob[[40, 48]] = 0.5
    assert len(DECODERS["local_mass"](prob, hop_s=HOP_S)) == 2
    np.testing.assert_allclose(DECODERS["local_mass_150ms"](prob, hop_s=HOP_S), [44])


def test_auto_depends_on_the_kind_of_output():
    assert isinstance(decoder_for("auto", prediction="point", softness_frames=5), LocalMass)
    assert isinstance(decoder_for("auto", prediction="frame", softness_frames=5), LocalMass)
    assert isinstance(decoder_for("auto", prediction="smeared", softness_frames=0), PeakPicking)


def test_an_unknown_decoder_raises_and_lists_the_known_ones():
    with pytest.raises(
        ConfigError, match=r"`decoding` must be one of calibrated, auto, local_mass, .* but got argmax"
    ):
        decoder_for("argmax", prediction="point", softness_frames=0)


def test_decode_places_each_channel_on_the_grid_within_the_recording():
    grid = FrameGrid(hop_s=HOP_S, n_frames=11)
    prob = np.zeros((2, 11))
    prob[0, 3], prob[1, 10] = 1.0, 1.0
    found = decode(prob, LOCAL_MASS, grid=grid, duration_s=0.095)
    np.testing.assert_allclose(found.time_s, [0.03, 0.095])
    assert found.channel.tolist() == [0, 1]


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_one_each_finds_only_the_most_probable_frame(prob):
    (frame,) = OneEach()(np.array(prob), hop_s=HOP_S)
    assert prob[int(frame)] == max(prob) and int(frame) == prob.index(max(prob))


def test_one_each_finds_one_event_of_every_class():
    prob = np.zeros((3, 40))
    prob[[0, 1, 2], [5, 39, 0]] = 0.01
    events = decode(prob, OneEach(), grid=FrameGrid(HOP_S, 40), duration_s=0.4)
    np.testing.assert_allclose(events.time_s, [0.0, 0.05, 0.39])
    np.testing.assert_array_equal(events.channel, [2, 0, 1])


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), max_size=30), st.floats(0, 0.99))
def test_threshold_finds_every_frame_above_it(prob, threshold):
    frames = Threshold(threshold)(np.array(prob), hop_s=HOP_S)
    np.testing.assert_array_equal(frames, [k for k, value in enumerate(prob) if value > threshold])


def test_a_study_can_set_the_threshold():
    decoder = decoder_for("threshold", prediction="point", softness_frames=1.0, options={"threshold": 0.2})
    assert decoder == Threshold(0.2)
    with pytest.raises(ConfigError, match="`decoding_options: threshold` must be a number from 0 to 1"):
        decoder_for("threshold", prediction="point", softness_frames=1.0, options={"threshold": 2.0})


@given(st.lists(st.integers(0, 3), min_size=1, max_size=30))
@settings(deadline=None)
def test_the_most_probable_classes_are_segments_that_fill_the_recording(classes):
    prob = np.full((4, len(classes)), 0.1)
    prob[classes, np.arange(len(classes))] = 0.6
    grid = FrameGrid(hop_s=0.5, n_frames=len(classes))
    found = decode(prob, DECODERS["frame_class"], grid=grid, duration_s=len(classes) * 0.5)
    assert found == EventList(*_runs(classes), len(classes) * 0.5)


def _runs(classes):
    """Return start and class of each run with a plain loop."""
    changes = [k for k in range(len(classes)) if k == 0 or classes[k] != classes[k - 1]]
    return [0.5 * k for k in changes], [classes[k] for k in changes]


def test_a_running_mean_removes_short_segments():
    prob = np.zeros((2, 9))
    prob[0], prob[1, 4] = 0.5, 0.9
    assert [len(starts) for starts in FrameClass(smoothing_s=0.0).starts(prob, hop_s=1.0)] == [2, 1]
    assert [len(starts) for starts in FrameClass(smoothing_s=3.0).starts(prob, hop_s=1.0)] == [1, 0]
    decoder = decoder_for("frame_class", prediction="frame", softness_frames=0, options={"smoothing_s": 3.0})
    assert decoder == FrameClass(smoothing_s=3.0)
