"""The study file: its keys, what each must hold, and the study that comes out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from softloc_core.errors import ConfigError
from softloc_core.label_noise import NOISES
from softloc_core.losses import LOSSES
from softloc_core.tasks import TASKS
from sweeps.designs import DESIGN_OPTIONS, DESIGN_TYPES
from sweeps.fields import FIELDS, Field, parse_field, unknown_key, write_value
from sweeps.located_yaml import Located, parse_yaml
from sweeps.overrides import with_overrides
from sweeps.space import Parameter, parse_parameter
from sweeps.units import Duration, parse_duration

__all__ = ["DESIGNS", "Resources", "Study", "find_study", "load_study", "shipped_studies", "study_from_yaml"]

DESIGNS = tuple(DESIGN_TYPES)
_KEYS = (
    "name", "description", "task", "data", "trials", "design", "seed", "replicates", "space", "fixed",
    "design_options", "resources", "time_limit", "retries",
)  # fmt: skip
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


@dataclass(frozen=True)
class Resources:
    """What one trial takes.

    Attributes:
        cpus: Cores, > 0.
        gpus: GPUs, >= 0; a fraction shares one.
    """

    cpus: float = 1.0
    gpus: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Study:
    """A study as written, checked as far as it can be without its data.

    Attributes:
        name: Names the study and its folder.
        description: One line for `softloc studies`.
        task: A registered task.
        data: One of its data sources.
        trials: Number of trainings in all; None for a grid, which has as many as it has points.
        design: One of `DESIGNS`.
        seed: Seeds the design and the label noise.
        replicates: How often each design point is run.
        space: Varied fields by key; a dotted key is one option of a field.
        fixed: Given fields by key; what neither gives comes from the task's defaults.
        design_options: The design's own options, see `sweeps.designs.DESIGN_OPTIONS`.
        resources: What one trial takes.
        time_limit: Longest time a trial may take, or None.
        retries: How often a trial is started again after its worker died.
        places: Where each key was written, for messages.
    """

    name: str
    task: str
    data: str
    design: str
    description: str = ""
    trials: int | None = None
    seed: int = 0
    replicates: int = 1
    space: Mapping[str, Parameter] = field(default_factory=dict)
    fixed: Mapping[str, Any] = field(default_factory=dict)
    design_options: Mapping[str, Any] = field(default_factory=dict)
    resources: Resources = field(default_factory=Resources)
    time_limit: Duration | None = None
    retries: int = 2
    places: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)

    def spec(self) -> dict[str, Any]:
        """The study as plain YAML values; `study_from_yaml` reads it back equal."""
        spec: dict[str, Any] = {"name": self.name, "description": self.description, "task": self.task}
        spec |= {"data": self.data, "design": self.design, "seed": self.seed, "replicates": self.replicates}
        if self.trials is not None:
            spec["trials"] = self.trials
        spec["space"] = {key: parameter.spec(write_value) for key, parameter in self.space.items()}
        spec["fixed"] = {key: write_value(value) for key, value in self.fixed.items()}
        if self.design_options:
            spec["design_options"] = dict(self.design_options)
        spec["resources"] = {"cpus": self.resources.cpus, "gpus": self.resources.gpus}
        spec["retries"] = self.retries
        if self.time_limit is not None:
            spec["time_limit"] = str(self.time_limit)
        return spec

    def to_yaml(self) -> str:
        """The text of a study file."""
        return str(yaml.safe_dump(self.spec(), sort_keys=False, allow_unicode=True))


def shipped_studies() -> dict[str, str]:
    """Texts of the studies that ship, by name."""
    folder = resources.files("sweeps") / "studies"
    files = sorted(
        (item for item in folder.iterdir() if item.name.endswith(".yaml")), key=lambda item: item.name
    )
    return {item.name.removesuffix(".yaml"): item.read_text(encoding="utf-8") for item in files}


def find_study(name_or_path: str) -> tuple[str, str]:
    """Text of a study file and how messages call it: a shipped study by name, another by path.

    Raises:
        ConfigError: Neither.
    """
    shipped = shipped_studies()
    if name_or_path in shipped:
        return shipped[name_or_path], f"studies/{name_or_path}.yaml"
    path = Path(name_or_path)
    if not path.is_file():
        raise ConfigError(
            f"a study must be one that ships ({', '.join(shipped)}) or the path of a study file, "
            f"but got {name_or_path}"
        )
    try:
        return path.read_text(encoding="utf-8"), str(path)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"a study file must be readable text, but {path}: {error}") from error


def load_study(name_or_path: str, *, overrides: Sequence[str] = ()) -> Study:
    """The study of that name or path, with `key=value` overrides applied.

    Raises:
        ConfigError: What a study must hold, what came, and its line.
    """
    text, name = find_study(name_or_path)
    return study_from_yaml(text, name=name, overrides=overrides)


def study_from_yaml(text: str, *, name: str, overrides: Sequence[str] = ()) -> Study:
    """The study that a YAML text describes.

    Args:
        text: The file's content.
        name: How messages call the file.
        overrides: `key=value`, each as after `--set`.

    Raises:
        ConfigError: What a study must hold, what came, and its line.
    """
    root = with_overrides(parse_yaml(text, name=name), overrides, top_level=_KEYS)
    for key, item in root.items():
        if key not in _KEYS:
            raise unknown_key(
                item, key, (*_KEYS, *(f"fixed.{known}" for known in FIELDS)) if key in FIELDS else _KEYS
            )
    for key in ("name", "task", "data", "design"):
        if key not in root.value:
            raise ConfigError(f"a study must give `{key}`, but {name} does not")
    study = _study(root)
    _validate_task(study, root)
    _validate_budget(study, root)
    return study


def _study(root: Located) -> Study:
    """The study, every key checked on its own."""
    given = root.value
    space, fixed = _space(given.get("space")), _fixed(given.get("fixed"))
    _validate_disjoint(space, fixed, given)
    return Study(
        name=_name(given["name"]),
        description=_text(given["description"]) if "description" in given else "",
        task=_one_of(given["task"], sorted(TASKS.tasks)),
        data=_text(given["data"]),
        trials=_integer(given["trials"], least=1) if "trials" in given else None,
        design=_one_of(given["design"], DESIGNS),
        seed=_integer(given["seed"], least=0) if "seed" in given else 0,
        replicates=_integer(given["replicates"], least=1) if "replicates" in given else 1,
        space=space,
        fixed=fixed,
        design_options=_design_options(given.get("design_options"), str(given["design"].value)),
        resources=_resources(given.get("resources")),
        time_limit=_time_limit(given["time_limit"]) if "time_limit" in given else None,
        retries=_integer(given["retries"], least=0) if "retries" in given else 2,
        places=_places(root),
    )


def _places(root: Located) -> dict[str, str]:
    """Where each key of `space` and `fixed`, and each top-level key, stands."""
    places = {key: item.place for key, item in root.items()}
    for section in ("space", "fixed"):
        if isinstance(root.value.get(section), Located) and isinstance(root.value[section].value, dict):
            places |= {f"{section}.{key}": item.place for key, item in root.value[section].items()}
    return places


def _space(located: Located | None) -> dict[str, Parameter]:
    """Varied fields."""
    if located is None or located.value is None:
        return {}
    space = {}
    for key, item in located.items():
        target = _target(key, item)
        space[key] = parse_parameter(item, parse=lambda value, target=target: parse_field(target, value))  # type: ignore[misc]
    return space


def _target(key: str, located: Located) -> Field:
    """The field that a key of `space` varies; a dotted key varies one option of it."""
    head, _, rest = key.partition(".")
    if head not in FIELDS:
        raise unknown_key(located, key, FIELDS)
    field_ = FIELDS[head]
    if not rest:
        return field_
    if field_.kind == "schedule":
        return Field(key, field_.config_name, "number")
    if field_.kind == "options":
        return Field(key, field_.config_name, "option")
    raise unknown_key(located, key, FIELDS)


def _fixed(located: Located | None) -> dict[str, Any]:
    """Given fields."""
    if located is None or located.value is None:
        return {}
    fixed = {}
    for key, item in located.items():
        if key not in FIELDS:
            raise unknown_key(item, key, FIELDS)
        fixed[key] = parse_field(FIELDS[key], item)
    return fixed


def _validate_disjoint(space: Iterable[str], fixed: Mapping[str, Any], given: Mapping[str, Located]) -> None:
    """Refuse a field that is both varied and fixed."""
    for key in space:
        if key in fixed:
            place = given["space"].value[key].place
            raise ConfigError(f"`{key}` must stand in space or in fixed, but got it in both in {place}")


def _validate_task(study: Study, root: Located) -> None:
    """Refuse names that the task does not know."""
    task = TASKS.get(study.task)
    _one_of(root.value["data"], list(task.sources))
    allowed = {"network": task.networks, "split": tuple(task.sources[study.data].splits)}
    allowed |= {"loss": tuple(LOSSES), "noise": tuple(NOISES)}
    for key, names in allowed.items():
        for value, where in _values(study, key):
            if value not in names:
                raise ConfigError(f"`{where}` must be one of {', '.join(names)}, but got {value} in "
                                  f"{study.places[where]}")  # fmt: skip


def _values(study: Study, key: str) -> list[tuple[Any, str]]:
    """Every value that a study gives to a field, with the key it stands under."""
    if key in study.fixed:
        return [(study.fixed[key], f"fixed.{key}")]
    if key in study.space:
        return [(value, f"space.{key}") for value in study.space[key].values]
    return []


def _validate_budget(study: Study, root: Located) -> None:
    """Refuse a number of trials that does not fit the design."""
    if study.design == "grid":
        for key, parameter in study.space.items():
            if not parameter.levels():
                raise root.value["space"].value[key].error("must list values or give `steps` in a grid")
        return
    if study.trials is None:
        raise ConfigError(f"a study must give `trials` unless its design is grid, but {root.place} does not")


def _name(located: Located) -> str:
    """A name that is safe as a folder's name."""
    value = str(located.value)
    if not _NAME.fullmatch(value) or ".." in value:
        raise located.error("must be 1 to 64 letters, digits, _ - or ., starting with a letter or digit")
    return value


