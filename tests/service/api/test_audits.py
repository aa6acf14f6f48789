"""Audits asked for, listed, watched, cancelled and removed, over a real store."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from service.errors import AssayError, Code
from service.rpc import ports
from service.store.records import NewEvalSet
from support.api_parts import Desk, desk
from support.running import policy

ID = "11111111-2222-3333-4444-555555555555"


@pytest.fixture
async def at(tmp_path: Path) -> AsyncIterator[Desk]:
    """A desk whose runner claims nothing."""
    async with desk(tmp_path) as one:
        yield one


async def wish(at: Desk, **more: Any) -> ports.NewAudit:  # noqa: ANN401 - any field of NewAudit
    """A wish about the usual model and images."""
    rules: dict[str, Any] = {"policy": policy(), **more}
    return ports.NewAudit(await at.subject(), await at.images(), **rules)


async def ended(at: Desk) -> str:
    """The name of an audit that a worker has ended."""
    asked = await at.api.create_audit(await wish(at))
    lease = await at.parts.queue.claim("w")
    assert lease is not None
    told = {"kind": "finished", "state": "failed", "verdict": "ERROR"}
    await at.parts.queue.append_event(lease, {"kind": "state", "state": "running"})
    await at.parts.queue.finish(lease, "FAILED", verdict="ERROR", event=told)
    return asked.name


async def names(at: Desk, **conditions: Any) -> Sequence[str]:  # noqa: ANN401 - of AuditQuery
    """Names of the audits that a list shows."""
    page = await at.api.audits(ports.AuditQuery("local", 10, **conditions))
    return [one.name for one in page.items]


async def test_validate_only_estimates_and_keeps_nothing(at: Desk) -> None:
    """What must be timed is timed in a child, and no audit is there afterwards."""
    with pytest.raises(AssayError) as lost:
        await at.api.create_audit(await wish(at, validate_only=True))
    assert lost.value.code is Code.CHILD_CRASHED
    assert [one.stage for one in at.executor.asked] == ["pace"]
    assert await names(at) == []


@pytest.mark.parametrize(
    ("look", "only", "plan"),
    [
        ("usual", {}, set[str]()),
        ("usual", {"evidence_only": True}, {"quick"}),
        ("usual", {"profile": "deep"}, {"full"}),
        ("weights", {"evidence_only": True}, set[str]()),
        ("full", {"evidence_only": True}, {"full"}),
    ],
)
async def test_a_look_wakes_the_lenses_of_its_plan(
    at: Desk, look: ports.Look, only: dict[str, Any], plan: set[str]
) -> None:
    """What is usual hangs on profile and verdict; a look that is named is taken at its word."""
    made = await at.api.create_audit(await wish(at, look=look, **only))
    assert {one.config["plan"] for one in made.analyzers} == plan


@pytest.mark.parametrize("look", [None, "usual", "full"])
async def test_a_look_is_nothing_to_do_by_itself(at: Desk, look: ports.Look | None) -> None:
    """An empty policy must not become an audit that attacks nothing and judges nothing."""
    with pytest.raises(AssayError) as caught:
        await at.api.create_audit(await wish(at, policy="", look=look))
    assert caught.value.code is Code.POLICY_MISSING


async def test_a_lens_that_is_named_keeps_its_config(at: Desk) -> None:
    """Beside a look it is not asked for twice; without any look it is alone."""
    named = ports.AnalyzerSpec("behaviour.frequency", {"plan": "full"})
    made = await at.api.create_audit(await wish(at, look="quick", analyzers=[named]))
    assert [one for one in made.analyzers if one.id == named.id] == [named]
    assert len(made.analyzers) > 1
    alone = await at.api.create_audit(await wish(at, analyzers=[named]))
    assert list(alone.analyzers) == [named]


async def test_data_that_is_not_taken_in_yet_is_not_ready(at: Desk) -> None:
    """An audit cannot be asked for before its data are here."""
    row = await at.parts.catalogue.add_eval_set(NewEvalSet("local", "late", "f" * 64), None)
    late = f"projects/local/evalSets/{row.id}"
    with pytest.raises(AssayError) as caught:
        await at.api.create_audit(ports.NewAudit(await at.subject(), late, policy=policy()))
    assert caught.value.code is Code.NOT_READY


async def test_one_request_id_is_one_audit(at: Desk) -> None:
    """A repeat gives the first audit; the same id for another wish is refused."""
    first = await at.api.create_audit(await wish(at, request_id=ID))
    again = await at.api.create_audit(await wish(at, request_id=ID))
    assert await names(at) == [first.name] == [again.name]
    with pytest.raises(AssayError) as caught:
        await at.api.create_audit(await wish(at, request_id=ID, seed=9))
    assert caught.value.code is Code.REQUEST_ID_REUSED


async def test_lists_filter_by_model_state_and_verdict(at: Desk) -> None:
    """Each condition keeps what meets it and nothing else."""
    old = await ended(at)
    new = (await at.api.create_audit(await wish(at))).name
    assert await names(at) == [new, old]
    assert await names(at, states=["queued"]) == [new]
    assert await names(at, verdicts=["ERROR"]) == [old]
    assert await names(at, model="projects/local/models/other") == []


async def test_pages_follow_one_another(at: Desk) -> None:
    """A page names the next one until nothing follows; together they show each audit once."""
    made = [(await at.api.create_audit(await wish(at))).name for _ in range(3)]
    first = await at.api.audits(ports.AuditQuery("local", 2))
    rest = await at.api.audits(ports.AuditQuery("local", 2, first.after))
    assert [one.name for one in (*first.items, *rest.items)] == made[::-1]
    assert rest.after == ""


async def test_only_an_ended_audit_is_removed_and_a_repeat_says_the_same(at: Desk) -> None:
    """NOT_READY before its end; afterwards a repeated request succeeds, a fresh one finds none."""
    waiting = (await at.api.create_audit(await wish(at))).name
    with pytest.raises(AssayError) as caught:
        await at.api.delete_audit(waiting, "")
    assert caught.value.code is Code.NOT_READY
    await at.api.cancel_audit(waiting)
    await at.api.delete_audit(waiting, ID)
    await at.api.delete_audit(waiting, ID)
    with pytest.raises(AssayError) as caught:
        await at.api.delete_audit(waiting, "")
    assert caught.value.code is Code.NOT_FOUND


async def test_cancel_ends_what_waits_and_leaves_what_ended(at: Desk) -> None:
    """A queued audit is cancelled at once; one that ended keeps its end."""
    over = await ended(at)
    waiting = (await at.api.create_audit(await wish(at))).name
    assert (await at.api.cancel_audit(waiting)).state == "cancelled"
    assert (await at.api.cancel_audit(over)).state == "failed"


async def test_a_watch_goes_on_behind_a_cursor(at: Desk) -> None:
    """Every kept event once, then only those behind the cursor."""
    name = await ended(at)
    assert [one.sequence async for one in at.api.watch(name, 0)] == [1, 2]
    assert [type(one.body) async for one in at.api.watch(name, 1)] == [ports.Finished]


async def test_model_under_an_audit_stays(at: Desk) -> None:
    """IN_USE while an audit stands on it, gone with a repeatable request when none does."""
    name = await ended(at)
    model = "projects/local/models/m1"
    with pytest.raises(AssayError) as caught:
        await at.api.delete_model(model, ID)
    assert caught.value.code is Code.IN_USE
    await at.api.delete_audit(name, "")
    await at.api.delete_model(model, ID)
    await at.api.delete_model(model, ID)
