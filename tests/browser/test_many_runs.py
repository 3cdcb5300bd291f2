"""The MLflow page of a study with a thousand runs opens and sorts in a real browser."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from sweeps.mlflow_view.content import BEST_FIRST
from tests.browser.chromium import CHROMIUM, Page, chromium
from tests.browser.many_runs import fill

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed (apt-get install chromium)"),
    pytest.mark.filterwarnings(
        "ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::ResourceWarning"
    ),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
N_TRIALS = 1000
COMMAND = "import sys; from sweeps.cli.app import main; sys.argv[0] = 'softloc'; main()"
# It takes a few seconds on an idle machine; the limit leaves room for a busy one.
LIMIT_S = 60.0
FIRST_RUN = "document.querySelector('[role=row] a[href*=\"/runs/\"]')?.innerText"


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("many")
    fill(folder, N_TRIALS)
    return folder


@pytest.fixture(scope="module")
def server(study: Path) -> Iterator[str]:
    """Return the address of a running dashboard."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, "dashboard", str(study), "--port", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        end = time.monotonic() + 300
        while not answers(f"http://127.0.0.1:{port}/health"):
            assert time.monotonic() < end, "the dashboard did not start"
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=40)
        process.kill()


def answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=2) as reply:
            return bool(reply.status == 200)
    except OSError:
        return False


def ranked(study: Path) -> list[str]:
    """Return the names of the runs, best F1 first."""
    query = "select name from runs join latest_metrics using (run_uuid) where key = 'f1' order by value desc"
    with contextlib.closing(sqlite3.connect(study / "mlflow.db")) as database:
        return [name for (name,) in database.execute(query)]


async def time_pages(page: Page, server: str, best: str, worst: str, folder: Path) -> dict[str, float]:
    """Open the study with the best and with the worst run first, and return the seconds for each page."""
    seconds = {}
    for name, query, first in (
        ("open_best_first", f"viewStateShareKey={BEST_FIRST}", best),
        ("worst_first", "orderByKey=metrics.%60f1%60&orderByAsc=true", worst),
        ("best_first", f"viewStateShareKey={BEST_FIRST}", best),
    ):
        await page.open(f"{server}/#/experiments/1/runs?{query}")
        seconds[name] = await page.wait_for(f"{FIRST_RUN} === {first!r}", within_s=LIMIT_S)
        if name.startswith("open"):
            text = str(await page.value("document.body.innerText"))
            assert {"f1", "precision", "recall", "softness_s", "label_noise_s"} <= set(text.split())
            assert "Dataset" not in text.split("Run Name")[1]
        await page.screenshot(folder / f"{name}.png")
    return seconds


def test_a_thousand_runs_open_and_sort(
    study: Path, server: str, tmp_path: Path, record_property: pytest.RecordProperty
) -> None:
    names = ranked(study)
    assert len(names) == N_TRIALS

    async def run() -> dict[str, float]:
        async with chromium(width=2400) as page:
            return await time_pages(page, server, names[0], names[-1], tmp_path)

    for name, taken_s in asyncio.run(run()).items():
        record_property(name, taken_s)
        sys.stdout.write(f"{name}: {taken_s:.1f} s\n")
    pictures = {path.name: path.read_bytes() for path in tmp_path.glob("*.png")}
    assert set(pictures) == {"open_best_first.png", "best_first.png", "worst_first.png"}
    # A page that shows a table is not blank, so its screenshot does not compress to a few bytes.
    assert all(content.startswith(b"\x89PNG") and len(content) > 30_000 for content in pictures.values())
    assert pictures["best_first.png"] != pictures["worst_first.png"]
