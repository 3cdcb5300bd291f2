"""The recipes of CONTRIBUTING.md, each followed to the letter in a copy of the repository."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RECIPES = re.split(
    r"^### ", (ROOT / "CONTRIBUTING.md").read_text().partition("\n## Recipes\n")[2], flags=re.M
)[1:]
BLOCK = re.compile(r'^```(?:python title="(?P<path>[^"]+)"|(?P<diff>diff))\n(?P<text>.*?)^```', re.M | re.S)
COPIED = ("softloc", "softloc_core", "sweeps", "analysis", "tests", "docs", "pyproject.toml", "README.md")


def title_of(recipe: str) -> str:
    return recipe.splitlines()[0]


def copy_repository(target: Path) -> None:
    """Copy what the recipes touch and test, without the stored examples' bulk."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", *COPIED],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in listed.stdout.splitlines():
        if not name.startswith("analysis/examples/") and (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            (target / name).write_bytes((ROOT / name).read_bytes())


def follow(recipe: str, folder: Path) -> None:
    """Save the files and apply the diffs of a recipe, in its order."""
    for block in BLOCK.finditer(recipe):
        if block["diff"]:
            subprocess.run(["git", "apply", "-"], cwd=folder, input=block["text"], text=True, check=True)
        else:
            (folder / block["path"]).parent.mkdir(parents=True, exist_ok=True)
            (folder / block["path"]).write_text(block["text"])


def run(command: str, folder: Path) -> None:
    """Run a command of a recipe on the copy."""
    binaries = Path(sys.executable).parent
    done = subprocess.run(
        command,
        shell=True,
        cwd=folder,
        capture_output=True,
        text=True,
        env={
            **os.environ,
            "PYTHONPATH": str(folder),
            "PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}",
            "PYTEST_ADDOPTS": "-p no:cacheprovider",
        },
    )
    assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"


@pytest.mark.slow
@pytest.mark.parametrize("recipe", RECIPES, ids=title_of)
def test_a_recipe_works_as_written(recipe: str, tmp_path: Path) -> None:
    copy_repository(tmp_path)
    follow(recipe, tmp_path)
    commands = re.findall(r"^    (\S.*)$", re.sub(BLOCK, "", recipe), flags=re.M)
    assert commands
    for command in commands:
        run(command, tmp_path)


def test_there_are_four_recipes() -> None:
    assert [title_of(recipe) for recipe in RECIPES] == [
        "Add a loss", "Add a task", "Add a design", "Add a stored column",
    ]  # fmt: skip


@pytest.mark.parametrize("recipe", RECIPES, ids=title_of)
def test_the_changes_of_a_recipe_still_apply(recipe: str, tmp_path: Path) -> None:
    """The fast half: a diff whose surroundings changed is noticed in every test run."""
    copy_repository(tmp_path)
    follow(recipe, tmp_path)
