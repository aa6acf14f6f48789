"""The pages of a real service while it audits: what they tell, what can be found, how they end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from analyzers.contract import Json
from service.demo.shapes import draw, write_npz
from support.listening import Event, listening
from support.running import NETS, Running, policy, running

N = 20


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some pictures of the demo set."""
    path = tmp_path_factory.mktemp("data") / "shapes.npz"
    write_npz(path, draw(N, seed=4242))
    return path


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One service for the module."""
    with running(tmp_path_factory.mktemp("home") / "home") as one:
        yield one


def pages(service: Running) -> httpx.AsyncClient:
    """A client of the service's pages."""
    address = f"http://127.0.0.1:{service.service.http_port}"
    return httpx.AsyncClient(base_url=address, trust_env=False)


async def followed(service: Running, name: str) -> tuple[list[Event], list[Event]]:
    """What a listener of an audit and one of the list hear until the audit is over."""
    of_list: list[Event] = []
    async with (
        asyncio.timeout(60),
        pages(service) as client,
        listening(client, f"/audits/{name}/events") as listener,
        listening(client, "/events") as beside,
    ):
        of_audit = await listener.rest()
        while not of_list or '"PASS"' not in of_list[-1].data:
            event = await beside.next()
            assert event is not None
            of_list.append(event)
    return of_audit, of_list


@pytest.fixture(scope="module")
def course(service: Running, data: Path) -> tuple[str, list[Event], list[Event]]:
    """A small audit of the robust demo net, followed to its end."""
    full = service.begin(NETS / "robust.onnx", data, policy(0.1))
    name = full.rpartition("/")[2]
    return (name, *asyncio.run(followed(service, name)))


def told(events: list[Event], part: str) -> list[str]:
    """What a part of the page said, each time it changed, as text."""
    return [text(one.body["parts"][part]) for one in events if part in one.body["parts"]]


def text(node: Json) -> str:
    """The words of a part."""
    if isinstance(node, str):
        return node
    return " ".join(text(one) for one in node[2])


def test_an_audit_is_followed_from_its_queue_to_its_report(
    course: tuple[str, list[Event], list[Event]],
) -> None:
    """States, stages, brackets and verdict come by themselves; the end points to the report."""
    _, events, _ = course
    states = [one.split()[0] for one in told(events, "state")]
    assert states[-1] == "succeeded"
    assert "running" in states
    assert told(events, "state")[-1].split()[-1] == "PASS"
    assert [one.body["over"] for one in events] == ["", *[""] * (len(events) - 2), "report"]
    brackets = told(events, "brackets")
    assert f"{N} of {N}" in brackets[-1]
    stages = " ".join(told(events, "stages"))
    for words in ("Preflight", "at most", "part 1 of"):
        assert words in stages


def test_no_event_follows_another_too_soon(course: tuple[str, list[Event], list[Event]]) -> None:
    """An audit of a few seconds makes a few events, not one a batch; ids name states."""
    _, events, beside = course
    assert len({one.id for one in events}) == len(events) < 60
    assert len(beside) < 60


def test_the_list_hears_of_the_same_audit(course: tuple[str, list[Event], list[Event]]) -> None:
    """Its row goes from one state to the next, with the stage it is in between."""
    name, _, events = course
    rows = told(events, f"row-{name}")
    assert any("running" in one for one in rows)
    assert "PASS" in rows[-1]
    assert "shapes.npz" in rows[-1]


async def test_the_report_takes_the_page_s_place(
    service: Running, course: tuple[str, list[Event], list[Event]]
) -> None:
    """Whoever loads the page again finds the report, and whoever listens again hears the end."""
    name, events, _ = course
    async with pages(service) as client:
        report = await client.get(f"/audits/{name}")
        async with listening(client, f"/audits/{name}/events", events[-1].id) as listener:
            assert await listener.rest() == []
        assert listener.comments == ["nothing new"]
    assert b"What holds" in report.content
    assert report.headers["content-security-policy"].startswith("default-src 'none'; img-src")


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("words=ROBUST", True),
        ("words=shapes.n", True),
        ("words=robust.onnx&state=succeeded&verdict=PASS", True),
        ("verdict=FAIL", False),
        ("state=running", False),
        ("words=%25", False),
        ("words=_", False),
        ("words=robust_onnx", False),
        ("words=' OR 1=1 --", False),
        ("words=\\", False),
        ("words=/", False),
        ("state=nonsense&verdict=nonsense", True),
    ],
)
async def test_the_list_is_searched(
    service: Running,
    course: tuple[str, list[Event], list[Event]],
    asked: str,
    found: bool,
) -> None:
    """Words are part of a name, whatever they mean to a database; states and verdicts are exact."""
    name = course[0]
    async with pages(service) as client:
        answer = await client.get(f"/audits?{asked}")
    assert answer.status_code == 200
    assert (f'href="/audits/{name}"' in answer.text) is found


async def test_a_foreign_page_token_is_refused(service: Running) -> None:
    """A token that this list did not give is an error in words."""
    async with pages(service) as client:
        answer = await client.get("/audits?after=AAAA")
    assert answer.status_code == 400
    assert "does not continue this list" in answer.text
    assert json.dumps(dict(answer.headers)).count("trusted-types") == 0
