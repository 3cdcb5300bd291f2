"""A study stored by an earlier version continues: today's plan has the identities of its stored trials.

The shipped examples were run before. If a default, a key of the study file or a field of `TrialConfig`
changes, their trials get other identities, and resuming such a study would run every trial again.
"""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from softloc_core.events import EventList
from softloc_core.features import FRONT_ENDS
from softloc_core.losses import schedule_from_spec
from softloc_core.tasks import DataRequest, Recording, TaskData
from softloc_core.trial import OPTION_FIELDS, TrialConfig, trial_id
from sweeps.planning import make_planner
from sweeps.storage import Row, StudyFolder, TrialStore
from sweeps.study import study_from_yaml

EXAMPLES = Path(__file__).resolve().parents[3] / "analysis" / "examples"
NAMES = sorted(path.parent.name for path in EXAMPLES.glob("*/study.yaml"))
# Seconds between frames of the tasks whose features are not sound.
HOP_S = {
    "digits": 1.0,
    "gait": 0.01,
    "golf": 1 / 30,
    "heartbeats": 1 / 60,
    "puffs": 1.0,
    "segmentation": 1.0,
}
# Stored before this loss had the option `exclusive`, so its trials run again. All others are kept.
RUN_AGAIN = {"losses_mdb": "cross_entropy"}


def stored_rows(name: str) -> dict[str, Row]:
    """Return the stored trials of an example, by identity."""
    store = TrialStore(StudyFolder(EXAMPLES / name))
    return {identity: trial.row for identity, trial in store.load().items()}


def config_of(row: Row) -> TrialConfig:
    """Rebuild the configuration of a stored trial from its row."""
    values: dict[str, Any] = {field.name: row[field.name] for field in fields(TrialConfig)}
    values["alpha"] = schedule_from_spec(json.loads(values["alpha"]))
    for name in OPTION_FIELDS:
        values[name] = tuple(sorted(json.loads(values[name]).items()))
    return TrialConfig(**values)


def stored_data(rows: dict[str, Row]) -> dict[DataRequest, TaskData]:
    """Return data without recordings, with the fingerprints that the rows hold."""
    data = {}
    for row in rows.values():
        request = config_of(row).data_request()
        features = row["features"]
        hop_s = FRONT_ENDS[features].hop_s if features in FRONT_ENDS else HOP_S[row["task"]]
        held_out = Recording("held out", "", (), hop_s, EventList([], [], 1.0), EventList([], [], 1.0))
        data[request] = TaskData(
            request.task, request.source, (), hop_s, (), (held_out,), (), row["data_fingerprint"]
        )
    return data


@pytest.mark.parametrize("name", NAMES)
def test_every_stored_row_hashes_to_its_stored_identity(name: str) -> None:
    rows = stored_rows(name)
    assert rows
    for identity, row in rows.items():
        assert trial_id(config_of(row), data_fingerprint=row["data_fingerprint"]) == identity


@pytest.mark.parametrize("name", NAMES)
def test_a_stored_study_file_plans_exactly_the_stored_trials(name: str) -> None:
    rows = stored_rows(name)
    study = study_from_yaml((EXAMPLES / name / "study.yaml").read_text(), name=name)
    planned = make_planner(study, stored_data(rows)).all_trials()
    assert len(planned) == len(rows)
    run_again = {trial.config.loss for trial in planned if trial.trial_id not in rows}
    assert run_again == ({RUN_AGAIN[name]} if name in RUN_AGAIN else set())
