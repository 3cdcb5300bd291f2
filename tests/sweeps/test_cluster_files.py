"""The cluster files are what Ray 2.60 accepts, and say what must be said."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import jsonschema
import pytest
import ray
import yaml

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = Path(ray.__file__).parent / "autoscaler" / "ray-schema.json"
FILES = ["ray_cluster.yaml", "deploy/local_cluster.yaml"]


@pytest.mark.parametrize("name", FILES)
def test_ray_accepts_it(name: str) -> None:
    jsonschema.validate(yaml.safe_load((ROOT / name).read_text()), json.loads(SCHEMA.read_text()))


@pytest.mark.parametrize("name", FILES)
def test_tokens_are_on_and_the_dashboard_is_local(name: str) -> None:
    content = yaml.safe_load((ROOT / name).read_text())
    head, worker = (" ".join(content[f"{kind}_start_ray_commands"]) for kind in ("head", "worker"))
    assert "RAY_AUTH_MODE=token" in head
    assert "--dashboard-host=127.0.0.1" in head
    assert "RAY_AUTH_MODE=token" in worker


def test_no_trial_runs_on_the_head_and_workers_start_from_none() -> None:
    content = yaml.safe_load((ROOT / "ray_cluster.yaml").read_text())
    types = content["available_node_types"]
    assert types[content["head_node_type"]]["resources"] == {"CPU": 0, "GPU": 0}
    assert all(kind["min_workers"] == 0 for kind in types.values())
    assert (ROOT / "ray_cluster.yaml").read_text().count("EDIT ") == 3


def test_the_slurm_script_is_valid_shell() -> None:
    checked = subprocess.run(
        ["bash", "-n", str(ROOT / "deploy" / "slurm.sh")], capture_output=True, check=False
    )
    assert checked.returncode == 0, checked.stderr
