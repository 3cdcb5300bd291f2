"""The documentation site builds strictly, holds every page, and loads nothing from other servers."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("mkdocs", reason="the documentation tools are not installed")

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.slow
def test_every_page_of_the_repository_is_in_the_site(site: Path) -> None:
    pages = {page.relative_to(ROOT / "docs").with_suffix(".html") for page in ROOT.glob("docs/**/*.md")}
    pages |= {
        Path(f"{name}.html") for name in ("index", "changelog", "contributing", "security", "benchmarks")
    }
    assert not {page for page in pages if not (site / page).exists()}


@pytest.mark.slow
def test_the_front_page_is_the_readme_with_its_figures(site: Path) -> None:
    front = (site / "index.html").read_text()
    figures = re.findall(r'<img[^>]* src="([^"]+)"', front)
    assert figures
    assert all((site / figure).exists() for figure in figures)
    assert 'href="tasks/drums.html"' in front and 'href="benchmarks.html"' in front


@pytest.mark.slow
def test_pages_load_nothing_from_other_servers(site: Path) -> None:
    loads = re.compile(r'<(?:script|img|iframe)[^>]* src="(?:https?:)?//|<link[^>]* href="(?:https?:)?//')
    assert not [page for page in site.rglob("*.html") if loads.search(page.read_text())]


@pytest.mark.slow
def test_the_reference_documents_functions_of_eager_and_lazy_packages(site: Path) -> None:
    assert 'id="softloc_core.losses.count_loss"' in (site / "reference/losses.html").read_text()
    assert 'id="sweeps.study.load_study"' in (site / "reference/sweeps/study.html").read_text()
