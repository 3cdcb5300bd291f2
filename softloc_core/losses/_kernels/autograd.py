"""The chain rule for operators that return their own gradient along with their value."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

__all__ = ["keep_stored_gradients", "stored_gradient_backward"]


def keep_stored_gradients(*, n_gradients: int) -> Callable[[Any, tuple[Any, ...], tuple[Tensor, ...]], None]:
    """A setup function that keeps the outputs after the first: gradients with respect to the first inputs.

    Each has the value's axes first; what further axes it has belong to its input alone.
    """

    def setup(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*output[1 : 1 + n_gradients])

    return setup


def stored_gradient_backward(*, n_inputs: int) -> Callable[..., tuple[Tensor | None, ...]]:
    """A backward function: incoming gradient times stored gradients; a derivative of those is refused.

    Raises:
        NotImplementedError: When a second derivative is asked for.
    """

    def backward(ctx: Any, *grad_outputs: Tensor | None) -> tuple[Tensor | None, ...]:
        incoming, *second = grad_outputs
        if any(each is not None for each in second):
            raise NotImplementedError(
                "the count and alignment losses have a first derivative only, but a second one was asked "
                "for; leave `create_graph` off for them"
            )
        gradients: list[Tensor | None] = [None] * n_inputs
        if incoming is not None:
            for i, stored in enumerate(ctx.saved_tensors):
                n_own = stored.ndim - incoming.ndim
                gradients[i] = incoming.reshape(incoming.shape + (1,) * n_own) * stored
        return tuple(gradients)

    return backward
