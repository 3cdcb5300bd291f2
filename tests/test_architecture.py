"""The house: rooms in order, doors between them, small files and functions, tests that mirror the packages.

docs/architecture.md explains the layout that these tests hold.
"""

import ast
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# Each package with its rooms in order. A room may import the rooms before it. Rooms in one set do not
# import each other.
ROOMS: dict[str, tuple[set[str], ...]] = {
    "softloc_core": (
        {"errors"},
        {"options", "events"},
        {"features", "networks"},
        {"losses", "metrics", "label_noise", "decoding"},
        {"tasks"},
        {"training"},
        {"inference"},
        {"trial"},
    ),
    "sweeps": (
        {"redaction"},
        {"storage", "designs"},
        {"study"},
        {"planning"},
        {"mlflow_view"},
        {"execution"},
        {"inspection", "forecasting"},
        {"testing"},
        {"cli"},
    ),
    "analysis": (
        {"errors", "arrays", "labels"},
        {"tables"},
        {"reading", "regression"},
        {"answers"},
        {"figures", "text"},
        {"report"},
        {"testing"},
    ),
    "softloc": ({"losses"}, {"studies"}),
}
PACKAGES = tuple(ROOMS)
# The losses serve anyone's network, and the regression anyone's numbers.
MAY_USE = {
    ("softloc_core", "losses"): {"errors", "options"},
    ("analysis", "regression"): {"errors", "arrays"},
}
PACKAGES_MAY_USE = {
    "softloc_core": set(),
    "analysis": set(),
    "sweeps": {"softloc_core", "analysis"},
    "softloc": {"softloc_core", "analysis", "sweeps"},
}
FORBIDDEN = {
    "softloc_core": {
        "ray", "mlflow", "pyarrow", "pandas", "matplotlib", "plotly", "optuna", "pydantic", "typer",
    },
    "analysis": {"ray", "mlflow", "torch", "optuna", "typer"},
    "sweeps": set(),
    "softloc": set(),
}  # fmt: skip
MAX_FILE_LINES = 400
MAX_BODY_LINES = 40
MAX_FILES = 15
TASKS = "softloc_core.tasks"

FILES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
FOLDERS = sorted({path.parent for path in FILES})
WINGS = sorted(
    path for path in (ROOT / "softloc_core" / "tasks").iterdir()
    if path.is_dir() and path.name not in ("base", "__pycache__")
)  # fmt: skip


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def module_of(path: Path) -> str:
    """Dotted name of the module in a file; a door's is its folder's."""
    return name_of(path.with_suffix("")).replace("/", ".").removesuffix(".__init__")


def is_folder(module: str) -> bool:
    return (ROOT / module.replace(".", "/")).is_dir()


def file_of(module: str) -> Path | None:
    """The file of one of our modules, a folder's door for a folder, None for anyone else's."""
    path = ROOT / module.replace(".", "/")
    if module.split(".")[0] not in PACKAGES:
        return None
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def room_of(module: str) -> str:
    """The room of a module: a first-level name of its package; in the tasks a wing (`tasks.drums`)."""
    parts = module.split(".")
    if len(parts) > 2 and module.startswith(f"{TASKS}.") and is_folder(".".join(parts[:3])):
        return ".".join(parts[1:3])
    return parts[1] if len(parts) > 1 else ""


