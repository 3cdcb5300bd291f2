"""The chain rule for losses whose gradient comes from a compiled pass."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

__all__ = ["FirstDerivative"]


class FirstDerivative(torch.autograd.Function):
    """Product of an incoming gradient, one a sequence, and a stored one; its own derivative is refused."""

    @staticmethod
    def forward(ctx: Any, grad_output: Tensor, gradient: Tensor) -> Tensor:
        """The product."""
        return grad_output.unsqueeze(-1) * gradient

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[None, None]:
        """Refuse.

        Raises:
            NotImplementedError: Always.
        """
        raise NotImplementedError(
            "the count and alignment losses have a first derivative only, but a second one was asked for; "
            "leave `create_graph` off for them"
        )
