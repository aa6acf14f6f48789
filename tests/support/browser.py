"""Pages in a real browser: what they look like, what they say, and what they try to do.

with Browser.launched() as browser, browser.page(width=390, dark=True) as page:
    page.open(path.as_uri())
    assert page.seen.complaints == []
    assert page.value("document.title") == "Assay"
"""

from __future__ import annotations

import base64
import contextlib
import json
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from analyzers.contract import Json
from support.devtools import PATIENCE, DevtoolsError, Event, Pipe, chromium

LOCAL = ("file:", "data:", "about:", "blob:")
KEYS = {
    "Tab": 9,
    "Enter": 13,
    "Escape": 27,
    "Space": 32,
    "ArrowLeft": 37,
    "ArrowUp": 38,
    "ArrowRight": 39,
    "ArrowDown": 40,
}
_TYPED = {"Enter": "\r", "Space": " "}
_SHIFT = 8


@dataclass
class Seen:
    """What a page did, as the browser tells it; written while the page runs."""

    console: list[str] = field(default_factory=list[str])
    exceptions: list[str] = field(default_factory=list[str])
    log: list[str] = field(default_factory=list[str])
    """What the browser itself writes to the console: blocked loads, broken markup."""
    issues: list[str] = field(default_factory=list[str])
    """Violations of the content security policy, and the like."""
    dialogs: list[str] = field(default_factory=list[str])
    """Words of alert, confirm and prompt; all are dismissed."""
    windows: list[str] = field(default_factory=list[str])
    requests: list[str] = field(default_factory=list[str])
    """The address of everything that was asked for, blocked or not."""

    @property
    def complaints(self) -> list[str]:
        """Everything that a clean page is silent about."""
        return [
            *self.console,
            *self.exceptions,
            *self.log,
            *self.issues,
            *self.dialogs,
            *self.windows,
        ]

    @property
    def abroad(self) -> list[str]:
        """Requests that went beyond this file."""
        return [address for address in self.requests if not address.startswith(LOCAL)]

    def hear(self, method: str, told: Event) -> None:
        """Note an event."""
        if method in _HEARD:
            kind, words = _HEARD[method]
            getattr(self, kind).append(words(told))


def _spoken(told: Event) -> str:
    words = [str(one.get("value", one.get("description"))) for one in told["args"]]
    return f"{told['type']}: {' '.join(words)}"


def _thrown(told: Event) -> str:
    details = told["exceptionDetails"]
    return str(details.get("exception", {}).get("description", details["text"]))


def _logged(told: Event) -> str:
    entry = told["entry"]
    return f"{entry['source']} {entry['level']}: {entry['text']}"


def _reported(told: Event) -> str:
    return f"{told['issue']['code']}: {json.dumps(told['issue']['details'])}"


_HEARD: dict[str, tuple[str, Callable[[Event], str]]] = {
    "Runtime.consoleAPICalled": ("console", _spoken),
    "Runtime.exceptionThrown": ("exceptions", _thrown),
    "Log.entryAdded": ("log", _logged),
    "Audits.issueAdded": ("issues", _reported),
    "Page.javascriptDialogOpening": ("dialogs", lambda told: f"{told['type']}: {told['message']}"),
    "Page.windowOpen": ("windows", lambda told: str(told["url"])),
    "Network.requestWillBeSent": ("requests", lambda told: str(told["request"]["url"])),
    "Network.webSocketCreated": ("requests", lambda told: str(told["url"])),
}


