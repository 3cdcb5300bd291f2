"""From a network's output to events: versions that vote, and excerpts that are joined."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st

from softloc_core.decoding import FrameClass, LocalMass, OneEach, PeakPicking, decode
from softloc_core.errors import ConfigError
from softloc_core.events import EventList
from softloc_core.inference.calibration import CalibratedDecoder, DecodingRule, calibrated, events_of
from softloc_core.inference.detector import Detector
from softloc_core.inference.ensemble import ENSEMBLE_OPTIONS, Ensemble, ensemble_for
from softloc_core.inference.voting import VOTES
from softloc_core.metrics import score_events
from softloc_core.tasks import Recording
from softloc_core.trial.run import run_trial
from tests.softloc_core.tiny_data import HOP_S, tiny_recording

CPU = torch.device("cpu")
ONE = ensemble_for({})


def make_detector(decoder=None, *, excerpt_s=1.0, hop_s=HOP_S, **options) -> Detector:
    return Detector(
        decoder=decoder or LocalMass(mass=0.3, window_s=0.05),
        ensemble=ensemble_for(options),
        excerpt_s=excerpt_s,
        hop_s=hop_s,
    )


class Lights(torch.nn.Module):
    """A network that returns its features as logits: an event wherever a band is lit."""

    def forward(self, features):
        return features.transpose(1, 2)


def lit_recording(*frames, n_frames=400, channels=1, wide=1) -> Recording:
    features = np.full((n_frames, channels), -9.0, dtype=np.float32)
    for frame in frames:
        features[frame : frame + wide] = 9.0
    events = EventList(np.array(frames) * HOP_S, np.zeros(len(frames)), n_frames * HOP_S)
    return Recording("lit", "lit", features, HOP_S, events, events)


def score(recordings, events, tolerance_s):
    pairs = [(recording.reference, events[recording.name]) for recording in recordings]
    return score_events(pairs, channel_names=("a",), tolerance_s=tolerance_s)


def detected_s(detector, recording):
    predictions = detector.predictions(Lights(), [recording], device=CPU)
    return events_of(CalibratedDecoder(detector.decoder, 0.0), [recording], predictions)["lit"].time_s


def test_one_plain_version_is_the_network_on_the_whole_recording():
    recording = tiny_recording("a")
    network = torch.nn.Sequential(torch.nn.Linear(8, 2), Lights())
    with torch.no_grad():
        logit = network(torch.from_numpy(recording.features)[None])[0]
    expected = torch.sigmoid(logit.double()).numpy()
    np.testing.assert_array_equal(make_detector().event_prob(network, recording, device=CPU), expected)


@pytest.mark.parametrize("combine", ["events", "frames", "mean"])
@pytest.mark.parametrize("excerpts", [False, True])
def test_several_versions_find_the_same_events_as_one(combine, excerpts):
    """Events are three frames long, so that no rate skips one."""
    recording = lit_recording(33, 60, 151, 200, 285, 370, wide=3)
    detector = make_detector(
        rates=5, spread=0.1, combine=combine, excerpts=excerpts, overlap_s=0.3 if excerpts else 0.0
    )
    time_s = detected_s(detector, recording)
    assert len(time_s) == 6
    np.testing.assert_allclose(time_s, recording.reference.time_s + HOP_S, atol=1.5 * HOP_S)


@given(st.sets(st.integers(1, 15), max_size=6), st.floats(0.05, 0.2))
@settings(deadline=None, max_examples=30)
def test_an_events_mass_is_the_same_at_every_rate(places, spread):
    frames = sorted(25 * place for place in places)
    recording = lit_recording(*frames)
    mean = make_detector(rates=1, centre=1.0 + spread).event_prob(Lights(), recording, device=CPU)
    height = make_detector(PeakPicking(0.35, 0.05), centre=1.0 + spread).event_prob(
        Lights(), recording, device=CPU
    )
    np.testing.assert_allclose(height, mean * (1 + spread), rtol=1e-9)
    detector = make_detector(rates=1, centre=1.0)
    assert detector.event_prob(Lights(), recording, device=CPU).sum() == pytest.approx(
        len(frames) + (400 - len(frames)) / (1 + math.exp(9)), abs=0.01
    )


def test_mean_keeps_the_mass_of_each_version():
    """An event of mass one in a version, at any position between the recording's frames."""
    detector = make_detector(rates=1, centre=1.1)
    for frame in range(20, 60):
        own = np.zeros((1, 1, 91))
        own[0, 0, frame] = 1.0
        mapped = detector.on_recording_frames(own, 1.1, n_frames=100)
        assert mapped.sum() == pytest.approx(1.0, abs=0.1)
        centre = (mapped[0, 0] @ np.arange(100)) / mapped.sum()
        assert centre == pytest.approx(1.1 * frame, abs=0.08)


