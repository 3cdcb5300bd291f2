"""A contract that every registered loss must fulfil."""

import copy
import io
import pickle

import pytest
import torch

from softloc_core.errors import ConfigError
from softloc_core.losses import LOSSES, MEASURES, Ramp, extended_label, make_loss, resolve_options

SCHEDULE = Ramp(low=0.2, high=0.9, start=0.2, stop=0.9)


@pytest.fixture(params=list(LOSSES))
def name(request):
    return request.param


def built(name, *, options=None):
    return make_loss(
        name, softness_frames=4.0, alpha=SCHEDULE, measure="squared", n_steps=10, options=options or {}
    )


def random_batch(*shape, dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    logit = torch.randn(*shape, dtype=dtype, generator=generator) - 1
    label = (torch.rand(*shape, generator=generator) < 0.1).to(dtype)
    return logit.requires_grad_(), label


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_loss_is_a_scalar_with_terms_and_gradient(name, dtype):
    loss = built(name)
    logit, label = random_batch(32, 3, 150, dtype=dtype)
    value = loss(logit, label, step=5)
    assert value.shape == ()
    assert value.dtype == dtype
    assert loss.terms
    assert not any(term.requires_grad for term in loss.terms.values())
    assert isinstance(loss.alpha, float)
    value.backward()
    assert torch.isfinite(logit.grad).all()
    assert logit.grad.abs().sum() > 0


def test_gradient_matches_finite_differences(name):
    loss = built(name)
    logit, label = random_batch(2, 2, 9)
    # Hard bootstrapping is not differentiable at a logit of 0.
    logit = (logit + 0.1 * torch.sign(logit)).detach().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: loss(x, label, step=5, lengths=torch.tensor([9, 6])), logit)


def test_the_order_of_the_batch_does_not_matter(name):
    loss = built(name)
    logit, label = random_batch(5, 3, 30)
    order = torch.tensor([3, 0, 4, 1, 2])
    value, permuted = loss(logit, label), loss(logit[order], label[order])
    assert float(value.detach()) == pytest.approx(float(permuted.detach()), rel=1e-12)


def test_padding_never_counts(name):
    loss = built(name)
    logit, label = random_batch(2, 3, 30)
    lengths = torch.tensor([30, 20])
    other = logit.detach().clone()
    other[1, :, 20:] = float("nan")
    changed = label.clone()
    changed[1, :, 20:] = 1.0
    value = loss(logit.detach(), label, lengths=lengths)
    other.requires_grad_()
    loss(other, label, lengths=lengths).backward()
    assert torch.isfinite(other.grad).all()
    assert not other.grad[1, :, 20:].any()
    assert torch.equal(loss(other.detach(), label, lengths=lengths), value)
    assert torch.equal(loss(logit.detach(), changed, lengths=lengths), value)


MASKS = {
    "frame": lambda generator: torch.rand(30, generator=generator) < 0.6,
    "channel": lambda generator: torch.rand(3, 1, generator=generator) < 0.6,
    "recording": lambda generator: torch.rand(2, 1, 30, generator=generator) < 0.6,
    "everything": lambda generator: torch.rand(2, 3, 30, generator=generator) < 0.6,
    "nothing": lambda generator: torch.zeros(1, dtype=torch.bool),
}


@pytest.mark.parametrize("kind", MASKS)
@pytest.mark.parametrize("lengths", [None, torch.tensor([30, 20])])
def test_masked_frames_never_count(name, kind, lengths):
    loss = built(name)
    logit, label = random_batch(2, 3, 30)
    mask = MASKS[kind](torch.Generator().manual_seed(1))
    masked = ~mask.expand(2, 3, 30)
    other, changed = logit.detach().clone(), label.clone()
    other[masked], changed[masked] = float("nan"), 1.0
    value = loss(logit, label, step=5, lengths=lengths, mask=mask)
    other.requires_grad_()
    again = loss(other, changed, step=5, lengths=lengths, mask=mask)
    again.backward()
    assert torch.equal(again.detach(), value.detach())
    assert torch.isfinite(other.grad).all() and not other.grad[masked].any()
    assert kind == "nothing" or other.grad.any()


def test_a_mask_of_the_last_frames_acts_as_lengths(name):
    loss = built(name)
    logit, label = random_batch(2, 3, 30)
    by_lengths = loss(logit, label, lengths=torch.tensor([20, 20]))
    by_mask = loss(logit, label, mask=torch.arange(30) < 20)
    assert float(by_mask.detach()) == pytest.approx(float(by_lengths.detach()), rel=1e-12)


