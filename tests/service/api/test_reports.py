"""The files of an audit, over a real store: what is listed, and what comes with its bytes."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from service.rpc import ports
from service.store.records import NewReport
from support.api_parts import Desk, desk
from support.running import policy

ARCHIVE = b"PK" + bytes(5000)


@pytest.fixture
async def at(tmp_path: Path) -> AsyncIterator[Desk]:
    """A desk whose runner claims nothing."""
    async with desk(tmp_path) as one:
        yield one


async def finished(at: Desk, run: dict[str, Any]) -> str:
    """An audit whose evidence tells this of its run."""
    wish = ports.NewAudit(await at.subject(), await at.images(), policy=policy())
    asked = await at.api.create_audit(wish)
    lease = await at.parts.queue.claim("w")
    assert lease is not None
    evidence = await at.parts.keep("local", json.dumps({"facts": {}, "run": run}).encode())
    page = await at.parts.keep("local", b"<p>")
    report = NewReport(evidence, "b" * 64, {}, page)
    assert await at.parts.queue.finish(lease, "SUCCEEDED", report=report)
    return asked.name


async def test_witnesses_are_listed_and_come_as_far_as_they_fit(at: Desk) -> None:
    """The archive is the last file: small enough it comes along, else it is read as a blob."""
    digest = await at.parts.keep("local", ARCHIVE)
    name = await finished(at, {"witnesses": {"digest": digest, "size": len(ARCHIVE)}})
    held = await at.api.report(ports.ReportQuery(name, inline_limit=1 << 20))
    tight = await at.api.report(ports.ReportQuery(name, inline_limit=1000))
    assert [one.name for one in held.artifacts] == ["evidence.json", "report.html", "witnesses.zip"]
    assert held.artifacts[-1].data == ARCHIVE
    assert [one.data is not None for one in tight.artifacts] == [True, True, False]
    assert tight.artifacts[-1].file == ports.FileRef(digest, len(ARCHIVE))
    read = at.api.read_blob("local", digest, offset=0, limit=0)
    assert b"".join([piece async for piece in read]) == ARCHIVE


async def test_without_breaks_there_are_no_witnesses(at: Desk) -> None:
    """An audit that broke nothing lists no archive, and neither does one of an older version."""
    name = await finished(at, {})
    held = await at.api.report(ports.ReportQuery(name))
    assert [one.name for one in held.artifacts] == ["evidence.json", "report.html"]
