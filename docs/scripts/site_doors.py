"""A Griffe extension for the packages of sweeps, which list their public names in a stub, `__init__.pyi`."""

from __future__ import annotations

from typing import Any

import griffe


class LazyDoors(griffe.Extension):
    """Treat the names that a stub imports as `__all__`, as lazy_loader does."""

    def on_package(self, *, pkg: griffe.Module, loader: griffe.GriffeLoader, **kwargs: Any) -> None:
        """Set the exports of every module of a package that imports lazy_loader."""
        modules = [pkg]
        while modules:
            module = modules.pop()
            modules += [member for member in module.members.values() if isinstance(member, griffe.Module)]
            if "lazy_loader" in module.members:
                names = [name for name, member in module.members.items() if member.is_alias]
                module.exports = sorted({*names} - {"lazy_loader"})
