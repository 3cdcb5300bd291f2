"""Label noise: reproducible, scaled, common to all losses."""

import numpy as np
import pytest
from scipy import stats

from softloc_core.errors import ConfigError
from softloc_core.events import EventList
from softloc_core.label_noise import misaligned


def some_events(n_events: int = 4000, duration_s: float = 4000.0) -> EventList:
    time_s = np.linspace(10, duration_s - 10, n_events)
    return EventList(time_s, np.arange(n_events) % 3, duration_s)


def shifts_s(scale_s: float, *, seed: int = 0, replicate: int = 0, recording: str = "a") -> np.ndarray:
    events = some_events()
    noisy = misaligned(
        events, noise="normal", scale_s=scale_s, seed=seed, replicate=replicate, recording=recording
    )
    return noisy.time_s - events.time_s


def test_normal_has_its_distribution():
    assert stats.kstest(shifts_s(0.05), "norm", args=(0, 0.05)).pvalue > 0.01


def test_the_scale_only_scales():
    assert shifts_s(0.1) == pytest.approx(2 * shifts_s(0.05), abs=1e-9)
    assert np.array_equal(shifts_s(0.0), np.zeros(4000))


def test_seed_replicate_and_recording_each_change_the_draw():
    base = shifts_s(0.05)
    assert np.array_equal(base, shifts_s(0.05))
    for other in (shifts_s(0.05, seed=1), shifts_s(0.05, replicate=1), shifts_s(0.05, recording="b")):
        assert not np.array_equal(base, other)
        assert abs(np.corrcoef(base, other)[0, 1]) < 0.08


def test_events_that_leave_are_clipped_and_kept():
    events = EventList(np.full(200, 0.01), np.zeros(200, dtype=int), 0.02)
    noisy = misaligned(events, noise="normal", scale_s=1.0, seed=0, replicate=0, recording="a")
    assert len(noisy) == 200
    assert noisy.time_s.min() == 0
    assert noisy.time_s.max() == 0.02


def test_bad_noise_is_refused():
    events = some_events(3)
    arguments = {"seed": 0, "replicate": 0, "recording": "a"}
    with pytest.raises(ConfigError, match=r"`noise` must be one of normal.*, but got pink"):
        misaligned(events, noise="pink", scale_s=0.1, **arguments)
    for scale_s in (-0.1, float("inf"), float("nan")):
        with pytest.raises(ConfigError, match="`label_noise` must be finite and at least 0 s, but got"):
            misaligned(events, noise="normal", scale_s=scale_s, **arguments)
    with pytest.raises(ConfigError, match="`noise_options` of normal must be empty, but got skew"):
        misaligned(events, noise="normal", scale_s=0.1, options={"skew": 1}, **arguments)
