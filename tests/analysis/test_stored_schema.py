"""The table of stored columns in `analysis` against the schema of `sweeps` and the registered losses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from analysis.answers.maps import map_study
from analysis.reading.axes import swept_axes
from analysis.reading.columns import SCHEMA_VERSION, StoredSchema, read_schema
from analysis.reading.results import load_results
from softloc_core.losses import LOSSES
from sweeps.storage import schema
from sweeps.storage.schema import TABLES, arrow_schema

USED_ROLES = ("category", "number", "options")
KNOWN = StoredSchema()
DESCRIBED = read_schema([arrow_schema("trials")])
EXAMPLES = Path(__file__).parents[2] / "analysis" / "examples"


@pytest.mark.parametrize("column", TABLES["trials"], ids=lambda column: column.name)
def test_every_stored_column_means_the_same_to_the_analysis(column):
    known = KNOWN.columns.get(column.name)
    if column.role in USED_ROLES:
        assert (known.role, known.unit) == (column.role, column.unit)
    else:
        assert known is None
    assert KNOWN.is_duration(column.name) == DESCRIBED.is_duration(column.name) == (column.unit == "s")


@pytest.mark.parametrize("role", USED_ROLES)
def test_no_column_is_known_that_is_not_stored(role):
    assert set(KNOWN.named(role)) == {column.name for column in TABLES["trials"] if column.role == role}
    assert DESCRIBED.named(role) == KNOWN.named(role)


@pytest.mark.parametrize("loss", LOSSES)
def test_every_registered_loss_is_known(loss):
    assert KNOWN.uses_softness(loss) == DESCRIBED.uses_softness(loss) == LOSSES[loss].uses_softness


def test_both_packages_have_the_same_schema_version():
    assert schema.SCHEMA_VERSION == SCHEMA_VERSION


def test_a_loss_that_only_the_metadata_describes_is_read_correctly(write_study, rows, monkeypatch):
    class Hardened:
        uses_softness = False

    monkeypatch.setattr(schema, "LOSSES", {**LOSSES, "hardened": Hardened})
    study = load_results(write_study(rows("hardened", 30), rows("softloc", 30)))
    assert not study.schema.uses_softness("hardened") and not KNOWN.columns.get("hardened")
    surface, curve = map_study(study).panels
    assert (surface.name, curve.name) == ("softloc", "hardened")
    assert [axis.column for axis in curve.axes] == ["label_noise_s"]


def test_a_column_that_only_the_metadata_describes_is_an_axis(write_study, rows, monkeypatch):
    window = schema.Column("window_s", arrow_schema("trials").field("f1").type, "s", "new", role="number")
    monkeypatch.setattr(schema, "TABLES", {**TABLES, "trials": (*TABLES["trials"], window)})
    trials = rows("softloc", 20).assign(window_s=np.linspace(0.01, 0.05, 20))
    study = load_results(write_study(trials))
    axis = swept_axes(study, study.completed)[-1]
    assert (axis.title, axis.low, axis.high) == ("window (ms)", 10.0, 50.0)


@pytest.mark.parametrize("name", sorted(path.name for path in EXAMPLES.iterdir()))
def test_stored_examples_from_older_versions_are_read_with_the_table(name):
    """Their parts have no roles, so the table must cover every column and loss in them."""
    [part] = (EXAMPLES / name / "trials").glob("*.parquet")
    assert all(b"role" not in (field.metadata or {}) for field in pq.read_schema(part))
    study = load_results(EXAMPLES / name)
    assert study.schema.columns == KNOWN.columns
    assert set(study.trials["loss"]) <= set(LOSSES)