def imports(path: Path) -> Iterator[tuple[str, str]]:
    """Each import of a file as (module, name), wherever in it; the name of `import x` is empty."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name_of(path)}: imports must be absolute"
            yield from ((str(node.module), alias.name) for alias in node.names)


def our_imports(path: Path) -> Iterator[tuple[str, str]]:
    """The imports of a file from our packages; a module that is imported by name counts as a module."""
    for module, name in imports(path):
        if module.split(".")[0] in PACKAGES:
            whole = f"{module}.{name}"
            is_module = is_folder(module) and (is_folder(whole) or (file_of(whole) or ROOT).is_file())
            yield (whole, "") if is_module else (module, name)


def floor_of(package: str, room: str) -> int | None:
    first = room.split(".")[0]
    return next((k for k, rooms in enumerate(ROOMS[package]) if first in rooms), None)


def exported(module: str) -> set[str]:
    """What a module exports: its `__all__`, or for a lazy door the names in its stub."""
    path = file_of(module)
    assert path is not None
    if path.with_suffix(".pyi").exists():
        stub = ast.parse(path.with_suffix(".pyi").read_text())
        return {alias.name for node in stub.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    for node in tree_of(path).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return set(ast.literal_eval(node.value))
        if isinstance(node, ast.ImportFrom) and any(alias.name == "__all__" for alias in node.names):
            return exported(str(node.module))
    return set()


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_packages_import_one_way(path: Path) -> None:
    package = path.relative_to(ROOT).parts[0]
    for module, _ in imports(path):
        top = module.split(".")[0]
        assert top not in FORBIDDEN[package], f"{name_of(path)} must not import {module}"
        if top in PACKAGES and top != package:
            assert top in PACKAGES_MAY_USE[package], f"{name_of(path)} must not import {module}"


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_rooms_import_earlier_rooms_only(path: Path) -> None:
    package, here = module_of(path).split(".")[0], room_of(module_of(path))
    if here == "":
        return
    floor = floor_of(package, here)
    assert floor is not None, f"{name_of(path)}: the new room {here} needs a place in ROOMS"
    for module, _ in our_imports(path):
        there = room_of(module)
        if module.split(".")[0] != package or there.split(".")[0] in (here.split(".")[0], ""):
            continue
        allowed = MAY_USE.get((package, here))
        assert allowed is None or there in allowed, f"{name_of(path)} must not import {module}"
        below = floor_of(package, there)
        assert below is not None and below < floor, f"{name_of(path)} must not import {module}"


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_rooms_are_entered_through_their_doors(path: Path) -> None:
    here = module_of(path)
    for module, _ in our_imports(path):
        is_same_room = module.split(".")[0] == here.split(".")[0] and room_of(module) == room_of(here)
        if is_same_room or here == TASKS:
            continue
        room = room_of(module)
        door = module.split(".")[0] + (f".{room}" if room else "")
        assert module == door, f"{name_of(path)} must import from {door}, not from {module}"


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_what_is_imported_is_exported(path: Path) -> None:
    for module, name in our_imports(path):
        if name and name != "*":
            dunder = name.startswith("__") and name.endswith("__")
            assert dunder or not name.startswith("_"), (
                f"{name_of(path)} must not import the private {module}.{name}"
            )
            assert dunder or name in exported(module), f"{module} must have {name} in its __all__"


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_every_module_says_what_it_exports(path: Path) -> None:
    module = module_of(path)
    if path.name == "__main__.py":
        return
    exports = exported(module)
    is_bare_door = path.name == "__init__.py" and len(tree_of(path).body) <= 2
    assert exports or is_bare_door, f"{name_of(path)} needs an __all__"
    if path.with_suffix(".pyi").exists() or any(name == "*" for _, name in imports(path)):
        return
    defined = {
        name
        for node in ast.walk(tree_of(path))
        for name in (
            [node.name] if isinstance(node, ast.FunctionDef | ast.ClassDef) else
            [alias.asname or alias.name for alias in node.names] if isinstance(node, ast.ImportFrom) else
            [node.id] if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) else []
        )
    }  # fmt: skip
    assert exports <= defined, f"{name_of(path)} exports what it does not define: {exports - defined}"


@pytest.mark.parametrize("folder", FOLDERS, ids=name_of)
def test_every_folder_has_a_door_that_says_what_the_room_is_for(folder: Path) -> None:
    door = folder / "__init__.py"
    assert door.exists(), f"{name_of(folder)} needs an __init__.py"
    sentence = (ast.get_docstring(tree_of(door)) or "").split("\n")[0]
    assert sentence.endswith(".") and len(sentence) > 20, f"{name_of(door)} must say what the room is for"


@pytest.mark.parametrize("folder", FOLDERS, ids=name_of)
def test_no_door_exports_a_name_of_one_of_its_modules(folder: Path) -> None:
    """Python puts an imported module over a name of its package, so the two would get in each other's way."""
    modules = {path.stem for path in folder.glob("*.py")} | {
        path.name for path in folder.iterdir() if path.is_dir()
    }
    clashes = exported(module_of(folder / "__init__.py")) & modules
    # `softloc.losses` is the module itself.
    assert not clashes - ({"losses"} if folder.name == "softloc" else set())


