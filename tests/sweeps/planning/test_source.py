"""Which trial runs next, also after a driver was killed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from softloc_core.errors import ConfigError
from sweeps.planning.source import POINTS_FILE, trial_source
from sweeps.storage.folder import StudyFolder
from sweeps.storage.provenance import Provenance
from sweeps.storage.records import completed_record
from sweeps.storage.store import TrialStore
from sweeps.study import Study
from sweeps.testing.simulation import SimulatedTrial
from tests.sweeps.simulated_studies import plan

pytestmark = pytest.mark.filterwarnings(
    "ignore::FutureWarning", "ignore::UserWarning", "ignore::DeprecationWarning"
)
PROVENANCE = Provenance("sim", "0.1.0", "abc")


def run_some(study: Study, folder: StudyFolder, count: int, *, lose_last: int = 0) -> int:
    """Run trials as a driver does until it is killed, and return how many it received."""
    planner = plan(study)
    store = TrialStore(folder)
    source = trial_source(planner, store.load(), folder)
    given = []
    while len(given) < count and (trial := source.next()) is not None:
        given.append(trial)
        if len(given) > count - lose_last:
            continue
        result = SimulatedTrial()(trial.config, planner.data_of(trial.config))
        record = completed_record(
            result, PROVENANCE, channel_names=("a", "b"), host="h", started_at=datetime.now(UTC)
        )
        store.write(record.row)
        source.tell(trial.trial_id, record.row)
    return len(given)


@pytest.mark.parametrize(
    "design",
    [
        "random",
        "sobol",
        "tpe",
        "adaptive",
        "cmaes",
        *(f"{name}, objectives=[f1, train_s]" for name in ("gp", "nsga2", "nsga3")),
    ],
)
@pytest.mark.parametrize("replicates", [1, 2])
def test_a_resumed_study_stores_every_designed_trial_once(
    make_study: Callable[..., Study], tmp_path: Path, design: str, replicates: int
) -> None:
    study = make_study(*f"design={design}".split(", ", 1), f"replicates={replicates}", "trials=12")
    folder = StudyFolder(tmp_path)
    # The driver is killed twice, each time with running trials.
    assert run_some(study, folder, 5, lose_last=2) == 5
    assert run_some(study, folder, 4, lose_last=1) == 4
    assert len(TrialStore(folder).load()) == 6
    assert run_some(study, folder, 100) == 6
    assert len(TrialStore(folder).load()) == 12
    assert run_some(study, folder, 100) == 0


def test_a_design_receives_several_objectives_at_once_larger_being_better(
    make_study: Callable[..., Study], tmp_path: Path
) -> None:
    study = make_study("design=nsga2", "trials=1", "objectives=[f1, train_s]")
    planner = plan(study)
    source = trial_source(planner, {}, StudyFolder(tmp_path))
    results: list[object] = []
    source._design.tell = lambda point, value: results.append(value)  # type: ignore[attr-defined]
    trial = source.next()
    assert trial is not None
    source.tell(trial.trial_id, {"f1": 0.5, "train_s": 3.0})
    assert results == [(0.5, -3.0)]


def test_a_design_that_learns_receives_the_mean_of_the_replicates(
    make_study: Callable[..., Study], tmp_path: Path
) -> None:
    study = make_study("design=tpe", "replicates=2", "trials=4")
    planner = plan(study)
    source = trial_source(planner, {}, StudyFolder(tmp_path))
    results: list[float | None] = []
    source._design.tell = lambda point, value: results.append(value)  # type: ignore[attr-defined]
    first, second = source.next(), source.next()
    assert first is not None
    assert second is not None
    source.tell(first.trial_id, {"f1": 0.5})
    assert results == []
    source.tell(second.trial_id, {"f1": 0.7})
    assert results == [pytest.approx(0.6)]
    third, fourth = source.next(), source.next()
    assert third is not None
    assert fourth is not None
    source.tell(third.trial_id, None)
    source.tell(fourth.trial_id, None)
    assert results[1] is None


def test_a_well_known_surface_ends_the_study_early_and_reports_the_savings(
    make_study: Callable[..., Study], tmp_path: Path
) -> None:
    study = make_study("design=adaptive", "trials=60", "stop={max_standard_error: 0.05}", "focus=ridge")
    assert study.design_options == {"max_standard_error": 0.05, "focus": "ridge"}
    folder = StudyFolder(tmp_path)
    n_run = run_some(study, folder, 100)
    assert 24 <= n_run < 60
    planner = plan(study)
    again = trial_source(planner, TrialStore(folder).load(), folder)
    assert again.n_left == 0 and again.next() is None
    assert f"adaptive: used {n_run} of the study's 60 trials" in str(again.summary)
    assert f"Trials saved: {60 - n_run} of the study's budget" in str(again.summary)


def test_a_design_that_does_not_learn_has_no_summary(
    make_study: Callable[..., Study], tmp_path: Path
) -> None:
    study = make_study()
    planner = plan(study)
    assert trial_source(planner, {}, StudyFolder(tmp_path)).summary is None


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["stop={max_standard_error: 0.01}"], "`stop` must be left out unless the design is adaptive"),
        (["focus=ridge"], "`focus` must be left out unless the design is adaptive"),
        (["design=adaptive", "stop={trials: 9}"], "`stop.trials` must be a known key"),
    ],
)
def test_stop_and_focus_are_rejected_for_other_designs(
    make_study: Callable[..., Study], overrides: list[str], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        make_study(*overrides)


def test_no_point_is_lost_while_the_folder_is_full(
    make_study: Callable[..., Study], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sweeps.planning.source._RETRY_S", 0.0)
    study = make_study("design=tpe", "trials=3")
    planner = plan(study)
    folder, said, refused = StudyFolder(tmp_path), [], []
    write = folder.write

    def full_twice(name: str, content: bytes) -> None:
        if len(refused) < 2:
            refused.append(name)
            raise OSError(28, "No space left on device", "points.json")
        write(name, content)

    monkeypatch.setattr(folder, "write", full_twice)
    source = trial_source(planner, {}, folder, say=said.append)
    first = source.next()
    assert first is not None
    assert refused == [POINTS_FILE] * 2
    assert said == [
        "cannot write points.json to the study's folder ([Errno 28] No space left on device: "
        "'points.json'): no new trials start until it can be written; retrying every second"
    ]
    # A resumed driver runs the trial of the stored point.
    assert trial_source(planner, {}, StudyFolder(tmp_path)).next() == first
