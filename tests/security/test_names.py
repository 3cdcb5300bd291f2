"""No name in a study file or in data leads out of the output folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, strategies as st

from softloc_core.errors import ConfigError
from sweeps.execution.run import study_folder
from sweeps.mlflow_view.content import metrics_of, recording_scores
from sweeps.study import study_from_yaml
from sweeps.testing.simulation import register_simulated_task

TEXT = "name: sim\ntask: simulated\ndata: plain\ntrials: 1\ndesign: random\n"
OUT = Path("/somewhere/runs")


@given(name=st.one_of(st.text(max_size=80), st.text(alphabet="./\\~ab\0\n", max_size=12)))
@example("..")
@example("../up")
@example("a/../../up")
@example("/etc")
@example("~root")
@example(".hidden")
@example("a\nb")
@example("CON..")
def test_the_folder_of_a_study_is_directly_in_the_output_folder(name: str) -> None:
    register_simulated_task()
    text = TEXT.replace("sim\n", f"{_quoted(name)}\n", 1)
    try:
        study = study_from_yaml(text, name="x.yaml")
    except ConfigError:
        return
    folder = study_folder(study, out=str(OUT)).local
    assert folder is not None
    assert folder.resolve().parent == OUT
    assert not study.name.startswith((".", "-", "~"))


@pytest.mark.parametrize("name", ["../up", "a/b", "/etc/x", "..", "a..b", "", "a" * 65, "a b", "ä"])
def test_unsafe_names_are_rejected_in_files_and_overrides(name: str) -> None:
    register_simulated_task()
    message = "`name` must be 1 to 64 letters, digits, _ - or ., starting with a letter or digit"
    with pytest.raises(ConfigError, match=message):
        study_from_yaml(TEXT.replace("sim\n", f"{_quoted(name)}\n", 1), name="x.yaml")
    with pytest.raises(ConfigError, match=message):
        study_from_yaml(TEXT, name="x.yaml", overrides=[f"name={_quoted(name)}"])


@given(names=st.lists(st.text(max_size=20), min_size=1, max_size=4))
@example(["../../up", "/etc/passwd"])
def test_names_of_classes_become_plain_keys(names: Sequence[str]) -> None:
    row = {"f1_per_class": dict.fromkeys(names, 0.5)}
    for key, _, _ in metrics_of(row, []):
        assert key.startswith("f1_")
        assert not set(key) & set("/\\\0\n")


def test_names_of_recordings_are_not_used_as_paths() -> None:
    event: dict[str, Any] = {"recording": '../../up,\n"x"', "channel": "a", "time_s": 0.1}
    text = recording_scores({"tolerance_s": 0.05}, [event], {"events": [event]})
    assert '"../../up,\n""x""",a,1.0000' in text


def _quoted(name: str) -> str:
    """Return a text as a double-quoted YAML scalar."""
    escaped = "".join(f"\\U{ord(letter):08x}" for letter in name)
    return f'"{escaped}"'
