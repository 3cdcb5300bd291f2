"""The MLflow database in a study's folder, which is created completely or not at all."""

from __future__ import annotations

import contextlib
import logging
import os
from pathlib import Path

from sweeps.mlflow_view.address import set_mlflow_environment
from sweeps.mlflow_view.writer import tracking_uri

__all__ = ["study_database"]

logger = logging.getLogger(__name__)
_NAME = "mlflow.db"
_PARTIAL = f".{_NAME}.*.partial"


def study_database(folder: Path) -> str:
    """Return the address of the study's MLflow database, and create the database if there is none.

    MLflow creates its tables in about fifty steps, which take seconds. If it is killed in between, it can
    never open that database again. This function therefore creates the tables in a file with another name
    and renames it at the end. The caller must hold the study's lock.

    Args:
        folder: The study's folder.

    Raises:
        MlflowException: The disk is full, or the folder is not writable.
    """
    database = folder / _NAME
    if not database.exists():
        for left in folder.glob(f"{_PARTIAL}*"):
            logger.info("removing %s, which a killed driver left behind", left)
            left.unlink(missing_ok=True)
        _create(database)
    return tracking_uri(folder)


def _create(database: Path) -> None:
    """Create the tables under a temporary name, then rename the file."""
    set_mlflow_environment(os.environ)
    from mlflow import MlflowClient

    partial = database.with_name(_PARTIAL.replace("*", str(os.getpid())))
    try:
        MlflowClient(f"sqlite:///{partial.absolute()}").search_experiments(max_results=1)
        partial.replace(database)
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
