import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analysis.errors import AnalysisError
from analysis.reading import parts
from analysis.reading.columns import SCHEMA_VERSION
from analysis.reading.parts import load_table
from analysis.reading.results import load_results, require_columns


def test_every_trial_is_loaded_once(write_study, rows):
    folder = write_study(rows("softloc", 12), parts=4)
    shutil.copy(folder / "trials" / "part-0001.parquet", folder / "trials" / "compacted.parquet")
    study = load_results(folder)
    assert len(study.trials) == 12
    assert study.trials["trial_id"].is_monotonic_increasing
    assert study.name == "simulated"
    assert study.definition["space"]["softness"] == {"uniform": ["0ms", "150ms"]}
    assert study.trials["f1_per_class"].iloc[0].keys() == {"kick", "snare"}


def test_a_completed_row_replaces_a_failed_one(write_study, rows):
    completed = rows("softloc", 3)
    failed = completed.assign(
        status="failed", f1=np.nan, error="OutOfMemory", started_at=completed.started_at.max()
    )
    study = load_results(write_study(failed, completed, parts=1))
    assert (study.trials["status"] == "completed").all() and len(study.trials) == 3


def test_unfinished_parts_are_not_read(write_study, rows):
    folder = write_study(rows("softloc", 4), parts=1)
    (folder / "trials" / ".part-0002.parquet").write_bytes(b"half")
    (folder / "trials" / "part-0002.parquet.tmp").write_bytes(b"half")
    assert len(load_results(folder).trials) == 4


def test_a_study_may_have_an_address(write_study, rows):
    folder = write_study(rows("softloc", 4))
    assert len(load_results(folder.as_uri()).trials) == 4


def test_where_filters_by_value(write_study, rows):
    study = load_results(write_study(rows("softloc", 4), rows("cross_entropy", 3)))
    assert len(study.where(loss="cross_entropy").trials) == 3
    with pytest.raises(
        AnalysisError, match="`loss` must be one of cross_entropy, softloc, but got count for"
    ):
        study.where(loss="count")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda rows: rows.drop(columns="loss"), "the trials must have the columns loss, but have"),
        (
            lambda rows: rows.assign(schema_version=np.int32(SCHEMA_VERSION + 1)),
            f"must be version {SCHEMA_VERSION} or older, but .* has version {SCHEMA_VERSION + 1}",
        ),
    ],
)
def test_invalid_studies_cannot_be_loaded(write_study, rows, spoil, message):
    with pytest.raises(AnalysisError, match=message):
        load_results(write_study(spoil(rows("softloc", 5))))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            lambda rows: rows.assign(status="failed", f1=np.nan, error="ValueError: too loud\n  File x"),
            r"but .* has 5 failed and none completed; the first error: ValueError: too loud$",
        ),
        (
            lambda rows: rows.assign(f1=[0.5, np.nan, 0.5, np.inf, 0.5]),
            "`f1` of every completed trial must be a finite number, but 2 of 5 are not",
        ),
    ],
)
def test_invalid_scores_are_rejected(write_study, rows, spoil, message):
    with pytest.raises(AnalysisError, match=message):
        load_results(write_study(spoil(rows("softloc", 5)))).scored("f1")


def test_folders_without_a_readable_study_are_rejected(tmp_path, write_study, rows):
    with pytest.raises(
        AnalysisError, match=r"a folder with trials/\*.parquet, but .*nowhere is not a folder"
    ):
        load_results(tmp_path / "nowhere")
    with pytest.raises(AnalysisError, match=r"must hold trials/\*.parquet, but .* has none"):
        load_results(tmp_path)
    with pytest.raises(AnalysisError, match="must be readable, but: "):
        load_results("nosuchscheme://bucket/study")
    folder = write_study(rows("softloc", 5), parts=1)
    with pytest.raises(AnalysisError, match=r"must hold events/\*.parquet"):
        load_table(folder, "events")
    part = folder / "trials" / "part-0000.parquet"
    part.write_bytes(part.read_bytes()[:700])
    with pytest.raises(AnalysisError, match=r"must be readable Parquet, but .*part-0000.parquet is not"):
        load_results(folder)


@pytest.mark.parametrize("taken", [1, 3])
def test_parts_that_are_removed_during_reading_are_left_out(write_study, rows, monkeypatch, taken):
    folder = write_study(rows("softloc", 6), parts=3)
    is_part, seen = parts.is_part, []

    def take(info):
        seen.append(info.path)
        if len(seen) <= taken:
            Path(info.path).unlink()
        return is_part(info)

    monkeypatch.setattr(parts, "is_part", take)
    if taken == 3:
        with pytest.raises(AnalysisError, match=r"must hold trials/\*.parquet, but those of .* were removed"):
            load_results(folder)
    else:
        assert len(load_results(folder).trials) == 4


def test_an_empty_table_or_a_broken_definition_is_rejected(tmp_path, write_study, rows):
    (tmp_path / "trials").mkdir()
    pq.write_table(pa.table({"trial_id": pa.array([], pa.string())}), tmp_path / "trials" / "a.parquet")
    with pytest.raises(AnalysisError, match=r"at least one trial, but .* has none"):
        load_results(tmp_path)
    folder = write_study(rows("softloc", 5))
    (folder / "study.yaml").write_text("name: [")
    with pytest.raises(AnalysisError, match=r"study\.yaml must be valid YAML"):
        load_results(folder)
    (folder / "study.yaml").unlink()
    assert load_results(folder).definition == {}


def test_missing_columns_are_named():
    with pytest.raises(AnalysisError, match="must have the columns b, c, but have a"):
        require_columns(pd.DataFrame({"a": [1]}), ["a", "b", "c"])


def test_further_measures_become_columns(write_study, rows):
    measures = [{"pce": 0.5, "f1": 9.0}, {}, {"pce": 0.7, "edit_score": 0.2}]
    study = load_results(write_study(rows("softloc", 3).assign(measures=measures)))
    values = {one["trial_id"]: one for one in study.trials.to_dict("records")}
    assert sorted(row["pce"] for row in values.values() if row["pce"] == row["pce"]) == [0.5, 0.7]
    assert study.trials["edit_score"].notna().sum() == 1
    assert not (study.trials["f1"] == 9.0).any()


def test_f1_of_a_class_is_a_metric(write_study, rows):
    study = load_results(write_study(rows("softloc", 5)))
    found = study.scored("f1.snare")
    np.testing.assert_allclose(found["f1.snare"], found["f1"] - 0.05)
    with pytest.raises(AnalysisError, match=r"`f1.tom` must name a class, one of kick, snare, but got tom"):
        study.scored("f1.tom")
