"""Rendered drums can be learnt, and no class of them perfectly."""

from pathlib import Path

import pytest

from softloc_core.tasks import TASKS
from softloc_core.trial.run import TrialConfig, run_trial


@pytest.mark.slow
def test_a_trained_network_is_good_but_not_perfect_at_any_class(tmp_path: Path) -> None:
    drums = TASKS.get("drums")
    named = {"data": "synthetic", "split": "new_kits", "loss": "softloc", "seed": 0, "replicate": 0}
    config = TrialConfig(**{**drums.defaults("compact"), **named})
    data = drums.load(config.data_request(), data_root=None, cache_dir=tmp_path)
    scores = run_trial(config, data).scores
    assert 0.8 < scores.f1 < 0.97
    for name, f1 in scores.f1_per_class.items():
        assert 0.75 < f1 < 0.98, name
