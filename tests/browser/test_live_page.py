"""The live pages in a real browser: they follow by themselves, come back, and need no script."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from analyzers.contract import Json
from service.demo.shapes import draw, write_npz
from service.http.feeds import Feeds
from service.http.server import Serving, start
from support.axe import AxeMissingError, grave, script
from support.browser import Browser, Page
from support.pages import Shelf
from support.running import NETS, Running, policy, running
from support.verdicts import evidence

pytestmark = [pytest.mark.deep, pytest.mark.browser]

N = 60
HOSTILE = "<img src=x onerror=alert(1)><script>alert(2)</script>"
STAY = "window.stayed = 1"
"""Gone when a page is loaded again."""
LIVE = "document.getElementById('link').dataset.link === 'open'"
BRACKET: Json = {
    "threat": "Linf:8/255:white:gate",
    "standing": 42,
    "prefix": 60,
    "population": 100,
    "fallen": 18,
    "pending": 0,
    "certified": 0,
    "low": 0.1,
    "high": 0.82,
    "level": 0.95,
    "claim": "set",
}
STAGES: list[Json] = [
    {"title": "Preflight", "threat": "", "state": "over", "done": 1, "planned": 1},
    {"title": HOSTILE, "threat": HOSTILE, "state": "running", "done": 1, "planned": 4},
]


def silent(page: Page, origin: str) -> None:
    """Nothing in the console, no policy broken, no request beyond the service."""
    assert page.seen.complaints == []
    assert page.seen.requests
    assert [one for one in page.seen.abroad if not one.startswith(origin)] == []


# ------------------------------------------------------------------------- with a real service


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One service for the module."""
    with running(tmp_path_factory.mktemp("home") / "home") as one:
        yield one


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some pictures of the demo set."""
    path = tmp_path_factory.mktemp("data") / "shapes.npz"
    write_npz(path, draw(N, seed=4242))
    return path


def test_an_audit_is_watched_to_its_report(browser: Browser, service: Running, data: Path) -> None:
    """List and audit follow without a reload; at the end the report is in the page's place."""
    origin = f"http://127.0.0.1:{service.service.http_port}"
    with browser.page() as listing, browser.page() as page:
        listing.open(f"{origin}/audits")
        listing.value(STAY)
        assert "No audit yet" in listing.text
        name = service.begin(NETS / "robust.onnx", data, policy(0.1)).rpartition("/")[2]
        page.open(f"{origin}/audits/{name}")
        page.value(STAY)
        listing.wait_for(f"!!document.getElementById('row-{name}')", timeout=60)
        page.wait_for("document.querySelectorAll('#stages li').length > 3", timeout=60)
        page.wait_for("!!document.querySelector('#brackets svg[role=img] rect')", timeout=120)
        assert page.value("window.stayed") == 1
        assert "running" in page.text
        page.wait_for("!!document.querySelector('.verdict')", timeout=180)
        assert page.value("window.stayed") is None
        assert "PASS" in page.text
        listing.wait_for(f"/PASS/.test(document.getElementById('row-{name}').innerText)")
        assert listing.value("window.stayed") == 1
        assert "No audit yet" not in listing.text
        silent(page, origin)
        silent(listing, origin)


# --------------------------------------------------------------------- with audits made up here


@dataclass
class Stand:
    """A server in a thread of its own, and what lies behind it."""

    shelf: Shelf
    loop: asyncio.AbstractEventLoop
    serving: Serving

    @property
    def origin(self) -> str:
        """Where its pages are."""
        return f"http://127.0.0.1:{self.serving.port}"

    def change(self, audit: str, **more: Json) -> None:
        """Something happens in an audit, and is told."""

        def tell() -> None:
            self.shelf.known[audit].update(more)
            self.shelf.ring()

        self.loop.call_soon_threadsafe(tell)

    def stop(self) -> None:
        """The server goes; what lies behind it stays."""
        asyncio.run_coroutine_threadsafe(self.serving.stop(), self.loop).result(20)

    def begin(self, port: int = 0) -> None:
        """A server comes, at a port that it had before."""
        beginning = start(self.shelf, "127.0.0.1", port, feeds=Feeds(gap=0.05))
        self.serving = asyncio.run_coroutine_threadsafe(beginning, self.loop).result(20)


@pytest.fixture
def stand() -> Iterator[Stand]:
    """One for each test."""
    shelf = Shelf()
    shelf.known["busy"].update(
        subject=HOSTILE, model=HOSTILE, data="d.npz", brackets=[BRACKET], stages=STAGES
    )
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    beginning = start(shelf, "127.0.0.1", 0, feeds=Feeds(gap=0.05))
    serving = asyncio.run_coroutine_threadsafe(beginning, loop).result(20)
    one = Stand(shelf, loop, serving)
    yield one
    one.stop()
    loop.call_soon_threadsafe(loop.stop)
    thread.join(20)
    loop.close()


def test_a_connection_that_is_cut_comes_back_with_the_newest_state(
    browser: Browser, stand: Stand
) -> None:
    """While the server is away the page says so; when it is back, what happened is there."""
    with browser.page() as page:
        page.open(f"{stand.origin}/audits/busy")
        page.value(STAY)
        page.wait_for(LIVE)
        port = stand.serving.port
        stand.stop()
        page.wait_for("document.getElementById('link').dataset.link === 'lost'")
        assert "Trying again" in page.text
        stand.shelf.known["busy"]["seconds_left"] = 40.0
        stand.begin(port)
        page.wait_for("/at most 40 s/.test(document.body.innerText)", timeout=30)
        page.wait_for(LIVE)
        assert page.value("window.stayed") == 1
        assert [one for one in page.seen.exceptions + page.seen.issues if one] == []


