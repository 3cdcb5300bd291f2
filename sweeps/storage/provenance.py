"""Where a result comes from: the version of the package and the commit of its source."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path

__all__ = ["Provenance", "source_provenance"]


@dataclass(frozen=True)
class Provenance:
    """Values that are the same in every row that one run of a study stores.

    Attributes:
        study: The study's name.
        package_version: Version of softloc.
        git_commit: Commit of the source, with `-dirty` if it was changed; empty if unknown.
    """

    study: str
    package_version: str
    git_commit: str


@cache
def source_provenance() -> tuple[str, str]:
    """Return the version of the package and the commit of its source.

    The commit ends with `-dirty` if the source was changed, and is empty if there is no repository.
    """
    try:
        version = metadata.version("softloc")
    except metadata.PackageNotFoundError:
        version = "unknown"
    folder = Path(__file__).resolve().parents[1]
    commit = _git(folder, "rev-parse", "HEAD")
    if commit and _git(folder, "status", "--porcelain", "--untracked-files=no", "--", ".."):
        commit += "-dirty"
    return version, commit


def _git(folder: Path, *arguments: str) -> str:
    """Return the output of git for a folder; empty without git or without a repository."""
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
