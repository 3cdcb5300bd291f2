"""Which stored trials count: those of the same code, or of other code if the user says so."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from softloc_core.errors import ConfigError
from sweeps.storage import Row, StoredTrial, TrialStore, source_code, source_provenance

__all__ = ["accepted_trials"]


def accepted_trials(
    store: TrialStore, *, mix: bool, rerun: bool, say: Callable[[str], None]
) -> Mapping[str, StoredTrial]:
    """Return the stored trials that count, by identity.

    The results of trials may depend on the code. Each row holds a hash of the source files that decide a
    result. Rows from before hold the version of the package and the commit instead.

    Args:
        store: The study's trials.
        mix: Whether trials of other code count.
        rerun: Whether trials of other code are set aside, so that they run again.
        say: Prints a message.

    Raises:
        ConfigError: There are trials of other code, and neither `mix` nor `rerun` is set, or both are.
    """
    if mix and rerun:
        raise ConfigError("--mix keeps stored trials and --rerun runs them again, but got both")
    stored = store.load()
    other = [trial for trial in stored.values() if trial.status != "failed" and not _is_same_code(trial.row)]
    if other and not (mix or rerun):
        raise ConfigError(
            f"{store.folder} holds {_what(len(other), len(stored))} of other code ({_origins(other)}; now "
            f"{_origin_now()}), whose results may differ: give --mix to keep them beside new ones, "
            "--rerun to set them aside and run them again, or another --out"
        )
    if other:
        say(
            f"{_what(len(other), len(stored))} are of other code ({_origins(other)}): "
            + ("kept, because of --mix" if mix else "set aside, because of --rerun")
        )
    kept = dict(stored)
    if rerun:
        for trial in other:
            store.supersede(trial.trial_id)
            del kept[trial.trial_id]
    return kept


def _is_same_code(row: Row) -> bool:
    """Whether a stored trial is of the code that runs now."""
    if row.get("code"):
        return bool(row["code"] == source_code())
    return (row["package_version"], row["git_commit"]) == source_provenance()


def _what(count: int, total: int) -> str:
    """Return how many of the stored trials are meant."""
    return f"{count} of {total} stored trials"


def _origins(trials: list[StoredTrial]) -> str:
    """Return the versions and commits that the trials come from, up to three."""
    found = sorted({_origin(str(t.row["package_version"]), str(t.row["git_commit"])) for t in trials})
    return ", ".join(found[:3]) + (f" and {len(found) - 3} more" if len(found) > 3 else "")


def _origin_now() -> str:
    """Return the version and commit that run now."""
    return _origin(*source_provenance())


def _origin(version: str, commit: str) -> str:
    """Return a version with the beginning of its commit."""
    dirty = "-dirty" if commit.endswith("-dirty") else ""
    return f"version {version}" + (f", commit {commit[:7]}{dirty}" if commit else "")
