"""Derivatives of the count and alignment losses in every mode of torch, and those that must raise."""

import pytest
import torch
import torch.autograd.forward_ad as forward_ad
from torch.func import grad, hessian, jacfwd, jacrev, jvp, vmap

from softloc_core.losses import LOSSES, Constant, alignment_log_prob, make_loss, poisson_binomial_log_prob

# torch compiles its own rules for the forward mode with a function that it has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")


def random_values(*shape: int, seed: int) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


LOGIT, TANGENT, DENSITY = (
    random_values(4, 9, seed=0),
    random_values(4, 9, seed=1),
    random_values(3, 9, seed=2),
)
COUNT = torch.tensor([1, 3, 0, 2])


def marginal(logit: torch.Tensor, count: torch.Tensor) -> torch.Tensor:
    return alignment_log_prob(logit, DENSITY.expand(*logit.shape[:-1], 3, 9), count)


@pytest.fixture(params=[poisson_binomial_log_prob, marginal], ids=["count", "marginal_alignment"])
def function(request):
    return lambda logit, count=COUNT: request.param(logit, count)


def test_every_mode_agrees_with_finite_differences(function):
    assert torch.autograd.gradcheck(
        function,
        LOGIT.clone().requires_grad_(),
        check_forward_ad=True,
        check_batched_grad=True,
        check_batched_forward_grad=True,
    )


def test_forward_mode_adds_the_effects_of_logits_and_densities():
    density, lengths = random_values(4, 3, 9, seed=3), torch.tensor([9, 7, 9, 4])
    assert torch.autograd.gradcheck(
        lambda x, d: alignment_log_prob(x, d, COUNT, lengths=lengths),
        (LOGIT.clone().requires_grad_(), density.requires_grad_()),
        check_forward_ad=True,
    )


@pytest.mark.parametrize("requires_grad", [False, True])
def test_forward_mode_is_the_gradient_times_the_tangent(function, requires_grad):
    logit = LOGIT.clone().requires_grad_(requires_grad)
    leaf = LOGIT.clone().requires_grad_()
    function(leaf).sum().backward()
    expected = (leaf.grad * TANGENT).sum(-1)
    torch.testing.assert_close(jvp(function, (logit,), (TANGENT,))[1].detach(), expected)
    with forward_ad.dual_level():
        dual = forward_ad.unpack_dual(function(forward_ad.make_dual(logit, TANGENT)))
        torch.testing.assert_close(dual.tangent.detach(), expected)
    torch.testing.assert_close(jacfwd(function)(LOGIT), jacrev(function)(LOGIT))


def test_batching_and_differentiating_in_any_order_give_the_same(function):
    value, gradient = function(LOGIT), grad(lambda x: function(x).sum())(LOGIT)
    torch.testing.assert_close(vmap(function)(LOGIT, COUNT), value)
    torch.testing.assert_close(vmap(function, in_dims=(1, 0))(LOGIT.T, COUNT), value)
    torch.testing.assert_close(vmap(grad(function))(LOGIT, COUNT), gradient)
    torch.testing.assert_close(grad(lambda x: vmap(function)(x, COUNT).sum())(LOGIT), gradient)
    same = torch.tensor(1)
    torch.testing.assert_close(vmap(lambda x: function(x, same))(LOGIT), function(LOGIT, same.expand(4)))
    forward = vmap(lambda x, v, n: jvp(lambda z: function(z, n), (x,), (v,))[1])(LOGIT, TANGENT, COUNT)
    torch.testing.assert_close(forward, (gradient * TANGENT).sum(-1))


SECOND_DERIVATIVES = {
    "hessian": hessian,
    "reverse over reverse": lambda f: jacrev(jacrev(f)),
    "forward over forward": lambda f: jacfwd(jacfwd(f)),
    "reverse over forward": lambda f: jacrev(jacfwd(f)),
    "forward over reverse": lambda f: lambda x: jvp(grad(f), (x,), (TANGENT,)),
}


@pytest.mark.parametrize("name", SECOND_DERIVATIVES)
def test_second_derivatives_raise(function, name):
    with pytest.raises(NotImplementedError, match="must be differentiated only once"):
        SECOND_DERIVATIVES[name](lambda x: function(x).sum())(LOGIT)


def test_second_derivatives_without_transforms_raise(function):
    leaf = LOGIT.clone().requires_grad_()
    (gradient,) = torch.autograd.grad((function(leaf) ** 2).sum(), leaf, create_graph=True)
    with pytest.raises(NotImplementedError, match="must be differentiated only once"):
        gradient.sum().backward()
    with forward_ad.dual_level():
        value = function(forward_ad.make_dual(leaf, TANGENT))
        with pytest.raises(NotImplementedError, match="must be differentiated only once"):
            torch.autograd.grad(value.sum(), leaf, retain_graph=True)
        tangent = forward_ad.unpack_dual(value).tangent
        with pytest.raises(NotImplementedError, match="must be differentiated only once"):
            torch.autograd.grad(tangent.sum(), leaf)


@pytest.mark.parametrize("name", LOSSES)
def test_forward_mode_of_every_registered_loss_matches_its_gradient(name):
    loss = make_loss(name, softness_frames=2.0, alpha=Constant(0.5), measure="squared", n_steps=1, options={})
    logit, tangent = random_values(2, 3, 20, seed=4), random_values(2, 3, 20, seed=5)
    label = (random_values(2, 3, 20, seed=6) > 1).double()
    leaf = logit.clone().requires_grad_()
    loss(leaf, label).backward()
    _, found = jvp(lambda x: loss(x, label), (logit,), (tangent,))
    torch.testing.assert_close(found, (leaf.grad * tangent).sum())
