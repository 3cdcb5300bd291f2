"""Addresses of MLflow: which are accepted, the messages for others, and where the password goes."""

from __future__ import annotations

import base64
import builtins
import importlib
import os
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from softloc_core.errors import ConfigError, UserError
from sweeps.mlflow_view.address import validate_database_uri, validate_tracking_uri, without_credentials
from sweeps.mlflow_view.dashboard import rebuild_mlflow, serve_dashboard
from sweeps.planning import resolved_study
from sweeps.study import Study


def rejection(validate: Callable[[str], None], uri: str) -> str | None:
    """Return the message with which an address is rejected, or None if it is accepted."""
    try:
        validate(uri)
    except ConfigError as error:
        return str(error)
    return None


@pytest.mark.parametrize("uri", ["http://host:5000", "https://me:pw@host/base", "sqlite:////tmp/x.db"])
def test_servers_and_databases_are_accepted(uri: str) -> None:
    assert rejection(validate_tracking_uri, uri) is None
    assert rejection(validate_tracking_uri, f"x{uri}") is not None


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        (
            "host:5000",
            r"`--tracking-uri` must start with one of http://, https://, postgresql://, mysql://, "
            r"mssql://, sqlite://, but got host:5000$",
        ),
        ("./mlruns", "`--tracking-uri` must start with one of http://.* but got ./mlruns$"),
        ("ftp://me:hunter2@host", r"but got ftp://me:\*\*\*@host$"),
        (
            "http://:5000",
            "`--tracking-uri` must name a host, for example http://HOST:5000, but got http://:5000$",
        ),
        ("postgresql+no://me:hunter2@db/x", r"must be the address of a database, .*me:\*\*\*@db/x$"),
    ],
)
def test_other_addresses_are_rejected_with_their_passwords_hidden(uri: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        validate_tracking_uri(uri)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("scheme", "module", "package"),
    [
        ("postgresql+psycopg", "psycopg", r"pip install 'psycopg\[binary\]'"),
        ("postgresql+psycopg2", "psycopg2", "pip install psycopg2-binary"),
    ],
)
def test_a_missing_database_driver_is_reported_in_one_line(
    scheme: str, module: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = builtins.__import__

    def absent(name: str, *arguments: Any, **named: Any) -> Any:
        if name.split(".")[0] == module:
            raise ModuleNotFoundError(f"No module named '{module}'", name=module)
        return found(name, *arguments, **named)

    monkeypatch.setattr(builtins, "__import__", absent)
    message = (
        rf"`--backend-store-uri` must be a database whose Python driver is installed, but {module} is not: "
        rf"{package}, for {scheme.replace('+', '.')}://me:\*\*\*@db/mlflow$"
    )
    with pytest.raises(ConfigError, match=message) as caught:
        validate_database_uri(f"{scheme}://me:hunter2@db/mlflow")
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(importlib.util.find_spec("psycopg") is None, reason="psycopg is not installed")
def test_postgresql_with_its_driver_is_accepted() -> None:
    assert rejection(validate_database_uri, "postgresql+psycopg://me@db/mlflow") is None


def test_a_server_is_rejected_as_a_database() -> None:
    with pytest.raises(ConfigError, match="`--backend-store-uri` must start with one of postgresql://"):
        validate_database_uri("http://host:5000")


@pytest.fixture
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)


@pytest.mark.usefixtures("clean_environment")
def test_the_password_of_a_server_moves_to_the_environment() -> None:
    assert without_credentials("http://host:5000/x") == "http://host:5000/x"
    assert "MLFLOW_TRACKING_USERNAME" not in os.environ
    assert without_credentials("https://me:a%40b@host:5000/x?y=1") == "https://host:5000/x?y=1"
    assert os.environ["MLFLOW_TRACKING_USERNAME"] == "me"
    assert os.environ["MLFLOW_TRACKING_PASSWORD"] == "a@b"
    database = "postgresql+psycopg://me:pw@db/mlflow"
    assert without_credentials(database) == database


class _Guard(BaseHTTPRequestHandler):
    """A server that rejects all requests and remembers their login."""

    logins: list[str]

    def do_GET(self) -> None:
        type(self).logins.append(self.headers.get("Authorization", "no login"))
        content = b'{"error_code": "PERMISSION_DENIED", "message": "not you"}'
        self.send_response(403)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_GET  # noqa: N815

    def log_message(self, *_: Any) -> None:
        """Log nothing."""


@pytest.fixture
def guard() -> Iterator[tuple[str, list[str]]]:
    _Guard.logins = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Guard)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"127.0.0.1:{server.server_port}", _Guard.logins
    server.shutdown()
    server.server_close()
    thread.join()


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.usefixtures("clean_environment")
@pytest.mark.parametrize(
    ("user_info", "variables", "sent"),
    [
        ("", {}, "no login"),
        ("me:hunter2@", {}, basic("me", "hunter2")),
        (
            "",
            {"MLFLOW_TRACKING_USERNAME": "me", "MLFLOW_TRACKING_PASSWORD": "hunter2"},
            basic("me", "hunter2"),
        ),
        ("", {"MLFLOW_TRACKING_TOKEN": "hunter2"}, "Bearer hunter2"),
    ],
)
def test_a_server_receives_the_login_of_the_address_or_the_environment(
    user_info: str,
    variables: dict[str, str],
    sent: str,
    guard: tuple[str, list[str]],
    tmp_path: Path,
    make_study: Callable[..., Study],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    address, logins = guard
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    study = make_study()
    (tmp_path / "study.yaml").write_text(resolved_study(study))
    with pytest.raises(
        UserError, match=f"MLflow must be reachable at http://.*{address}, but: .*not you"
    ) as caught:
        rebuild_mlflow(str(tmp_path), uri=f"http://{user_info}{address}")
    assert logins == [sent]
    assert "hunter2" not in str(caught.value)


def test_a_dashboard_needs_a_database(tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=r"must hold mlflow.db, but .* does not: run the study, or run `softloc mlflow"
    ):
        serve_dashboard(str(tmp_path), port=5000, say=print)
    with pytest.raises(
        UserError, match=r"has no MLflow database: give --backend-store-uri for s3://bucket/x"
    ):
        serve_dashboard("s3://bucket/x?region=eu-central-1", port=5000, say=print)


def test_a_port_in_use_is_reported_in_one_line(tmp_path: Path, guard: tuple[str, list[str]]) -> None:
    (tmp_path / "mlflow.db").touch()
    host, _, port = guard[0].partition(":")
    with pytest.raises(
        ConfigError, match=f"--host and --port must be free on this machine, but {guard[0]} is not: Address"
    ):
        serve_dashboard(str(tmp_path), port=int(port), host=host, say=print)


def test_a_damaged_study_file_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text("[")
    with pytest.raises(UserError, match=r"study.yaml must be a study, but it cannot be read"):
        rebuild_mlflow(str(tmp_path), uri=None)
