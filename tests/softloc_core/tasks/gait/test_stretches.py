"""Runs of contacts with known times."""

import numpy as np
from hypothesis import given, strategies as st
from scipy import stats

from softloc_core.tasks.gait.stretches import contact_runs, cut_stretch, gait_recording

RATE_HZ = 100


def cut(contact_s, name="walk", n_samples=2_000):
    motion = np.arange(6 * n_samples, dtype=np.float64).reshape(n_samples, 6)
    return motion, cut_stretch(motion, np.asarray(contact_s), name=name, person="p", system="s")


def test_runs_end_at_contacts_without_a_known_time():
    nan = np.nan
    runs = contact_runs(np.array([nan, 1.0, 2.0, 2.5, nan, 3.0, 3.5, nan, 4.0, 5.0, 6.0]))
    assert [run.tolist() for run in runs] == [[1.0, 2.0, 2.5], [4.0, 5.0, 6.0]]
    assert contact_runs(np.array([nan, 1.0])) == [] and contact_runs(np.empty(0)) == []


@given(
    steps=st.lists(st.floats(0.05, 2.0), min_size=2, max_size=9), start=st.floats(0.0, 1.0), name=st.text()
)
def test_a_stretch_is_cut_within_the_first_and_the_last_step(steps, start, name):
    contact_s = np.minimum(start + np.cumsum([0.0, *steps]), 20.0)
    _, stretch = cut(contact_s, name)
    first_s = stretch.motion[0, 0] / 6 / RATE_HZ
    end_s = first_s + len(stretch.motion) / RATE_HZ
    sample_s = 1 / RATE_HZ + 1e-9
    assert contact_s[0] <= first_s <= contact_s[1] + sample_s
    assert contact_s[-2] - 1e-9 <= end_s <= contact_s[-1] + 2 * sample_s
    np.testing.assert_allclose(stretch.contact_s + first_s, contact_s[1:-1], atol=1e-9)
    events = gait_recording(stretch).reference
    np.testing.assert_allclose(events.time_s, stretch.contact_s, atol=sample_s)


def test_the_first_contact_is_anywhere_in_the_first_step():
    """With a margin of fixed length, the time of the first contact would be known without the signal."""
    stretches = [cut(np.arange(1.0, 10.0), name=f"walk {k}")[1] for k in range(2_000)]
    first_s = [stretch.contact_s[0] for stretch in stretches]
    last_s = [len(stretch.motion) / RATE_HZ - stretch.contact_s[-1] for stretch in stretches]
    # Times are rounded to samples of 10 ms. The limits are exceeded by one uniform sample in a thousand.
    for times_s in (first_s, last_s):
        assert stats.kstest(times_s, "uniform").statistic < 0.01 + 1.95 / np.sqrt(len(stretches))
    assert abs(stats.pearsonr(first_s, last_s).statistic) < 3.3 / np.sqrt(len(stretches))