class Page:
    """One tab, with cookies and storage of its own."""

    def __init__(self, pipe: Pipe, target: str) -> None:
        """Attach to a tab; ``Browser.page`` makes one."""
        self.seen = Seen()
        self._pipe = pipe
        self._target = target
        self._loaded: set[str] = set()
        attached = pipe.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = str(attached["sessionId"])
        pipe.listen(self._session, self._hear)
        for domain in ("Page", "Runtime", "Network", "Log", "Audits"):
            self.command(f"{domain}.enable")
        self.command("Page.setLifecycleEventsEnabled", enabled=True)

    def command(self, method: str, *, timeout: float = PATIENCE, **params: Json) -> Event:
        """Any command of the protocol, for what has no method here."""
        return self._pipe.call(method, self._session, timeout=timeout, **params)

    # ------------------------------------------------------------------------------- the reader

    def look(
        self, width: int, height: int, *, dark: bool = False, media: str = "", scale: int = 1
    ) -> None:
        """A window of this size and colour scheme; ``media="print"`` shows what paper gets."""
        self.command(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=scale,
            mobile=False,
        )
        features = [
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
            {"name": "prefers-reduced-motion", "value": "reduce"},
        ]
        self.command("Emulation.setEmulatedMedia", media=media, features=features)

    def without_script(self) -> None:
        """Run no script of the page from the next load on; ``value`` still works."""
        self.command("Emulation.setScriptExecutionDisabled", value=True)

    def bypass_policy(self) -> None:
        """Let a test bring its own script into a page that allows none."""
        self.command("Page.setBypassCSP", enabled=True)

    def offline(self, cut: bool = True) -> None:
        """Cut the network off, or mend it."""
        self.command(
            "Network.emulateNetworkConditions",
            offline=cut,
            latency=0,
            downloadThroughput=-1,
            uploadThroughput=-1,
        )

    # --------------------------------------------------------------------------------- the page

    def open(self, address: str, *, timeout: float = PATIENCE) -> None:
        """Go to an address and wait until it is loaded and has been drawn."""
        answer = self.command("Page.navigate", url=address, timeout=timeout)
        if answer.get("errorText"):
            raise DevtoolsError(f"{address}: {answer['errorText']}")
        loader = answer.get("loaderId")  # none for another place of the same page
        end = time.monotonic() + timeout
        while loader and loader not in self._loaded:  # a late event of the page before is not it
            if time.monotonic() > end:
                raise DevtoolsError(f"{address}: not loaded in {timeout:.0f} s")
            time.sleep(0.01)
        self.settle()

    def settle(self, seconds: float = 0.1) -> None:
        """Let what the page has begun come out: a moment, then a picture of it."""
        time.sleep(seconds)
        self.command("Page.captureScreenshot", format="jpeg", quality=1)

    def value(self, expression: str, *, timeout: float = PATIENCE) -> Json:
        """What an expression in the page gives, promises awaited."""
        answer = self.command(
            "Runtime.evaluate",
            expression=expression,
            returnByValue=True,
            awaitPromise=True,
            userGesture=True,
            timeout=timeout,
        )
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"]
            raise DevtoolsError(details.get("exception", {}).get("description", details["text"]))
        return answer["result"].get("value")

    def wait_for(self, expression: str, *, timeout: float = PATIENCE) -> Json:
        """The first value of an expression that is not false, null, 0 or empty."""
        end = time.monotonic() + timeout
        while not (found := self.value(expression)):
            if time.monotonic() > end:
                raise DevtoolsError(f"not in {timeout:.0f} s: {expression}")
            time.sleep(0.05)
        return found

    @property
    def text(self) -> str:
        """The words that a reader sees."""
        return str(self.value("document.body.innerText"))

    def press(self, key: str, *, shift: bool = False) -> None:
        """Press a key and let it go."""
        code: Event = {"key": " " if key == "Space" else key, "code": key}
        code |= {"windowsVirtualKeyCode": KEYS[key], "modifiers": _SHIFT if shift else 0}
        typed: Event = {"text": _TYPED[key]} if key in _TYPED else {}
        down = "keyDown" if typed else "rawKeyDown"
        self.command("Input.dispatchKeyEvent", type=down, **code, **typed)
        self.command("Input.dispatchKeyEvent", type="keyUp", **code)

    # ------------------------------------------------------------------------------ the picture

    def screenshot(self, path: Path | None = None, *, whole: bool = False) -> bytes:
        """A PNG of the window, or of the whole page."""
        size = self.command("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
        more: Event = {"clip": clip, "captureBeyondViewport": True} if whole else {}
        answer = self.command("Page.captureScreenshot", format="png", **more)
        picture = base64.b64decode(answer["data"])
        if path is not None:
            path.write_bytes(picture)
        return picture

    def pdf(self) -> bytes:
        """The page as it would be printed on A4."""
        answer = self.command(
            "Page.printToPDF",
            printBackground=True,
            preferCSSPageSize=True,
            paperWidth=8.27,
            paperHeight=11.69,
        )
        return base64.b64decode(answer["data"])

    def _hear(self, method: str, told: Event) -> None:
        self.seen.hear(method, told)
        if method == "Page.javascriptDialogOpening":
            self._pipe.post("Page.handleJavaScriptDialog", self._session, accept=False)
        elif method == "Page.lifecycleEvent" and told["name"] == "load":
            self._loaded.add(told["loaderId"])


class Browser:
    """A headless Chromium."""

    def __init__(self, pipe: Pipe) -> None:
        """Use a browser that runs; ``launched`` starts one."""
        self._pipe = pipe

    @classmethod
    @contextlib.contextmanager
    def launched(cls) -> Generator[Browser]:
        """Start a browser and end it with the block."""
        program = chromium()
        if program is None:
            raise DevtoolsError("no chromium on this machine; tests/packages.sh installs it")
        pipe = Pipe(program)
        try:
            yield cls(pipe)
        finally:
            pipe.close()

    @contextlib.contextmanager
    def page(
        self, *, width: int = 1440, height: int = 900, dark: bool = False, scale: int = 1
    ) -> Generator[Page]:
        """A tab that shares nothing with others."""
        context = self._pipe.call("Target.createBrowserContext")["browserContextId"]
        made = self._pipe.call("Target.createTarget", url="about:blank", browserContextId=context)
        page = Page(self._pipe, str(made["targetId"]))
        try:
            page.look(width, height, dark=dark, scale=scale)
            yield page
        finally:
            self._pipe.call("Target.disposeBrowserContext", browserContextId=context)

    @property
    def version(self) -> str:
        """Name and version."""
        return str(self._pipe.call("Browser.getVersion")["product"])


def outlines(page: Page, selector: str) -> Sequence[Json]:
    """Left, top, right and bottom of every element that a selector finds."""
    query = json.dumps(selector)
    return page.value(
        f"[...document.querySelectorAll({query})].map(one => one.getBoundingClientRect())"
        ".map(at => [at.left, at.top, at.right, at.bottom])"
    )
