"""Label noise is reproducible, scaled and the same for all losses; each kind has its distribution."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy import stats

from softloc_core.errors import ConfigError
from softloc_core.events import EventList
from softloc_core.label_noise import COMMON_OPTIONS, NOISES, misaligned, resolve_noise_options

N_EVENTS = 4000


def some_events(n_events: int = N_EVENTS, duration_s: float = 40_000.0) -> EventList:
    time_s = np.linspace(100, duration_s - 100, n_events)
    return EventList(time_s, np.arange(n_events) % 3, duration_s)


def shifts_s(
    scale_s=0.05, *, noise="normal", seed=0, replicate=0, recording="a", options=None, events=None
) -> np.ndarray:
    events = some_events() if events is None else events
    noisy = misaligned(
        events,
        noise=noise,
        scale_s=scale_s,
        seed=seed,
        replicate=replicate,
        recording=recording,
        options=options,
    )
    return noisy.time_s - events.time_s


DISTRIBUTIONS = {
    "normal": stats.norm(0, 0.05),
    "skew_normal": stats.skewnorm(-2, loc=0, scale=0.05),
    "uniform": stats.uniform(-0.05, 0.1),
    "laplace": stats.laplace(0, 0.05),
    "student_t": stats.t(3, 0, 0.05),
}


@pytest.mark.parametrize("noise", DISTRIBUTIONS)
def test_continuous_kinds_have_their_distribution(noise):
    assert stats.kstest(shifts_s(noise=noise), DISTRIBUTIONS[noise].cdf).pvalue > 0.01


def test_rounded_normal_has_the_rounded_distribution():
    steps = shifts_s(noise="rounded_normal", options={"step_s": 0.04}) / 0.04
    assert steps == pytest.approx(np.round(steps), abs=1e-6)
    values = np.arange(-3, 4)
    expected = N_EVENTS * np.diff(stats.norm(0, 0.05 / 0.04).cdf(np.append(values - 0.5, 3.5)))
    seen = np.array([np.sum(np.round(steps) == value) for value in values])
    rest = N_EVENTS - seen.sum(), N_EVENTS - expected.sum()
    assert stats.chisquare([*seen, rest[0]], [*expected, rest[1]]).pvalue > 0.01


def test_binary_is_early_or_late_by_the_scale_for_each_event_independently():
    steps = shifts_s(noise="binary") / 0.05
    assert np.abs(steps) == pytest.approx(1, abs=1e-6)
    assert stats.binomtest(int(np.sum(steps > 0)), N_EVENTS).pvalue > 0.01
    assert abs(np.corrcoef(steps[1:], steps[:-1])[0, 1]) < 0.06


def test_sequence_shift_moves_whole_recordings_in_either_direction():
    signs = []
    for i in range(400):
        shift = shifts_s(noise="sequence_shift", recording=str(i), events=some_events(5))
        assert shift == pytest.approx(shift[0], abs=1e-9)
        assert abs(shift[0]) == pytest.approx(0.05)
        signs.append(shift[0] > 0)
    assert stats.binomtest(sum(signs), 400).pvalue > 0.01


def test_bias_is_the_same_for_every_event():
    assert shifts_s(noise="bias") == pytest.approx(0.05, abs=1e-9)
    assert shifts_s(noise="bias", options={"direction": "early"}) == pytest.approx(-0.05, abs=1e-9)


def test_annotators_have_their_own_scale_and_bias():
    options = {"annotators": 2, "scale_spread": 0.5, "bias_spread": 2.0}
    habits = []
    for i in range(12):
        shift = shifts_s(noise="annotator", recording=str(i), options=options)
        assert stats.kstest((shift - shift.mean()) / shift.std(), "norm").pvalue > 1e-4
        habits.append((round(shift.mean() / 0.05, 0), shift.std() / 0.05))
    means = {mean for mean, _ in habits}
    assert len(means) <= 2
    assert len({round(sd, 1) for _, sd in habits}) <= 4  # two annotators, estimated
    assert all(0.45 < sd < 1.55 for _, sd in habits)
    alone = shifts_s(noise="annotator", options={"scale_spread": 0, "bias_spread": 0})
    assert alone == pytest.approx(shifts_s(noise="normal"), abs=1e-9)


@pytest.mark.parametrize("noise", NOISES)
def test_the_scale_multiplies_the_shifts_and_zero_changes_nothing(noise):
    assert np.array_equal(shifts_s(0.0, noise=noise), np.zeros(N_EVENTS))
    if noise != "rounded_normal":  # rounding comes after scaling
        assert shifts_s(0.1, noise=noise) == pytest.approx(2 * shifts_s(0.05, noise=noise), abs=1e-8)


@pytest.mark.parametrize("noise", [noise for noise in NOISES if noise != "bias"])
def test_seed_replicate_and_recording_each_change_the_noise(noise):
    def draw(*, recording="a", **what):
        parts = [
            shifts_s(noise=noise, recording=f"{recording}{i}", events=some_events(50), **what)
            for i in range(8)
        ]
        return np.concatenate(parts)

    base = draw()
    assert np.array_equal(base, draw())
    for other in (draw(seed=1), draw(replicate=1), draw(recording="b")):
        assert not np.array_equal(base, other)


def test_large_seeds_that_differ_by_one_draw_different_noise():
    for first in (2**53, 2**63, 2**100):
        assert not np.array_equal(shifts_s(seed=first), shifts_s(seed=first + 1))
        assert not np.array_equal(shifts_s(replicate=first), shifts_s(replicate=first + 1))


def test_noise_is_uncorrelated_between_recordings():
    assert abs(np.corrcoef(shifts_s(recording="a"), shifts_s(recording="b"))[0, 1]) < 0.06


def noisy(options, *, events=None, scale_s=0.0, noise="normal"):
    return misaligned(
        some_events() if events is None else events,
        noise=noise,
        scale_s=scale_s,
        seed=0,
        replicate=0,
        recording="a",
        options=options,
    )


def as_set(events: EventList) -> set[tuple[float, int]]:
    return set(zip(events.time_s.tolist(), events.channel.tolist(), strict=True))


def test_missing_events_have_their_rate_and_are_nested():
    few, many = noisy({"missing_rate": 0.1}), noisy({"missing_rate": 0.3})
    assert stats.binomtest(N_EVENTS - len(few), N_EVENTS, 0.1).pvalue > 0.01
    assert stats.binomtest(N_EVENTS - len(many), N_EVENTS, 0.3).pvalue > 0.01
    assert as_set(many) < as_set(few) < as_set(some_events())
    assert len(noisy({"missing_rate": 1.0})) == 0


def test_spurious_events_have_their_rate_and_are_uniform_and_nested():
    few, many = noisy({"spurious_rate": 0.1}), noisy({"spurious_rate": 0.3})
    true = as_set(some_events())
    added = as_set(many) - true
    assert true < as_set(few) < as_set(many)
    assert stats.binomtest(len(added), N_EVENTS, 0.3).pvalue > 0.01
    times = [time for time, _ in added]
    assert stats.kstest(times, "uniform", args=(0, 40_000)).pvalue > 0.01
    per_class = [sum(channel == c for _, channel in added) for c in range(3)]
    assert stats.chisquare(per_class).pvalue > 0.01


def test_events_that_leave_the_recording_are_clipped_or_dropped():
    events = EventList(np.full(200, 0.01), np.zeros(200, dtype=int), 0.02)
    clipped = noisy({}, events=events, scale_s=1.0)
    assert len(clipped) == 200
    assert clipped.time_s.min() == 0
    assert clipped.time_s.max() == 0.02
    dropped = noisy({"outside": "drop"}, events=events, scale_s=1.0)
    assert as_set(dropped) == {(time, 0) for time in clipped.time_s if 0 < time < 0.02}


def test_events_of_one_class_at_one_instant_are_kept_or_merged():
    events = EventList([0.1, 0.2, 0.2, 0.9], [0, 0, 1, 0], 1.0)
    kept = noisy({}, events=events, scale_s=5.0, noise="bias")
    assert kept.time_s.tolist() == [1.0] * 4
    merged = noisy({"collision": "merge"}, events=events, scale_s=5.0, noise="bias")
    assert as_set(merged) == {(1.0, 0), (1.0, 1)}


@given(
    times=st.lists(st.floats(0, 10), max_size=12),
    noise=st.sampled_from(sorted(NOISES)),
    scale_s=st.floats(0, 100),
    outside=st.sampled_from(["clip", "drop"]),
    rate=st.floats(0, 1),
)
@settings(max_examples=60, deadline=None)
def test_any_noise_gives_valid_events(times, noise, scale_s, outside, rate):
    events = EventList(times, [0] * len(times), 10.0)
    options = {"outside": outside, "spurious_rate": rate}
    result = noisy(options, events=events, scale_s=scale_s, noise=noise)
    assert result.duration_s == 10.0
    if outside == "clip":
        assert len(events) <= len(result) <= 2 * len(events)


def test_every_option_has_a_meaning_and_an_allowed_default():
    for name, noise in NOISES.items():
        assert noise.description
        assert not set(noise.options) & set(COMMON_OPTIONS)
        resolved = resolve_noise_options(name, {})
        assert set(resolved) == set(noise.options) | set(COMMON_OPTIONS)


def test_bad_noise_raises():
    events = some_events(3)
    arguments = {"seed": 0, "replicate": 0, "recording": "a"}
    with pytest.raises(ConfigError, match=r"`noise` must be one of normal.*, but got pink"):
        misaligned(events, noise="pink", scale_s=0.1, **arguments)
    for scale_s in (-0.1, float("inf"), float("nan")):
        with pytest.raises(ConfigError, match="`label_noise` must be finite and at least 0 s, but got"):
            misaligned(events, noise="normal", scale_s=scale_s, **arguments)
    with pytest.raises(
        ConfigError, match=r"`noise_options` of normal must be among outside, .*, but got skewness"
    ):
        misaligned(events, noise="normal", scale_s=0.1, options={"skewness": 1}, **arguments)
    with pytest.raises(
        ConfigError, match=r"`noise_options: missing_rate` must be a number from 0 to 1, but got 2"
    ):
        misaligned(events, noise="normal", scale_s=0.1, options={"missing_rate": 2}, **arguments)
    with pytest.raises(
        ConfigError, match=r"`noise_options: outside` must be one of clip, drop, but got wrap"
    ):
        misaligned(events, noise="normal", scale_s=0.1, options={"outside": "wrap"}, **arguments)
