"""A trial is a pure function of its configuration, whose content is its identity."""

import math
from dataclasses import fields, replace

import pytest
from hypothesis import given, strategies as st

from softloc_core.errors import ConfigError
from softloc_core.losses import LOSSES
from softloc_core.losses.schedules import Constant
from softloc_core.trial.run import TrialConfig, run_trial, trial_id
from tests.softloc_core.tiny_data import tiny_data

CHANGED = {
    "loss_options": (("beta", 0.5),),
    "noise_options": (("shift", 1),),
    "decoding_options": (("mass", 0.5),),
    "ensemble_options": (("rates", 5),),
    "alpha": Constant(0.5),
    "rate_variation": 0.125,
    "rate_centre": 0.875,
    "rate_share": 0.5,
    "stacking": 0.5,
}


def other_value(name, value):
    """Return another valid value of this field."""
    if name in CHANGED:
        return CHANGED[name]
    if name == "initial_empty_prob":
        return 0.5
    if name == "validation_labels":
        return "clean"
    return value + "x" if isinstance(value, str) else value + 1 if name != "weight_averaging" else 0.5


def test_no_field_has_a_default():
    with pytest.raises(TypeError, match=f"missing {len(fields(TrialConfig))} required keyword-only"):
        TrialConfig()


@pytest.mark.parametrize("name", [field.name for field in fields(TrialConfig)])
def test_identity_changes_with_every_field(config, name):
    other = replace(config, **{name: other_value(name, getattr(config, name))})
    assert trial_id(other, data_fingerprint="a") != trial_id(config, data_fingerprint="a")


def test_identity_changes_with_the_data_but_not_with_the_notation(config):
    identity = trial_id(config, data_fingerprint="a")
    assert identity != trial_id(config, data_fingerprint="b")
    assert identity == trial_id(replace(config), data_fingerprint="a")
    assert identity == trial_id(replace(config, softness_s=50 / 1000), data_fingerprint="a")
    assert identity == trial_id(replace(config, gain_db=3), data_fingerprint="a")
    assert len(identity) == 16 and int(identity, 16) >= 0


@given(st.floats(0, 1), st.floats(0, 1))
def test_identities_of_different_softness_differ(first, second):
    def identity(softness_s):
        spec = {f.name: 1 for f in fields(TrialConfig)} | {
            "alpha": Constant(0.5),
            "loss_options": (),
            "noise_options": (),
            "decoding_options": (),
            "ensemble_options": (),
            "rate_variation": 0.5,
            "validation_labels": "clean",
            "initial_empty_prob": 0.5,
            "weight_averaging": 0.0,
        }
        return trial_id(TrialConfig(**(spec | {"softness_s": softness_s})), data_fingerprint="a")

    assert (identity(first) == identity(second)) == (first == second)


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        ("softness_s", -0.1, "at least 0"),
        ("label_noise_s", math.nan, "at least 0"),
        ("label_noise_s", math.inf, "finite"),
        ("excerpt_s", 0, "above 0"),
        ("learning_rate", -1, "above 0"),
        ("tolerance_s", math.inf, "finite"),
        ("iterations", 0, "at least 1"),
        ("batch_size", 0, "at least 1"),
        ("replicate", -1, "at least 0"),
        ("weight_averaging", 1.0, r"in \[0, 1\)"),
        ("rate_variation", -0.1, "at least 0"),
        ("rate_variation", 1.0, "below rate_centre, 1"),
        ("rate_centre", 0.0, "above 0"),
        ("rate_centre", math.inf, "finite"),
        ("rate_share", 1.1, r"in \[0, 1\]"),
        ("stacking", -0.5, r"in \[0, 1\]"),
        ("initial_empty_prob", 1.0, "between 0 and 1"),
    ],
)
def test_a_value_out_of_range_raises(config, name, value, rule):
    with pytest.raises(ConfigError, match=f"`{name}` must be {rule}.*but got {value}"):
        replace(config, **{name: value})


def test_two_runs_have_the_same_result_bit_for_bit(config, data):
    config = replace(config, iterations=15, label_noise_s=0.03)
    first, second = run_trial(config, data), run_trial(config, tiny_data())
    assert first.history == second.history
    assert first.events == second.events
    assert repr(first.scores) == repr(second.scores)
    other = run_trial(replace(config, replicate=1), data)
    assert other.history != first.history


@pytest.mark.parametrize("loss", ["cross_entropy", "softloc", "count"])
def test_a_trial_learns_where_events_are(config, data, loss):
    result = run_trial(replace(config, loss=loss, iterations=250), data)
    assert result.scores.f1 > 0.9
    assert result.history[-1].loss < result.history[0].loss
    assert set(result.events) == {"test0"}


@pytest.mark.parametrize("loss", sorted(LOSSES))
def test_every_loss_trains_and_is_scored(config, data, loss):
    result = run_trial(replace(config, loss=loss, iterations=5), data)
    assert math.isfinite(result.history[-1].loss)
    assert 0 <= result.scores.f1 <= 1
    assert result.trial_id == trial_id(result.config, data_fingerprint=data.fingerprint)
