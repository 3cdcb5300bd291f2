"""Which trial comes next, also after a driver was killed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sweeps.folder import StudyFolder
from sweeps.planning import Planner, load_data
from sweeps.records import Provenance, completed_record
from sweeps.simulation import SimulatedTrial
from sweeps.store import TrialStore
from sweeps.study import Study
from sweeps.trial_source import trial_source

pytestmark = pytest.mark.filterwarnings(
    "ignore::FutureWarning", "ignore::UserWarning", "ignore::DeprecationWarning"
)
PROVENANCE = Provenance("sim", "0.1.0", "abc")


def run_some(study: Study, folder: StudyFolder, count: int, *, lose_last: int = 0) -> int:
    """What a driver does until it is killed: how many trials it was given."""
    plan = Planner(study, load_data(study, data_root=None, cache_dir=Path("unused")))
    store = TrialStore(folder)
    source = trial_source(plan, store.load(), folder)
    given = []
    while len(given) < count and (trial := source.next()) is not None:
        given.append(trial)
        if len(given) > count - lose_last:
            continue
        result = SimulatedTrial()(trial.config, plan.data_of(trial.config))
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
def test_killed_and_gone_on_with_every_designed_trial_is_there_once(
    make_study: Callable[..., Study], tmp_path: Path, design: str, replicates: int
) -> None:
    study = make_study(*f"design={design}".split(", ", 1), f"replicates={replicates}", "trials=12")
    folder = StudyFolder(tmp_path)
    # Killed twice, each time with trials in flight.
    assert run_some(study, folder, 5, lose_last=2) == 5
    assert run_some(study, folder, 4, lose_last=1) == 4
    assert len(TrialStore(folder).load()) == 6
    assert run_some(study, folder, 100) == 6
    assert len(TrialStore(folder).load()) == 12
    assert run_some(study, folder, 100) == 0


def test_several_objectives_are_told_together_larger_being_better(
    make_study: Callable[..., Study], tmp_path: Path
) -> None:
    study = make_study("design=nsga2", "trials=1", "objectives=[f1, train_s]")
    plan = Planner(study, load_data(study, data_root=None, cache_dir=Path("unused")))
    source = trial_source(plan, {}, StudyFolder(tmp_path))
    told: list[object] = []
    source._design.tell = lambda point, value: told.append(value)  # type: ignore[attr-defined]
    trial = source.next()
    assert trial is not None
    source.tell(trial.trial_id, {"f1": 0.5, "train_s": 3.0})
    assert told == [(0.5, -3.0)]


def test_a_design_that_learns_hears_the_mean_of_the_replicates(
    make_study: Callable[..., Study], tmp_path: Path
) -> None:
    study = make_study("design=tpe", "replicates=2", "trials=4")
    plan = Planner(study, load_data(study, data_root=None, cache_dir=Path("unused")))
    source = trial_source(plan, {}, StudyFolder(tmp_path))
    told: list[float | None] = []
    source._design.tell = lambda point, value: told.append(value)  # type: ignore[attr-defined]
    first, second = source.next(), source.next()
    assert first is not None
    assert second is not None
    source.tell(first.trial_id, {"f1": 0.5})
    assert told == []
    source.tell(second.trial_id, {"f1": 0.7})
    assert told == [pytest.approx(0.6)]
    third, fourth = source.next(), source.next()
    assert third is not None
    assert fourth is not None
    source.tell(third.trial_id, None)
    source.tell(fourth.trial_id, None)
    assert told[1] is None
