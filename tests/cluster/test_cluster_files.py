"""The cluster files are valid for Ray 2.60 and KubeRay, and have the settings that a study needs."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from tests.cluster.rayjob_schema import RAYJOB

ROOT = Path(__file__).resolve().parents[2]
FILES = ["ray_cluster.yaml", "deploy/local_cluster.yaml"]
JOB = ROOT / "deploy" / "kuberay_job.yaml"


def content(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / name).read_text())
    return loaded


def problems(given: Any, schema: Any) -> list[str]:
    """Return everything in which a value violates a schema."""
    found = jsonschema.validators.validator_for(schema)(schema).iter_errors(given)
    return [f"{problem.json_path}: {problem.message}" for problem in found]


@pytest.mark.parametrize("name", FILES)
def test_ray_accepts_the_file_as_written_and_with_defaults(name: str) -> None:
    import ray.autoscaler
    from ray.autoscaler._private.util import prepare_config, validate_config

    schema = Path(ray.autoscaler.__file__).parent / "ray-schema.json"
    assert problems(content(name), json.loads(schema.read_text())) == []
    whole = prepare_config(content(name))
    validate_config(whole)
    # Ray adds its defaults and drops none of the settings.
    assert set(content(name)) < set(whole)
    assert whole["head_node_type"] in whole["available_node_types"]
    for key in ("cluster_name", "provider", "head_start_ray_commands", "worker_start_ray_commands"):
        assert whole[key] == content(name)[key]


@pytest.mark.parametrize("name", FILES)
def test_ray_rejects_unknown_keys(name: str) -> None:
    from ray.autoscaler._private.util import prepare_config, validate_config

    with pytest.raises(jsonschema.ValidationError, match="idle_timeout"):
        validate_config(prepare_config({**content(name), "idle_timeout": 10}))


@pytest.mark.parametrize("name", FILES)
def test_tokens_are_enabled_and_shared_and_the_dashboard_is_local(name: str) -> None:
    loaded = content(name)
    head, worker = (" ".join(loaded[f"{kind}_start_ray_commands"]) for kind in ("head", "worker"))
    assert "RAY_AUTH_MODE=token ray start" in head.replace("RAY_enable_autoscaler_v2=0 ", "")
    assert "RAY_AUTH_MODE=token ray start" in worker
    assert "--dashboard-host=127.0.0.1" in head
    assert loaded["file_mounts"] == {"~/.ray/auth_token": "~/.ray/auth_token"}


@pytest.mark.parametrize("name", [*FILES, "deploy/kuberay_job.yaml"])
def test_three_places_are_marked_for_editing(name: str) -> None:
    assert re.findall(r"# EDIT (\d)", (ROOT / name).read_text()) == ["1", "2", "3"]


@pytest.mark.parametrize("name", [*FILES, "deploy/kuberay_job.yaml"])
def test_versions_match_the_pinned_ones(name: str) -> None:
    text = (ROOT / name).read_text()
    pins = dict(re.findall(r"^([\w-]+)==(\S+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE))
    images = re.findall(r"rayproject/ray:(\S+)", text)
    assert all(image.startswith(f"{pins['ray']}-py311") for image in images)
    assert images or name == "deploy/local_cluster.yaml"
    assert ":latest" not in text


def test_cloud_workers_are_spot_instances_started_on_demand_and_the_head_runs_no_trials() -> None:
    types = content("ray_cluster.yaml")["available_node_types"]
    head = types.pop(content("ray_cluster.yaml")["head_node_type"])
    assert head["resources"] == {"CPU": 0, "GPU": 0}
    assert "InstanceMarketOptions" not in head["node_config"]
    for worker in types.values():
        assert worker["min_workers"] == 0
        assert worker["node_config"]["InstanceMarketOptions"] == {"MarketType": "spot"}


def test_the_local_cluster_counts_every_machine() -> None:
    local = content("deploy/local_cluster.yaml")
    assert local["max_workers"] == len(local["provider"]["worker_ips"])
    assert "RAY_enable_autoscaler_v2=0" in " ".join(local["head_start_ray_commands"])


def test_the_kubernetes_job_is_valid_for_kuberay() -> None:
    job = yaml.safe_load(JOB.read_text())
    assert problems(job, RAYJOB) == []
    assert job["kind"] == "RayJob"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("spec", "entrypoint"), None),
        (("spec", "activeDeadlineSeconds"), "8h"),
        (("spec", "submissionMode"), "Sometimes"),
        (("spec", "rayClusterSpec", "authOptions", "mode"), "password"),
        (("spec", "rayClusterSpec", "headGroupSpec", "rayStartParams", "num-cpus"), 0),
        (("spec", "rayClusterSpec", "autoscalerOptions", "idleTimeout"), 60),
        (("spec", "rayClusterSpec", "headGroupSpec", "template", "spec", "containers"), []),
    ],
)
def test_the_schema_finds_mistakes(path: tuple[str, ...], value: Any) -> None:
    job = yaml.safe_load(JOB.read_text())
    place = job
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    assert problems(job, RAYJOB)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(job, RAYJOB)


def test_the_kubernetes_job_has_a_time_limit_cleans_up_scales_from_zero_and_requires_tokens() -> None:
    spec = yaml.safe_load(JOB.read_text())["spec"]
    cluster = spec["rayClusterSpec"]
    assert 0 < spec["activeDeadlineSeconds"] <= 24 * 3600
    assert spec["shutdownAfterJobFinishes"]
    assert spec["ttlSecondsAfterFinished"] > 0
    assert cluster["authOptions"] == {"mode": "token"}
    assert cluster["enableInTreeAutoscaling"]
    assert cluster["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"
    for group in cluster["workerGroupSpecs"]:
        assert group["replicas"] == group["minReplicas"] == 0 < group["maxReplicas"]
    images = {
        container["image"]
        for group in [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]
        for container in group["template"]["spec"]["containers"]
    }
    assert len(images) == 1  # head and workers must match


def test_the_kubernetes_entry_point_is_a_valid_command() -> None:
    from typer.testing import CliRunner

    from sweeps.cli.app import app

    command = yaml.safe_load(JOB.read_text())["spec"]["entrypoint"].split()
    assert command[:2] == ["softloc", "run"]
    text = CliRunner().invoke(app, ["run", "--help"], env={"COLUMNS": "200"}).output
    assert all(option in text for option in command if option.startswith("--"))
    assert (ROOT / "sweeps" / "studies" / f"{command[2]}.yaml").is_file()


def test_the_slurm_script_is_valid_shell() -> None:
    checked = subprocess.run(
        ["bash", "-n", str(ROOT / "deploy" / "slurm.sh")], capture_output=True, check=False
    )
    assert checked.returncode == 0, checked.stderr
