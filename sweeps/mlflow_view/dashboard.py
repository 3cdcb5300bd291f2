"""MLflow's own pages for a study, and MLflow written again from Parquet."""

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
from sweeps.mlflow_view.live_picture import LiveView
from sweeps.mlflow_view.thread import open_writer
from sweeps.mlflow_view.writer import tracking_uri
from sweeps.redaction import redacted
from sweeps.storage import StudyFolder, TrialStore, require_definition, study_lock

__all__ = ["rebuild_mlflow", "serve_dashboard"]

_END_S = 10.0
# A study's own database holds it as the first experiment that was made there.
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
    """Serve a study's MLflow until interrupted; the server's exit status.

    Args:
        study: The study's folder, or its address, which needs a database elsewhere.
        port: Port to listen on.
        say: Tells the user.
        host: Address to listen on; this machine alone by default.
        backend_store_uri: MLflow's database, as postgresql://USER@HOST/DATABASE; `mlflow.db` in the study's
            folder when None.

    Raises:
        UserError: No MLflow database, a database that cannot be opened, or a port that is taken.
    """
    folder = StudyFolder(study)
    database = _database(folder, backend_store_uri)
    _validate_port(host, port)
    say(f"MLflow for {study}: http://{host}:{port} (Ctrl-C ends it)")
    if backend_store_uri is None:
        say(f"best trials first: http://{host}:{port}{_BEST_FIRST}")
    if host not in _LOCAL_HOSTS:
        say(f"It listens on {host}: whoever reaches that address can read and change the study's MLflow")
    environment = dict(os.environ)
    set_mlflow_environment(environment)
    # By the environment, for other users of this machine can read a command line, and a password in it.
    # No job of MLflow's is run here; without this its server starts seven processes that wait for some.
    environment.setdefault("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "false")
    environment |= {"MLFLOW_BACKEND_STORE_URI": database, "MLFLOW_REGISTRY_STORE_URI": database}
    command = [sys.executable, "-m", "mlflow", "server", "--host", host, "--port", str(port)]
    # Who writes through this server sends artifacts to it, and needs no access to the study's filesystem.
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
    """Write into MLflow what it lacks of a study's Parquet; what was done, in words.

    Raises:
        UserError: A folder without a study, an address that MLflow cannot write to, or a driver that is
            running the study.
    """
    folder = StudyFolder(study)
    name = require_definition(folder).name
    if uri is None and folder.local is None:
        raise UserError(
            f"a study on an object store has no MLflow of its own: give --tracking-uri for {study}"
        )
    if uri is not None:
        validate_tracking_uri(uri)
    with study_lock(folder):
        return _rebuild(folder, uri, name=name)


def _rebuild(folder: StudyFolder, uri: str | None, *, name: str) -> str:
    """Write what is missing, then the parent run."""
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    store = TrialStore(folder)
    try:
        writer = open_writer(store, study=name, uri=uri)
        written = writer.write_missing()
        stored = store.load()
        figures = [] if folder.local is None else sorted((folder.local / "figures").glob("*"))
        view = LiveView(str(folder.local or folder.location)).now() if stored else None
        failed = any(trial.status == "failed" for trial in stored.values())
        writer.finish(view=view, files=figures, status="FAILED" if failed else "FINISHED")
    except (MlflowException, SQLAlchemyError, OSError) as error:
        reason = redacted(str(error)).strip().splitlines()[0][:300]
        if uri is None:
            raise UserError(
                f"MLflow's database must be one it can write, but {folder.path('mlflow.db')}: {reason} "
                "(if it is damaged, move it away: everything in it is written again)"
            ) from error
        raise UserError(f"MLflow must be reachable at {redacted(uri)}, but: {reason}") from error
    return f"{written} trials written to MLflow, {len(stored) - written} there already"


def _database(folder: StudyFolder, uri: str | None) -> str:
    """The database that is served.

    Raises:
        UserError: None there, or one that cannot be opened.
    """
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
            "run the study, or `softloc mlflow rebuild`"
        )
    return tracking_uri(folder.local)


def _artifact_root(folder: StudyFolder) -> str:
    """Where artifacts go: the study's own filesystem."""
    if folder.local is not None:
        return f"file://{folder.local}/mlartifacts"
    address = folder.path("mlartifacts").partition("?")[0]
    if address.startswith("s3://") and importlib.util.find_spec("boto3") is None:
        raise ConfigError(f"artifacts on {address} must be written with boto3, but it is not installed")
    return address


def _validate_port(host: str, port: int) -> None:
    """Refuse an address that is taken or not this machine's, before MLflow says so in many lines."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise ConfigError(
                f"--host and --port must be free here, but {host}:{port} is not: {error.strerror or error}"
            ) from error


def _end(server: subprocess.Popen[bytes]) -> None:
    """End a server with the processes it started; a signal to this process alone would not reach them."""
    for end in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, end)
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(timeout=_END_S)
