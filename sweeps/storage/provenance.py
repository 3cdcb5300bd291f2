"""Where a result comes from: the version of the package and the commit of its source."""

from __future__ import annotations

import hashlib
import platform
import subprocess
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

__all__ = ["Provenance", "processor_name", "source_code", "source_provenance"]


@dataclass(frozen=True)
class Provenance:
    """Values that are the same in every row that one run of a study stores.

    Attributes:
        study: The study's name.
        package_version: Version of softloc.
        git_commit: Commit of the source, with `-dirty` if it was changed; empty if unknown.
        code: Hash of the source files that decide a result.
    """

    study: str
    package_version: str
    git_commit: str
    code: str = ""


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


@cache
def source_code() -> str:
    """Return the first 16 hexadecimal digits of a hash of every source file of `softloc_core`."""
    spec = find_spec("softloc_core")
    assert spec is not None and spec.origin is not None  # this package needs it
    folder = Path(spec.origin).resolve().parent
    content = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        content.update(path.relative_to(folder).as_posix().encode() + b"\0")
        content.update(path.read_bytes().replace(b"\r\n", b"\n") + b"\0")
    return content.hexdigest()[:16]


@cache
def processor_name(device: str) -> str:
    """Return the model of the processor, or of the GPU if the device is one; empty if unknown."""
    if device.startswith("cuda"):
        import torch

        return str(torch.cuda.get_device_name(device))
    if (cpuinfo := Path("/proc/cpuinfo")).is_file():
        for line in cpuinfo.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _git(folder: Path, *arguments: str) -> str:
    """Return the output of git for a folder; empty without git or without a repository."""
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
