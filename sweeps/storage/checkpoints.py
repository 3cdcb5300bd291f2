"""Checkpoints of running trials: how they are packed, and where they are stored.

Workers send them to the driver. Only the driver writes to the study's folder, so workers need neither the
filesystem nor its credentials.
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from sweeps.storage.folder import StudyFolder

__all__ = ["Checkpoints", "Origin", "pack", "unpack"]

logger = logging.getLogger(__name__)
_MAGIC = b"softloc checkpoint\n"
_FORMAT = 1
_FOLDER = "checkpoints"


@dataclass(frozen=True)
class Origin:
    """What a checkpoint and the trial that resumes from it must share to give identical results.

    Attributes:
        package_version: Version of softloc.
        git_commit: Commit of the source.
        device: `cpu` or `cuda`.
        torch_version: Version of torch.
    """

    package_version: str
    git_commit: str
    device: str
    torch_version: str = str(torch.__version__)


def pack(state: Mapping[str, Any], *, trial_id: str, origin: Origin) -> bytes:
    """Pack a trial's state into one file: a line that describes it, then the output of `torch.save`."""
    sink = io.BytesIO()
    torch.save(dict(state), sink)
    content = sink.getvalue()
    head = {"format": _FORMAT, "trial_id": trial_id, **vars(origin)}
    head["sha256"] = hashlib.sha256(content).hexdigest()
    return _MAGIC + json.dumps(head).encode() + b"\n" + content


def unpack(packed: bytes) -> dict[str, Any]:
    """Return the state in a checkpoint that has no `problem`. No code in it is executed."""
    content = packed[len(_MAGIC) :].partition(b"\n")[2]
    state: dict[str, Any] = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    return state


def problem(packed: bytes, *, trial_id: str, origin: Origin) -> str | None:
    """Return why a trial cannot resume from a file, or None if it can."""
    line, _, content = packed.removeprefix(_MAGIC).partition(b"\n")
    try:
        head = json.loads(line) if packed.startswith(_MAGIC) else None
    except ValueError:
        head = None
    if not isinstance(head, dict) or head.pop("sha256", None) != hashlib.sha256(content).hexdigest():
        return "it is damaged"
    wanted = {"format": _FORMAT, "trial_id": trial_id, **vars(origin)}
    for key, value in wanted.items():
        if head.get(key) != value:
            return f"its {key} is {head.get(key)}, not {value}"
    return None


class Checkpoints:
    """The checkpoints of a study, one file for each trial. Errors with them are logged and fail no trial."""

    def __init__(self, folder: StudyFolder, origin: Origin) -> None:
        self._folder = folder
        self._origin = origin

    def load(self, trial_id: str) -> bytes:
        """Return a trial's packed checkpoint; empty if there is none to resume from.

        A checkpoint that is damaged or from another version is set aside, and the trial starts again.
        """
        try:
            packed = self._folder.read(_name(trial_id))
        except OSError as error:
            logger.warning(
                "the checkpoint of trial %s cannot be read, so the trial starts again: %s", trial_id, error
            )
            return b""
        if packed is None:
            return b""
        reason = problem(packed, trial_id=trial_id, origin=self._origin)
        if reason is not None:
            self.set_aside(trial_id, reason)
            return b""
        logger.info("trial %s resumes from its checkpoint", trial_id)
        return packed

    def set_aside(self, trial_id: str, reason: str) -> None:
        """Rename an unusable checkpoint, so that it is not read again."""
        aside = f"{_name(trial_id)}.unusable"
        logger.warning(
            "trial %s starts again: its checkpoint was set aside as %s, because %s",
            trial_id,
            self._folder.path(aside),
            reason,
        )
        try:
            self._folder.move(_name(trial_id), aside)
        except OSError as error:
            logger.warning("the checkpoint of trial %s cannot be renamed: %s", trial_id, error)

    def keep(self, trial_id: str, packed: bytes) -> None:
        """Replace a trial's checkpoint. If the disk is full, only the checkpoint is lost."""
        try:
            self._folder.write(_name(trial_id), packed)
        except OSError as error:
            logger.warning("a checkpoint of trial %s was not written: %s", trial_id, error)

    def drop(self, trial_id: str) -> None:
        """Delete the checkpoint of a trial that has ended, if there is one."""
        try:
            self._folder.delete(_name(trial_id))
        except OSError as error:
            logger.warning("the checkpoint of trial %s was not deleted: %s", trial_id, error)

    def drop_of(self, ended: Iterable[str]) -> None:
        """Delete checkpoints that a killed driver left of trials that had ended."""
        stored = set(self._folder.names(_FOLDER, suffix=".pt"))
        for trial_id in ended:
            if f"{trial_id}.pt" in stored:
                self.drop(trial_id)


def _name(trial_id: str) -> str:
    """Return the name of a trial's checkpoint in the study's folder."""
    return f"{_FOLDER}/{trial_id}.pt"
