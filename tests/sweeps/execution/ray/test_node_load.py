"""The load of the nodes of a Ray cluster."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from sweeps.execution.ray import node_load
from sweeps.execution.ray.node_load import NodeLoad, node_loads


def test_the_load_of_each_node(monkeypatch: pytest.MonkeyPatch) -> None:
    def node(name: str, alive: bool, **resources: float) -> dict[str, Any]:
        return {
            "NodeID": name,
            "Alive": alive,
            "NodeManagerHostname": name,
            "NodeManagerAddress": "10.0.0.1",
            "Resources": resources,
        }

    nodes = [node("b", True, CPU=8.0, GPU=1.0), node("a", True, CPU=2.0), node("gone", False, CPU=4.0)]
    ray = SimpleNamespace(is_initialized=lambda: True, nodes=lambda: nodes)
    state = SimpleNamespace(available_resources_per_node=lambda: {"b": {"CPU": 5.0, "GPU": 0.7}, "a": {}})
    monkeypatch.setitem(node_load.sys.modules, "ray", ray)  # type: ignore[arg-type]
    monkeypatch.setitem(node_load.sys.modules, "ray._private.state", state)  # type: ignore[arg-type]
    assert node_loads() == [
        NodeLoad("a", "10.0.0.1", 2.0, 2.0, 0.0, 0.0),
        NodeLoad("b", "10.0.0.1", 8.0, 3.0, 1.0, 0.3),
    ]
    ray.is_initialized = lambda: False
    assert node_loads() == []
