"""Pages, metrics and health over real HTTP."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from collections.abc import AsyncIterator, Callable, Iterable
from typing import cast

import httpx
import pytest
import pytest_asyncio
from prometheus_client import Metric
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_classic

from service.errors import AssayError, Code
from service.http.guard import HEADERS, POLICY
from service.http.server import start
from support.pages import Shelf
from support.verdicts import evidence

pytestmark = pytest.mark.asyncio(loop_scope="module")
_SHELF = Shelf()


@pytest.fixture
def shelf() -> Shelf:
    """The service behind the pages, as new."""
    _SHELF.ready = {"store": True, "sandbox": True}
    _SHELF.error = None
    _SHELF.asked.clear()
    _SHELF.evidence = {"done": b'{"facts":{}}'}
    return _SHELF


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[httpx.AsyncClient]:
    """A browser of sorts, in front of a real server."""
    serving = await start(_SHELF, "127.0.0.1", 0)
    address = f"http://127.0.0.1:{serving.port}"
    async with httpx.AsyncClient(base_url=address, trust_env=False) as found:
        yield found
    await serving.stop()


@pytest.fixture
def client(browser: httpx.AsyncClient, shelf: Shelf) -> httpx.AsyncClient:
    """The browser, with everything behind the server in order."""
    assert shelf.error is None
    return browser


@pytest.mark.parametrize("path", ["/", "/audits", "/audits/busy", "/audits/done", "/reports/done"])
async def test_pages_are_there(client: httpx.AsyncClient, path: str) -> None:
    """Every page answers with HTML."""
    answer = await client.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.text.startswith("<!doctype html>")


async def test_an_audit_turns_into_its_report(client: httpx.AsyncClient) -> None:
    """A finished audit's page is its report, an unfinished one's its state."""
    assert "<title>report</title>" in (await client.get("/audits/done")).text
    assert "running" in (await client.get("/audits/busy")).text


async def test_evidence_is_json(client: httpx.AsyncClient) -> None:
    """The evidence arrives byte for byte as JSON."""
    answer = await client.get("/reports/done.json")
    assert answer.headers["content-type"] == "application/json"
    assert answer.content == b'{"facts":{}}'


@pytest.mark.parametrize(
    "path", ["/nothing", "/metrics", "/reports/done", "/audits/done", "/reports/done.json"]
)
async def test_every_answer_is_guarded(client: httpx.AsyncClient, path: str) -> None:
    """Errors and files too carry the whole set of headers, and nothing names the server."""
    answer = await client.get(path)
    assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "server" not in answer.headers


@pytest.mark.parametrize("path", ["/", "/audits", "/audits/busy"])
async def test_pages_that_live_admit_their_own_script(client: httpx.AsyncClient, path: str) -> None:
    """By its hash and nothing else; all other headers stay, and the page's own policy agrees."""
    answer = await client.get(path)
    rest = {name: value for name, value in HEADERS.items() if name != POLICY}
    assert {name: answer.headers.get(name) for name in rest} == rest
    rules = dict(rule.split(" ", 1) for rule in answer.headers[POLICY].split("; "))
    (script,) = re.findall(r"<script>(.*?)</script>", answer.text, re.DOTALL)
    (style,) = re.findall(r"<style>(.*?)</style>", answer.text, re.DOTALL)
    assert rules == {
        "default-src": "'none'",
        "img-src": "data:",
        "style-src": known(style),
        "script-src": known(script),
        "connect-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'self'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "'none'",
        "frame-ancestors": "'none'",
    }
    (inside,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', answer.text)
    assert f"{html.unescape(inside)}; frame-ancestors 'none'" == answer.headers[POLICY]


def known(text: str) -> str:
    """A style sheet or a script as a policy names it."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


@pytest.mark.parametrize(
    "path",
    [
        "/nothing",
        "/audits/gone",
        "/audits/gone/events",
        "/reports/busy",
        "/reports/busy.json",
        "/audits/a/b",
        "/reports/",
    ],
)
async def test_what_is_not_there_is_404(client: httpx.AsyncClient, path: str) -> None:
    """Unknown paths and audits say that there is nothing, in a page."""
    answer = await client.get(path)
    assert answer.status_code == 404
    assert "There is nothing here." in answer.text


@pytest.mark.parametrize(
    "name", ["..%2F..%2Fetc", "%00", "a%20b", "%3Cscript%3E", "x" * 200, "-rf"]
)
async def test_names_of_another_form_never_reach_the_service(
    client: httpx.AsyncClient, shelf: Shelf, name: str
) -> None:
    """What cannot be an id is 404 before anybody is asked."""
    for path in (
        f"/audits/{name}",
        f"/audits/{name}/events",
        f"/reports/{name}",
        f"/reports/{name}.json",
    ):
        answer = await client.get(path)
        assert answer.status_code == 404
        assert "<script>" not in answer.text
    assert shelf.asked == []


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
async def test_nothing_can_be_changed(client: httpx.AsyncClient, method: str) -> None:
    """Only reading is allowed."""
    answer = await client.request(method, "/audits")
    assert answer.status_code == 405
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD"}


async def test_health_asks_nobody(client: httpx.AsyncClient, shelf: Shelf) -> None:
    """A process that answers is healthy, even when the service behind it is not."""
    shelf.error = RuntimeError("the store is gone")
    answer = await client.get("/healthz")
    assert (answer.status_code, answer.text) == (200, "ok\n")


async def test_readiness_names_what_is_missing(client: httpx.AsyncClient, shelf: Shelf) -> None:
    """Ready means every part is there; one that is not is named, with status 503."""
    ready = await client.get("/readyz")
    assert (ready.status_code, ready.json()["ready"]) == (200, True)
    shelf.ready["store"] = False
    missing = await client.get("/readyz")
    assert missing.status_code == 503
    assert missing.json() == {
        "ready": False,
        "checks": {"store": False, "sandbox": True},
        "sandbox_level": shelf.sandbox_level,
    }


@pytest.mark.parametrize("error", [RuntimeError("secret path /srv/key"), TimeoutError()])
async def test_a_check_that_fails_is_not_ready(
    client: httpx.AsyncClient, shelf: Shelf, error: Exception
) -> None:
    """An error in a check means not ready, and its text stays inside."""
    shelf.error = error
    answer = await client.get("/readyz")
    assert (answer.status_code, answer.json()) == (
        503,
        {"ready": False, "checks": {"service": False}, "sandbox_level": shelf.sandbox_level},
    )


async def test_nothing_to_check_is_not_ready(client: httpx.AsyncClient, shelf: Shelf) -> None:
    """A service that names no parts has not come up."""
    shelf.ready = {}
    assert (await client.get("/readyz")).status_code == 503


async def test_version(client: httpx.AsyncClient) -> None:
    """Version and sandbox level, as JSON."""
    assert (await client.get("/version")).json() == {"assay": "0.1.0", "sandbox_level": "L2"}


async def test_metrics_in_both_formats(client: httpx.AsyncClient) -> None:
    """Both expositions parse with the ecosystem's readers, and Accept chooses."""
    classic = await client.get("/metrics")
    assert classic.headers["content-type"].startswith("text/plain; version=0.0.4")
    open_ = await client.get(
        "/metrics", headers={"accept": "application/openmetrics-text; version=1.0.0"}
    )
    assert open_.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    first = {family.name for family in read_classic(classic.text)}
    read = cast("Callable[[str], Iterable[Metric]]", openmetrics.text_string_to_metric_families)  # pyright: ignore[reportUnknownMemberType]  # untyped in the library
    second = {family.name for family in read(open_.text)}
    assert "assay_audits" in first & second


@pytest.mark.parametrize(
    "accept", ["", "*/*", "application/openmetrics-text; version=x;;=", "\x7f,;"]
)
async def test_no_accept_header_breaks_metrics(client: httpx.AsyncClient, accept: str) -> None:
    """Whatever is asked for, a known format is answered."""
    answer = await client.get("/metrics", headers={"accept": accept})
    assert answer.status_code == 200
    assert answer.headers["content-type"].split(";")[0] in {
        "text/plain",
        "application/openmetrics-text",
    }


async def test_what_breaks_inside_stays_inside(client: httpx.AsyncClient, shelf: Shelf) -> None:
    """An unforeseen error is 500 without a word of it."""
    shelf.error = RuntimeError("password=hunter2 at /srv/private")
    answer = await client.get("/audits")
    assert answer.status_code == 500
    assert "hunter2" not in answer.text
    assert "Traceback" not in answer.text
    assert "Something went wrong inside the service." in answer.text
    assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (Code.NOT_FOUND, 404),
        (Code.NOT_READY, 409),
        (Code.STORE_UNAVAILABLE, 503),
        (Code.REQUEST_INVALID, 400),
    ],
)
async def test_our_own_errors_speak(
    client: httpx.AsyncClient, shelf: Shelf, code: Code, status: int
) -> None:
    """An error meant for users keeps sentence and remedy, escaped, under a fitting status."""
    shelf.error = AssayError(code, "It is <b>so</b>.", "Do this.")
    answer = await client.get("/audits")
    assert answer.status_code == status
    assert "It is &lt;b&gt;so&lt;/b&gt;." in answer.text
    assert "Do this." in answer.text


