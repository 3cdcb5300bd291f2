"""Addresses of MLflow servers and databases: which are valid, and where their passwords go."""

from __future__ import annotations

import os
from collections.abc import MutableMapping
from urllib.parse import unquote, urlsplit, urlunsplit

from softloc_core.errors import ConfigError
from sweeps.redaction import redacted

__all__ = ["set_mlflow_environment", "validate_database_uri", "validate_tracking_uri", "without_credentials"]

_DATABASES = ("postgresql", "mysql", "mssql", "sqlite")
_SERVERS = ("http", "https")
# An unavailable server must not delay a study, and no usage data are sent to anyone.
_ENVIRONMENT = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}


def set_mlflow_environment(environment: MutableMapping[str, str]) -> None:
    """Set the variables that MLflow reads while it is imported, unless the user has set them."""
    for key, value in _ENVIRONMENT.items():
        environment.setdefault(key, value)


def validate_tracking_uri(uri: str, *, option: str = "--tracking-uri") -> None:
    """Raise if MLflow cannot write to a tracking URI.

    Args:
        uri: The tracking URI.
        option: Name of the command-line option, for messages.

    Raises:
        ConfigError: The address is neither a server nor a database, or the driver of the database is not
            installed.
    """
    scheme = urlsplit(uri).scheme.split("+")[0]
    if scheme in _SERVERS:
        if not urlsplit(uri).hostname:
            raise ConfigError(
                f"`{option}` must name a host, for example http://HOST:5000, but got {redacted(uri)}"
            )
        return
    if scheme not in _DATABASES:
        schemes = ", ".join(f"{one}://" for one in (*_SERVERS, *_DATABASES))
        raise ConfigError(f"`{option}` must start with one of {schemes}, but got {redacted(uri)}")
    validate_database_uri(uri, option=option)


def validate_database_uri(uri: str, *, option: str = "--backend-store-uri") -> None:
    """Raise if SQLAlchemy cannot open the address of a database.

    Args:
        uri: Address of the database.
        option: Name of the command-line option, for messages.

    Raises:
        ConfigError: The kind of database is not supported, the address is malformed, or the driver is not
            installed.
    """
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError

    if urlsplit(uri).scheme.split("+")[0] not in _DATABASES:
        raise ConfigError(
            f"`{option}` must start with one of {', '.join(f'{one}://' for one in _DATABASES)}, for example "
            f"postgresql://USER@HOST/DATABASE, but got {redacted(uri)}"
        )
    try:
        make_url(uri).get_dialect().import_dbapi()
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"`{option}` must be a database whose Python driver is installed, but {error.name} is not: "
            f"pip install {_driver_package(str(error.name))}, for {redacted(uri)}"
        ) from error
    except (ArgumentError, NoSuchModuleError, ValueError) as error:
        raise ConfigError(
            f"`{option}` must be the address of a database, for example postgresql://USER@HOST/DATABASE, but "
            f"got {redacted(uri)}"
        ) from error


def _driver_package(module: str) -> str:
    """Return the package that provides a missing driver."""
    return {"psycopg": "'psycopg[binary]'", "psycopg2": "psycopg2-binary", "MySQLdb": "mysqlclient"}.get(
        module, module
    )


def without_credentials(uri: str) -> str:
    """Return a server's address without user and password, which are moved to environment variables.

    MLflow repeats the address in its messages, so a password in it would reach the logs. The address of a
    database stays unchanged, because its driver needs the password there. SQLAlchemy hides it in messages.
    """
    parts = urlsplit(uri)
    if parts.scheme not in _SERVERS or parts.username is None:
        return uri
    os.environ["MLFLOW_TRACKING_USERNAME"] = unquote(parts.username)
    os.environ["MLFLOW_TRACKING_PASSWORD"] = unquote(parts.password or "")
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