def test_without_a_masked_frame_a_mask_changes_nothing(name):
    loss = built(name)
    logit, label = random_batch(2, 3, 30)
    assert torch.equal(loss(logit, label, mask=torch.ones(30, dtype=torch.bool)), loss(logit, label))


def test_modules_and_entries_can_be_pickled_and_copied(name):
    logit, label = random_batch(2, 3, 30)
    loss = built(name)
    expected = loss(logit, label, step=5)
    stored = io.BytesIO()
    torch.save(loss, stored)
    stored.seek(0)
    entry = pickle.loads(pickle.dumps(LOSSES[name]))
    copies = (
        pickle.loads(pickle.dumps(loss)),
        copy.deepcopy(loss),
        torch.load(stored, weights_only=False),
        entry.build(
            softness_frames=4.0, alpha=SCHEDULE, measure="squared", n_steps=10,
            options=resolve_options(name, {}),
        ),
    )  # fmt: skip
    for one in copies:
        assert torch.equal(one(logit, label, step=5), expected)
        assert one.terms.keys() == loss.terms.keys() and one.alpha == loss.alpha


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("softness_frames", [0.0, 0.5, 4.0])
def test_several_labels_in_one_frame_train_every_loss(name, softness_frames, measure):
    loss = make_loss(
        name, softness_frames=softness_frames, alpha=SCHEDULE, measure=measure, n_steps=10, options={}
    )
    logit = torch.full((2, 3, 30), -6.0, dtype=torch.float64, requires_grad=True)
    label = torch.zeros(2, 3, 30)
    label[:, :, 7] = 2.0
    value = loss(logit, label, step=5)
    value.backward()
    assert torch.isfinite(value) and torch.isfinite(logit.grad).all()
    # Descent raises the low probability of an event in the crowded frames.
    assert (logit.grad[:, :, 7] < 0).all()


def test_repeating_the_batch_does_not_change_the_loss(name):
    loss = built(name)
    logit, label = random_batch(3, 2, 30)
    value, doubled = loss(logit, label), loss(logit.repeat(2, 1, 1), label.repeat(2, 1, 1))
    assert float(value.detach()) == pytest.approx(float(doubled.detach()), rel=1e-12)


# Losses for which no prediction costs nothing.
WITHOUT_A_ZERO = {"one_sided", "bootstrap_soft", "bootstrap_hard", "marginal_alignment"}


def test_a_perfect_match_costs_nothing_if_the_loss_has_a_zero(name):
    _, label = random_batch(3, 2, 30)
    target = extended_label(label, extension_frames=4) if name == "extended" else label
    right, wrong = (200 * target - 100), (100 - 200 * target)
    loss = built(name)
    value = float(loss(right, label))
    assert value < float(loss(wrong, label))
    if name in WITHOUT_A_ZERO:
        assert value > 1e-3 or name.startswith("bootstrap")
    else:
        assert abs(value) < 1e-20


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def test_the_loss_stays_on_its_device(name, device):
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    logit, label = random_batch(2, 3, 30)
    value = built(name)(logit.to(device), label.to(device), lengths=torch.tensor([30, 11], device=device))
    assert value.device.type == device
    assert float(value.detach()) == pytest.approx(
        float(built(name)(logit, label, lengths=torch.tensor([30, 11])).detach()), rel=1e-9
    )


def test_labels_of_any_type_give_the_same_loss(name):
    logit, label = random_batch(2, 3, 30)
    expected = built(name)(logit, label)
    for dtype in (torch.float32, torch.int64, torch.uint8):
        assert torch.equal(built(name)(logit, label.to(dtype)), expected)


def test_every_option_has_an_allowed_default(name):
    resolved = resolve_options(name, {})
    assert resolved == {key: option.default for key, option in LOSSES[name].options.items()}
    assert all(option.meaning for option in LOSSES[name].options.values())


def test_unknown_names_and_values_raise():
    with pytest.raises(ConfigError, match=r"`loss` must be one of cross_entropy, .*, but got hinge"):
        built("hinge")
    with pytest.raises(ConfigError, match="`loss_options` of count must be among reduction, but got beta"):
        built("count", options={"beta": 0.5})
    with pytest.raises(ConfigError, match="`loss_options: beta` must be a number from 0 to 1, but got 2"):
        built("bootstrap_soft", options={"beta": 2})
    with pytest.raises(ConfigError, match="`loss_options: learn_scale` must be true or false, but got 1"):
        built("marginal_alignment", options={"learn_scale": 1})
    with pytest.raises(ConfigError, match="`loss_options: beta` must be a number, but got high"):
        built("bootstrap_soft", options={"beta": "high"})
    with pytest.raises(
        ConfigError, match=r"`loss_options: reduction` must be one of balanced, .*, but got none"
    ):
        built("softloc", options={"reduction": "none"})
