"""The results of a part change only together with its version, so that stored studies notice."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.softloc_core.trial.golden import FILE, results

STORED: dict[str, dict[str, Any]] = json.loads(FILE.read_text())
HINT = "raise its version if this is intended, then run: python -m tests.softloc_core.trial.golden"


@pytest.fixture(scope="module")
def found() -> dict[str, dict[str, Any]]:
    return results()


def test_every_part_is_stored(found: dict[str, dict[str, Any]]) -> None:
    assert list(found) == list(STORED), f"a part was added or removed: {HINT}"


@pytest.mark.parametrize("part", STORED)
def test_results_change_only_with_the_version(found: dict[str, dict[str, Any]], part: str) -> None:
    assert found[part]["version"] >= STORED[part]["version"], f"the version of {part} went back"
    same = found[part]["numbers"] == pytest.approx(STORED[part]["numbers"], rel=2e-4, abs=1e-6)
    if found[part]["version"] == STORED[part]["version"]:
        assert same, f"the results of {part} changed, but its version did not: {HINT}"
    else:
        pytest.fail(f"the version of {part} was raised: run python -m tests.softloc_core.trial.golden")
