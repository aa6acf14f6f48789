"""Models, evaluation sets and blobs by name: added once, settled once, seen by their project."""

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text

from analyzers.contract import Json
from service.errors import AssayError, Code
from service.store.catalogue import Catalogue
from service.store.database import Database
from service.store.queue import Queue
from service.store.records import (
    Conversion,
    Lease,
    NewAudit,
    NewEvalSet,
    NewModel,
    NewReport,
    NewStep,
    RequestKey,
)

WISH = NewModel("local", "n", "1" * 64, display_name="net", input_spec={"scale": 1.0})
KEY = RequestKey("0b0f2c1e", "CreateModel", "c" * 64)
ERROR: Json = {"code": "MODEL_BROKEN", "sentence": "s", "remedy": "r", "details": {}}


async def test_a_model_is_kept_as_it_was_wished_for(catalogue: Catalogue) -> None:
    """What goes in comes out, waiting for intake."""
    row = await catalogue.add_model(WISH, None)
    assert row == await catalogue.model("local", "n")
    assert (row.display_name, row.input_spec, row.state) == ("net", {"scale": 1.0}, "QUEUED")


async def test_the_same_request_gives_the_first_answer(catalogue: Catalogue) -> None:
    """A repeated request makes no second model, not even under another id."""
    first = await catalogue.add_model(WISH, KEY)
    again = await catalogue.add_model(replace(WISH, id="other-id"), KEY)
    assert again == first
    with pytest.raises(AssayError) as missing:
        await catalogue.model("local", "other-id")
    assert missing.value.code is Code.NOT_FOUND


@pytest.mark.parametrize("other", [replace(KEY, content="d" * 64), replace(KEY, method="Delete")])
async def test_a_request_id_cannot_stand_for_something_else(
    catalogue: Catalogue, other: RequestKey
) -> None:
    """Other content or another method under a known id is refused and makes nothing."""
    await catalogue.add_model(WISH, KEY)
    with pytest.raises(AssayError) as refused:
        await catalogue.add_model(replace(WISH, id="x"), other)
    assert refused.value.code is Code.REQUEST_ID_REUSED
    with pytest.raises(AssayError):
        await catalogue.model("local", "x")


async def test_request_ids_of_projects_do_not_meet(catalogue: Catalogue) -> None:
    """Another project may use the same id for another wish, and each hears its own answer."""
    theirs, their_key = replace(WISH, project="other", id="theirs"), replace(KEY, content="d" * 64)
    for _ in range(2):
        assert (await catalogue.add_model(WISH, KEY)).id == "n"
        row = await catalogue.add_model(theirs, their_key)
        assert (row.project, row.id) == ("other", "theirs")


async def test_a_model_that_failed_is_tried_again_by_a_new_request_only(
    catalogue: Catalogue,
) -> None:
    """A repeated request hears of the failure; a fresh one begins anew."""
    row = await catalogue.add_model(WISH, KEY)
    await catalogue.model_failed(row, ERROR)
    repeated = await catalogue.add_model(WISH, KEY)
    assert (repeated.state, repeated.error) == ("FAILED", ERROR)
    assert repeated.end_time == repeated.update_time
    fresh = await catalogue.add_model(WISH, replace(KEY, id="another"))
    assert (fresh.state, fresh.error) == ("QUEUED", None)


async def test_an_intake_ends_once(catalogue: Catalogue) -> None:
    """A late failure does not take a finished model back, nor a late success a failed set."""
    row = await catalogue.add_model(WISH, None)
    await catalogue.model_ready(row, form="onnx", canonical="a" * 64, facts={"n": 1})
    await catalogue.model_failed(row, ERROR)
    ended = await catalogue.model("local", "n")
    assert (ended.state, ended.format, ended.canonical_digest) == ("SUCCEEDED", "onnx", "a" * 64)
    assert (ended.facts, ended.error) == ({"n": 1}, None)
    data = await catalogue.eval_set("local", "d")
    await catalogue.eval_set_failed(data, ERROR)
    await catalogue.eval_set_ready(data, facts={}, blobs={})
    assert (await catalogue.eval_set("local", "d")).state == "FAILED"


