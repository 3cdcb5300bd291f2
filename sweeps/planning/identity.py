"""Whether a folder holds the very study that is to be run."""

from __future__ import annotations

import json
from typing import Any

import yaml

from softloc_core.errors import ConfigError
from sweeps.designs import LEARNING
from sweeps.planning.planner import Planner
from sweeps.storage import StudyFolder, read_definition
from sweeps.study import Study

__all__ = ["resolved_study", "validate_same_study"]

# What may change between two runs of one study without making it another study.
_FREE_KEYS = ("trials", "description", "resources", "retries", "time_limit", "stop_early", "checkpoint",
              "keep_weights")  # fmt: skip


def resolved_study(planner: Planner) -> str:
    """The study with every default written out, as its folder keeps it."""
    study = planner.study
    spec = study.spec()
    spec["fixed"] = {**planner.written_defaults(), **spec["fixed"]}
    return str(yaml.safe_dump(spec, sort_keys=False, allow_unicode=True))


def validate_same_study(study: Study, folder: StudyFolder) -> None:
    """Raise if a folder holds another study, whose trials would be mixed with ours.

    Raises:
        ConfigError: The folder holds another study or cannot be read.
    """
    try:
        definition = read_definition(folder)
    except OSError as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(f"--out must be a folder that can be read, but {folder}: {reason}") from error
    if definition is None:
        return
    there, fixed_there = definition.spec, definition.fixed
    ours = study.spec()
    # A design that does not learn gives the same points whatever is looked for.
    free = _FREE_KEYS if study.design in LEARNING else (*_FREE_KEYS, "objectives")
    for key in ("points", "objectives", "design_options"):
        if key in there and key not in ours and key not in free:
            raise _other_study(folder, key, there[key], None)
    for key, value in ours.items():
        if key in free or key == "fixed":
            continue
        if key == "points" and _begins_with(value, there.get(key)):
            continue
        if there.get(key) != value:
            raise _other_study(folder, key, there.get(key), value)
    for key, value in ours["fixed"].items():
        if fixed_there.get(key) != value:
            raise _other_study(folder, f"fixed.{key}", fixed_there.get(key), value)


def _begins_with(points: list[Any], there: Any) -> bool:
    """Whether a list of points is the one that is there, or goes on from it."""
    return isinstance(there, list) and points[: len(there)] == there


def _other_study(folder: StudyFolder, key: str, there: Any, ours: Any) -> ConfigError:
    """An error that names the difference and the remedy."""
    return ConfigError(
        f"{folder} must hold the same study, but `{key}` is {_short(there)} there and {_short(ours)} here: "
        "give --set name=NEW or another --out"
    )


def _short(value: Any) -> str:
    """A value as one short JSON text."""
    text = json.dumps(value, default=str)
    return text if len(text) <= 120 else f"{text[:117]}..."
