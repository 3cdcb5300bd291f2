"""An export of a study loses nothing, counts nothing twice and overwrites nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analysis.reading.parts import load_table
from analysis.reading.results import load_results
from softloc_core.errors import ConfigError
from sweeps.storage.export import export_study
from sweeps.storage.folder import StudyFolder
from sweeps.storage.provenance import Provenance
from sweeps.storage.records import completed_record
from sweeps.storage.schema import ADDED
from sweeps.storage.store import GATHERED, TrialStore
from sweeps.study import Study
from sweeps.testing.simulation import SimulatedTrial
from tests.sweeps.simulated_studies import plan

STARTED = datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)


@pytest.fixture
def study_folder(tmp_path: Path, make_study: Callable[..., Study]) -> Path:
    """Return the folder of a study with four trials."""
    study = make_study("trials=4")
    planner = plan(study)
    folder = StudyFolder(tmp_path / "study")
    folder.write("study.yaml", study.to_yaml().encode())
    store = TrialStore(folder)
    for trial in planner.all_trials():
        data = planner.data_of(trial.config)
        record = completed_record(
            SimulatedTrial()(trial.config, data),
            Provenance("sim", "0.1.0", "abc"),
            channel_names=data.channel_names,
            host="h",
            started_at=STARTED,
        )
        store.write(record.row, record.tables)
        store.write_references(data)
    return tmp_path / "study"


def test_an_export_has_the_same_content_as_its_study(study_folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "published"
    lines = export_study(str(study_folder), str(target))
    assert len(lines) == 6 and lines[-1].startswith(f"{target}/trials/{GATHERED}: ")
    assert sorted(path.name for path in target.rglob("*.*")) == [*[GATHERED] * 5, "study.yaml"]
    one, other = load_results(study_folder), load_results(target)
    pd.testing.assert_frame_equal(one.trials, other.trials)
    assert one.definition == other.definition
    for table in ("events", "history", "references"):
        pd.testing.assert_frame_equal(load_table(study_folder, table), load_table(target, table))
    before, after = TrialStore(StudyFolder(study_folder)), TrialStore(StudyFolder(target))
    assert before.load() == after.load() and not after.set_aside
    for trial_id in before.load():
        assert before.rows("history", trial_id) == after.rows("history", trial_id)


def test_exporting_an_export_changes_nothing(study_folder: Path, tmp_path: Path) -> None:
    export_study(str(study_folder), str(tmp_path / "a"))
    export_study(str(tmp_path / "a"), str(tmp_path / "b"))
    for table in ("trials", "events", "history", "references"):
        first, second = (tmp_path / name / table / GATHERED for name in "ab")
        assert first.read_bytes() == second.read_bytes()


def test_a_trial_that_runs_again_after_an_export_counts_once(study_folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "published"
    export_study(str(study_folder), str(target))
    one = next((study_folder / "trials").iterdir())
    (target / "trials" / one.name).write_bytes(one.read_bytes())
    assert len(TrialStore(StudyFolder(target)).load()) == 4
    assert len(load_results(target).trials) == 4


def test_tables_can_be_left_out(study_folder: Path, tmp_path: Path) -> None:
    export_study(str(study_folder), str(tmp_path / "small"), without=("history", "events"))
    assert {path.name for path in (tmp_path / "small").iterdir()} == {
        "study.yaml",
        "references",
        "validation",
        "trials",
    }


def test_parts_of_an_older_version_are_exported_with_the_later_columns(
    study_folder: Path, tmp_path: Path
) -> None:
    for path in (study_folder / "trials").iterdir():
        later = ["measures", "schema_version", *ADDED]
        old = pq.read_table(path).drop_columns(later)
        old = old.append_column("schema_version", pa.array([1], pa.int32()))
        pq.write_table(old, path)
    export_study(str(study_folder), str(tmp_path / "new"))
    trials = load_results(tmp_path / "new").trials
    assert set(trials["decoding_options"]) == {"{}"} == set(trials["ensemble_options"])
    assert set(trials["rate_centre"]) == {1.0} and set(trials["stacking"]) == {0.0}
    assert trials["measures"].isna().all() and set(trials["schema_version"]) == {1}


@pytest.mark.parametrize(
    ("without", "message"),
    [
        (("trials",), "a table to leave out must be one of events, .*references, but got trials"),
        (("models",), "a table to leave out must be one of events, .*references, but got models"),
    ],
)
def test_unknown_tables_and_trials_cannot_be_left_out(
    study_folder: Path, tmp_path: Path, without: tuple[str, ...], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        export_study(str(study_folder), str(tmp_path / "x"), without=without)
    assert not (tmp_path / "x").exists()


def test_an_empty_source_and_a_used_target_are_rejected(study_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"a study must hold at least one trial, but .* has none"):
        export_study(str(tmp_path / "nothing"), str(tmp_path / "x"))
    with pytest.raises(ConfigError, match=r"needs a folder without a study, but .* already holds trials"):
        export_study(str(study_folder), str(study_folder))
