"""The studies in docs/studies.md are valid, and the page names every key, design and field."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from sweeps.designs import DESIGN_OPTIONS, DESIGN_TYPES, KINDS
from sweeps.planning import load_data, make_planner
from sweeps.planning.data import data_requests
from sweeps.study import study_from_yaml
from sweeps.study.fields import FIELDS
from sweeps.study.objectives import METRICS
from sweeps.study.points import MAX_POINTS
from sweeps.study.reading import KEYS

PAGE = (Path(__file__).parents[3] / "docs" / "studies.md").read_text()
STUDIES = re.findall(r"^```yaml\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("text", STUDIES, ids=lambda text: text.split()[1])
def test_the_studies_of_the_page_can_be_planned(text: str) -> None:
    study = study_from_yaml(text, name="docs/studies.md")
    # Simulated data stand in for rendered sounds; only the frame rate matters here.
    simulated = load_data(
        study_from_yaml("name: a\ntask: simulated\ndata: plain\ndesign: random\ntrials: 1\n", name="x"),
        data_root=None,
        cache_dir=Path("unused"),
    )
    [data] = (replace(data, validation=data.test) for data in simulated.values())
    requests = [request for part in study.parts() for request in data_requests(part)]
    planner = make_planner(study, dict.fromkeys(requests, data))
    planner.check()
    assert planner.n_points >= 1


def test_the_page_shows_studies() -> None:
    assert len(STUDIES) >= 4


@pytest.mark.parametrize(
    "word", [*DESIGN_TYPES, *FIELDS, *KINDS, *METRICS, *sum(DESIGN_OPTIONS.values(), ())]
)
def test_the_page_names_every_design_field_kind_and_metric(word: str) -> None:
    assert re.search(rf"(`|\{{){word}\b", PAGE), word


def test_the_page_names_every_key() -> None:
    for key in KEYS:
        assert re.search(rf"^\| .*`{key}`.* \|", PAGE, flags=re.MULTILINE), key


def test_the_limits_on_the_page_are_those_of_the_code() -> None:
    assert f"{MAX_POINTS:_}".replace("_", " ") in PAGE