def test_a_single_version_is_outvoted():
    """An event so short that most rates skip it, or see it too faintly, is voted down."""
    recording = lit_recording(100, wide=3)
    recording.features.setflags(write=True)
    recording.features[250] = 9.0
    detector = make_detector(rates=7, spread=0.3, combine="frames", mass=0.9, trigger=0.99)
    np.testing.assert_allclose(detected_s(detector, recording), [1.01], atol=0.011)


@pytest.mark.parametrize(
    ("name", "share"), [("paper_drums", 0.45), ("paper_piano", 0.25), ("loco_piano", 0.25)]
)
def test_shares_of_versions_correspond_to_the_papers_masses(name, share):
    vote = VOTES[name]
    ensemble = ensemble_for(
        {
            "rates": vote.n_versions,
            "combine": "frames",
            "mass": share,
            "bandwidth_s": vote.bandwidth_frames * 0.005,
            "suppression_s": vote.suppression_frames * 0.005,
            "trigger": vote.vote_threshold,
        }
    )
    ours = ensemble.vote(hop_s=0.005)
    assert replace(ours, mass=vote.mass) == pytest.approx(vote)
    assert ours.mass == pytest.approx(vote.mass, rel=0.01)


@given(
    n_frames=st.integers(20, 200),
    excerpt=st.integers(5, 60),
    overlap=st.floats(0, 0.95),
    dropped=st.floats(0, 1),
)
@settings(deadline=None)
def test_excerpts_of_a_network_without_memory_equal_the_whole_recording(n_frames, excerpt, overlap, dropped):
    rng = np.random.default_rng(n_frames)
    events = EventList([], [], n_frames * HOP_S)
    features = rng.normal(size=(n_frames, 2)).astype(np.float32)
    recording = Recording("a", "a", features, HOP_S, events, events)
    overlap_s = int(overlap * excerpt) * HOP_S
    detector = make_detector(
        excerpt_s=excerpt * HOP_S, excerpts=True, overlap_s=overlap_s, dropped_s=dropped * overlap_s
    )
    whole = make_detector().event_prob(Lights(), recording, device=CPU)
    np.testing.assert_allclose(detector.event_prob(Lights(), recording, device=CPU), whole, atol=1e-12)


def test_the_network_sees_one_excerpt_at_a_time():
    seen = []

    class Spy(Lights):
        def forward(self, features):
            seen.append(tuple(features.shape))
            return super().forward(features)

    detector = make_detector(
        excerpt_s=1.0, excerpts=True, overlap_s=0.5, rates=2, spread=0.25, combine="mean"
    )
    detector.event_prob(Spy(), lit_recording(n_frames=400), device=CPU)
    # Seven excerpts of 100 frames, one every 50 frames, at a lower and a higher rate.
    assert seen == [(7, 133, 1), (7, 80, 1)]


