"""The house: imports point one way, files and functions stay small."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("softloc_core", "sweeps", "analysis")
FILES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))

# Each floor may use those below it (later in the list), none above, and nothing beside it.
FLOORS = (
    {"trial"},
    {"trial_training"},
    {"training_run", "trial_config", "inference"},
    {"training", "calibration", "augmentation"},
    {"excerpts"},
    {"tasks"},
    {"networks", "losses", "decoding", "metrics", "features", "label_noise", "ensemble_options"},
    {"ensembles"},
    {"front_ends"},
    {"audio", "events", "filter_banks"},
    {"options"},
    {"errors"},
)
# The losses stand alone, for anyone's network.
LOSSES_MAY_USE = {"losses", "options", "errors"}
FORBIDDEN = {
    "softloc_core": {
        "ray",
        "mlflow",
        "pyarrow",
        "pandas",
        "matplotlib",
        "plotly",
        "optuna",
        "pydantic",
        "typer",
    },
    "analysis": {"ray", "mlflow", "torch", "optuna", "typer"},
    "sweeps": set(),
}
MAX_FILE_LINES = 400
MAX_BODY_LINES = 40


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imports(path: Path) -> set[str]:
    """Absolute names of all that a file imports, wherever in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name_of(path)}: imports are absolute"
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


def room(dotted: str) -> str:
    return dotted.split(".")[1] if "." in dotted else ""


def floor(name: str) -> int | None:
    return next((k for k, names in enumerate(FLOORS) if name in names), None)


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_packages_import_one_way(path):
    package = path.relative_to(ROOT).parts[0]
    allowed = {"sweeps": set(PACKAGES)}.get(package, {package})
    for imported in imports(path):
        top = imported.split(".")[0]
        assert top not in set(PACKAGES) - allowed, f"{name_of(path)} must not import {imported}"
        assert top not in FORBIDDEN[package], f"{name_of(path)} must not import {imported}"


@pytest.mark.parametrize("path", sorted((ROOT / "softloc_core").rglob("*.py")), ids=name_of)
def test_rooms_of_the_core_import_downwards(path):
    here = path.relative_to(ROOT / "softloc_core").parts[0].removesuffix(".py")
    if here == "__init__":
        return
    assert floor(here) is not None, f"{name_of(path)}: the new room {here} needs a floor"
    for imported in imports(path):
        there = room(imported)
        if not imported.startswith("softloc_core.") or there == here:
            continue
        if here == "losses":
            assert there in LOSSES_MAY_USE, f"{name_of(path)} must not import {imported}"
        assert floor(there) is None or floor(there) > floor(here), (
            f"{name_of(path)} must not import {imported}"
        )


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_files_and_functions_stay_small(path):
    assert len(path.read_text().splitlines()) <= MAX_FILE_LINES
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) is not None else node.body
            lines = body[-1].end_lineno - body[0].lineno + 1 if body else 0
            assert lines <= MAX_BODY_LINES, f"{name_of(path)}: {node.name} has {lines} lines"
