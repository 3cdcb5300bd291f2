import asyncio
import itertools
import shutil
import subprocess
import time

import numpy as np
import pandas as pd
import pytest

from analysis.errors import AnalysisError
from analysis.report.commands import write_report
from analysis.report.outputs import ReportOptions

CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))),
    None,
)


@pytest.fixture
def study(write_study, rows, add_events):
    trials = rows("softloc", 40), rows("cross_entropy", 15)
    failed = rows("softloc", 2, seed=7).assign(
        status="failed",
        error="Traceback\nValueError: <loss> is NaN",
        f1=np.nan,
        precision=np.nan,
        recall=np.nan,
    )
    folder = write_study(*trials, failed)
    add_events(folder, pd.concat(trials))
    return folder


def test_the_report_has_every_section(study):
    (path,) = write_report(study, importance=lambda study: {"label noise (ms)": 0.75}).paths
    text = path.read_text()
    assert '<td class="number">0.75</td>' in text
    for part in (
        "Recommendation",
        "Maps",
        "Comparison of losses",
        "Importance of the parameters",
        "Other tolerances",
        "Failures",
        "Versions",
    ):
        assert part in text
    assert "ValueError: &lt;loss&gt; is NaN" in text and "55 trials completed, 2 failed" in text
    assert 'data-metric="recall"' in text and "f" * 16 in text and "Not shown" not in text


def test_the_report_needs_no_network(study):
    text = write_report(study).paths[0].read_text()
    assert "<script src" not in text and "<link" not in text and "@import" not in text


def test_output_is_reproducible_byte_for_byte(study, tmp_path):
    first, second = (write_report(study, ReportOptions(out_dir=tmp_path / name)).paths[0] for name in "ab")
    assert first.read_bytes() == second.read_bytes()


def test_sections_without_data_give_the_reason(write_study, rows):
    text = write_report(write_study(rows("softloc", 12).assign(label_noise_s=0.05))).paths[0].read_text()
    assert "Not shown: the label noise does not vary." in text
    assert "Not shown: losses are compared over label noise, but it does not vary" in text
    assert "must hold events/*.parquet" in text


def test_a_study_without_a_map_is_rejected(write_study, rows):
    with pytest.raises(AnalysisError, match="3 or more different points"):
        write_report(write_study(rows("softloc", 1), parts=1))


class Page:
    """A page in a headless browser that is driven through the DevTools protocol."""

    def __init__(self, socket):
        self.socket, self.numbers, self.requests = socket, itertools.count(1), []

    async def call(self, method, **parameters):
        number = next(self.numbers)
        await self.socket.send_json({"id": number, "method": method, "params": parameters})
        while True:
            message = await self.socket.receive_json(timeout=30)
            if message.get("method") == "Network.requestWillBeSent":
                self.requests.append(message["params"]["request"]["url"])
            if message.get("id") == number:
                assert "error" not in message, message
                return message["result"]

    async def value(self, expression):
        answer = await self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    async def until(self, expression):
        for _ in range(100):
            if await self.value(expression):
                return
            await asyncio.sleep(0.1)
        raise AssertionError(f"never true: {expression}")

    async def open(self, path, *, width, height):
        await self.call("Network.enable")
        await self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        await self.call("Page.navigate", url=path.as_uri())
        await self.until(
            "document.readyState === 'complete' && !!document.querySelector('#map-0 .hoverlayer')"
        )


@pytest.fixture
def browser_port(tmp_path):
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    profile = tmp_path / "profile"
    switches = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-sync"
    switches += " --disable-background-networking --disable-component-update --remote-debugging-port=0"
    process = subprocess.Popen(
        [CHROMIUM, *switches.split(), f"--user-data-dir={profile}", "about:blank"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    port_file = profile / "DevToolsActivePort"
    for _ in range(200):
        if port_file.exists() and port_file.read_text().strip():
            break
        time.sleep(0.1)
    yield int(port_file.read_text().split()[0])
    process.terminate()
    process.wait(timeout=20)


@pytest.mark.browser
def test_the_report_works_in_a_browser(study, browser_port):
    """Hover and switch the metric on a laptop, fit a phone screen, and use no network."""
    aiohttp = pytest.importorskip("aiohttp")
    (path,) = write_report(study).paths

    async def drive():
        async with aiohttp.ClientSession() as session:
            async with session.get(f"http://127.0.0.1:{browser_port}/json") as answer:
                target = next(one for one in await answer.json() if one["type"] == "page")
            async with session.ws_connect(target["webSocketDebuggerUrl"], max_msg_size=0) as socket:
                page = Page(socket)
                await page.open(path, width=1280, height=900)
                await hover_and_switch(page)
                await page.open(path, width=390, height=844)
                assert await page.value("document.documentElement.scrollWidth <= window.innerWidth")
                assert {url.split(":")[0] for url in page.requests} <= {"file", "data", "blob"}

    asyncio.run(drive())


async def hover_and_switch(page):
    await page.value("document.querySelector('#map-0').scrollIntoView({block: 'center'})")
    box = await page.value(
        "(() => { const r = document.querySelector('#map-0 .nsewdrag').getBoundingClientRect();"
        " return [r.left + 0.37 * r.width, r.top + 0.41 * r.height]; })()"
    )
    for offset in (0, 3, 6):
        await page.call("Input.dispatchMouseEvent", type="mouseMoved", x=box[0] + offset, y=box[1] + offset)
        await asyncio.sleep(0.2)
    await page.until("document.querySelector('#map-0 .hoverlayer').textContent.includes('F1')")
    shown = "document.querySelector('#map-0').data.map(trace => trace.visible)"
    assert await page.value(shown) == [True, True, False, False, False, False]
    await page.value("document.querySelector('button[data-metric=recall]').click()")
    await page.until(f"{shown}.every((visible, trace) => visible === (trace >= 4))")
    pressed = "document.querySelector('button[data-metric=recall]').getAttribute('aria-pressed')"
    assert await page.value(pressed) == "true"
