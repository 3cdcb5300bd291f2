"""A trial that is run in parts, scored, saved and resumed has the same result, bit for bit."""

import io
import math
from dataclasses import replace

import pytest
import torch

from softloc_core.errors import ConfigError
from softloc_core.trial.run import TrialRun, run_trial
from tests.softloc_core.tiny_data import tiny_data, tiny_recording

ITERATIONS = 23


@pytest.fixture(params=[0.0, 0.9], ids=["last weights", "averaged weights"])
def trial(request, config):
    """A trial with dropout, gains, label noise and a schedule, so that all random generators are used."""
    return replace(config, iterations=ITERATIONS, label_noise_s=0.03, weight_averaging=request.param)


@pytest.fixture
def with_validation():
    return replace(tiny_data(), validation=(tiny_recording("validation0"),))


def same(first, second):
    return (
        first.history == second.history
        and first.events == second.events
        and repr(first.scores) == repr(second.scores)
        and first.trial_id == second.trial_id
    )


def saved_and_read(state):
    """Save a state to a file and read it back."""
    sink = io.BytesIO()
    torch.save(state, sink)
    return torch.load(io.BytesIO(sink.getvalue()), weights_only=True)


def test_scoring_between_parts_does_not_change_the_result(trial, with_validation):
    undisturbed = run_trial(trial, with_validation)
    run = TrialRun(trial, with_validation)
    for until in (1, 7, 8, 20):
        run.advance(until)
        assert run.iterations_done == until
        before = torch.get_rng_state()
        for part in ("validation", "training", "test"):
            assert 0 <= run.scores(part).f1 <= 1
        run.result()
        assert torch.equal(torch.get_rng_state(), before)
        # Other random numbers that the process draws meanwhile.
        torch.rand(5)
    run.advance(10**9)
    assert run.iterations_done == ITERATIONS
    assert same(run.result(), undisturbed)


def test_training_in_parts_leaves_the_global_generator_as_it_was(trial, data):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    run = TrialRun(trial, data)
    run.advance(3)
    run.advance(5)
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize("saved_at", [0, 1, 11, 22])
def test_a_trial_resumed_from_a_checkpoint_has_the_same_result_bit_for_bit(trial, data, saved_at):
    undisturbed = run_trial(trial, data)
    first = TrialRun(trial, data)
    first.advance(saved_at)
    state = saved_and_read(first.state())
    # Continuing the first run does not change the saved state.
    first.advance(ITERATIONS)
    torch.rand(7)
    second = TrialRun(trial, tiny_data())
    second.load_state(state)
    assert second.iterations_done == saved_at
    second.advance(ITERATIONS)
    assert same(second.result(), undisturbed)
    assert same(first.result(), undisturbed)
    weights = second.weights()
    assert all(torch.equal(value, weights[name]) for name, value in first.weights().items())


def test_every_part_of_a_checkpoint_matters(trial, data):
    """The counterpart of the test above: without one of the parts the result differs."""
    undisturbed = run_trial(trial, data)
    first = TrialRun(trial, data)
    first.advance(11)
    state = saved_and_read(first.state())
    fresh = TrialRun(trial, data).state()
    for part in ("network", "optimiser", "generator", "randomness", "recorder"):
        second = TrialRun(trial, data)
        second.load_state({**state, part: fresh[part]})
        second.advance(ITERATIONS)
        assert not same(second.result(), undisturbed), part


def test_a_checkpoint_includes_a_learned_scale_of_the_loss(config, data):
    trial = replace(
        config, loss="marginal_alignment", loss_options=(("learn_scale", True),), iterations=6, noise="normal"
    )
    first = TrialRun(trial, data)
    first.advance(3)
    second = TrialRun(trial, data)
    second.load_state(saved_and_read(first.state()))
    second.advance(6)
    assert same(second.result(), run_trial(trial, data))


def test_a_part_ends_when_its_time_is_up(trial, data):
    run = TrialRun(trial, data)
    run.advance(ITERATIONS, at_most_s=0.0)
    assert run.iterations_done == 1
    run.advance(ITERATIONS, at_most_s=math.inf)
    assert run.iterations_done == ITERATIONS


def test_scores_are_those_of_the_requested_recordings(config, with_validation):
    """The number of reference events tells which recordings were scored."""
    trial = replace(config, iterations=150, label_noise_s=0.0)
    run = TrialRun(trial, with_validation)
    run.advance(150)
    names = {part: run.scores(part).n_reference for part in ("validation", "training", "test")}
    train, [validation], [test] = with_validation.train, with_validation.validation, with_validation.test
    assert names["training"] == sum(len(recording.reference) for recording in train)
    assert (names["validation"], names["test"]) == (len(validation.reference), len(test.reference))
    assert repr(run.scores("test")) == repr(run.result().scores)


def test_training_recordings_are_scored_against_their_misaligned_labels(config, data):
    """A network that finds the true events scores low against heavily misaligned labels."""
    trial = replace(config, iterations=150, label_noise_s=0.0, loss="cross_entropy")
    true = TrialRun(trial, data)
    true.advance(150)
    noisy = TrialRun(replace(trial, label_noise_s=0.4), data)
    noisy.load_state(true.state())
    assert true.scores("training").f1 > 0.9
    assert noisy.scores("training").f1 < 0.7
    assert noisy.scores("test").f1 == true.scores("test").f1


def test_weights_are_a_copy_of_the_scored_weights(trial, data):
    run = TrialRun(trial, data)
    run.advance(5)
    weights = run.weights()
    run.advance(6)
    assert any(not torch.equal(value, weights[name]) for name, value in run.weights().items())


@pytest.mark.parametrize("field", ["network", "loss"])
def test_an_unknown_name_raises(config, data, field):
    with pytest.raises(ConfigError, match=rf"`{field}` must be one of .*but got unknown"):
        TrialRun(replace(config, **{field: "unknown"}), data)
