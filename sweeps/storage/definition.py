"""The file `study.yaml` of a study's folder. Only this module reads and writes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import yaml

from softloc_core.errors import ConfigError
from sweeps.storage.folder import StudyFolder

__all__ = [
    "STUDY_FILE",
    "StoredDefinition",
    "copy_definition",
    "read_definition",
    "require_definition",
    "write_definition",
]

STUDY_FILE = "study.yaml"


@dataclass(frozen=True)
class StoredDefinition:
    """A study's definition as its folder stores it: every default written out.

    The text is parsed at the first look at a value, so a damaged file can still be copied.

    Attributes:
        content: The file, unchanged.
        path: Where the file is, for messages.
    """

    content: bytes = field(repr=False)
    path: str

    @cached_property
    def spec(self) -> Mapping[str, Any]:
        """The study as plain values by key.

        Raises:
            ConfigError: The file is not a study.
        """
        try:
            spec = yaml.safe_load(self.content)
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise self._unreadable() from error
        if not isinstance(spec, Mapping) or "name" not in spec:
            raise self._unreadable()
        return spec

    @property
    def name(self) -> str:
        """The study's name."""
        return str(self.spec["name"])

    @property
    def fixed(self) -> Mapping[str, Any]:
        """The values that hold for all trials, by key."""
        fixed = self.spec.get("fixed")
        if not isinstance(fixed, Mapping):
            raise self._unreadable()
        return fixed

    @property
    def objectives(self) -> Mapping[str, str]:
        """The direction of each metric that the study optimises; empty if it names none."""
        objectives = self.spec.get("objectives")
        return objectives if isinstance(objectives, Mapping) else {}

    @property
    def keeps_weights(self) -> bool:
        """Whether the study stores the weights of its completed trials."""
        return self.spec.get("keep_weights") is True

    def _unreadable(self) -> ConfigError:
        """Return the error of a file that is not a study."""
        return ConfigError(f"{self.path} must be a study, but it cannot be read")


def read_definition(folder: StudyFolder) -> StoredDefinition | None:
    """Read a folder's study file; None if it has none."""
    content = folder.read(STUDY_FILE)
    return None if content is None else StoredDefinition(content, folder.path(STUDY_FILE))


def require_definition(folder: StudyFolder) -> StoredDefinition:
    """Read a folder's study file.

    Raises:
        ConfigError: The folder has no study file.
    """
    definition = read_definition(folder)
    if definition is None:
        raise ConfigError(f"a study's folder must hold {STUDY_FILE}, but {folder} does not")
    return definition


def write_definition(folder: StudyFolder, text: str) -> None:
    """Write a folder's study file."""
    folder.write(STUDY_FILE, text.encode())


def copy_definition(source: StudyFolder, target: StudyFolder) -> None:
    """Copy a folder's study file unchanged; nothing if it has none."""
    if (definition := read_definition(source)) is not None:
        target.write(STUDY_FILE, definition.content)
