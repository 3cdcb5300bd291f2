"""Serving MLflow's pages for a study, and rebuilding MLflow from Parquet."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable

from softloc_core.errors import ConfigError, UserError
from sweeps.mlflow_view.address import set_mlflow_environment, validate_database_uri, validate_tracking_uri
from sweeps.mlflow_view.content import BEST_FIRST
from sweeps.mlflow_view.live_picture import LivePicture
from sweeps.mlflow_view.thread import open_writer
from sweeps.mlflow_view.writer import tracking_uri
from sweeps.redaction import redacted
from sweeps.storage import StudyFolder, TrialStore, require_definition, study_lock

__all__ = ["rebuild_mlflow", "serve_dashboard"]

_END_S = 10.0
# In a study's own database, the study is the first experiment that was created.
_BEST_FIRST = f"/#/experiments/1/runs?viewStateShareKey={BEST_FIRST}"
_LOCAL_HOSTS = ("127.0.0.1", "localhost", "::1")


def serve_dashboard(
    study: str,
    *,
    port: int,
    say: Callable[[str], None],
    host: str = "127.0.0.1",
    backend_store_uri: str | None = None,
) -> int:
    """Serve a study's MLflow pages until interrupted, and return the server's exit status.

    Args:
        study: The study's folder, or its address on an object store, which needs `backend_store_uri`.
        port: Port to listen on.
        say: Shows a message to the user.
        host: Address to listen on; by default only this machine can connect.
        backend_store_uri: Address of MLflow's database, for example postgresql://USER@HOST/DATABASE; None for
            `mlflow.db` in the study's folder.

    Raises:
        UserError: There is no MLflow database, the database cannot be opened, or the port is in use.
    """
    folder = StudyFolder(study)
    database = _database(folder, backend_store_uri)
    _validate_port(host, port)
    say(f"MLflow for {study}: http://{host}:{port} (press Ctrl-C to stop)")
    if backend_store_uri is None:
        say(f"best trials first: http://{host}:{port}{_BEST_FIRST}")
    if host not in _LOCAL_HOSTS:
        say(f"anyone who can reach {host} can read and change the study's MLflow data")
    environment = dict(os.environ)
    set_mlflow_environment(environment)
    # Without this variable, MLflow's server starts seven processes for jobs, which are not used here.
    environment.setdefault("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "false")
    # The address may contain a password, and other users of this machine can read command lines.
    environment |= {"MLFLOW_BACKEND_STORE_URI": database, "MLFLOW_REGISTRY_STORE_URI": database}
    command = [sys.executable, "-m", "mlflow", "server", "--host", host, "--port", str(port)]
    # Clients send artifacts to this server, so they need no access to the study's file system.
    command += ["--artifacts-destination", _artifact_root(folder)]
    command += ["--default-artifact-root", "mlflow-artifacts:/", "--workers", "1"]
    server = subprocess.Popen(command, start_new_session=True, env=environment)
    try:
        return server.wait()
    except KeyboardInterrupt:
        return 0
    finally:
        _end(server)


def rebuild_mlflow(study: str, *, uri: str | None) -> str:
    """Write the trials that MLflow lacks from Parquet, and return a message with their number.

    Args:
        study: The study's folder or address.
        uri: MLflow's tracking URI, or None for the database in the study's folder.

    Raises:
        UserError: The folder has no study, MLflow cannot write to the address, or a driver is running the
            study.
    """
    folder = StudyFolder(study)
    name = require_definition(folder).name
    if uri is None and folder.local is None:
        raise UserError(f"a study on an object store has no MLflow database: give --tracking-uri for {study}")
    if uri is not None:
        validate_tracking_uri(uri)
    with study_lock(folder):
        return _rebuild(folder, uri, name=name)


def _rebuild(folder: StudyFolder, uri: str | None, *, name: str) -> str:
    """Write the missing trials, then the parent run."""
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    store = TrialStore(folder)
    try:
        writer = open_writer(store, study=name, uri=uri)
        written = writer.write_missing()
        stored = store.load()
        figures = [] if folder.local is None else sorted((folder.local / "figures").glob("*"))
        picture = LivePicture(str(folder.local or folder.location)).now() if stored else None
        failed = any(trial.status == "failed" for trial in stored.values())
        writer.finish(picture=picture, files=figures, status="FAILED" if failed else "FINISHED")
    except (MlflowException, SQLAlchemyError, OSError) as error:
        reason = redacted(str(error)).strip().splitlines()[0][:300]
        if uri is None:
            raise UserError(
                f"MLflow's database must be writable, but {folder.path('mlflow.db')}: {reason} "
                "(if it is damaged, move it away and run this again to rebuild it)"
            ) from error
        raise UserError(f"MLflow must be reachable at {redacted(uri)}, but: {reason}") from error
    return f"{written} trials written to MLflow, {len(stored) - written} already there"


def _database(folder: StudyFolder, uri: str | None) -> str:
    """Return the address of the database to serve, or raise if it is missing or cannot be opened."""
    if uri is not None:
        validate_database_uri(uri)
        return uri
    if folder.local is None:
        raise UserError(
            f"a study on an object store has no MLflow database: give --backend-store-uri for {folder}"
        )
    if not (folder.local / "mlflow.db").is_file():
        raise UserError(
            f"a study's folder must hold mlflow.db, but {folder} does not: "
            "run the study, or run `softloc mlflow rebuild`"
        )
    return tracking_uri(folder.local)


def _artifact_root(folder: StudyFolder) -> str:
    """Return the address of the study's artifacts, which are on the study's file system."""
    if folder.local is not None:
        return f"file://{folder.local}/mlartifacts"
    address = folder.path("mlartifacts").partition("?")[0]
    if address.startswith("s3://") and importlib.util.find_spec("boto3") is None:
        raise ConfigError(f"artifacts on {address} need the package boto3, but it is not installed")
    return address


def _validate_port(host: str, port: int) -> None:
    """Raise if an address is in use or not this machine's, which MLflow would report in many lines."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise ConfigError(
                f"--host and --port must be free on this machine, but {host}:{port} is not: "
                f"{error.strerror or error}"
            ) from error


def _end(server: subprocess.Popen[bytes]) -> None:
    """End a server and the processes it started, which a signal to the server alone would not reach."""
    for end in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, end)
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(timeout=_END_S)
