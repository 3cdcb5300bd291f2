"""A hook of mkdocs.yml: adds the pages outside docs/ and checks that public names are documented.

README.md is the front page. Links are written for the repository, where `docs/losses.md` is next to it, and
rewritten for the site, so the same link works in both places.
"""

from __future__ import annotations

import logging
import posixpath
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import griffe
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]
DOORS = ROOT / "docs" / "scripts" / "site_doors.py"
# Files of the repository that are pages of the site although they are not in docs/.
PAGES = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "benchmarks/README.md": "benchmarks.md",
}
PACKAGES = ("softloc", "softloc_core", "sweeps", "analysis")
SOURCES = {page: source for source, page in PAGES.items()}
LINK = re.compile(r"(\]\()([^)\s]+)(\))")
DIRECTIVE = re.compile(r"^::: (\S+)", re.MULTILINE)

# Under this name MkDocs counts warnings, which fail a strict build.
logger = logging.getLogger("mkdocs.hooks.softloc")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages outside docs/."""
    for source, page in PAGES.items():
        if (ROOT / source).exists():
            # The front page has no pages beside it: its list of pages would be empty.
            metadata = "---\nhide: [navigation]\n---\n\n" if page == "index.md" else ""
            files.append(File.generated(config, page, content=metadata + (ROOT / source).read_text()))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Rewrite links and check the documented names of one page."""
    uri = page.file.src_uri
    for name in DIRECTIVE.findall(markdown):
        for undocumented in undocumented_names(name):
            logger.warning("%s: `%s` is public but has no docstring", uri, undocumented)
    return LINK.sub(lambda found: found[1] + site_link(found[2], uri) + found[3], markdown)


def site_link(target: str, uri: str) -> str:
    """Return a link of a repository page as a link between pages of the site."""
    path, hash_sign, anchor = target.partition("#")
    if "://" in path or not path:
        return target
    folder = posixpath.dirname(SOURCES.get(uri, f"docs/{uri}"))
    linked = posixpath.normpath(posixpath.join(folder, path))
    on_site = PAGES.get(linked, linked.removeprefix("docs/"))
    return posixpath.relpath(on_site, posixpath.dirname(uri) or ".") + hash_sign + anchor


@cache
def packages() -> griffe.ModulesCollection:
    """Return the packages of the repository as their source says, without importing them."""
    loader = griffe.GriffeLoader(search_paths=[ROOT], extensions=griffe.load_extensions(DOORS))
    for package in PACKAGES:
        loader.load(package)
    loader.resolve_aliases(external=False)
    return loader.modules_collection


def undocumented_names(name: str) -> Iterator[str]:
    """Yield the name of the module, and of its functions, classes and methods, if it has no docstring."""
    module: Any = packages()[name]
    if not module.has_docstring:
        yield name
    for exported in sorted(module.exports or ()):
        member = module.members[exported]
        if (member.is_function or member.is_class) and not member.has_docstring:
            yield f"{name}.{exported}"
        if member.is_class:
            yield from (f"{name}.{exported}.{method}" for method in undocumented_methods(member))


def undocumented_methods(cls: Any) -> Iterator[str]:
    """Yield the public methods and properties of a class that have no docstring."""
    for name, member in cls.members.items():
        is_method = member.is_function or "property" in member.labels
        if is_method and not name.startswith("_") and not member.has_docstring:
            yield name
