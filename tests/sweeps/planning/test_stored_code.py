"""A study that holds trials of other code says so; one that was begun keeps the defaults of that day."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from softloc_core.errors import ConfigError
from sweeps.planning import accepted_trials, as_begun, resolved_study, trial_source
from sweeps.storage import (
    Provenance,
    StudyFolder,
    TrialStore,
    completed_record,
    source_code,
    source_provenance,
    write_definition,
)
from sweeps.study import Study
from sweeps.testing.simulation import SimulatedTrial
from tests.sweeps.simulated_studies import plan


def stored(study: Study, folder: Path, *, code: str, version: str = "0.1.0", count: int = 3) -> TrialStore:
    """Store the first trials of a study as if other code had run them."""
    planner, store = plan(study), TrialStore(StudyFolder(folder))
    for trial in planner.all_trials()[:count]:
        result = SimulatedTrial()(trial.config, planner.data_of(trial.config))
        record = completed_record(
            result,
            Provenance("sim", version, "abcdef0123", code),
            channel_names=("a", "b"),
            host="h",
            started_at=datetime.now(UTC),
        )
        store.write(record.row, record.tables)
    return store


def test_trials_of_the_same_code_count(make_study: Callable[..., Study], tmp_path: Path) -> None:
    store = stored(make_study(), tmp_path, code=source_code(), version="9.9")
    assert len(accepted_trials(store, mix=False, rerun=False, say=pytest.fail)) == 3


def test_trials_of_other_code_are_named(make_study: Callable[..., Study], tmp_path: Path) -> None:
    store = stored(make_study(), tmp_path, code="other", version="0.0.7")
    with pytest.raises(
        ConfigError, match=r"3 of 3 stored trials of other code \(version 0.0.7, commit abcdef0;"
    ):
        accepted_trials(store, mix=False, rerun=False, say=pytest.fail)
    with pytest.raises(
        ConfigError, match="--mix keeps stored trials and --rerun runs them again, but got both"
    ):
        accepted_trials(store, mix=True, rerun=True, say=pytest.fail)


def test_rows_without_a_hash_are_told_by_version_and_commit(
    make_study: Callable[..., Study], tmp_path: Path
) -> None:
    store = stored(make_study(), tmp_path, code="")
    assert source_provenance() != ("0.1.0", "abcdef0123")
    with pytest.raises(ConfigError, match="of other code"):
        accepted_trials(store, mix=False, rerun=False, say=pytest.fail)


def test_mix_keeps_them_and_rerun_sets_them_aside(make_study: Callable[..., Study], tmp_path: Path) -> None:
    study, said = make_study(), list[str]()
    store = stored(study, tmp_path, code="other")
    kept = accepted_trials(store, mix=True, rerun=False, say=said.append)
    assert trial_source(plan(study), kept, store.folder).n_kept == 3
    assert "kept, because of --mix" in said[0]
    none = accepted_trials(store, mix=False, rerun=True, say=said.append)
    assert trial_source(plan(study), none, store.folder).n_kept == 0
    assert "set aside, because of --rerun" in said[1]
    # Nothing reads them any longer, and nothing is lost.
    assert TrialStore(store.folder).load() == {}
    assert len(list(tmp_path.glob("*/*.superseded"))) == 9


def test_a_begun_study_keeps_the_defaults_of_its_folder(
    make_study: Callable[..., Study], tmp_path: Path
) -> None:
    study, folder = make_study(), StudyFolder(tmp_path)
    assert as_begun(study, folder) == study
    begun = yaml.safe_load(resolved_study(study))
    begun["fixed"] |= {"gradient_clip": 7.0, "decoding": "local_mass"}
    write_definition(folder, yaml.safe_dump(begun))
    continued = as_begun(study, folder)
    assert (continued.fixed["gradient_clip"], continued.fixed["decoding"]) == (7.0, "local_mass")
    assert continued.noise_draw == "point"
    # What the study gives itself, and what it varies, is not replaced.
    assert as_begun(make_study("gradient_clip=3"), folder).fixed["gradient_clip"] == 3.0
    assert not {"label_noise", "softness"} & set(continued.fixed)


def test_a_study_begun_before_draws_and_calibration_continues_without_them(
    make_study: Callable[..., Study], tmp_path: Path
) -> None:
    study, folder = make_study(), StudyFolder(tmp_path)
    begun = yaml.safe_load(resolved_study(study))
    del begun["noise_draw"], begun["fixed"]["validation_labels"]
    write_definition(folder, yaml.safe_dump(begun))
    continued = plan(as_begun(study, folder)).all_trials()[0].config
    assert (continued.noise_draw, continued.validation_labels) == (0, "clean")
    today = plan(study).all_trials()[0].config
    assert (today.noise_draw, today.validation_labels) == (1, "misaligned")
