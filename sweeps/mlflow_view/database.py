"""The MLflow database in a study's folder: made whole or not at all."""

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
    """Address of a study's own database, which is made where there is none.

    MLflow makes its tables in some fifty steps that take seconds, and never opens again a database in which
    it was killed between two of them. So they are made under another name. To be called under the study's
    lock.

    Args:
        folder: The study's folder.

    Raises:
        MlflowException: The disk is full, or the folder takes no file.
    """
    database = folder / _NAME
    if not database.exists():
        for left in folder.glob(f"{_PARTIAL}*"):
            logger.info("%s was left by a driver that was killed", left)
            left.unlink(missing_ok=True)
        _make(database)
    return tracking_uri(folder)


def _make(database: Path) -> None:
    """Make the tables, then give them their name."""
    set_mlflow_environment(os.environ)
    from mlflow import MlflowClient

    partial = database.with_name(_PARTIAL.replace("*", str(os.getpid())))
    try:
        MlflowClient(f"sqlite:///{partial.absolute()}").search_experiments(max_results=1)
        partial.replace(database)
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
