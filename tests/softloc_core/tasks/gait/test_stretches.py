"""Runs of contacts with known times."""

import numpy as np

from softloc_core.tasks.gait.stretches import contact_runs


def test_runs_end_at_contacts_without_a_known_time():
    nan = np.nan
    runs = contact_runs(np.array([nan, 1.0, 2.0, nan, 3.0, nan, 4.0, 5.0, 6.0]))
    assert [run.tolist() for run in runs] == [[1.0, 2.0], [4.0, 5.0, 6.0]]
    assert contact_runs(np.array([nan, 1.0])) == [] and contact_runs(np.empty(0)) == []
