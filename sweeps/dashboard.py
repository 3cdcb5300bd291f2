"""MLflow's own pages for a study, and MLflow written again from Parquet."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from softloc_core.errors import UserError
from sweeps.folder import StudyFolder
from sweeps.lock import study_lock
from sweeps.store import TrialStore
from sweeps.tracking import MlflowWriter, tracking_uri

__all__ = ["rebuild_mlflow", "serve_dashboard"]

_END_S = 10.0


def serve_dashboard(study: Path, *, port: int, say: Callable[[str], None]) -> int:
    """Serve a study's MLflow on 127.0.0.1 until interrupted; the server's exit status.

    Raises:
        UserError: No MLflow database in the folder.
    """
    database = study.absolute() / "mlflow.db"
    if not database.is_file():
        raise UserError(
            f"a study's folder must hold mlflow.db, but {study} does not: "
            "run the study, or `softloc mlflow rebuild`"
        )
    say(f"MLflow for {study}: http://127.0.0.1:{port} (Ctrl-C ends it)")
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--backend-store-uri", f"sqlite:///{database}", "--workers", "1"]
    command += ["--default-artifact-root", f"file://{study.absolute()}/mlartifacts"]
    server = subprocess.Popen(command, start_new_session=True)
    try:
        return server.wait()
    except KeyboardInterrupt:
        return 0
    finally:
        _end(server)


def _end(server: subprocess.Popen[bytes]) -> None:
    """End a server with the processes it started; a signal to this process alone would not reach them."""
    for end in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, end)
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(timeout=_END_S)


def rebuild_mlflow(study: str, *, uri: str | None) -> str:
    """Write into MLflow what it lacks of a study's Parquet; what was done, in words.

    Raises:
        UserError: A folder without trials, or a driver that is running the study.
    """
    folder = StudyFolder(study)
    definition = folder.read("study.yaml")
    if definition is None:
        raise UserError(f"a study's folder must hold study.yaml, but {study} does not")
    if uri is None and folder.local is None:
        raise UserError(
            f"a study on an object store has no MLflow of its own: give --tracking-uri for {study}"
        )
    with study_lock(folder):
        store = TrialStore(folder)
        root = f"file://{folder.local}/mlartifacts" if uri is None else None
        address = uri or tracking_uri(Path(str(folder.local)))
        name = folder.location.rstrip("/").rsplit("/", 1)[-1]
        writer = MlflowWriter(uri=address, study=name, artifact_root=root)
        written = writer.write_missing(store)
        figures = [] if folder.local is None else sorted((folder.local / "figures").glob("*"))
        failed = any(trial.status != "completed" for trial in store.load().values())
        status = "FAILED" if failed else "FINISHED"
        writer.finish(text="", files=figures, definition=definition.decode(), status=status)
        return f"{written} trials written to MLflow, {len(store.load()) - written} there already"
