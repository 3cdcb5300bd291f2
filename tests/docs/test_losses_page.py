"""The page on losses: its example runs, its links exist, and it names existing functions."""

import re
from pathlib import Path

import torch

from softloc_core import losses

PAGE = Path(__file__).parents[2] / "docs" / "losses.md"


def test_the_example_runs_and_trains():
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)
    torch.manual_seed(0)
    scope: dict[str, object] = {}
    exec(compile(code, str(PAGE), "exec"), scope)  # the page is part of this repository
    terms = scope["loss"].terms
    assert set(terms) == {"soft_localization", "count"}
    assert all(torch.isfinite(term) for term in terms.values())


def test_every_loss_that_the_page_names_exists():
    named = set(re.findall(r"`(\w+_loss|\w+Loss|make_loss|LOSSES|extended_label)`", PAGE.read_text()))
    assert named >= {"SoftLocLoss", "count_loss", "MarginalAlignmentLoss"}
    assert not {name for name in named if not hasattr(losses, name)}
    assert all(f"`{name}`" in PAGE.read_text() for name in losses.REDUCTIONS)


def test_links_exist():
    targets = re.findall(r"\]\(([^)#]+)\)", PAGE.read_text())
    assert targets
    assert all((PAGE.parent / target).exists() for target in targets)
