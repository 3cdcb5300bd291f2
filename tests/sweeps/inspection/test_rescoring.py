"""Decoding and scoring are functions of the store: the same decoding gives the stored events and scores."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from analysis import load_results
from softloc_core.errors import ConfigError
from softloc_core.tasks import TASKS, DataRequest, TaskData
from softloc_core.trial import TrialConfig, TrialResult, run_trial
from sweeps.inspection import Decoding, parse_decoding, rescore, rescored_text
from sweeps.storage import Provenance, StudyFolder, TrialStore, completed_record

PROVENANCE = Provenance("small", "0.1.0", "abc", "code")


def small_trial(task_name: str, cache: Path) -> tuple[TrialResult, TaskData]:
    """Return a trial of a few iterations on a task's rendered recordings, some of them only."""
    task = TASKS.get(task_name)
    source = task.sources["embedded" if task_name == "digits" else "synthetic"]
    defaults = task.defaults(next(iter(task.networks)))
    request = DataRequest(task_name, source.name, source.default_split, 0, defaults["features"], 0)
    data = task.load(request, data_root=None, cache_dir=cache)
    data = replace(data, train=data.train[:4], validation=data.validation[:2], test=data.test[:3])
    named = {"data": source.name, "split": source.default_split, "seed": 0, "replicate": 0, "threads": 1}
    config = TrialConfig(
        **{**defaults, **named, "noise_draw": 3, "loss": "cross_entropy", "iterations": 12},
    )
    config = replace(config, label_noise_s=task.tolerance_s, loss_options=())
    return run_trial(config, data), data


def store(result: TrialResult, data: TaskData, folder: Path) -> TrialStore:
    """Store a trial as a study of one."""
    record = completed_record(
        result,
        PROVENANCE,
        channel_names=data.channel_names,
        host="h",
        started_at=datetime.now(UTC),
        hop_s=data.hop_s,
    )
    made = TrialStore(StudyFolder(folder))
    made.write_references(data)
    made.write(record.row, record.tables)
    return made


@pytest.mark.parametrize("task", ["gait", "golf", "heartbeats", "puffs", "segmentation"])
def test_rescoring_with_the_trials_own_decoding_changes_nothing(task: str, tmp_path: Path) -> None:
    result, data = small_trial(task, tmp_path / "cache")
    made = store(result, data, tmp_path / "study")
    [trial] = made.load().values()
    again = rescore(str(tmp_path / "study"), Decoding("calibrated"))
    [row] = again.after
    for name in ("f1", "precision", "recall", "n_estimated", "validation_f1", "measures", "f1_per_class"):
        np.testing.assert_equal(row[name], trial.row[name])
    rescored = TrialStore(StudyFolder(again.location))
    for table in ("events", "scores"):
        assert rescored.rows(table, trial.trial_id) == made.rows(table, trial.trial_id)
    assert load_results(again.location).completed["f1"].tolist() == [result.scores.f1]
    # A decoder without parameters leaves nothing to choose, so there is no oracle.
    assert ("oracle" in rescored_text(again)) == (task != "golf")


def test_rescoring_an_export_equals_rescoring_its_study(tmp_path: Path) -> None:
    from sweeps.storage import export_study

    result, data = small_trial("puffs", tmp_path / "cache")
    store(result, data, tmp_path / "study")
    export_study(str(tmp_path / "study"), str(tmp_path / "export"))
    decoding = parse_decoding("threshold:threshold=0.05")
    first = rescore(str(tmp_path / "study"), decoding, target=str(tmp_path / "a"))
    second = rescore(str(tmp_path / "export"), decoding, target=str(tmp_path / "b"))
    assert first.after[0]["f1"] == second.after[0]["f1"]
    assert first.after[0]["decoding"] == "threshold"


def test_a_score_that_needs_the_data_is_refused(tmp_path: Path) -> None:
    result, data = small_trial("digits", tmp_path / "cache")
    store(result, data, tmp_path / "study")
    with pytest.raises(ConfigError, match=r"events alone determine, but that of digits needs the data"):
        rescore(str(tmp_path / "study"), Decoding("calibrated"))


def test_trials_without_probabilities_are_named(tmp_path: Path) -> None:
    result, data = small_trial("puffs", tmp_path / "cache")
    store(replace(result, predictions={}), data, tmp_path / "study")
    with pytest.raises(ConfigError, match=r"none of 1 completed trials .* `keep_probabilities: true`"):
        rescore(str(tmp_path / "study"), Decoding("calibrated"))


@pytest.mark.parametrize(
    ("text", "decoding"),
    [
        ("calibrated", Decoding("calibrated")),
        ("local_mass:window_s=0.1,mass=0.5", Decoding("local_mass", (("mass", 0.5), ("window_s", 0.1)))),
    ],
)
def test_a_decoding_is_read_from_text(text: str, decoding: Decoding) -> None:
    assert parse_decoding(text) == decoding


@pytest.mark.parametrize("text", ["peaks", "local_mass:mass", "local_mass:mass=many"])
def test_a_decoding_that_does_not_exist_is_named(text: str) -> None:
    with pytest.raises(ConfigError, match=r"`--decoding` must be .* but got"):
        parse_decoding(text)