@pytest.mark.parametrize("folder", FOLDERS, ids=name_of)
def test_folders_stay_small_and_need_no_prefixes(folder: Path) -> None:
    stems = [path.stem for path in folder.glob("*.py") if path.name != "__init__.py"]
    assert len(stems) <= MAX_FILES, f"{name_of(folder)} has {len(stems)} files"
    prefixes = Counter(stem.split("_")[0] for stem in stems if not stem.startswith("_"))
    assert all(number < 3 for number in prefixes.values()), f"{name_of(folder)}: {prefixes.most_common(1)}"


@pytest.mark.parametrize("wing", WINGS, ids=name_of)
def test_a_task_is_one_folder_that_imports_no_other(wing: Path) -> None:
    assert (wing / "task.py").exists()
    others = {f"{TASKS}.{other.name}" for other in WINGS if other != wing}
    for path in wing.rglob("*.py"):
        for module, _ in our_imports(path):
            assert ".".join(module.split(".")[:3]) not in others, f"{name_of(path)} must not import {module}"


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_files_and_functions_stay_small(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= MAX_FILE_LINES
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) is not None else node.body
            lines = (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0
            assert lines <= MAX_BODY_LINES, f"{name_of(path)}: {node.name} has {lines} lines"


def test_tests_mirror_the_folders() -> None:
    """A folder of tests is a folder of its package; every room with more than a door has tests."""
    for package in PACKAGES:
        tests = ROOT / "tests" / package
        rooms = {path.relative_to(ROOT / package) for path in FOLDERS if path.is_relative_to(ROOT / package)}
        mirrored = {path.parent.relative_to(tests) for path in tests.rglob("test_*.py")}
        assert mirrored <= rooms, f"tests/{package} has folders that {package} lacks: {mirrored - rooms}"
        first = {room for room in rooms if len(room.parts) == 1 and room.name not in ("testing", "examples")}
        assert first <= {Path(path.parts[0]) for path in mirrored if path.parts}, (
            f"no tests: {first - mirrored}"
        )


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_seconds_become_frames_in_one_place(path: Path) -> None:
    if module_of(path) == "softloc_core.events":
        return
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div | ast.FloorDiv):
            divisor = ast.unparse(node.right)
            assert not divisor.endswith("hop_s"), (
                f"{name_of(path)}, line {node.lineno}: use seconds_to_frames"
            )


def names_used(path: Path) -> Counter[str]:
    """Identifiers that a file uses or imports, its own definitions left out."""
    used: Counter[str] = Counter()
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            used[node.id] += 1
        elif isinstance(node, ast.Attribute):
            used[node.attr] += 1
        elif isinstance(node, ast.ImportFrom):
            used.update(alias.name for alias in node.names)
        elif isinstance(node, ast.keyword) and node.arg:
            used[node.arg] += 1
    return used


def test_nothing_is_used_by_tests_alone() -> None:
    """A public function or class that only tests use is dead, or belongs into `testing/`."""
    outside = [*(ROOT / "benchmarks").glob("*.py"), *(ROOT / "docs").rglob("*.py")]
    used: Counter[str] = Counter()
    for path in (*FILES, *outside):
        if path.name != "__init__.py":
            used.update(names_used(path))
    doors = {name for folder in FOLDERS for name in exported(module_of(folder / "__init__.py"))}
    dead = {
        f"{name_of(path)}: {node.name}"
        for path in FILES
        if "testing" not in path.parts
        for node in tree_of(path).body
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
        and used[node.name] == 0 and node.name not in doors and not node.decorator_list
    }  # fmt: skip
    assert not dead, f"used by tests alone, or by nothing: {sorted(dead)}"
