"""The load of each machine of a Ray cluster."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

__all__ = ["NodeLoad", "node_loads"]


@dataclass(frozen=True)
class NodeLoad:
    """The resources of a machine, and how many of them Ray has assigned.

    Attributes:
        name: Host name.
        address: Its address in the cluster.
        cpus: Cores that Ray may use.
        cpus_used: Cores in use by trials.
        gpus: Number of GPUs.
        gpus_used: GPUs in use by trials; fractions add up.
    """

    name: str
    address: str
    cpus: float
    cpus_used: float
    gpus: float
    gpus_used: float


def node_loads() -> list[NodeLoad]:
    """Return the machines that are up, sorted by name and address; none outside a cluster."""
    ray = sys.modules.get("ray")
    if ray is None or not ray.is_initialized():
        return []
    from ray._private.state import available_resources_per_node

    free = available_resources_per_node()  # type: ignore[no-untyped-call]
    found = [_load(node, free.get(node["NodeID"], {})) for node in ray.nodes() if node["Alive"]]
    return sorted(found, key=lambda load: (load.name, load.address))


def _load(node: dict[str, Any], free: dict[str, float]) -> NodeLoad:
    """Return the load of one machine: its resources minus the free ones."""
    has = node["Resources"]
    cpus, gpus = float(has.get("CPU", 0.0)), float(has.get("GPU", 0.0))
    return NodeLoad(
        name=str(node["NodeManagerHostname"]),
        address=str(node["NodeManagerAddress"]),
        cpus=cpus,
        cpus_used=round(cpus - float(free.get("CPU", 0.0)), 4),
        gpus=gpus,
        gpus_used=round(gpus - float(free.get("GPU", 0.0)), 4),
    )
