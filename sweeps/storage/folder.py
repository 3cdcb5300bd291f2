"""A study's folder, on this machine or on any filesystem that pyarrow opens."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from pyarrow import fs

from softloc_core.errors import ConfigError

__all__ = ["StudyFolder", "inside"]

# On these filesystems a file is one upload, visible only when complete, and folders need not be created.
_UPLOADING = ("s3", "gcs", "abfs")
_PROBE = ".writable"


def inside(location: str, name: str) -> str:
    """Return the path of a name in a folder or an address, whose options (`?region=...`) stay at its end."""
    head, mark, options = location.partition("?") if "://" in location else (location, "", "")
    return f"{head.rstrip('/')}/{name}{mark}{options}"


class StudyFolder:
    """The files of one study, by relative name. Every write is atomic.

    On a local disk a file is written under another name, flushed to the disk and renamed. On other
    filesystems it is written under another name and renamed. On an object store a file is one upload, which
    readers see only when it is complete.

    Attributes:
        location: The folder or address, as given.
        local: The local path, or None on another filesystem.
    """

    def __init__(self, location: str | Path) -> None:
        self.location = str(location)
        self.local: Path | None = None
        if "://" in self.location:
            try:
                self._fs, self._base = fs.FileSystem.from_uri(self.location)
            except (OSError, ValueError) as error:
                reason = str(error).splitlines()[0]
                raise ConfigError(
                    f"--out must be a folder or an address that pyarrow opens, but {location}: {reason}"
                ) from error
            if isinstance(self._fs, fs.LocalFileSystem):
                self.local = Path(self._base)
        else:
            self.local = Path(self.location).expanduser().absolute()
            self._fs, self._base = fs.LocalFileSystem(), str(self.local)

    def __str__(self) -> str:
        return self.location

    def path(self, name: str) -> str:
        """Return the path or address of a file, for messages."""
        return inside(self.location, name)

    def exists(self) -> bool:
        """Whether the folder exists."""
        return bool(self._fs.get_file_info(self._base).type == fs.FileType.Directory)

    def require_writable(self) -> None:
        """Create the folder, and try to write a small file.

        Raises:
            ConfigError: The folder cannot be created or written, it is a file, or its disk is full.
        """
        try:
            self.write(_PROBE, b"")
            self.delete(_PROBE)
        except OSError as error:
            reason = error.strerror or str(error).splitlines()[0]
            raise ConfigError(f"--out must be a writable folder, but {self}: {reason}") from error

    def names(self, folder: str, *, suffix: str = "") -> list[str]:
        """Return the sorted names of the files in a subfolder; none if it does not exist."""
        selector = fs.FileSelector(f"{self._base}/{folder}", allow_not_found=True)
        infos = self._fs.get_file_info(selector)
        return sorted(info.base_name for info in infos if info.is_file and info.base_name.endswith(suffix))

    def read(self, name: str) -> bytes | None:
        """Return the content of a file, or None if it does not exist."""
        try:
            with self._fs.open_input_file(f"{self._base}/{name}") as source:
                content: bytes = source.read()
                return content
        except FileNotFoundError:
            return None

    def write(self, name: str, content: bytes) -> None:
        """Write a file, so that readers see either the old content or the new content.

        Raises:
            OSError: The disk is full or not available. The old content is unchanged.
        """
        if self.local is not None:
            _write_local(self.local / name, content)
            return
        target = f"{self._base}/{name}"
        if self._fs.type_name in _UPLOADING:
            self._put(target, content)
            return
        parent, _, last = target.rpartition("/")
        self._fs.create_dir(parent, recursive=True)
        self._put(f"{parent}/.{last}.partial", content)
        self._fs.move(f"{parent}/.{last}.partial", target)

    def _put(self, target: str, content: bytes) -> None:
        """Write a file at once."""
        with self._fs.open_output_stream(target) as sink:
            sink.write(content)

    def append(self, name: str, content: bytes) -> None:
        """Append to a file. This is not atomic, so use it for logs only."""
        if self.local is not None:
            target = self.local / name
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("ab") as sink:
                sink.write(content)
            return
        self.write(name, (self.read(name) or b"") + content)

    def move(self, name: str, new_name: str) -> None:
        """Rename a file, and replace an existing file of the new name."""
        if self.local is not None:
            target = self.local / new_name
            target.parent.mkdir(parents=True, exist_ok=True)
            (self.local / name).replace(target)
            return
        self._fs.move(f"{self._base}/{name}", f"{self._base}/{new_name}")

    def delete(self, name: str) -> None:
        """Delete a file, if it exists."""
        if self.local is not None:
            (self.local / name).unlink(missing_ok=True)
            return
        with contextlib.suppress(FileNotFoundError):
            self._fs.delete_file(f"{self._base}/{name}")


def _write_local(target: Path, content: bytes) -> None:
    """Write a temporary file, flush it, rename it, and flush the folder's entry."""
    target.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=target.parent, prefix=".", suffix=".partial")
    try:
        with os.fdopen(descriptor, "wb") as sink:
            sink.write(content)
            sink.flush()
            os.fsync(sink.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(target)
    except BaseException:
        # Nothing, not even Ctrl-C, may leave a partial file.
        with contextlib.suppress(OSError):
            Path(temporary).unlink()
        raise
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