async def test_an_evaluation_set_keeps_its_blobs(catalogue: Catalogue) -> None:
    """Images, labels and ids are found again by their digests, the slice as its text."""
    row = await catalogue.add_eval_set(NewEvalSet("local", "s", "2" * 64, slice="0:500"), None)
    names = {"images": "a" * 64, "labels": "b" * 64, "ids": "c" * 64}
    await catalogue.eval_set_ready(row, facts={"n": 500}, blobs=names)
    found = await catalogue.eval_set("local", "s")
    digests = (found.images_digest, found.labels_digest, found.ids_digest)
    assert digests == ("a" * 64, "b" * 64, "c" * 64)
    assert (found.slice, found.facts, found.state) == ("0:500", {"n": 500}, "SUCCEEDED")


async def test_rows_that_wait_for_intake_are_found_after_a_restart(catalogue: Catalogue) -> None:
    """Open rows of all projects, and no others."""
    row = await catalogue.add_model(WISH, None)
    await catalogue.model_ready(row, form="onnx", canonical="a" * 64, facts={})
    models = [(one.project, one.id) for one in await catalogue.open_models()]
    assert models == [("local", "m"), ("other", "m")]
    assert len(await catalogue.open_eval_sets()) == 2


async def test_a_conversion_is_remembered_for_its_project_and_canonicaliser(
    catalogue: Catalogue,
) -> None:
    """Everything that decides the result is part of the key; the first answer stays."""
    made = Conversion("local", "1" * 64, "onnx", "", "", "1", "a" * 64, {"opset": 17})
    await catalogue.remember_conversion(made)
    await catalogue.remember_conversion(replace(made, canonical_digest="b" * 64))
    wish = replace(made, canonical_digest="", facts=None)
    assert await catalogue.conversion(wish) == made
    for other in (
        replace(wish, project="other"),
        replace(wish, file_digest="2" * 64),
        replace(wish, format="safetensors"),
        replace(wish, architecture="resnet18"),
        replace(wish, output="scores"),
        replace(wish, canonicaliser="2"),
    ):
        assert await catalogue.conversion(other) is None


async def test_a_blob_is_seen_by_the_projects_that_own_it(catalogue: Catalogue) -> None:
    """What one project uploaded does not exist for another, until it uploads the same bytes."""
    await catalogue.own_blob("local", "a" * 64, 7)
    await catalogue.own_blob("local", "a" * 64, 7)
    assert await catalogue.blob_size("local", "a" * 64) == 7
    assert await catalogue.blob_size("other", "a" * 64) is None
    await catalogue.own_blob("other", "a" * 64, 7)
    assert await catalogue.blob_size("other", "a" * 64) == 7


async def test_other_projects_rows_cannot_be_found(catalogue: Catalogue, queue: Queue) -> None:
    """Reading, removing and cancelling across projects meets NOT_FOUND, as for no such id."""
    await catalogue.add_model(WISH, None)
    audit = await queue.enqueue(NewAudit("local", "m", "d"))
    for attempt in (
        catalogue.model("other", "n"),
        catalogue.delete_model("other", "n"),
        catalogue.audit("other", audit.id),
        catalogue.delete_audit("other", audit.id),
        queue.request_cancel("other", audit.id),
    ):
        with pytest.raises(AssayError) as refused:
            await attempt
        assert refused.value.code is Code.NOT_FOUND
    assert await catalogue.report("other", audit.id) is None
    assert (await catalogue.audit("local", audit.id)).state == "QUEUED"
    assert (await catalogue.model("local", "n")).id == "n"


async def test_what_an_audit_stands_on_cannot_be_removed(
    catalogue: Catalogue, queue: Queue
) -> None:
    """IN_USE until the audit is gone; then the model and the set go too."""
    audit = await queue.enqueue(NewAudit("local", "m", "d"))
    for removal in (catalogue.delete_model("local", "m"), catalogue.delete_eval_set("local", "d")):
        with pytest.raises(AssayError) as refused:
            await removal
        assert refused.value.code is Code.IN_USE
    await catalogue.delete_model("other", "m")
    await queue.request_cancel("local", audit.id)
    await catalogue.delete_audit("local", audit.id)
    await catalogue.delete_model("local", "m")
    await catalogue.delete_eval_set("local", "d")
    with pytest.raises(AssayError):
        await catalogue.eval_set("local", "d")


