"""Pages, sources and help texts avoid phrases that a native speaker would stumble over."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import typer
from typer.testing import CliRunner

from sweeps.cli.app import app

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("benchmarks/*.md")])
PACKAGES = ("softloc", "softloc_core", "sweeps", "analysis")
SOURCES = sorted(
    path for package in PACKAGES for kind in ("*.py", "*.yaml") for path in (ROOT / package).rglob(kind)
)

# Each phrase with what to write instead. The help of the command line is held to the same list.
AWKWARD = {
    r"\bof (its|their|his|our) own\b": "its own, separate",
    r"\bgo(es)? on( with| from| where)\b": "continue, resume",
    r"\bso (many|much)\b": "this many, N",
    r"\bstands? (in|there|under|below|beside|on top)\b": "is, is stored in",
    r"\bhangs? on\b": "depend on",
    r"\b(is|are|was|were) to be had\b": "is available",
    r"\b(told|tell|tells) apart\b": "distinguish",
    r"\b(is|are|was|were) told\b": "receive, is given",
    r"\bheard of\b": "last seen",
    r"\bat hand\b": "available",
    r"\bin one go\b": "at once",
    r"\b(for|since) (it is|they are)\b": "because",
    r"\bby itself\b": "automatically, alone",
    r"\banew\b": "again",
    r"\bas (it|they) (is|are)(?=[.,;:)])": "unchanged",
    r"\bwhat is there\b": "what exists, what is stored",
    r"\bwhatever becomes of\b": "even if ... fail",
    r"\b(some|no)body\b": "name the person: you, a user",
    r"\brefuse[sd]?\b": "reject",
    r"\bmakes? of it\b": "return, produce",
    r"\bin words\b": "as text",
    r"\bthe one\b[^.;|]{0,60}\bthe other\b": "name both",
    r"(?<!must )\b(lies|lie) (in|where|within|on|between|next)\b": "is",
    r"\b(is|are) let go\b": "is released",
    r"\bholds? (back|good)\b": "delay, keep; be true",
    r"\bput right\b": "correct",
    r"\btakes? (it|its \w+) back\b": "subtract, undo",
    r"\bfor the taking\b": "available",
    r"\bto look over\b|\blook the \w+ over\b": "check",
    r"\b(begin|begins|begun) no\b": "start no new",
}

# Passages in which one of these phrases is right: a quotation or a name.
ALLOWED: tuple[str, ...] = ()


def awkward_phrases(text: str) -> list[str]:
    """Return each awkward phrase of a text with its surroundings and what to write instead."""
    joined = re.sub(r"\s+", " ", text)
    for passage in ALLOWED:
        joined = joined.replace(passage, " ")
    return [
        f"...{joined[max(0, found.start() - 40) : found.end() + 40]}... (instead: {instead})"
        for phrase, instead in AWKWARD.items()
        for found in re.finditer(phrase, joined, flags=re.IGNORECASE)
    ]


def command_lines(command: click.Command, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the words of a command and of every command below it."""
    yield words
    for name, child in getattr(command, "commands", {}).items():
        yield from command_lines(child, (*words, name))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_page_is_free_of_awkward_phrases(page: Path) -> None:
    assert not awkward_phrases(page.read_text())


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.relative_to(ROOT).as_posix())
def test_source_is_free_of_awkward_phrases(source: Path) -> None:
    assert not awkward_phrases(source.read_text())


@pytest.mark.parametrize(
    "words", list(command_lines(typer.main.get_command(app))), ids=lambda words: " ".join(words) or "softloc"
)
def test_help_is_free_of_awkward_phrases(words: tuple[str, ...]) -> None:
    result = CliRunner().invoke(app, [*words, "--help"])
    assert result.exit_code == 0
    # Rich draws help in boxes: their lines would break a phrase in two.
    assert not awkward_phrases(re.sub(r"[│╭╮╰╯─|]", " ", result.output))


def test_an_awkward_phrase_is_found_across_a_line_break() -> None:
    (message,) = awkward_phrases("Begin with a name of its\nown, then stop.")
    assert "of its own" in message and "instead" in message


def test_allowed_passages_are_still_on_a_page() -> None:
    texts = [re.sub(r"\s+", " ", page.read_text()) for page in PAGES]
    assert all(any(passage in text for text in texts) for passage in ALLOWED)