async def test_internal_errors_of_ours_do_not(client: httpx.AsyncClient, shelf: Shelf) -> None:
    """An internal error is shown like any unforeseen one."""
    shelf.error = AssayError(Code.INTERNAL, "The table jobs is locked.", "Look.")
    answer = await client.get("/audits")
    assert answer.status_code == 500
    assert "table jobs" not in answer.text


async def test_head_is_get_without_a_body(client: httpx.AsyncClient) -> None:
    """HEAD answers with the same headers and nothing else."""
    answer = await client.head("/audits")
    assert (answer.status_code, answer.content) == (200, b"")


async def test_headers_forbid_scripts_and_frames() -> None:
    """No script source is admitted anywhere, and nobody may frame a page."""
    policy = HEADERS["content-security-policy"]
    assert "script-src" not in policy
    assert "frame-ancestors 'none'" in policy
    assert json.dumps(HEADERS).count("unsafe") == 1


async def test_the_search_reaches_the_service_as_it_was_typed(
    client: httpx.AsyncClient, shelf: Shelf
) -> None:
    """Words keep their letters, unknown states and verdicts ask for nothing, all is bounded."""
    await client.get("/audits", params={"words": "a%_'\"\\", "state": "running", "verdict": "x"})
    await client.get(
        "/audits", params={"words": "x" * 5000, "state": "RUNNING", "after": "y" * 5000}
    )
    typed, long = shelf.searches[-2:]
    assert (typed.words, typed.state, typed.verdict) == ("a%_'\"\\", "running", "")
    assert (len(long.words), long.state, len(long.after)) == (200, "", 500)


