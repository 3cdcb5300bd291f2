"""A study stored by an earlier version continues: today's plan has the identities of its stored trials.

If a default, a key of the study file or a field of `TrialConfig` changes the settings of stored trials,
resuming a study would run every trial again.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from softloc_core.events import EventList
from softloc_core.features import FRONT_ENDS
from softloc_core.tasks import DataRequest, Recording, TaskData
from softloc_core.trial import OPTION_FIELDS, setting_id
from sweeps.planning import as_begun, make_planner
from sweeps.storage import Row, StudyFolder, TrialStore, stored_config
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
# Fields that the first version did not have, at the values that leave its trials as they were. Identities of
# cross entropy differ from those that were stored after it got the option `exclusive`, and equal those that
# were stored before: the option is left out at its default.
ADDED_FIELDS = {"noise_draw": 0, "validation_labels": "clean", "threads": 1}


def stored_rows(name: str) -> dict[str, Row]:
    """Return the stored trials of an example, by identity."""
    store = TrialStore(StudyFolder(EXAMPLES / name))
    return {identity: trial.row for identity, trial in store.load().items()}


def stored_data(rows: dict[str, Row]) -> dict[DataRequest, TaskData]:
    """Return data without recordings, with the fingerprints that the rows hold."""
    data = {}
    for row in rows.values():
        request = stored_config(row).data_request()
        features = row["features"]
        hop_s = FRONT_ENDS[features].hop_s if features in FRONT_ENDS else HOP_S[row["task"]]
        held_out = Recording("held out", "", (), hop_s, EventList([], [], 1.0), EventList([], [], 1.0))
        data[request] = TaskData(
            request.task, request.source, (), hop_s, (), (held_out,), (), row["data_fingerprint"]
        )
    return data


@pytest.mark.parametrize("name", NAMES)
def test_a_stored_study_is_continued_with_its_own_settings(name: str) -> None:
    rows = stored_rows(name)
    study = study_from_yaml((EXAMPLES / name / "study.yaml").read_text(), name=name)
    begun = as_begun(study, StudyFolder(EXAMPLES / name))
    planned = {trial.setting_id for trial in make_planner(begun, stored_data(rows)).all_trials()}
    stored = TrialStore(StudyFolder(EXAMPLES / name)).load().values()
    assert planned == {trial.setting_id for trial in stored}


def of_first_version() -> list[dict[str, Any]]:
    """Return trials that the first version stored: configuration, data and identity."""
    content: list[dict[str, Any]] = json.loads(Path(__file__).with_name("first_identities.json").read_text())
    return content


@pytest.mark.parametrize("trial", of_first_version(), ids=lambda trial: trial["trial_id"])
def test_a_setting_has_the_identity_that_the_first_version_gave_it(trial: dict[str, Any]) -> None:
    spec = dict(trial["config"])
    had_option_later_added = spec["loss_options"].get("exclusive") is False
    row = {**spec, **{name: json.dumps(spec[name]) for name in ("alpha", *OPTION_FIELDS)}, **ADDED_FIELDS}
    setting = setting_id(stored_config(row), data_fingerprint=trial["data_fingerprint"])
    assert (setting != trial["trial_id"]) == had_option_later_added
