"""A cache of tensors that is bounded in bytes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable

from torch import Tensor

__all__ = ["MatrixCache"]


class MatrixCache:
    """Tensors by key, of which the least recently used are removed first. Threads may share it.

    Two threads that need the same missing tensor at the same time may both make it.
    """

    def __init__(self, max_bytes: int) -> None:
        """Create an empty cache.

        Args:
            max_bytes: Largest size of all tensors together; a larger tensor is never kept.
        """
        self.max_bytes = max_bytes
        self.n_bytes = 0
        self._kept: OrderedDict[Hashable, Tensor] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], Tensor]) -> Tensor:
        """Return the tensor with this key, or make and keep it; callers must not modify it."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        made = make()
        if _n_bytes(made) <= self.max_bytes:
            with self._lock:
                self._keep(key, made)
        return made

    def _keep(self, key: Hashable, made: Tensor) -> None:
        """Keep a tensor, then remove others until all fit."""
        if key in self._kept:
            self.n_bytes -= _n_bytes(self._kept.pop(key))
        self._kept[key] = made
        self.n_bytes += _n_bytes(made)
        while self.n_bytes > self.max_bytes:
            self.n_bytes -= _n_bytes(self._kept.popitem(last=False)[1])


def _n_bytes(values: Tensor) -> int:
    """Return the size of a tensor's content."""
    return values.numel() * values.element_size()