async def test_history_is_of_a_name(client: httpx.AsyncClient, shelf: Shelf) -> None:
    """Any text may be a name; without one there is nothing."""
    answer = await client.get("/history", params={"subject": "signs/eu %_<b>"})
    assert answer.status_code == 200
    assert shelf.asked == ["signs/eu %_<b>"]
    assert "signs/eu %_&lt;b&gt;" in answer.text
    assert "<script>" not in answer.text
    assert (await client.get("/history")).status_code == 404


async def test_two_audits_are_compared(client: httpx.AsyncClient, shelf: Shelf) -> None:
    """Both must be finished; what is no id is asked of nobody."""
    shelf.evidence["done"] = json.dumps(evidence(broken=0.3)).encode()
    answer = await client.get("/compare?old=done&new=done")
    assert answer.status_code == 200
    assert "Both audits were made alike" in answer.text
    assert answer.headers[POLICY] == HEADERS[POLICY]
    assert (await client.get("/compare?old=done&new=busy")).status_code == 404
    shelf.asked.clear()
    assert (await client.get("/compare?old=done&new=../x")).status_code == 404
    assert shelf.asked == []


@pytest.mark.parametrize("query", ["", "?old=done", "?new=done", "?old=&new="])
async def test_one_audit_alone_is_not_compared(client: httpx.AsyncClient, query: str) -> None:
    """What is missing is told."""
    answer = await client.get(f"/compare{query}")
    assert answer.status_code == 400
    assert "Two audits are needed to compare" in answer.text


@pytest.mark.parametrize("raw", [b"{", b"[]", b'{"facts": {"measurements": 7}}'])
async def test_damaged_evidence_is_told(
    client: httpx.AsyncClient, shelf: Shelf, raw: bytes
) -> None:
    """A file that is no evidence makes a page that says so."""
    shelf.evidence["done"] = raw
    answer = await client.get("/compare?old=done&new=done")
    assert answer.status_code == 400
    assert "not the evidence of an audit" in answer.text