def test_speeds_are_evenly_spaced_around_the_centre():
    assert ONE.speeds == (1.0,)
    np.testing.assert_allclose(ensemble_for({"rates": 5, "spread": 0.1}).speeds, [0.9, 0.95, 1, 1.05, 1.1])
    assert ensemble_for({"rates": 1, "centre": 0.9}).speeds == (0.9,)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ratse": 5}, "`ensemble_options` of an ensemble must be among rates, .*, but got ratse"),
        ({"rates": 2.5}, "`ensemble_options: rates` must be a whole number, but got 2.5"),
        ({"rates": 0}, "`ensemble_options: rates` must be a number from 1 to 100, but got 0"),
        ({"mass": 1.5}, "`ensemble_options: mass` must be a number from 0.001 to 1, but got 1.5"),
        ({"combine": "all"}, "must be one of events, frames, mean, but got all"),
        ({"spread": 0.5, "centre": 0.5}, "`ensemble_options: spread` must be below the centre, 0.5, but got"),
        ({"rates": 3, "bandwidth_s": 0.001}, r"`.*bandwidth_s` must be at least a frame \(0.01 s\), but got"),
        ({"excerpts": True, "overlap_s": 1}, r"`.*overlap_s` must be below the excerpt's 1 s, but got 1"),
        ({"excerpts": True, "dropped_s": 0.1}, r"`.*dropped_s` must be at most overlap_s \(0\), .* got 0.1"),
    ],
)
def test_invalid_options_raise(options, message):
    with pytest.raises(ConfigError, match=message):
        make_detector(**options)


@pytest.mark.parametrize("decoder", [OneEach(), FrameClass(smoothing_s=0.0)])
def test_decoders_that_always_find_an_event_require_the_mean(decoder):
    with pytest.raises(ConfigError, match=r"`ensemble_options: combine` must be mean .*, but got events"):
        make_detector(decoder, rates=3)
    recording = lit_recording(100, wide=3, channels=2)
    detector = make_detector(decoder, rates=3, combine="mean")
    assert len(detected_s(detector, recording)) >= 1


def test_every_option_is_an_attribute_of_the_ensemble():
    renamed = {"trigger": "vote_threshold"}
    assert {renamed.get(name, name) for name in ENSEMBLE_OPTIONS} == set(Ensemble.__dataclass_fields__)


def test_the_offset_is_calibrated_with_the_ensemble():
    recording = lit_recording(50, 150, 250, 350)
    late = replace(recording, reference=recording.reference.moved(recording.reference.time_s - 0.03))
    detector = make_detector(rates=3, spread=0.1, combine="mean")
    rule = DecodingRule(
        decoders=(detector.decoder,),
        offset_s=0.0,
        calibrate_offset=True,
        is_calibrated=False,
        tolerance_s=0.05,
    )
    predictions = detector.predictions(Lights(), [late], device=CPU)
    chosen = calibrated(rule, [late], predictions, score)
    assert chosen.offset_s == pytest.approx(-0.03, abs=0.006)
    events = events_of(chosen, [late], predictions)
    np.testing.assert_allclose(events["lit"].time_s, late.reference.time_s, atol=0.01)


@pytest.mark.parametrize("combine", ["events", "frames", "mean"])
def test_a_trial_with_an_ensemble_is_scored_with_the_ensemble(config, data, combine):
    config = replace(config, iterations=100)
    options = {"rates": 5, "spread": 0.1, "combine": combine, "excerpts": True, "overlap_s": 0.5}
    # After such a short training the mass of an event is spread over several frames.
    options |= {"trigger": 0.1}
    result = run_trial(replace(config, ensemble_options=tuple(sorted(options.items()))), data)
    assert result.scores.f1 > 0.7
    assert repr(run_trial(result.config, data).scores) == repr(result.scores)


def test_a_perfect_network_is_decoded_perfectly():
    recording = lit_recording(40, 120, 260, wide=1)
    prob = make_detector().event_prob(Lights(), recording, device=CPU)
    events = decode(
        prob, LocalMass(0.3, 0.05), grid=recording.grid, duration_s=recording.reference.duration_s
    )
    np.testing.assert_allclose(events.time_s, recording.reference.time_s, atol=1e-3)
