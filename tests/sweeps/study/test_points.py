"""The points of explicit designs, listed in a study file or in a table next to it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from softloc_core.errors import ConfigError
from sweeps.planning import load_data, resolved_study, validate_same_study
from sweeps.storage import StudyFolder
from sweeps.study import Study, load_study, points as explicit_points, study_from_yaml
from tests.sweeps.simulated_studies import plan

STUDY = """\
name: listed
task: simulated
data: plain
design: explicit
points:
  - {label_noise: 0ms, softness: 100ms}
  - {label_noise: 2tol, loss: cross_entropy}
  - {label_noise: 20ms, alpha.constant: 0.25}
fixed:
  iterations: 3
"""


def read(text: str, *overrides: str) -> Study:
    return study_from_yaml(text, name="studies/x.yaml", overrides=overrides)


def settings(study: Study) -> list[tuple[Any, ...]]:
    return [
        (t.config.loss, t.config.label_noise_s, t.config.softness_s, t.config.replicate)
        for t in plan(study).all_trials()
    ]


def test_each_listed_point_is_a_trial_with_the_tasks_defaults() -> None:
    study = read(STUDY)
    assert settings(study) == [
        ("softloc", 0.0, 0.1, 0),
        ("cross_entropy", 0.1, 0.0, 0),
        ("softloc", 0.02, 0.1, 0),
    ]
    assert plan(study).all_trials()[2].config.alpha.spec() == {"constant": 0.25}
    assert {trial.config.iterations for trial in plan(study).all_trials()} == {3}


def test_a_written_study_of_points_reads_back_equal() -> None:
    study = read(STUDY)
    assert study_from_yaml(study.to_yaml(), name="again") == study
    again = study_from_yaml(resolved_study(study), name="again")
    assert settings(again) == settings(study)


def test_every_point_runs_all_replicates_and_each_loss() -> None:
    found = settings(
        read(
            STUDY.replace("loss: cross_entropy", "softness: 5ms"),
            "replicates=2",
            "loss={each: [count, softloc]}",
        )
    )
    assert len(found) == 3 * 2 * 2
    assert [setting[3] for setting in found] == [0, 1] * 6
    # Both losses have the same points and therefore the same noise.
    assert [s[1] for s in found if s[0] == "count"] == [s[1] for s in found if s[0] == "softloc"]


def test_the_data_of_every_listed_split_are_loaded() -> None:
    text = STUDY.replace("softness: 100ms", "split: other")
    assert sorted(request.split for request in load_data(read(text), data_root=None, cache_dir=Path())) == [
        "fixed",
        "other",
    ]
    assert len(plan(read(text)).all_trials()) == 3


def test_a_table_gives_the_same_points_as_a_list(tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text(re.sub(r"points:\n(  - .*\n)+", "points: list.csv\n", STUDY))
    (tmp_path / "list.csv").write_text(
        "label_noise,softness,loss,alpha.constant\n0ms,100ms,,\n2tol,,cross_entropy,\n20ms,,,0.25\n"
    )
    assert load_study(str(tmp_path / "study.yaml")).points == read(STUDY).points
    pq.write_table(
        pa.table(
            {
                "label_noise_s": [0.0, 0.1, 0.02],
                "softness": ["100ms", None, None],
                "loss": [None, "cross_entropy", None],
                "alpha.constant": [None, None, 0.25],
            }
        ),
        tmp_path / "list.parquet",
    )
    again = load_study(str(tmp_path / "study.yaml"), overrides=["points=" + str(tmp_path / "list.parquet")])
    assert settings(again) == settings(read(STUDY))


@pytest.mark.parametrize(
    ("line", "replacement", "message"),
    [
        (
            "design: explicit\n",
            "design: random\ntrials: 3\n",
            "`points` needs `design: explicit`, but got design random",
        ),
        ("points:\n", "points: []\nunused:\n", "`points` must list at least one point, but got none"),
        (
            "- {label_noise: 0ms, softness: 100ms}",
            "- 5",
            "`points` must be a mapping of keys to values, but got 5",
        ),
        ("softness: 100ms", "softnes: 100ms", "`points.softnes` must be a known key; did you mean softness?"),
        (
            "softness: 100ms",
            "softness: 100",
            "`points.softness` must carry a unit (ms, s, frames, tol; for example 100ms), but got 100",
        ),
        ("loss: cross_entropy", "loss: magic", "`points` must be one of cross_entropy"),
        (
            "{label_noise: 0ms, softness: 100ms}",
            "{label_noise: 2tol, loss: cross_entropy}",
            "`points` must list each point once (use `replicates` to repeat all points)",
        ),
        (
            "fixed:\n",
            "fixed:\n  label_noise: 5ms\n",
            "`label_noise` must be given in points or in fixed, but got it in both",
        ),
        (
            "fixed:\n",
            "space: {softness: {uniform: [0ms, 5ms]}}\nfixed:\n",
            "`space.softness` must be of kind `each`",
        ),
        (
            "fixed:\n",
            "space: {loss: {each: [count]}}\nfixed:\n",
            "`space.loss` must be given in points or in space, but got it in both",
        ),
        (
            "points:\n",
            "trials: 5\npoints:\n",
            "`trials` of this list of points must be 3 or be left out, but got 5",
        ),
    ],
)
def test_a_mistake_is_reported_with_its_line(line: str, replacement: str, message: str) -> None:
    text = STUDY.replace(line, replacement, 1)
    assert text != STUDY
    if "unused:" in text:
        text = re.sub(r"unused:\n(  - .*\n)+", "", text)
    with pytest.raises(ConfigError) as caught:
        plan(read(text))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert re.search(r"studies/x\.yaml, line \d+", str(caught.value))


def test_a_missing_list_and_a_long_list_are_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="`design: explicit` must list `points`, but"):
        read(re.sub(r"points:\n(  - .*\n)+", "", STUDY))
    monkeypatch.setattr(explicit_points, "MAX_POINTS", 2)
    with pytest.raises(ConfigError, match="`points` must list at most 2 points, but got more"):
        read(STUDY)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "list.txt",
            "a",
            "must be a list of points or the path of a .csv or .parquet file, but got list.txt",
        ),
        ("none.csv", None, "must be the path of an existing file, but got none.csv"),
        ("../list.csv", "loss\ncount\n", "must be in the study file's folder"),
        ("list.csv", "loss\nmagic\n", "`points` must be one of cross_entropy"),
        ("list.csv", "lose\ncount\n", "`points.lose` must be a known key; did you mean loss?"),
        ("list.csv", "loss\ncount\nsoftness\n", "`points` must be one of cross_entropy"),
        (
            "list.csv",
            "loss,softness\ncount\n",
            "`points` must be a readable table, but list.csv: row 2 must have 2 cells",
        ),
        (
            "list.csv",
            "softness\n100\n",
            "`points.softness` must carry a unit (ms, s, frames, tol; for example 100ms), but got 100 in "
            "list.csv, row 2",
        ),
        (
            "list.csv",
            "softness_s\n-1\n",
            "must be at least 0 and carry a unit, but got -1s in list.csv, row 2",
        ),
        ("list.csv", "loss\n!!python/name:os.system\n", "values must be plain YAML (no tags)"),
        ("list.csv", "loss\n", "`points` must list at least one point, but got none"),
        ("list.parquet", "no parquet", "`points` must be a readable table, but list.parquet:"),
        (
            "list.parquet",
            {"loss": [["count"]]},
            "`points.loss` must be text or a number, but got ['count'] in list.parquet, row 1",
        ),
    ],
)
def test_invalid_tables_are_rejected(tmp_path: Path, name: str, content: Any, message: str) -> None:
    folder = tmp_path / "here"
    folder.mkdir()
    (folder / "study.yaml").write_text(re.sub(r"points:\n(  - .*\n)+", f"points: {name}\n", STUDY))
    if isinstance(content, dict):
        pq.write_table(pa.table(content), folder / name)
    elif content is not None:
        (folder / name).write_text(content)
    with pytest.raises(ConfigError) as caught:
        load_study(str(folder / "study.yaml"))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_large_tables_are_rejected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "list.csv").write_text("loss\n" + "count\n" * 20)
    monkeypatch.setattr(explicit_points, "MAX_BYTES", 100)
    with pytest.raises(ConfigError, match=r"must be at most 0 MB, but got 125 bytes"):
        read(STUDY, f"points={tmp_path / 'list.csv'}")


def test_a_list_may_grow_but_not_change(tmp_path: Path, make_study: Callable[..., Study]) -> None:
    folder = StudyFolder(tmp_path)
    folder.write("study.yaml", resolved_study(read(STUDY)).encode())
    longer = STUDY.replace("fixed:\n", "  - {label_noise: 90ms}\nfixed:\n")
    validate_same_study(read(longer), folder)
    with pytest.raises(ConfigError, match="must hold the same study, but `points` is"):
        validate_same_study(read(STUDY.replace("20ms", "21ms")), folder)


def test_an_option_in_seconds_keeps_its_name() -> None:
    text = STUDY.replace("alpha.constant: 0.25", "decoding_options.offset_s: 0.01")
    trials = plan(read(text)).all_trials()
    assert dict(trials[2].config.decoding_options) == {"offset_s": 0.01}
    assert dict(trials[0].config.decoding_options) == {}
