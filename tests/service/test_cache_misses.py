"""Why an audit had to measure something, out of a real store."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from analyzers.contract import Shard
from service.cache_misses import CacheMisses, to_keep
from service.core.cache_reasons import LEFT_OUT, LOST, NEVER, NOT_REACHED
from service.core.canonical import digest
from service.store.queue import Queue
from service.store.records import Lease, NewAudit, NewStep
from support.api_parts import Desk, desk

SHARD = Shard(
    analyzer="attacks.toy",
    version="1",
    config={"eps": "2/255"},
    subject="5" * 64,
    data="d" * 64,
    rows=(0, 20),
    params={},
    inputs={},
    seed=0,
    engine="device=cpu",
)
RESEEDED = replace(SHARD, seed=1)


@pytest.fixture
async def at(tmp_path: Path) -> AsyncIterator[Desk]:
    """A desk with models and images in two projects."""
    async with desk(tmp_path) as one:
        for project in ("local", "other"):
            await one.subject(project=project)
            await one.images(project=project)
        yield one


async def leased(queue: Queue, project: str) -> Lease:
    """An audit that is worked on."""
    await queue.enqueue(NewAudit(project, "m1", "d1", "", "", {}))
    lease = await queue.claim("w")
    assert lease is not None
    assert lease.project == project
    return lease


async def keep(queue: Queue, lease: Lease, *shards: Shard) -> None:
    """Commit something for shards, as a run does."""
    for one in shards:
        step = NewStep(digest(one.as_json()), one.analyzer, {})
        assert await queue.commit_step(lease, step, under=to_keep(one))


async def why(queue: Queue, shard: Shard, project: str = "local") -> str:
    """What a new audit of a project is told."""
    misses = CacheMisses(queue, project, left_out=False)
    return await misses.why(digest(shard.as_json()), shard)


async def test_what_was_kept_explains_a_later_miss(at: Desk) -> None:
    """The first audit has nothing to go by; the next is told what changed."""
    queue = at.parts.queue
    assert await why(queue, SHARD) == NEVER
    await keep(queue, await leased(queue, "local"), SHARD)
    assert await why(queue, RESEEDED) == "another seed (0 -> 1)"
    assert await why(queue, replace(SHARD, rows=(20, 40))) == NOT_REACHED


async def test_projects_share_nothing(at: Desk) -> None:
    """What one project has measured shows in no answer to another, which asks for the same."""
    queue = at.parts.queue
    await keep(queue, await leased(queue, "local"), SHARD)
    assert await why(queue, RESEEDED, "other") == NEVER
    assert await why(queue, SHARD, "other") == NEVER
    await keep(queue, await leased(queue, "other"), SHARD)
    assert await why(queue, RESEEDED, "other") == "another seed (0 -> 1)"


async def test_only_the_same_analyzer_explains(at: Desk) -> None:
    """Another analyzer on the same model says nothing about this one."""
    queue = at.parts.queue
    await keep(queue, await leased(queue, "local"), replace(SHARD, analyzer="attacks.other"))
    assert await why(queue, RESEEDED) == NEVER


async def test_an_audit_is_not_explained_by_itself(at: Desk) -> None:
    """All of its units are held against what was there before its first one."""
    queue = at.parts.queue
    lease = await leased(queue, "local")
    await keep(queue, lease, SHARD)
    misses = CacheMisses(queue, "local", left_out=False)
    assert await misses.why(digest(RESEEDED.as_json()), RESEEDED) == "another seed (0 -> 1)"
    await keep(queue, lease, RESEEDED)
    later = replace(RESEEDED, rows=(20, 40))
    assert await misses.why(digest(later.as_json()), later) == "another seed (0 -> 1)"
    assert await why(queue, later) == NOT_REACHED


async def test_a_result_whose_tensors_are_gone_is_told_apart(at: Desk) -> None:
    """It was measured: who cleared the blobs should read that, and not that it is new."""
    queue = at.parts.queue
    await keep(queue, await leased(queue, "local"), SHARD)
    assert await why(queue, SHARD) == LOST


async def test_a_cache_that_was_left_out_explains_everything(at: Desk) -> None:
    """Whatever is kept was not to be used."""
    queue = at.parts.queue
    await keep(queue, await leased(queue, "local"), SHARD)
    misses = CacheMisses(queue, "local", left_out=True)
    assert await misses.why(digest(SHARD.as_json()), SHARD) == LEFT_OUT


async def test_units_of_one_audit_are_one_row(at: Desk) -> None:
    """A long audit does not push what was before it out of the rows that are read."""
    queue = at.parts.queue
    units = [replace(SHARD, rows=(low, low + 20)) for low in range(0, 400, 20)]
    await keep(queue, await leased(queue, "local"), *units)
    assert await queue.circumstances("local", "attacks.toy") == [to_keep(SHARD).body]


async def test_only_the_newest_are_read(at: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long a project lives, explaining costs the same; within the bound nothing is lost."""
    queue = at.parts.queue
    lease = await leased(queue, "local")
    for seed in range(4):
        await keep(queue, lease, replace(SHARD, seed=seed))
        await asyncio.sleep(0.003)  # the store tells moments apart by milliseconds
    found = await queue.circumstances("local", "attacks.toy")
    assert [one["seed"] for one in found] == [3, 2, 1, 0]
    monkeypatch.setattr("service.store.queue.MOST_CIRCUMSTANCES", 2)
    found = await queue.circumstances("local", "attacks.toy")
    assert [one["seed"] for one in found] == [3, 2]


async def test_a_stale_worker_leaves_no_circumstances(at: Desk) -> None:
    """They are written with the result, or not at all."""
    queue = at.parts.queue
    lease = await leased(queue, "local")
    stale = replace(lease, token="0" * 32)
    step = NewStep(digest(SHARD.as_json()), SHARD.analyzer, {})
    assert not await queue.commit_step(stale, step, under=to_keep(SHARD))
    assert await why(queue, SHARD) == NEVER
