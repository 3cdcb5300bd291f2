"""docs/studies.md keeps its word: its studies are valid, and it names every key, design and field."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sweeps.designs.registry import DESIGN_OPTIONS
from sweeps.designs.space import KINDS
from sweeps.planning.data import data_requests
from sweeps.planning.planner import load_data
from sweeps.planning.several_tasks import make_planner
from sweeps.study.fields import FIELDS
from sweeps.study.objectives import METRICS
from sweeps.study.points import MAX_POINTS
from sweeps.study.reading import DESIGNS, study_from_yaml

PAGE = (Path(__file__).parents[3] / "docs" / "studies.md").read_text()
STUDIES = re.findall(r"^```yaml\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("text", STUDIES, ids=lambda text: text.split()[1])
def test_its_studies_can_be_planned(text: str) -> None:
    study = study_from_yaml(text, name="docs/studies.md")
    # The embedded drums take a while to render; what counts here is their frame rate.
    simulated = load_data(
        study_from_yaml("name: a\ntask: simulated\ndata: plain\ndesign: random\ntrials: 1\n", name="x"),
        data_root=None,
        cache_dir=Path("unused"),
    )
    [data] = simulated.values()
    requests = [request for part in study.parts() for request in data_requests(part)]
    planner = make_planner(study, dict.fromkeys(requests, data))
    planner.check()
    assert planner.design().ask() is not None


def test_there_are_studies_on_the_page() -> None:
    assert len(STUDIES) >= 4


@pytest.mark.parametrize("word", [*DESIGNS, *FIELDS, *KINDS, *METRICS, *sum(DESIGN_OPTIONS.values(), ())])
def test_it_names_every_design_field_kind_and_metric(word: str) -> None:
    assert re.search(rf"(`|\{{){word}\b", PAGE), word


def test_it_names_every_key() -> None:
    from sweeps.study.reading import _KEYS

    for key in _KEYS:
        assert re.search(rf"^\| .*`{key}`.* \|", PAGE, flags=re.MULTILINE), key


def test_its_numbers_are_those_of_the_code() -> None:
    assert f"{MAX_POINTS:_}".replace("_", " ") in PAGE
