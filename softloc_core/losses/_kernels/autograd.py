"""Autograd rules for operators that return their gradient together with their value."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

__all__ = ["keep_stored_gradients", "stored_gradient_backward"]


def keep_stored_gradients(*, n_gradients: int) -> Callable[[Any, tuple[Any, ...], tuple[Tensor, ...]], None]:
    """Return a `setup_context` function that saves the gradients among an operator's outputs.

    The operator's first output is its value. The next `n_gradients` outputs are the gradients with respect
    to its first `n_gradients` inputs. The leading axes of a gradient are those of the value; its remaining
    axes are those of the input.
    """

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
            raise NotImplementedError(
                "the count and alignment losses must be differentiated only once, but a second derivative "
                "was requested: do not set `create_graph` for them"
            )
        gradients: list[Tensor | None] = [None] * n_inputs
        if incoming is not None:
            for i, stored in enumerate(ctx.saved_tensors):
                n_own = stored.ndim - incoming.ndim
                gradients[i] = incoming.reshape(incoming.shape + (1,) * n_own) * stored
        return tuple(gradients)

    return backward
