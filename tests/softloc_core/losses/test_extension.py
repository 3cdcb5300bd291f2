"""A package outside softloc adds a loss with one function and one registry entry."""

import math
from dataclasses import replace

import pytest
import torch

from softloc_core.errors import ConfigError
from softloc_core.losses import LOSSES, LossEntry, TermLoss, make_loss, register_loss, unregister_loss
from softloc_core.losses.schedules import Constant
from softloc_core.options import Option
from softloc_core.trial.config import trial_id
from softloc_core.trial.run import run_trial


def build_hinge(*, options, **_):
    def loss(event_logit, label, *, lengths):
        sign = 2 * (label > 0).to(event_logit.dtype) - 1
        return (options["margin"] - sign * event_logit).clamp(min=0).mean()

    return TermLoss("hinge", loss)


HINGE = LossEntry(
    "hinge",
    "hinge loss of each frame",
    "frame",
    build_hinge,
    options={"margin": Option(1.0, "distance from the decision boundary that costs nothing", low=0.0)},
)


@pytest.fixture
def hinge():
    yield register_loss(HINGE)
    unregister_loss("hinge")


def hinge_loss(**options):
    return make_loss(
        "hinge",
        softness_frames=0.0,
        alpha=Constant(0.0),
        measure="squared",
        n_steps=1,
        options=options,
    )


def test_a_registered_loss_is_built_by_name_with_its_options(hinge):
    assert LOSSES["hinge"] is hinge
    logit, label = torch.zeros(1, 1, 10), torch.zeros(1, 1, 10)
    assert float(hinge_loss()(logit, label)) == 1.0
    assert float(hinge_loss(margin=3.0)(logit, label)) == 3.0
    with pytest.raises(ConfigError, match="`loss_options` of hinge must be among margin, but got beta"):
        hinge_loss(beta=0.5)


def test_a_registered_loss_trains_a_network(hinge, config, data):
    trial = replace(config, loss="hinge", loss_options=(("margin", 1.0),), iterations=20)
    result = run_trial(trial, data)
    assert math.isfinite(result.history[-1].loss)
    assert set(result.history[-1].terms) == {"hinge"}
    assert result.history[-1].loss < result.history[0].loss
    assert result.trial_id == trial_id(trial, data_fingerprint=data.fingerprint)


def test_a_removed_loss_is_unknown_again():
    register_loss(HINGE)
    unregister_loss("hinge")
    assert "hinge" not in LOSSES
    with pytest.raises(ConfigError, match=r"`loss` must be one of cross_entropy, .*, but got hinge"):
        hinge_loss()
    with pytest.raises(ConfigError, match=r"`loss` must be one of cross_entropy, .*, but got hinge"):
        unregister_loss("hinge")


def test_registering_a_name_twice_raises():
    with pytest.raises(ConfigError, match="loss names must be unique, but count is already registered"):
        register_loss(replace(HINGE, name="count"))
    assert LOSSES["count"].build is not build_hinge


def test_the_registry_is_read_only():
    with pytest.raises(TypeError):
        LOSSES["hinge"] = HINGE
