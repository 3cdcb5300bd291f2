"""A task defined outside the package, from the door of `softloc_core.tasks.base` alone."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from softloc_core.errors import ConfigError
from softloc_core.events import EventList
from softloc_core.losses import Ramp
from softloc_core.networks import CompactNetwork, NetworkBuilder
from softloc_core.tasks import TASKS, check_source
from softloc_core.tasks.base import (
    RenderedSource,
    SignalRecording,
    SignalTask,
    generator_of,
    key_of,
    numbered_names,
    rendered_info,
)
from softloc_core.trial import run_trial
from tests.softloc_core.tasks.contract import (
    check_defaults,
    check_protocol,
    check_recordings,
    check_scores,
    check_sources,
    check_splits,
    few_recordings,
    request_of,
    short_config,
)

HOP_S, N_FRAMES = 0.02, 300


class RenderedBeepsSource(RenderedSource[SignalRecording]):
    """Six seconds of noise in which one of two bands lights up at each event."""

    info = rendered_info("beeps in noise", "new_beeps")
    names = numbered_names(train=6, validation=2, test=3)

    def recording(self, name: str, seed: int) -> SignalRecording:
        rng = generator_of("beeps", seed, name)
        frame = np.arange(10, N_FRAMES - 10, 20) + rng.integers(-5, 6, size=14)
        channel = rng.integers(0, 2, size=len(frame))
        features = rng.normal(0, 0.3, size=(N_FRAMES, 2)).astype(np.float32)
        features[frame, channel] += 3.0
        return SignalRecording(
            name=name,
            group=name,
            hop_s=HOP_S,
            features=lambda front_end: features.copy(),
            content_key=key_of("beeps", seed, name),
            reference=EventList(frame * HOP_S, channel, N_FRAMES * HOP_S),
        )


class BeepTask(SignalTask):
    """Beeps of two pitches."""

    name = "beeps"
    description = "beeps of two pitches in noise"
    channel_names: tuple[str, ...] = ("low", "high")
    tolerance_s = 0.05
    networks: Mapping[str, NetworkBuilder] = {"compact": CompactNetwork}
    shared_defaults: Mapping[str, Any] = {
        "features": "plain",
        "excerpt_s": 2.0,
        "alpha": Ramp(low=0.2, high=0.9, start=0.2, stop=0.9),
        "iterations": 100,
        "batch_size": 8,
        "learning_rate": 1e-2,
        "weight_averaging": 0.0,
    }
    network_defaults: Mapping[str, Mapping[str, Any]] = {"compact": {}}

    def __init__(self) -> None:
        super().__init__((RenderedBeepsSource(),))


@pytest.fixture
def task() -> Iterator[BeepTask]:
    """Register the task for one test."""
    task = BeepTask()
    TASKS.register(task)
    yield task
    TASKS.unregister("beeps")


def test_a_registered_task_is_found_by_name_until_it_is_unregistered(task: BeepTask) -> None:
    assert TASKS.get("beeps") is task
    with pytest.raises(ConfigError, match="task names must be unique, but beeps is already registered"):
        TASKS.register(BeepTask())
    TASKS.unregister("beeps")
    with pytest.raises(ConfigError, match=r"`task` must be one of .*drums.*, but got beeps"):
        TASKS.get("beeps")
    TASKS.register(task)


def test_it_satisfies_the_task_contract(task: BeepTask) -> None:
    check_protocol(task)
    check_defaults(task)
    check_sources(task)
    check_splits(task, "synthetic")


def test_its_data_satisfies_the_data_contract(task: BeepTask) -> None:
    data = few_recordings(task, "synthetic")
    check_recordings(data)
    check_scores(task, data)


def test_its_source_can_be_checked(task: BeepTask) -> None:
    report = check_source(task, "synthetic", data_root=None)
    assert (len(report.recordings), report.problems) == (11, ())
    assert sum(report.n_events.values()) == 11 * 14


def test_a_trial_finds_its_events(task: BeepTask, tmp_path: Path) -> None:
    data = task.load(request_of(task, "synthetic"), data_root=None, cache_dir=tmp_path)
    config = short_config(task, "synthetic", iterations=60, batch_size=8)
    result = run_trial(config, data)
    assert result.scores.f1 > 0.9
