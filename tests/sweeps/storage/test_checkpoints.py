"""Checkpoints and stored weights: when they are due, what is rejected, and what stays in the folder."""

from __future__ import annotations

import logging
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from softloc_core.errors import ConfigError, UserError
from sweeps.storage.checkpoints import Checkpoints, Origin, pack, unpack
from sweeps.storage.folder import StudyFolder
from sweeps.storage.weights import load_weights, weights_file, weights_name
from sweeps.study import Study
from sweeps.study.checkpoint_rule import CheckpointRule

ORIGIN = Origin("0.1.0", "abc", "cpu")
STATE = {"run": {"weight": torch.arange(3.0)}, "scores": {5: 0.25}}
TRIAL = "0123456789abcdef"


@pytest.fixture
def folder(tmp_path: Path) -> StudyFolder:
    return StudyFolder(tmp_path / "study")


@pytest.fixture
def checkpoints(folder: StudyFolder) -> Checkpoints:
    return Checkpoints(folder, ORIGIN)


def packed(origin: Origin = ORIGIN) -> bytes:
    return pack(STATE, trial_id=TRIAL, origin=origin)


@pytest.mark.parametrize(
    ("written", "seconds", "iterations"),
    [("10min", 600.0, 100), ("1.5h", 5400.0, 100), ("90 s", 90.0, 100), ("0.25", float("inf"), 25)],
)
def test_checkpoints_are_due_by_time_or_by_iterations(
    make_study: Callable[..., Study], written: str, seconds: float, iterations: int
) -> None:
    rule = make_study(f"checkpoint={{every: {written}}}").checkpoint
    assert rule is not None
    assert (rule.every_s, rule.every_iterations(100)) == (seconds, iterations)
    assert CheckpointRule(0.001).every_iterations(10) == 1


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("checkpoint={each: 10min}", "`checkpoint.each` must be a known key; did you mean"),
        ("checkpoint={}", "`checkpoint` must give `every`, for example 10min or 0.25, but got {} in"),
        ("checkpoint=10min", "`checkpoint` must be a mapping of keys to values, but got 10min in"),
        ("checkpoint={every: 10}",
         "`checkpoint.every` must be a time above 0 (s, min or h, as in 10min) or a fraction "
         "of the iterations, above 0 and below 1, but got 10 in"),
        ("checkpoint={every: 0min}", "but got 0min in"),
        ("checkpoint={every: 1.0}", "but got 1.0 in"),
        ("checkpoint={every: 3frames}", "but got 3frames in"),
        ("keep_weights=maybe", "`keep_weights` must be true or false, but got maybe in"),
    ],
)  # fmt: skip
def test_an_invalid_checkpoint_rule_is_rejected(
    make_study: Callable[..., Study], override: str, message: str
) -> None:
    key = "each" if "each" in override else ""
    with pytest.raises(ConfigError) as refused:
        make_study(override)
    assert (message.split(" must")[0] if key else message) in str(refused.value)
    assert "--set" in str(refused.value)


def test_a_checkpoint_is_loaded_until_it_is_deleted(checkpoints: Checkpoints, folder: StudyFolder) -> None:
    assert checkpoints.load(TRIAL) == b""
    checkpoints.keep(TRIAL, packed())
    state = unpack(checkpoints.load(TRIAL))
    assert torch.equal(state["run"]["weight"], torch.arange(3.0)) and state["scores"] == {5: 0.25}
    checkpoints.drop(TRIAL)
    checkpoints.drop(TRIAL)
    assert checkpoints.load(TRIAL) == b"" and folder.names("checkpoints") == []


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it is damaged"),
        (b"something else", "it is damaged"),
        (packed()[:-1], "it is damaged"),
        (packed()[:40], "it is damaged"),
        (packed() + b"x", "it is damaged"),
        (packed(replace(ORIGIN, package_version="0.2.0")), "its package_version is 0.2.0, not 0.1.0"),
        (packed(replace(ORIGIN, git_commit="abd")), "its git_commit is abd, not abc"),
        (packed(replace(ORIGIN, device="cuda")), "its device is cuda, not cpu"),
        (packed(replace(ORIGIN, torch_version="1.0")), "its torch_version is 1.0, not"),
        (pack(STATE, trial_id="another", origin=ORIGIN), "its trial_id is another, not 0123456789abcdef"),
        (packed().replace(b'"format": 1', b'"format": 9'), "its format is 9, not 1"),
    ],
)
def test_an_unusable_checkpoint_is_set_aside_and_logged(
    checkpoints: Checkpoints,
    folder: StudyFolder,
    caplog: pytest.LogCaptureFixture,
    content: bytes,
    reason: str,
) -> None:
    checkpoints.keep(TRIAL, content)
    with caplog.at_level(logging.WARNING):
        assert checkpoints.load(TRIAL) == b""
    assert f"trial {TRIAL} starts again: its checkpoint was set aside as " in caplog.text
    assert reason in caplog.text
    assert folder.names("checkpoints") == [f"{TRIAL}.pt.unusable"]
    assert folder.read(f"checkpoints/{TRIAL}.pt.unusable") == content


def test_code_in_a_checkpoint_is_not_executed(checkpoints: Checkpoints) -> None:
    class Harmful:
        def __reduce__(self) -> Any:
            return (print, ("run",))

    checkpoints.keep(TRIAL, pack({"run": Harmful()}, trial_id=TRIAL, origin=ORIGIN))
    with pytest.raises(pickle.UnpicklingError, match="weights_only"):
        unpack(checkpoints.load(TRIAL))


def test_on_a_full_disk_only_the_checkpoint_is_lost(
    checkpoints: Checkpoints, folder: StudyFolder, caplog: pytest.LogCaptureFixture
) -> None:
    assert folder.local is not None
    folder.local.mkdir()
    (folder.local / "checkpoints").write_text("no folder")
    checkpoints.keep(TRIAL, packed())
    checkpoints.drop(TRIAL)
    assert checkpoints.load(TRIAL) == b""
    assert "was not written" in caplog.text and "was not deleted" in caplog.text
    assert "cannot be read, so the trial starts again" in caplog.text


def test_checkpoints_that_a_killed_driver_left_of_ended_trials_are_deleted(
    checkpoints: Checkpoints, folder: StudyFolder
) -> None:
    for trial_id in ("a", "b", "c"):
        checkpoints.keep(trial_id, b"x")
    checkpoints.drop_of(["a", "c", "d"])
    assert folder.names("checkpoints") == ["b.pt"]


def test_stored_weights_are_read_back(folder: StudyFolder) -> None:
    network = torch.nn.Linear(2, 3)
    folder.write(weights_name(TRIAL), weights_file(network.state_dict()))
    other = torch.nn.Linear(2, 3)
    other.load_state_dict(load_weights(str(folder), TRIAL))
    assert torch.equal(other.weight, network.weight)


def test_missing_or_damaged_weights_raise_an_error(folder: StudyFolder) -> None:
    with pytest.raises(
        UserError, match=rf"must hold weights/{TRIAL}.pt, but .* does not: only trials that completed"
    ):
        load_weights(str(folder), TRIAL)
    folder.write(weights_name(TRIAL), b"no weights")
    with pytest.raises(UserError, match=rf"weights/{TRIAL}.pt must hold weights, but it cannot be read"):
        load_weights(str(folder), TRIAL)
