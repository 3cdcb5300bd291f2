"""Python names on the pages exist: what snippets import, and dotted names in the text."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("benchmarks/*.md")])
SNIPPET = re.compile(r"^```python\n(.*?)^```", flags=re.MULTILINE | re.DOTALL)
DOTTED = re.compile(r"`((?:softloc|softloc_core|sweeps|analysis)(?:\.[A-Za-z_]\w*)+)`")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_snippets_import_names_that_exist(page: Path) -> None:
    for snippet in SNIPPET.findall(page.read_text()):
        for imports in re.findall(r"^(?:from|import) .*$", snippet, flags=re.MULTILINE):
            exec(compile(imports, str(page), "exec"), {})


def test_snippets_of_the_analysis_page_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    names: dict[str, object] = {}
    for snippet in SNIPPET.findall((ROOT / "docs" / "analysis.md").read_text()):
        exec(compile(snippet, "docs/analysis.md", "exec"), names)
    assert {"study", "surface", "comparison"} <= names.keys()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_dotted_names_exist(page: Path) -> None:
    for name in DOTTED.findall(page.read_text()):
        assert exists(name), name


def exists(name: str) -> bool:
    """Whether a dotted name is a module, or leads from a module through attributes."""
    words = name.split(".")
    found: object = importlib.import_module(words[0])
    for n, word in enumerate(words[1:], start=2):
        if not hasattr(found, word):
            try:
                found = importlib.import_module(".".join(words[:n]))
            except ModuleNotFoundError:
                return False
        else:
            found = getattr(found, word)
    return True


def test_a_missing_name_is_noticed() -> None:
    assert exists("softloc_core.losses.count_loss") and exists("softloc_core.tasks.TASKS.get")
    assert not exists("softloc_core.losses.missing_loss") and not exists("softloc_core.missing.loss")