async def test_the_database_itself_refuses_an_audit_of_nothing(
    database: Database, catalogue: Catalogue, queue: Queue
) -> None:
    """Even a statement that goes round the catalogue cannot take a model from its audit."""
    assert await queue.enqueue(NewAudit("local", "m", "d"))
    with pytest.raises(Exception, match="FOREIGN KEY"):
        async with database.write() as connection:
            await connection.execute(text("DELETE FROM model WHERE project = 'local'"))
    assert await catalogue.model("local", "m")


async def test_a_repeated_removal_succeeds_again(catalogue: Catalogue) -> None:
    """With its request id a removal may arrive twice; without, the second finds nothing."""
    key = RequestKey("9f", "DeleteModel", "c" * 64)
    await catalogue.delete_model("local", "m", key)
    await catalogue.delete_model("local", "m", key)
    with pytest.raises(AssayError) as missing:
        await catalogue.delete_model("local", "m")
    assert missing.value.code is Code.NOT_FOUND


async def test_a_removal_that_was_refused_may_be_wished_for_again(
    catalogue: Catalogue, queue: Queue
) -> None:
    """A refusal does not use the request id up."""
    key = RequestKey("9f", "DeleteModel", "c" * 64)
    audit = await queue.enqueue(NewAudit("local", "m", "d"))
    with pytest.raises(AssayError):
        await catalogue.delete_model("local", "m", key)
    await queue.request_cancel("local", audit.id)
    await catalogue.delete_audit("local", audit.id)
    await catalogue.delete_model("local", "m", key)
    with pytest.raises(AssayError):
        await catalogue.model("local", "m")


async def finished(queue: Queue) -> Lease:
    """An audit with a step, events and a report."""
    await queue.enqueue(NewAudit("local", "m", "d"))
    lease = await queue.claim("w")
    assert lease is not None
    assert await queue.commit_step(lease, NewStep("k" * 64, "toy", {"n": 1}), {"kind": "log"})
    report = NewReport("a" * 64, "b" * 64, {"verdict": "PASS"}, "c" * 64)
    assert await queue.finish(lease, "SUCCEEDED", verdict="PASS", report=report)
    return lease


async def test_an_audit_goes_with_its_events_and_report_and_leaves_its_steps(
    catalogue: Catalogue, queue: Queue
) -> None:
    """What a shard measured stays for others when the audit that measured it is removed."""
    lease = await finished(queue)
    assert await catalogue.report("local", lease.audit)
    assert await queue.events("local", lease.audit, after=0)
    await catalogue.delete_audit("local", lease.audit)
    assert await catalogue.report("local", lease.audit) is None
    assert await queue.events("local", lease.audit, after=0) == []
    assert await queue.steps("local", ["k" * 64]) == {"k" * 64: {"n": 1}}


async def test_an_audit_that_has_not_ended_cannot_be_removed(
    catalogue: Catalogue, queue: Queue
) -> None:
    """NOT_READY while it waits and while it runs."""
    audit = await queue.enqueue(NewAudit("local", "m", "d"))
    with pytest.raises(AssayError) as waiting:
        await catalogue.delete_audit("local", audit.id)
    await queue.claim("w")
    with pytest.raises(AssayError) as running:
        await catalogue.delete_audit("local", audit.id)
    assert waiting.value.code is running.value.code is Code.NOT_READY


async def test_a_report_is_kept_whole(catalogue: Catalogue, queue: Queue) -> None:
    """Digests and verdict come out as they went in, under the audit's name."""
    lease = await finished(queue)
    report = await catalogue.report("local", lease.audit)
    assert report is not None
    assert (report.project, report.audit) == ("local", lease.audit)
    digests = (report.evidence_digest, report.facts_digest, report.html_digest)
    assert digests == ("a" * 64, "b" * 64, "c" * 64)
    assert report.verdict == {"verdict": "PASS"}


async def test_ping_tells_whether_the_database_answers(
    catalogue: Catalogue, database: Database, url: str
) -> None:
    """It is silent on a healthy database and STORE_UNAVAILABLE on a damaged one."""
    await catalogue.ping()
    await database.close()
    with Path(url.partition("///")[2]).open("r+b") as file:
        file.write(b"no database at all")
    with pytest.raises(AssayError) as refused:
        await catalogue.ping()
    assert refused.value.code is Code.STORE_UNAVAILABLE
