"""What holds for every task that is registered."""

import dataclasses

import pytest

from softloc_core.decoding import AUTO_DECODING, DECODERS
from softloc_core.errors import ConfigError
from softloc_core.features import FRONT_ENDS
from softloc_core.tasks import TASKS, Task
from softloc_core.tasks.base.contract import TaskRegistry
from softloc_core.trial.run import TrialConfig

EVERY_TASK = pytest.mark.parametrize("task", TASKS.tasks.values(), ids=TASKS.tasks)
# A study names the data, its split follows from the source, and the rest is what a study is about.
NAMED_BY_THE_STUDY = {"data": "any", "split": "any", "loss": "softloc", "seed": 0, "replicate": 0}


@EVERY_TASK
def test_a_task_satisfies_the_protocol(task: Task) -> None:
    assert isinstance(task, Task)
    assert task.tolerance_s > 0 and task.channel_names and task.sources
    assert task.networks and set(task.auto_decoding) == set(AUTO_DECODING)
    assert set(task.auto_decoding.values()) <= set(DECODERS)


@EVERY_TASK
def test_defaults_and_the_study_give_a_whole_configuration(task: Task) -> None:
    for network in task.networks:
        defaults = task.defaults(network)
        assert set(defaults) | set(NAMED_BY_THE_STUDY) == {
            field.name for field in dataclasses.fields(TrialConfig)
        }
        config = TrialConfig(**{**defaults, **NAMED_BY_THE_STUDY})
        assert (config.task, config.network) == (task.name, network)
        assert config.tolerance_s == task.tolerance_s


@EVERY_TASK
def test_every_source_says_what_a_user_must_know(task: Task) -> None:
    for name, info in task.sources.items():
        assert (info.name, info.default_split) == (name, next(iter(info.splits)))
        assert info.description
        assert all(n_folds >= 1 for n_folds in info.splits.values())
        assert bool(info.licence and info.homepage) == info.needs_data_root


def test_drums_use_front_ends_that_exist() -> None:
    drums = TASKS.get("drums")
    assert {drums.defaults(network)["features"] for network in drums.networks} <= set(FRONT_ENDS)


def test_unknown_names_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"`task` must be one of .*drums.*, but got bells"):
        TASKS.get("bells")
    with pytest.raises(ConfigError, match=r"`network` must be one of compact, paper, .*, but got huge"):
        TASKS.get("drums").defaults("huge")


def test_a_name_is_taken_once() -> None:
    registry = TaskRegistry()
    registry.register(TASKS.get("drums"))
    with pytest.raises(ConfigError, match="task names must be unique, but drums is registered already"):
        registry.register(TASKS.get("drums"))
