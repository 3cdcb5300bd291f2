"""Export a study as a few files to archive, send or publish: one Parquet file for each table."""

from __future__ import annotations

from softloc_core.errors import ConfigError
from sweeps.storage.definition import STUDY_FILE, read_definition
from sweeps.storage.folder import StudyFolder
from sweeps.storage.schema import TABLES
from sweeps.storage.store import GATHERED, TrialStore

__all__ = ["export_study"]


def export_study(study: str, target: str, *, without: tuple[str, ...] = ()) -> list[str]:
    """Write each table of a study as one file into another folder, with its `study.yaml`.

    Everything that reads a study can read the result.

    Args:
        study: The study's folder, or an address that pyarrow opens.
        target: The new folder or address. It must not hold a study yet.
        without: Tables of `sweeps.storage.schema.TABLES` to leave out, except `trials`.

    Returns:
        A line for each file with its path and size.

    Raises:
        ConfigError: The study has no trials, a table is unknown, or the target holds a study.
    """
    others = [table for table in TABLES if table != "trials"]
    for table in without:
        if table not in others:
            raise ConfigError(f"a table to leave out must be one of {', '.join(others)}, but got {table}")
    source, folder = StudyFolder(study), StudyFolder(target)
    if folder.names("trials", suffix=".parquet"):
        raise ConfigError(f"an export needs a folder without a study, but {target} already holds trials")
    store = TrialStore(source)
    if not store.load():
        raise ConfigError(f"a study must hold at least one trial, but {study} has none")
    definition = read_definition(source)
    files = {} if definition is None else {STUDY_FILE: definition.content}
    # Trials come last, as in a study: a stored trial implies that the other tables are complete.
    for table in [*others, "trials"]:
        if table not in without and (content := store.gathered(table)) is not None:
            files[f"{table}/{GATHERED}"] = content
    return [_written(folder, name, content) for name, content in files.items()]


def _written(folder: StudyFolder, name: str, content: bytes) -> str:
    """Write a file, and return its path and size."""
    folder.write(name, content)
    return f"{folder.path(name)}: {len(content) / 1000:.0f} kB"
