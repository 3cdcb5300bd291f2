"""What each machine of a Ray cluster is doing."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

__all__ = ["NodeLoad", "node_loads"]


@dataclass(frozen=True)
class NodeLoad:
    """A machine's share of the work, as Ray has handed it out.

    Attributes:
        name: Host name.
        address: Its address in the cluster.
        cpus: Cores that Ray may use.
        cpus_used: Of these, taken by trials.
        gpus: GPUs.
        gpus_used: Of these, taken by trials; fractions add up.
    """

    name: str
    address: str
    cpus: float
    cpus_used: float
    gpus: float
    gpus_used: float


def node_loads() -> list[NodeLoad]:
    """The machines that are up now, by name and address; none where this process has not joined a cluster."""
    ray = sys.modules.get("ray")
    if ray is None or not ray.is_initialized():
        return []
    from ray._private.state import available_resources_per_node

    free = available_resources_per_node()  # type: ignore[no-untyped-call]
    found = [_load(node, free.get(node["NodeID"], {})) for node in ray.nodes() if node["Alive"]]
    return sorted(found, key=lambda load: (load.name, load.address))


def _load(node: dict[str, Any], free: dict[str, float]) -> NodeLoad:
    """One machine; what it has less what is free is taken."""
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
