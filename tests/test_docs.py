"""What the documents promise: links lead somewhere, snippets run, commands and studies exist."""

import re
from pathlib import Path

import pytest
import torch
import yaml
from typer.testing import CliRunner

from sweeps.cli.app import app
from sweeps.study import load_study, shipped_studies

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("benchmarks/*.md")])
README = (ROOT / "README.md").read_text()


def snippets(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)


def commands(text: str) -> list[str]:
    """Every `softloc ...` that stands in an indented block, without its comment."""
    found = re.findall(r"^    (softloc .*)$", text, flags=re.MULTILINE)
    return [re.split(r"\s+#", command)[0].strip() for command in found]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_to_files_that_are_there(page):
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_readme_has_snippets_of_both_languages():
    assert snippets(README, "python") and snippets(README, "yaml")


@pytest.mark.parametrize("snippet", snippets(README, "python"))
def test_python_of_the_readme_trains(snippet):
    names = {}
    exec(compile(snippet, "README.md", "exec"), names)
    trained = [value for value in names.values() if isinstance(value, torch.Tensor) and value.requires_grad]
    assert trained
    assert all(value.grad.isfinite().all() and value.grad.any() for value in trained)


@pytest.mark.parametrize("snippet", snippets(README, "yaml"))
def test_studies_of_the_readme_are_valid(snippet, tmp_path):
    path = tmp_path / "study.yaml"
    path.write_text(snippet)
    assert load_study(str(path), overrides=[]).name == yaml.safe_load(snippet)["name"]


@pytest.mark.parametrize(
    "command", sorted({c for page in PAGES for c in commands(page.read_text())}), ids=lambda c: c[:60]
)
def test_commands_of_the_documents_exist(command):
    words = command.split()[1:]
    depth = 2 if words[0] in {"data", "mlflow"} else 1
    result = CliRunner().invoke(app, [*words[:depth], "--help"])
    assert result.exit_code == 0, f"{command}: {result.output}"
    flags = re.findall(r"--[a-z-]+", command)
    assert all(flag in result.output for flag in flags), f"{command}: {flags}"
    if words[0] in {"run", "plan"} and not words[1].endswith(".yaml"):
        assert words[1] in shipped_studies(), command
