"""No secret reaches Parquet, MLflow, figures, logs, the terminal or Ray's own files."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from sweeps.execution.ray.environment import keep_credentials_here
from sweeps.redaction import RedactingFormatter, redacted

DRIVER = Path(__file__).with_name("secretive_driver.py")
SECRETS = {
    "AWS_SECRET_ACCESS_KEY": "plantedAwsSecret/0123456789+abcdefghij",
    "MLFLOW_TRACKING_PASSWORD": "plantedMlflowPassword-77",
    "MLFLOW_TRACKING_TOKEN": "plantedMlflowToken-78",
    "GITHUB_TOKEN": "plantedOtherToken-79",
}
IN_ADDRESS = "plantedInTheAddress-80"


def searched(root: Path, secrets: Mapping[str, str]) -> Iterator[str]:
    """Yield the files below a folder that contain a secret, also in the rows of Parquet files."""
    for path in sorted(root.rglob("*")):
        try:
            if path.is_symlink() or not path.is_file():
                continue
            content = path.read_bytes()
            if path.suffix == ".parquet":
                table = pq.read_table(path)
                content += f"{table.schema.metadata} {table.to_pylist()}".encode()
        except OSError:
            continue  # Ray deletes files at any time
        yield from (f"{name} in {path}" for name, value in secrets.items() if value.encode() in content)


@pytest.fixture
def folder() -> Iterator[Path]:
    # Ray uses this folder only if the paths of its sockets are short enough.
    with tempfile.TemporaryDirectory(prefix="", dir="/tmp", ignore_cleanup_errors=True) as name:
        for sub in ("out", "home"):
            Path(name, sub).mkdir()
        yield Path(name)


class Driver:
    """A run whose files are also searched while it runs, because it deletes some at its end."""

    def __init__(self, folder: Path, uri: str, look: str) -> None:
        environment = {**os.environ, **SECRETS, "OMP_NUM_THREADS": "1"}
        environment |= {"HOME": str(folder / "home"), "TMPDIR": str(folder)}
        self.found: set[str] = set()
        self.n_ray_files = 0
        self._folder, self._ended = folder, threading.Event()
        thread = threading.Thread(target=self._watch)
        thread.start()
        try:
            done = subprocess.run(
                [sys.executable, str(DRIVER), str(folder / "out"), uri, look, *SECRETS],
                env=environment,
                capture_output=True,
                text=True,
                timeout=240,
                check=False,
            )
        finally:
            self._ended.set()
            thread.join()
        self.returncode, self.output = done.returncode, done.stdout + done.stderr

    def _watch(self) -> None:
        secrets = {**SECRETS, "address": IN_ADDRESS}
        while not self._ended.wait(1.0):
            self.found |= set(searched(self._folder, secrets))
            self.n_ray_files = max(self.n_ray_files, len(list(self._folder.glob("softloc-ray-*/**/*.out"))))
        self.found |= set(searched(self._folder, secrets))


@pytest.mark.ray
@pytest.mark.parametrize(
    ("uri", "look"),
    [
        (f"http://user:{IN_ADDRESS}@127.0.0.1:9/base", "plain"),
        pytest.param("own", "draw", marks=pytest.mark.slow),
    ],
    ids=["server unavailable", "figures and MLflow"],
)
def test_planted_secrets_are_not_written_anywhere(folder: Path, uri: str, look: str) -> None:
    driver = Driver(folder, uri, look)
    # Some trials have failed with all secrets in their messages.
    assert (driver.returncode, "Traceback" in driver.output) == (1, False), driver.output
    assert driver.found == set()
    for value in (*SECRETS.values(), IN_ADDRESS):
        assert value not in driver.output
    # The search covered files in which a secret could have been.
    study = folder / "out" / "sim"
    errors = [
        row["error"] for part in (study / "trials").glob("*") for row in pq.read_table(part).to_pylist()
    ]
    assert any(error and error.startswith("RuntimeError: no access with *** ***") for error in errors), errors
    assert "no access with ***" in (study / "logs" / "driver.log").read_text()
    assert driver.n_ray_files > 0
    if uri == "own":
        assert (study / "mlflow.db").stat().st_size > 0
    else:
        assert "cannot write to MLflow" in driver.output


def test_tune_sends_no_credentials_to_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    from ray.tune.execution import class_cache

    names = {"AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "RAY_CHDIR_TO_TRIAL_DIR"}
    monkeypatch.setattr(class_cache, "ENV_VARS_TO_PROPAGATE", names)
    keep_credentials_here()
    sent = class_cache.ENV_VARS_TO_PROPAGATE
    assert sent == {"RAY_CHDIR_TO_TRIAL_DIR"}


def test_the_search_finds_a_secret_in_plain_and_in_compressed_files(tmp_path: Path) -> None:
    import pyarrow as pa

    pq.write_table(pa.table({"error": ["with hunter22"] * 1000}), tmp_path / "a.parquet", compression="zstd")
    (tmp_path / "b.log").write_text("hunter22")
    (tmp_path / "c.log").write_text("nothing")
    assert list(searched(tmp_path, {"x": "hunter22"})) == [
        f"x in {tmp_path}/a.parquet",
        f"x in {tmp_path}/b.log",
    ]


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("to http://me:hunter2@host:5000/x failed", "to http://me:***@host:5000/x failed"),
        ("postgresql+psycopg://me:hun:ter2@db/mlflow", "postgresql+psycopg://me:***@db/mlflow"),
        ("two: s3://a:b@c and http://d:e@f", "two: s3://a:***@c and http://d:***@f"),
        ("http://host:5000/x?y=z@w", "http://host:5000/x?y=z@w"),
        ("key plantedOne and plantedOneAndMore", "key *** and ***"),
        ("auth at /home/me/token", "auth at /home/me/token"),
        ("mode on", "mode on"),
        ("TOKEN is short", "TOKEN is short"),
    ],
)
def test_what_is_recognised_is_hidden_and_nothing_else(text: str, hidden: str) -> None:
    environment = {
        "AWS_SECRET_ACCESS_KEY": "plantedOne",
        "MY_API_KEY": "plantedOneAndMore",
        "RAY_AUTH_TOKEN_PATH": "/home/me/token",
        "A_TOKEN": "short",
        "PLAIN": "mode on",
    }
    assert redacted(text, environment=environment) == hidden


def test_tracebacks_are_logged_without_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_PASSWORD", "hunter22")
    try:
        raise ValueError("with hunter22")
    except ValueError:
        info = sys.exc_info()
    record = logging.LogRecord("name", logging.ERROR, "", 1, "said %s", ("hunter22",), info)
    text = RedactingFormatter("%(levelname)s %(message)s").format(record)
    assert text.startswith("ERROR said ***\nTraceback")
    assert text.endswith("ValueError: with ***")
