"""What holds for every registered task."""

import pytest

from softloc_core.errors import ConfigError
from softloc_core.features import FRONT_ENDS
from softloc_core.tasks import TASKS, Task
from softloc_core.tasks.base import TaskRegistry
from softloc_core.tasks.drums import DrumTask
from tests.softloc_core.tasks.contract import check_defaults, check_protocol, check_sources

EVERY_TASK = pytest.mark.parametrize("task", TASKS.tasks.values(), ids=TASKS.tasks)


@EVERY_TASK
def test_a_task_satisfies_the_protocol(task: Task) -> None:
    check_protocol(task)


@EVERY_TASK
def test_the_defaults_and_a_study_make_a_complete_configuration(task: Task) -> None:
    check_defaults(task)


@EVERY_TASK
def test_every_source_describes_itself_to_the_user(task: Task) -> None:
    check_sources(task)


def test_drums_use_front_ends_that_exist() -> None:
    drums = TASKS.get("drums")
    assert {drums.defaults(network)["features"] for network in drums.networks} <= set(FRONT_ENDS)


def test_unknown_names_are_rejected() -> None:
    with pytest.raises(ConfigError, match=r"`task` must be one of .*drums.*, but got bells"):
        TASKS.get("bells")
    with pytest.raises(ConfigError, match=r"`network` must be one of compact, paper, .*, but got huge"):
        TASKS.get("drums").defaults("huge")


def test_scores_and_durations_have_the_names_of_their_field() -> None:
    named = {name: (task.score_name, task.time_unit) for name, task in TASKS.tasks.items()}
    named.pop("simulated", None)
    assert named == {
        "drums": ("F1", "ms"),
        "gait": ("F1", "ms"),
        "golf": ("PCE", "frames"),
        "heartbeats": ("F1", "ms"),
        "piano": ("F1", "ms"),
        "puffs": ("F1", "frames"),
        "segmentation": ("F1@10", "s"),
        "digits": ("F1", "frames"),
    }


@pytest.mark.parametrize(
    ("attribute", "value", "message"),
    [
        ("time_unit", "min", "`time_unit` of a task must be one of ms, s, frames, but got min in drums"),
        ("version", 0, "`version` of a task must be at least 1, but got 0 in drums"),
    ],
)
def test_a_task_with_an_unknown_unit_or_version_is_rejected(
    attribute: str, value: object, message: str
) -> None:
    task = DrumTask()
    setattr(task, attribute, value)
    with pytest.raises(ConfigError, match=message):
        TaskRegistry().register(task)


def test_a_name_can_be_registered_once_until_it_is_unregistered() -> None:
    registry, drums = TaskRegistry(), TASKS.get("drums")
    registry.register(drums)
    with pytest.raises(ConfigError, match="task names must be unique, but drums is already registered"):
        registry.register(drums)
    assert registry.unregister("drums") is drums
    with pytest.raises(ConfigError, match=r"`task` must be one of .*, but got drums"):
        registry.unregister("drums")
    assert registry.register(drums) is drums
