"""Studies of several tasks: every task has the whole design, in its own units."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from softloc_core.errors import ConfigError
from softloc_core.tasks import TASKS, DataRequest, SourceInfo, TaskData
from sweeps.planning import Planner, load_data, make_planner
from sweeps.study import Study, study_from_yaml
from sweeps.testing.simulation import SimulatedTask

TEXT = """\
name: both
task: [simulated, coarse]
data: {simulated: plain, coarse: other}
trials: 24
design: sobol
replicates: 2
space:
  label_noise: {uniform: [0tol, 2tol]}
  loss: {each: [softloc, cross_entropy]}
fixed:
  softness: 2frames
"""


class _CoarseTask(SimulatedTask):
    """A task with frames and a tolerance twice as long as those of the simulated task."""

    name = "coarse"
    tolerance_s = 0.1
    sources = {"other": SourceInfo("other", "here", {"fixed": 1}, needs_data_root=False)}  # noqa: RUF012

    def load(self, request: DataRequest, *, data_root: Path | None, cache_dir: Path) -> TaskData:
        data = super().load(request, data_root=data_root, cache_dir=cache_dir)
        recordings = tuple(dataclasses.replace(one, hop_s=0.02) for one in data.test)
        return dataclasses.replace(data, hop_s=0.02, test=recordings, fingerprint="coarse")


@pytest.fixture(autouse=True)
def _coarse_task(_simulated_task: None) -> Iterator[None]:
    TASKS.register(_CoarseTask())
    yield
    del TASKS.tasks["coarse"]


def read(text: str = TEXT) -> Study:
    return study_from_yaml(text, name="studies/both.yaml")


def planner(study: Study) -> Planner:
    return make_planner(study, load_data(study, data_root=None, cache_dir=Path("unused")))


def test_every_task_has_the_whole_design_in_its_own_units() -> None:
    plan = planner(read())
    plan.check()
    trials = plan.all_trials()
    assert (plan.n_points, plan.runs_a_point, len(trials)) == (3, 8, 24)
    by_task = {name: [t.config for t in trials if t.config.task == name] for name in ("simulated", "coarse")}
    assert [len(configs) for configs in by_task.values()] == [12, 12]
    for fine, coarse in zip(*by_task.values(), strict=True):
        assert (fine.data, coarse.data) == ("plain", "other")
        assert coarse.label_noise_s == pytest.approx(2 * fine.label_noise_s, abs=1e-15)
        assert coarse.softness_s == 2 * fine.softness_s
        assert (fine.loss, fine.replicate) == (coarse.loss, coarse.replicate)
    assert plan.ranges()["label_noise"] == (0.0, 0.2)


def test_a_task_alone_has_the_same_trials() -> None:
    both = {trial.trial_id for trial in planner(read()).all_trials() if trial.config.task == "coarse"}
    text = TEXT.replace("[simulated, coarse]", "coarse").replace("{simulated: plain, coarse: other}", "other")
    alone = planner(read(text.replace("trials: 24", "trials: 12"))).all_trials()
    assert {trial.trial_id for trial in alone} == both


def test_the_tasks_take_turns() -> None:
    tasks = [trial.config.task for trial in planner(read()).all_trials()]
    for end in range(2, len(tasks), 2):
        assert set(Counter(tasks[:end]).values()) == {end // 2}


def test_a_study_of_several_tasks_reads_back_equal() -> None:
    study = read()
    assert study_from_yaml(study.to_yaml(), name="again") == study


def test_a_single_source_name_applies_to_every_task() -> None:
    text = TEXT.replace("{simulated: plain, coarse: other}", "plain")
    with pytest.raises(ConfigError, match=re.escape("`data` must be one of other, but got plain in")):
        read(text)
    assert dict(read(text.replace("[simulated, coarse]", "[simulated]")).sources) == {"simulated": "plain"}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[simulated, coarse]", "[]", "`task` must list at least one task, and each once, but got [] in "),
        (
            "[simulated, coarse]",
            "[coarse, coarse]",
            "`task` must list at least one task, and each once, but",
        ),
        ("[simulated, coarse]", "[simulated, golph]", "must be one of "),
        (
            "coarse: other}",
            "golf: other}",
            "`data` must give a source for each task (simulated, coarse), but",
        ),
        ("coarse: other}", "coarse: none}", "`data.coarse` must be one of other, but got none in "),
        ("trials: 24", "trials: 25", "`trials` must be a multiple of 2, the number of tasks, but got 25 in "),
        (
            "design: sobol",
            "design: tpe",
            "`task` must be a single task for `design: tpe`, which learns from results (",
        ),
    ],
)
def test_an_invalid_study_of_several_tasks_is_rejected(old: str, new: str, message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)) as caught:
        read(TEXT.replace(old, new))
    assert "studies/both.yaml, line" in str(caught.value)


def test_pilots_are_run_for_every_task() -> None:
    from sweeps.forecasting.pilot import measured_kinds

    found = measured_kinds(trial.config for trial in planner(read()).all_trials())
    assert Counter(config.task for config in found) == {"simulated": 2, "coarse": 2}
