"""Reading study files: the shipped studies by name, and any other study file by its path."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources
from pathlib import Path

from softloc_core.errors import ConfigError
from sweeps.designs import DESIGN_TYPES
from sweeps.study import keys
from sweeps.study.checkpoint_rule import parse_checkpoint_rule
from sweeps.study.definition import Study
from sweeps.study.early_stopping import parse_early_stopping
from sweeps.study.fields import FIELDS, unknown_key
from sweeps.study.located_yaml import Located, parse_yaml
from sweeps.study.objectives import parse_objectives
from sweeps.study.overrides import with_overrides
from sweeps.study.points import parse_points
from sweeps.study.rules import validate_together

__all__ = ["KEYS", "load_study", "shipped_studies", "study_from_yaml"]

NOISE_DRAWS = ("common", "point")
KEYS = (
    "name", "description", "task", "data", "trials", "design", "seed", "replicates", "space", "points",
    "objectives", "noise_draw", "fixed", "focus", "stop", "design_options", "resources", "time_limit",
    "retries", "stop_early", "checkpoint", "keep_weights", "keep_probabilities",
)  # fmt: skip


def shipped_studies() -> dict[str, str]:
    """Return the texts of the shipped study files, by name."""
    folder = resources.files("sweeps") / "studies"
    files = sorted(
        (item for item in folder.iterdir() if item.name.endswith(".yaml")), key=lambda item: item.name
    )
    return {item.name.removesuffix(".yaml"): item.read_text(encoding="utf-8") for item in files}


def _find_study(name_or_path: str) -> tuple[str, str]:
    """Return the text of a study file and its name in messages.

    Raises:
        ConfigError: There is no shipped study with this name and no readable file with this path.
    """
    shipped = shipped_studies()
    if name_or_path in shipped:
        return shipped[name_or_path], f"studies/{name_or_path}.yaml"
    path = Path(name_or_path)
    if not path.is_file():
        raise ConfigError(
            f"a study must be a shipped one ({', '.join(shipped)}) or the path of a study file, "
            f"but got {name_or_path}"
        )
    try:
        return path.read_text(encoding="utf-8"), str(path)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"a study file must be readable text, but {path}: {error}") from error


def load_study(name_or_path: str, *, overrides: Sequence[str] = ()) -> Study:
    """Return the study with this name or path.

    Args:
        name_or_path: Name of a shipped study, or path of a study file.
        overrides: `key=value` texts, as after `--set`.

    Raises:
        ConfigError: The study does not exist or is invalid. The message says what must hold, which value was
            given, and on which line.
    """
    text, name = _find_study(name_or_path)
    return study_from_yaml(text, name=name, overrides=overrides)


def study_from_yaml(text: str, *, name: str, overrides: Sequence[str] = ()) -> Study:
    """Return the study that a YAML text describes.

    Args:
        text: Content of the study file.
        name: Name of the file in messages.
        overrides: `key=value` texts, as after `--set`.

    Raises:
        ConfigError: The study is invalid. The message says what must hold, which value was given, and on
            which line.
    """
    root = with_overrides(parse_yaml(text, name=name), overrides, top_level=KEYS)
    for key, item in root.items():
        if key not in KEYS:
            raise unknown_key(
                item, key, (*KEYS, *(f"fixed.{known}" for known in FIELDS)) if key in FIELDS else KEYS
            )
    for key in ("name", "task", "data", "design"):
        if key not in root.value:
            raise ConfigError(f"a study must give `{key}`, but {name} does not")
    study = _study(root, file=name)
    validate_together(study, root)
    return study


def _study(root: Located, *, file: str) -> Study:
    """Return the study, with each key checked on its own."""
    given = root.value
    points = given.get("points")
    return Study(
        name=keys.name(given["name"]),
        description=keys.text(given["description"]) if "description" in given else "",
        sources=keys.sources(given["task"], given["data"]),
        trials=keys.integer(given["trials"], least=1) if "trials" in given else None,
        design=keys.one_of(given["design"], tuple(DESIGN_TYPES)),
        seed=keys.integer(given["seed"], least=0) if "seed" in given else 0,
        replicates=keys.integer(given["replicates"], least=1) if "replicates" in given else 1,
        space=keys.space(given.get("space")),
        points=() if points is None else parse_points(points, study_file=file, parse=keys.value_of_key),
        objectives=parse_objectives(given.get("objectives")),
        noise_draw=keys.one_of(given["noise_draw"], NOISE_DRAWS) if "noise_draw" in given else None,
        fixed=keys.fixed(given.get("fixed")),
        design_options=keys.design_options(given.get("design_options"), str(given["design"].value))
        | keys.focus_and_stop(given, str(given["design"].value)),
        resources=keys.resources(given.get("resources")),
        time_limit=keys.time_limit(given["time_limit"]) if "time_limit" in given else None,
        retries=keys.integer(given["retries"], least=0) if "retries" in given else 2,
        stop_early=parse_early_stopping(given.get("stop_early")),
        checkpoint=parse_checkpoint_rule(given.get("checkpoint")),
        keep_weights=keys.boolean(given["keep_weights"]) if "keep_weights" in given else False,
        keep_probabilities=keys.yes_no_auto(given.get("keep_probabilities")),
        places=_places(root),
    )


def _places(root: Located) -> dict[str, str]:
    """Return the place of each top-level key and of each key of `space` and `fixed`."""
    places = {key: item.place for key, item in root.items()}
    for section in ("space", "fixed"):
        if isinstance(root.value.get(section), Located) and isinstance(root.value[section].value, dict):
            places |= {f"{section}.{key}": item.place for key, item in root.value[section].items()}
    return places