def _text(located: Located) -> str:
    """A text."""
    if not isinstance(located.value, str):
        raise located.error("must be a text")
    return located.value


def _one_of(located: Located, allowed: Sequence[str]) -> str:
    """One of the allowed names."""
    if located.value not in allowed:
        raise located.error(f"must be one of {', '.join(allowed)}")
    return str(located.value)


def _integer(located: Located, *, least: int) -> int:
    """A whole number."""
    if type(located.value) is not int or located.value < least:
        raise located.error(f"must be a whole number, at least {least}")
    return located.value


def _design_options(located: Located | None, design: str) -> dict[str, Any]:
    """The design's own options; their values are judged by the design."""
    if located is None:
        return {}
    allowed = DESIGN_OPTIONS.get(design, ())
    for key, item in located.items():
        if key not in allowed:
            raise unknown_key(item, key, allowed or ("none for this design",))
    return dict(located.plain)


def _time_limit(located: Located) -> Duration:
    """A duration in s or ms, above 0."""
    try:
        limit = parse_duration(located.value)
    except ConfigError as error:
        raise ConfigError(f"`{located.path}` {error} in {located.place}") from error
    if limit.unit not in ("s", "ms") or not limit.value > 0:
        raise located.error("must be above 0 and in s or ms")
    return limit


def _resources(located: Located | None) -> Resources:
    """What one trial takes."""
    if located is None:
        return Resources()
    values: dict[str, float] = {}
    for key, item in located.items():
        if key not in ("cpus", "gpus"):
            raise unknown_key(item, key, ("cpus", "gpus"))
        number = item.value
        if isinstance(number, bool) or not isinstance(number, int | float) or not 0 <= number < float("inf"):
            raise item.error("must be a number, at least 0")
        values[key] = float(number)
    if values.get("cpus", 1.0) <= 0:
        raise located.error("must take some cpus (above 0)")
    return Resources(**values)
