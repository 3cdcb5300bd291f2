"""Derivatives of operators that return their gradient together with their value."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

__all__ = ["keep_stored_gradients", "stored_gradient_backward", "with_derivatives"]

Operator = Callable[..., tuple[Tensor, ...]]
"""Operator whose first output is its value. Its last argument says whether the gradients are wanted. The
other outputs are the gradients with respect to its first inputs, empty if they are not wanted. The leading
axes of a gradient are those of the value; its remaining axes are those of the input."""


def with_derivatives(operator: Operator, *inputs: Any, n_gradients: int) -> Tensor:
    """Return the operator's value, which can be differentiated in reverse and in forward mode, and batched.

    This includes the transforms of `torch.func`. Under `torch.compile` the rules that are registered with
    the operator are used instead, because the compiler rejects functions with a forward mode.

    Args:
        operator: The operator; all axes but the last of its inputs are batch axes.
        inputs: Its inputs, without whether gradients are wanted.
        n_gradients: Number of gradients that it returns.

    Raises:
        NotImplementedError: A second derivative is requested.
    """
    wanted = torch.is_grad_enabled() and any(each.requires_grad for each in inputs[:n_gradients])
    if torch.compiler.is_compiling():
        return operator(*inputs, wanted)[0]
    value: Tensor = _StoredGradients.apply(operator, n_gradients, wanted, *inputs)[0]  # type: ignore[no-untyped-call]
    return value


def keep_stored_gradients(*, n_gradients: int) -> Callable[[Any, tuple[Any, ...], tuple[Tensor, ...]], None]:
    """Return a `setup_context` function that saves the gradients among an operator's outputs."""

    def setup(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*output[1 : 1 + n_gradients])

    return setup


def stored_gradient_backward(*, n_inputs: int) -> Callable[..., tuple[Tensor | None, ...]]:
    """Return a backward function that multiplies the incoming gradient by the stored gradients.

    Args:
        n_inputs: Number of inputs of the operator; those without a stored gradient receive None.

    Raises:
        NotImplementedError: The returned function raises it if a second derivative is requested.
    """

    def backward(ctx: Any, *grad_outputs: Tensor | None) -> tuple[Tensor | None, ...]:
        incoming, *second = grad_outputs
        if any(each is not None for each in second):
            raise NotImplementedError(_ONLY_ONCE)
        return _products(incoming, ctx.saved_tensors, n_inputs=n_inputs)

    return backward


_ONLY_ONCE = (
    "the count and alignment losses must be differentiated only once, but a second derivative was requested: "
    "do not set `create_graph` for them"
)


def _products(
    incoming: Tensor | None, gradients: tuple[Tensor, ...], *, n_inputs: int
) -> tuple[Tensor | None, ...]:
    """Return the incoming gradient times each stored gradient, and None for the other inputs."""
    products: list[Tensor | None] = [None] * n_inputs
    if incoming is not None:
        for i, stored in enumerate(gradients):
            n_own = stored.ndim - incoming.ndim
            products[i] = incoming.reshape(incoming.shape + (1,) * n_own) * stored
    return tuple(products)


class _StoredGradients(torch.autograd.Function):
    """The value of an operator and its gradients."""

    @staticmethod
    def forward(operator: Operator, n_gradients: int, wanted: bool, *inputs: Any) -> tuple[Tensor, ...]:
        return operator(*inputs, wanted)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        ctx.operator, ctx.n_gradients, ctx.wanted, *arguments = inputs
        ctx.set_materialize_grads(False)
        ctx.n_batch_axes = output[0].ndim
        ctx.others = [None if isinstance(each, Tensor) else each for each in arguments]
        inputs_kept = () if ctx.wanted else (each for each in arguments if isinstance(each, Tensor))
        kept = (*output[1:], *inputs_kept)
        ctx.save_for_backward(*kept)
        ctx.save_for_forward(*kept)

    @staticmethod
    def backward(ctx: Any, incoming: Tensor | None, *_: Tensor | None) -> tuple[Tensor | None, ...]:
        return None, None, None, *_products(incoming, _gradients(ctx), n_inputs=len(ctx.others))

    @staticmethod
    def jvp(ctx: Any, *tangents: Tensor | None) -> tuple[Tensor | None, ...]:
        terms = [
            (gradient * tangent).sum(dim=tuple(range(ctx.n_batch_axes, gradient.ndim)))
            for gradient, tangent in zip(_gradients(ctx), tangents[3:], strict=False)
            if tangent is not None
        ]
        # Without a tangent of the gradients, `_Constant` could not know that they depend on the input.
        return sum(terms[1:], terms[0]), *(
            torch.zeros_like(each) for each in ctx.saved_tensors[: ctx.n_gradients]
        )

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], operator: Operator, *rest: Any) -> Any:
        n_gradients, wanted, *inputs = rest
        batched = [
            _batch_first(each, axis, info.batch_size) if isinstance(each, Tensor) else each
            for each, axis in zip(inputs, in_dims[3:], strict=True)
        ]
        outputs = _StoredGradients.apply(operator, n_gradients, wanted, *batched)  # type: ignore[no-untyped-call]
        return outputs, (0, *[0 if wanted else None] * n_gradients)


class _Constant(torch.autograd.Function):
    """The identity, which raises if it is differentiated."""

    @staticmethod
    def forward(stored: Tensor) -> Tensor:
        return stored.view_as(stored)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        ctx.set_materialize_grads(False)

    @staticmethod
    def backward(ctx: Any, incoming: Tensor | None) -> None:
        if incoming is not None:
            raise NotImplementedError(_ONLY_ONCE)

    @staticmethod
    def jvp(ctx: Any, tangent: Tensor | None) -> None:
        raise NotImplementedError(_ONLY_ONCE)

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], stored: Tensor) -> Any:
        return _Constant.apply(stored), in_dims[0]  # type: ignore[no-untyped-call]


def _gradients(ctx: Any) -> tuple[Tensor, ...]:
    """Return the stored gradients, or compute them if they were not wanted."""
    gradients, tensors = ctx.saved_tensors[: ctx.n_gradients], iter(ctx.saved_tensors[ctx.n_gradients :])
    if not ctx.wanted:
        inputs = [next(tensors) if each is None else each for each in ctx.others]
        gradients = _StoredGradients.apply(ctx.operator, ctx.n_gradients, True, *inputs)[1:]  # type: ignore[no-untyped-call]
    return tuple(_Constant.apply(each) for each in gradients)  # type: ignore[no-untyped-call]


def _batch_first(values: Tensor, axis: int | None, size: int) -> Tensor:
    """Return the tensor with its batch axis in front, or repeated along a new one if it has none."""
    return values.expand(size, *values.shape) if axis is None else values.movedim(axis, 0)
