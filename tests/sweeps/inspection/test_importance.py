"""The importance of the varied parameters."""

import numpy as np
import pandas as pd
import pytest

from analysis.errors import AnalysisError
from analysis.reading.results import StoredStudy
from sweeps.inspection.importance import parameter_importance


def study(n=60, **columns):
    rng = np.random.default_rng(0)
    noise_s, softness_s = rng.uniform(0, 0.1, n), rng.uniform(0, 0.15, n)
    trials = pd.DataFrame(
        {
            "trial_id": [f"{index:04d}" for index in range(n)],
            "status": "completed",
            "loss": np.where(np.arange(n) % 2, "softloc", "one_sided"),
            "label_noise_s": noise_s,
            "softness_s": softness_s,
            "f1": 0.9 - 4 * noise_s + rng.normal(0, 0.01, n),
        }
    )
    return StoredStudy("here", "simulated", trials.assign(**columns), {})


def test_the_parameter_that_matters_has_the_largest_share():
    shares = parameter_importance(study())
    assert next(iter(shares)) == "label noise (ms)" and shares["label noise (ms)"] > 0.8
    assert set(shares) == {"label noise (ms)", "softness (ms)", "loss"}
    assert sum(shares.values()) == pytest.approx(1.0)
    assert parameter_importance(study()) == shares


def test_infinite_softness_is_left_out():
    trials = study().trials
    trials.loc[:4, "softness_s"] = np.inf
    assert "softness (ms)" in parameter_importance(StoredStudy("here", "simulated", trials, {}))


@pytest.mark.parametrize(
    "few", [study(8), study(30, label_noise_s=0.1, loss="softloc")], ids=["few trials", "one parameter"]
)
def test_too_few_trials_or_parameters_are_rejected(few):
    with pytest.raises(AnalysisError, match="needs at least 2 varied parameters and 10 trials, but here has"):
        parameter_importance(few)
