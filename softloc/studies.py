"""Run a study from Python and load what it stored."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from analysis import StoredStudy, load_results
from sweeps.execution import RunOptions, run_study, study_folder
from sweeps.planning import feature_cache_dir
from sweeps.study import load_study

__all__ = ["load", "run"]


def load(location: str | Path) -> StoredStudy:
    """Load a study's stored trials.

    Args:
        location: The study's folder, or any address that pyarrow opens (`s3://...`).

    Returns:
        The study. `.completed` is a data frame with one row per trial.

    Raises:
        AnalysisError: The folder does not exist, holds no trials, or cannot be read.
    """
    return load_results(location)


def run(
    study: str | Path,
    *,
    out: str | Path = "runs",
    data_root: str | Path | None = None,
    settings: Mapping[str, Any] | None = None,
    cpus: int | None = None,
    address: str | None = None,
    mlflow: bool = True,
    mix: bool = False,
    rerun: bool = False,
) -> StoredStudy:
    """Run a study, or resume it: only missing trials run. Then load its results.

    Args:
        study: Name of a shipped study, or path of a study file.
        out: Folder for studies. The study's own folder is `out/<name>`.
        data_root: Folder of the recorded data, for a source that needs one.
        settings: Keys of the study to replace, as `--set` does: `{"trials": 8, "fixed.loss": "count"}`.
        cpus: CPU cores to use on this machine, >= 1; all of them by default.
        address: A running Ray cluster, as `auto` or `ray://HOST:10001`; None runs on this machine.
        mlflow: Whether the study is also written to MLflow.
        mix: Whether to keep stored trials of other code beside new ones, as `--mix` does.
        rerun: Whether to set stored trials of other code aside and run them again, as `--rerun` does.

    Returns:
        The stored study. Failed trials are in `.failed`.

    Raises:
        UserError: The study, its data or the folder cannot be used. Nothing was started.
        AnalysisError: No trial was stored.
        KeyboardInterrupt: The run was interrupted. Finished trials are stored.
    """
    overrides = [f"{key}={json.dumps(value)}" for key, value in (settings or {}).items()]
    chosen = load_study(str(study), overrides=overrides)
    options = RunOptions(
        out=str(out),
        data_root=None if data_root is None else Path(data_root),
        cache_dir=feature_cache_dir(),
        cpus=cpus,
        address=address,
        mlflow=mlflow,
        mix=mix,
        rerun=rerun,
    )
    outcome = run_study(chosen, options)
    if outcome.interrupted:
        raise KeyboardInterrupt
    return load_results(study_folder(chosen, out=options.out).location)
