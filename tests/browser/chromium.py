"""A headless Chromium, controlled with its DevTools protocol."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


class Page:
    """A page in the browser."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)

    async def command(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command and return its answer, ignoring events in between."""
        number = next(self._numbers)
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        async for message in self._socket:
            answer = json.loads(message.data)
            if answer.get("id") == number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return dict(answer["result"])
        raise RuntimeError("the browser has ended")

    async def value(self, expression: str) -> Any:
        """Return the value of a JavaScript expression."""
        answer = await self.command("Runtime.evaluate", expression=expression, returnByValue=True)
        return answer["result"].get("value")

    async def wait_for(self, expression: str, *, within_s: float) -> float:
        """Wait until an expression is true, and return how many seconds that took."""
        started = time.monotonic()
        while not await self.value(expression):
            if time.monotonic() - started > within_s:
                text = await self.value("document.body.innerText")
                raise AssertionError(f"{expression} did not become true; the page says: {str(text)[:2000]}")
            await asyncio.sleep(0.05)
        return time.monotonic() - started

    async def open(self, address: str) -> None:
        """Navigate to an address."""
        await self.command("Page.navigate", url=address)

    async def screenshot(self, path: Path) -> bytes:
        """Write a screenshot of the page as PNG, and return its content."""
        answer = await self.command("Page.captureScreenshot", format="png")
        content = base64.b64decode(answer["data"])
        path.write_bytes(content)
        return content


@asynccontextmanager
async def chromium(*, width: int = 1600, height: int = 1000) -> AsyncIterator[Page]:
    """Start a browser and yield its page. The browser ends with the context."""
    assert CHROMIUM is not None
    with tempfile.TemporaryDirectory(prefix="sl-chromium-", ignore_cleanup_errors=True) as folder:
        command = [CHROMIUM, "--headless=new", "--remote-debugging-port=0", f"--user-data-dir={folder}"]
        command += [f"--window-size={width},{height}", "--disable-gpu", "--no-first-run", "--disable-sync"]
        command += ["--disable-background-networking", "--disable-component-update"]
        # Chromium's sandbox does not work for root, the usual user in a container.
        command += ["--no-sandbox"] if os.geteuid() == 0 else []
        process = subprocess.Popen(
            [*command, "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            port = await _port(Path(folder) / "DevToolsActivePort")
            async with aiohttp.ClientSession() as session:
                async with session.get(f"http://127.0.0.1:{port}/json/list") as reply:
                    [target] = [one for one in await reply.json() if one["type"] == "page"]
                async with session.ws_connect(target["webSocketDebuggerUrl"], max_msg_size=0) as socket:
                    page = Page(socket)
                    await page.command("Page.enable")
                    yield page
        finally:
            process.kill()
            process.wait()


async def _port(file: Path) -> int:
    """Return the port that the browser has chosen."""
    end = time.monotonic() + 120
    while time.monotonic() < end:
        if file.is_file() and (lines := file.read_text().splitlines()):
            return int(lines[0])
        await asyncio.sleep(0.1)
    raise AssertionError("the browser did not start")
