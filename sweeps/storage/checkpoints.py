"""Checkpoints of trials under way: when they are made, how they are packed, where they stand.

Workers send them to the driver, which alone writes the study's folder: a worker needs neither the filesystem
nor its credentials.
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
    """What a checkpoint and the trial that goes on from it must share, for the same bits to come out.

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
    """A trial's state as one file: a line that says what it is, then what `torch.save` writes."""
    sink = io.BytesIO()
    torch.save(dict(state), sink)
    content = sink.getvalue()
    head = {"format": _FORMAT, "trial_id": trial_id, **vars(origin)}
    head["sha256"] = hashlib.sha256(content).hexdigest()
    return _MAGIC + json.dumps(head).encode() + b"\n" + content


def unpack(packed: bytes) -> dict[str, Any]:
    """The state of a checkpoint that `problem` finds nothing wrong with; nothing in it is run."""
    content = packed[len(_MAGIC) :].partition(b"\n")[2]
    state: dict[str, Any] = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    return state


def problem(packed: bytes, *, trial_id: str, origin: Origin) -> str | None:
    """What keeps a trial from going on from a file, or None."""
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
    """The checkpoints of a study, one file a trial; what goes wrong with one is logged and costs no trial."""

    def __init__(self, folder: StudyFolder, origin: Origin) -> None:
        self._folder = folder
        self._origin = origin

    def load(self, trial_id: str) -> bytes:
        """A trial's checkpoint, packed; empty where there is none to go on from.

        One that is damaged or comes from another version is set aside, and the trial starts anew.
        """
        try:
            packed = self._folder.read(_name(trial_id))
        except OSError as error:
            logger.warning("the checkpoint of trial %s cannot be read, it starts anew: %s", trial_id, error)
            return b""
        if packed is None:
            return b""
        reason = problem(packed, trial_id=trial_id, origin=self._origin)
        if reason is not None:
            self.set_aside(trial_id, reason)
            return b""
        logger.info("trial %s goes on from its checkpoint", trial_id)
        return packed

    def set_aside(self, trial_id: str, reason: str) -> None:
        """Rename a checkpoint that is of no use, so that nothing reads it again."""
        aside = f"{_name(trial_id)}.unusable"
        logger.warning(
            "trial %s starts anew: its checkpoint was set aside as %s, for %s",
            trial_id,
            self._folder.path(aside),
            reason,
        )
        try:
            self._folder.move(_name(trial_id), aside)
        except OSError as error:
            logger.warning("the checkpoint of trial %s cannot be renamed: %s", trial_id, error)

    def keep(self, trial_id: str, packed: bytes) -> None:
        """Write a trial's checkpoint in place of its last one; a full disk costs the checkpoint alone."""
        try:
            self._folder.write(_name(trial_id), packed)
        except OSError as error:
            logger.warning("a checkpoint of trial %s was not written: %s", trial_id, error)

    def drop(self, trial_id: str) -> None:
        """Delete the checkpoint of a trial that has ended, where there is one."""
        try:
            self._folder.delete(_name(trial_id))
        except OSError as error:
            logger.warning("the checkpoint of trial %s was not deleted: %s", trial_id, error)

    def drop_of(self, ended: Iterable[str]) -> None:
        """Delete what a driver that died left of trials that had ended."""
        there = set(self._folder.names(_FOLDER, suffix=".pt"))
        for trial_id in ended:
            if f"{trial_id}.pt" in there:
                self.drop(trial_id)


def _name(trial_id: str) -> str:
    """Where a trial's checkpoint stands in the study's folder."""
    return f"{_FOLDER}/{trial_id}.pt"