def test_what_a_reader_opened_stays_open(browser: Browser, stand: Stand) -> None:
    """Numbers that were unfolded, the focus and chosen audits survive what changes around them."""
    with browser.page() as page:
        page.open(f"{stand.origin}/audits/busy")
        page.wait_for(LIVE)
        page.value("document.querySelector('#brackets summary').click()")
        page.value("document.querySelector('#brackets summary').focus()")
        stand.change("busy", brackets=[{**BRACKET, "fallen": 30, "standing": 30}])
        page.wait_for("/30 fell/.test(document.querySelector('#brackets svg').textContent)")
        assert page.value("document.querySelector('#brackets details').open") is True
        assert page.value("document.activeElement.localName") == "summary"
        page.open(f"{stand.origin}/audits")
        page.wait_for(LIVE)
        page.value("document.querySelector('input[name=old][value=done]').click()")
        stand.change("busy", state="succeeded", verdict="FAIL")
        page.wait_for("/FAIL/.test(document.getElementById('row-busy').innerText)")
        assert page.value("document.querySelector('input[name=old]:checked').value") == "done"
        silent(page, stand.origin)


def test_hostile_names_stay_text_when_they_come_as_events(browser: Browser, stand: Stand) -> None:
    """Nothing of a name becomes an element, whether it stood in the page or came later."""
    with browser.page() as page:
        page.open(f"{stand.origin}/audits/busy")
        page.wait_for(LIVE)
        stand.change("busy", problem={"sentence": HOSTILE, "remedy": HOSTILE, "code": HOSTILE})
        page.wait_for("/What went wrong/.test(document.body.innerText)")
        assert page.text.count("<img src=x onerror=alert(1)>") >= 5
        assert page.value("document.querySelectorAll('img').length") == 0
        assert page.value("document.querySelectorAll('script').length") == 1
        silent(page, stand.origin)


@pytest.mark.parametrize(
    "attempt",
    [
        "document.body.innerHTML = '<b>x</b>'",
        "document.body.setAttribute('onclick', 'alert(1)')",
        "setTimeout('alert(1)')",
    ],
)
def test_the_policy_admits_no_other_script(browser: Browser, stand: Stand, attempt: str) -> None:
    """Even our own script could not turn text into markup or code."""
    with browser.page() as page:
        page.open(f"{stand.origin}/audits")
        page.wait_for(LIVE)
        page.value(f"new Promise(done => {{ try {{ {attempt} }} catch (e) {{}} done() }})")
        page.settle()
        assert page.seen.dialogs == []
        assert any(
            "policy" in one.lower() or "trusted" in one.lower() for one in (page.seen.complaints)
        )


def test_without_script_the_pages_are_whole(browser: Browser, stand: Stand) -> None:
    """A list and a form, an audit with its bracket and stages; each asks again by itself."""
    with browser.page() as page:
        page.without_script()
        page.open(f"{stand.origin}/audits")
        for words in ("Audits", "busy", "running", "Search", "Without a script"):
            assert words in page.text or page.value(f"document.body.innerHTML.includes({words!r})")
        page.open(f"{stand.origin}/audits/busy")
        assert "18 fell" in str(page.value("document.querySelector('#brackets svg').textContent"))
        stand.change("busy", seconds_left=40.0)
        page.wait_for("/at most 40 s/.test(document.body?.innerText)", timeout=15)
        silent(page, stand.origin)


PATHS = ["/audits", "/audits/busy", "/history?subject=signs", "/compare?old=done&new=done"]


@pytest.fixture
def shown(stand: Stand) -> Stand:
    """With evidence to compare and releases to look back on."""
    stand.shelf.evidence["done"] = json.dumps(evidence(broken=0.3)).encode()
    stand.shelf.releases = [
        {
            "id": f"r{place}",
            "created": "2026-11-20T09:14:03+00:00",
            "verdict": ("PASS", "FAIL", "INCONCLUSIVE", "ERROR")[place % 4],
            "model": "a-very-long-name-of-a-file-that-does-not-end.onnx",
            "model_digest": f"{place}" * 64,
            "data": "d.npz",
            "data_id": "d",
            "brackets": [BRACKET],
            "requirements": [],
        }
        for place in range(30)
    ]
    return stand


@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize("path", PATHS)
def test_pages_fit_their_window(browser: Browser, shown: Stand, path: str, width: int) -> None:
    """Nothing is wider than the window, on a telephone as at a desk, and nothing complains."""
    with browser.page(width=width) as page:
        page.open(f"{shown.origin}{path}")
        assert page.value("document.documentElement.scrollWidth") == width
        silent(page, shown.origin)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("path", PATHS)
def test_axe_finds_nothing_grave(browser: Browser, shown: Stand, path: str, dark: bool) -> None:
    """No serious or critical violation in either colour scheme."""
    try:
        script()
    except AxeMissingError as reason:
        pytest.skip(str(reason))
    with browser.page(width=390, dark=dark) as page:
        page.bypass_policy()
        page.open(f"{shown.origin}{path}")
        page.value("document.querySelectorAll('details').forEach(one => { one.open = true })")
        assert grave(page) == []
