"""A real browser without a window, driven by its DevTools protocol through two pipes: no driver to install, no port.

The protocol: https://chromedevtools.github.io/devtools-protocol/
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--headless=new",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)
LAUNCH = (  # the browser reads from descriptor 3 and writes to 4
    "import os, sys; os.dup2(int(sys.argv[1]), 3); os.dup2(int(sys.argv[2]), 4); os.execv(sys.argv[3], sys.argv[3:])"
)
PATIENCE = 60  # seconds until a silent browser counts as dead
KEY_CODES = {"ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40, "PageUp": 33, "PageDown": 34}


def find_browser() -> str | None:
    """Give the path of a browser of the Chromium family, or None."""
    return next((path for path in map(shutil.which, NAMES) if path), None)


class Browser:
    """An open page, and what it complained of."""

    def __init__(self, to: int, back: int) -> None:
        self.to, self.back = to, back
        self.buffer, self.number = b"", 0
        self.events: list[dict[str, Any]] = []
        self.target: str | None = None
        self.session: str | None = None

    def command(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command and wait for its answer."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if self.session is not None:
            message["sessionId"] = self.session
        os.write(self.to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == self.number:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return answer["result"]
            self.events.append(answer)

    def _receive(self) -> dict[str, Any]:
        while b"\0" not in self.buffer:
            ready, _, _ = select.select([self.back], [], [], PATIENCE)
            assert ready, "the browser is silent"
            data = os.read(self.back, 1 << 20)
            assert data, "the browser has ended"
            self.buffer += data
        line, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(line)

    def open(self, page: Path, *, width: int = 1200, height: int = 900) -> None:
        """Load a page from a file, and take note of all that it asks for and complains of."""
        self.session = None
        if self.target is not None:
            self.command("Target.closeTarget", targetId=self.target)
        self.target = self.command("Target.createTarget", url="about:blank")["targetId"]
        attached = self.command("Target.attachToTarget", targetId=self.target, flatten=True)
        self.session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.command(f"{domain}.enable")
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.command("Emulation.setDeviceMetricsOverride", **size)
        self.events.clear()
        self.command("Page.navigate", url=page.as_uri())
        self.wait_for("document.readyState === 'complete'")

    @property
    def complaints(self) -> list[str]:
        """Errors and warnings on the console, and requests beyond the page's own file."""
        self.evaluate("0")  # what was sent before has then arrived
        found = []
        for event in self.events:
            method, parameters = event.get("method"), event.get("params", {})
            if method == "Runtime.exceptionThrown":
                found.append(json.dumps(parameters["exceptionDetails"]))
            elif method == "Runtime.consoleAPICalled" and parameters["type"] in (
                "error",
                "warning",
                "assert",
            ):
                found.append(json.dumps(parameters["args"]))
            elif method == "Log.entryAdded" and parameters["entry"]["level"] in ("error", "warning"):
                found.append(json.dumps(parameters["entry"]))
            elif method == "Network.requestWillBeSent":
                url = parameters["request"]["url"]
                if url.startswith(("http:", "https:", "ws:", "wss:")):
                    found.append(f"request of {url[:200]}")
        return found

    def evaluate(self, expression: str) -> Any:
        """Give the value of an expression of JavaScript; promises are awaited."""
        answer = self.command(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True, userGesture=True
        )
        assert "exceptionDetails" not in answer, json.dumps(answer.get("exceptionDetails"))
        return answer["result"].get("value")

    def wait_for(self, expression: str) -> None:
        """Wait until an expression is true."""
        end = time.monotonic() + PATIENCE
        while not self.evaluate(expression):
            assert time.monotonic() < end, f"never true: {expression}"
            time.sleep(0.02)

    def place(self, selector: str) -> tuple[float, float, float, float]:
        """Scroll an element into view; give its left, top, width and height there."""
        x, y, width, height = self.evaluate(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)});"
            "e.scrollIntoView({block: 'center'});"
            "const r = e.getBoundingClientRect(); return [r.x, r.y, r.width, r.height]; })()"
        )
        return x, y, width, height

    def mouse(self, kind: str, x: float, y: float, **more: Any) -> None:
        """Move, press or release the mouse, or turn its wheel."""
        self.command("Input.dispatchMouseEvent", type=kind, x=x, y=y, **more)

    def click(self, selector: str) -> None:
        """Click an element in its middle."""
        x, y, width, height = self.place(selector)
        self.drag((x + width / 2, y + height / 2), (0, 0))

    def drag(self, start: tuple[float, float], way: tuple[float, float], steps: int = 4) -> None:
        """Press, move and release the mouse."""
        (x, y), (dx, dy) = start, way
        self.mouse("mousePressed", x, y, button="left", buttons=1, clickCount=1)
        for i in range(1, steps + 1 if dx or dy else 1):
            self.mouse("mouseMoved", x + dx * i / steps, y + dy * i / steps, button="left", buttons=1)
        self.mouse("mouseReleased", x + dx, y + dy, button="left", clickCount=1)

    def wheel(self, x: float, y: float, delta: float) -> None:
        """Turn the wheel."""
        self.mouse("mouseWheel", x, y, deltaX=0, deltaY=delta)

    def key(self, name: str) -> None:
        """Press and release a key."""
        code = {"windowsVirtualKeyCode": KEY_CODES[name]} if name in KEY_CODES else {"text": name}
        self.command("Input.dispatchKeyEvent", type="keyDown", key=name, **code)
        self.command("Input.dispatchKeyEvent", type="keyUp", key=name)

    def screenshot(self, path: Path, *, whole: bool = False) -> None:
        """Write what is seen, or the whole page, as a PNG file."""
        answer = self.command("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(answer["data"]))


@contextmanager
def running_browser(program: str, profile: Path) -> Iterator[Browser]:
    """Start a browser with a fresh profile; it ends with the block."""
    theirs_in, to = (_high(end) for end in os.pipe())
    back, theirs_out = (_high(end) for end in os.pipe())
    root = ("--no-sandbox",) if os.geteuid() == 0 else ()
    launch = [sys.executable, "-ISc", LAUNCH, str(theirs_in), str(theirs_out)]
    process = subprocess.Popen(
        [*launch, program, *FLAGS, *root, f"--user-data-dir={profile}", "about:blank"],
        pass_fds=(theirs_in, theirs_out),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(theirs_in)
    os.close(theirs_out)
    try:
        browser = Browser(to, back)
        yield browser
        browser.session = None
        browser.command("Browser.close")
        process.wait(PATIENCE)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        os.close(to)
        os.close(back)


def _high(descriptor: int) -> int:
    """Move a pipe's end to a number that the browser's own (3 and 4) do not meet."""
    higher = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 10)
    os.close(descriptor)
    return higher
