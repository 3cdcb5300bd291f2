"""Compiled kernels of the losses and their gradients, private to `softloc_core.losses`."""

__all__: list[str] = []
