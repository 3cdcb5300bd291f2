"""The training loop: its excerpts, its errors and its training curve."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from softloc_core.errors import ConfigError
from softloc_core.training.excerpts import TrainingSet
from softloc_core.training.loop import fit
from softloc_core.training.optimisation import LEARNING_RATE_SCHEDULES, Optimisation, TrainingError
from tests.softloc_core.tiny_data import TRAINING, tiny_data, tiny_recording

CPU = torch.device("cpu")
SETTINGS = {**TRAINING, "learning_rate_schedule": "constant", "iterations": 7, "batch_size": 4}
OPTIMISATION = Optimisation(**{name: SETTINGS[name] for name in Optimisation.__dataclass_fields__})


def training_set(excerpt_s=0.5):
    train = tiny_data().train
    return TrainingSet.from_recordings(
        train, [r.label for r in train], n_channels=2, excerpt_s=excerpt_s, device=CPU
    )


class Tap(torch.nn.Module):
    """A network with one weight per band, enough to see that it learns."""

    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(8, 2)

    def forward(self, features):
        return self.linear(features).transpose(1, 2)


class MeanSquare(torch.nn.Module):
    terms: dict
    alpha = 0.5

    def __init__(self, value=1.0):
        super().__init__()
        self.value = value

    def forward(self, event_logit, label, *, step=0, lengths=None):
        loss = ((torch.sigmoid(event_logit) - label) ** 2).mean() * self.value
        self.terms = {"twice": 2 * loss.detach()}
        return loss


def test_excerpts_never_cross_recordings_and_labels_match_their_features():
    train = [tiny_recording("a", n_frames=60), tiny_recording("b", n_frames=80)]
    both = TrainingSet.from_recordings(
        train, [r.label for r in train], n_channels=2, excerpt_s=0.5, device=CPU
    )
    assert both.start.tolist() == [*range(11), *range(60, 91)]
    features, label, lengths = both.batch(64, generator=torch.Generator().manual_seed(0))
    assert lengths is None
    assert features.shape == (64, 50, 8) and label.shape == (64, 2, 50)
    for excerpt, marks in zip(features.numpy(), label.numpy(), strict=True):
        channel, frame = np.nonzero(marks)
        for c, f in zip(channel, frame, strict=True):
            assert excerpt[f, 4 * c : 4 * c + 4].mean() > -25  # the bands that the event lights up


def test_a_recording_shorter_than_an_excerpt_is_padded_and_reports_its_length():
    recordings = [tiny_recording("long", n_frames=400), tiny_recording("short", n_frames=60)]
    both = TrainingSet.from_recordings(
        recordings, [r.label for r in recordings], n_channels=2, excerpt_s=1.0, device=CPU
    )
    assert both.excerpt_frames == 100
    short = both.start[-1].item()
    assert both.lengths is not None and both.lengths.tolist() == [100] * 301 + [60]
    filled = both.features[short + 60 : short + 100]
    assert torch.equal(filled, both.features[short + 59].expand_as(filled))
    assert not both.label[:, short + 60 :].any()
    _, label, lengths = both.batch(64, generator=torch.Generator().manual_seed(0))
    assert label.shape == (64, 2, 100) and lengths is not None and set(lengths.tolist()) <= {60, 100}


def test_no_excerpt_is_longer_than_the_longest_recording():
    assert training_set(excerpt_s=1e9).excerpt_frames == 400


def test_an_unknown_learning_rate_schedule_raises():
    with pytest.raises(ConfigError, match="`learning_rate_schedule` must be one of constant, trapezoid"):
        replace(OPTIMISATION, learning_rate_schedule="warm")


def test_trapezoid_rises_stays_constant_and_falls_to_a_fiftieth():
    rate = LEARNING_RATE_SCHEDULES["trapezoid"]
    values = np.array([rate(k / 100) for k in range(101)])
    assert np.all(np.diff(values[:6]) > 0) and np.all(np.diff(values[60:]) < 0)
    np.testing.assert_allclose(values[5:61], 1.0)
    assert values[-1] == pytest.approx(0.02)


def test_history_covers_every_iteration_once_with_means_of_each_term():
    points = fit(
        Tap(), MeanSquare(), training_set(), OPTIMISATION, generator=torch.Generator().manual_seed(0)
    )
    assert [p.iteration for p in points] == list(range(1, 8))
    assert all(p.terms["twice"] == pytest.approx(2 * p.loss) and p.alpha == 0.5 for p in points)
    long = fit(
        Tap(),
        MeanSquare(),
        training_set(),
        replace(OPTIMISATION, iterations=101),
        generator=torch.Generator().manual_seed(0),
    )
    assert len(long) <= 51 and long[-1].iteration == 101


def test_a_loss_that_is_not_finite_raises_and_names_the_iteration():
    with pytest.raises(TrainingError, match="the loss must stay finite, but got nan by iteration 1"):
        fit(Tap(), MeanSquare(float("nan")), training_set(), OPTIMISATION, generator=torch.Generator())


def test_averaged_weights_lag_behind_the_last_weights():
    def trained(averaging):
        torch.manual_seed(0)
        network = Tap()
        fit(
            network,
            MeanSquare(),
            training_set(),
            replace(OPTIMISATION, iterations=30, weight_averaging=averaging),
            generator=torch.Generator().manual_seed(0),
        )
        return network.linear.weight.detach()

    torch.manual_seed(0)
    first = Tap().linear.weight.detach()
    assert (trained(0.9) - first).norm() < (trained(0.0) - first).norm()


def test_weights_of_the_loss_are_trained_as_well():
    class Scaled(MeanSquare):
        def __init__(self):
            super().__init__()
            self.scale = torch.nn.Parameter(torch.ones(()))

        def forward(self, event_logit, label, *, step=0, lengths=None):
            return super().forward(event_logit, label) * self.scale

    loss = Scaled()
    fit(Tap(), loss, training_set(), OPTIMISATION, generator=torch.Generator().manual_seed(0))
    assert loss.scale.item() != 1.0
