"""Which earlier audit a new one is held against, over a real store."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from service.api import baselines
from service.api.baselines import baseline_of, earlier_of
from service.core.policy import Policy, parse_policy
from service.errors import AssayError, Code
from service.rpc import ports
from service.rpc.names import parse_name
from service.store import tables
from service.store.records import ModelRow, NewAudit, NewModel, NewReport
from support.api_parts import Desk, desk
from support.running import policy
from support.toys import CATALOGUE


@pytest.fixture
async def at(tmp_path: Path) -> AsyncIterator[Desk]:
    """A desk whose runner claims nothing."""
    async with desk(tmp_path) as one:
        yield one


async def named(at: Desk, model: str, shown: str, *, canonical: bytes = b"") -> ModelRow:
    """A model that has been taken in under a name that people know."""
    usual = parse_name(await at.subject(f"{model}-usual")).id
    like = await at.parts.catalogue.model("local", usual)
    if canonical:
        like = replace(like, canonical_digest=await at.parts.keep("local", canonical))
    wish = NewModel("local", model, like.file_digest, shown, input_spec=like.input_spec)
    row = await at.parts.catalogue.add_model(wish, None)
    await at.parts.catalogue.model_ready(
        row, form="onnx", canonical=like.canonical_digest, facts=like.facts
    )
    return await at.parts.catalogue.model("local", model)


HELD = "regress: {on: [clean, wc]}\n"


async def passed(
    at: Desk,
    model: ModelRow,
    body: bytes,
    more: str = HELD,
    *,
    subject: str = "",
    images: str = "d1",
    withheld: bool = False,
) -> str:
    """The id of an audit of it that passed, held against its own last release."""
    wish = ports.NewAudit(
        f"projects/local/models/{model.id}",
        await at.images(images, withheld=withheld),
        policy=policy() + more,
        subject=subject,
    )
    asked = await at.api.create_audit(wish)
    lease = await at.parts.queue.claim("w")
    assert lease is not None
    kept = await at.parts.keep("local", body)
    report = NewReport(kept, "b" * 64, {"verdict": "PASS"}, kept)
    assert await at.parts.queue.finish(lease, "SUCCEEDED", verdict="PASS", report=report)
    return parse_name(asked.name).id


def rules() -> Policy:
    """A policy that holds a model against its last release."""
    return parse_policy(
        "apiVersion: assay/v1\nrequire: [{id: clean, metric: accuracy, gte: 0.5}]\n"
        "regress: {on: [clean]}\n",
        CATALOGUE,
    )


def wished(model: str, shown: str, data: str) -> NewAudit:
    """A wish as it is kept."""
    return NewAudit("local", model, data, options={"subject": shown, "seed": 0})


async def chosen(
    at: Desk, model: ModelRow, evidence: bytes = b"", shown: str = "", *, withheld: bool = False
) -> object:
    """What an audit of this model would be held against."""
    images = await at.images(withheld=withheld)
    request = ports.NewAudit(
        f"projects/local/models/{model.id}", images, policy=policy(), baseline_evidence=evidence
    )
    kept = wished(model.id, shown or model.display_name, parse_name(images).id)
    return await baseline_of(at.parts, request, rules(), kept)


def called(found: Any) -> str:  # noqa: ANN401 - JSON
    """The name of the audit that was found."""
    return found["name"]


async def test_a_pass_under_a_laxer_policy_is_no_release(at: Desk) -> None:
    """What was held against nothing must not become what later models are held against."""
    ours = await named(at, "m1", "ours.onnx")
    release = await passed(at, ours, b"{}")
    for number, lax in enumerate(("", "regress: {on: [wc]}\n")):
        await passed(at, ours, b"[%d]" % number, lax)
    assert called(await chosen(at, await named(at, "m2", "ours.onnx"))) == release


async def test_the_same_bytes_are_a_release_of_whatever_they_are_called(at: Desk) -> None:
    """A file keeps the name of its first upload; what counts is what the audit was asked for."""
    ours = await named(at, "m1", "backup.onnx")
    release = await passed(at, ours, b"{}", subject="ours.onnx")
    worse = await named(at, "m2", "another.onnx")
    assert called(await chosen(at, worse, shown="ours.onnx")) == release
    assert await chosen(at, worse, shown="backup.onnx") is None


async def test_the_policy_says_what_a_model_is_a_release_of(at: Desk) -> None:
    """Files are called model-2.3.onnx and model-2.4.onnx, and are releases of one thing."""
    line = "subject: {name: gate-classifier}\n"
    ours = await named(at, "m1", "model-2.3.onnx")
    release = await passed(at, ours, b"{}", HELD + line, subject="model-2.3.onnx")
    assert (await at.api.audit(f"projects/local/audits/{release}")).subject == "gate-classifier"
    assert called(await chosen(at, ours, shown="gate-classifier")) == release


async def test_what_was_made_the_baseline_stays_it_whatever_passes(at: Desk) -> None:
    """Or every small drop below the margin would become what the next is held against."""
    ours = await named(at, "m1", "ours.onnx")
    first = await passed(at, ours, b"{}")
    await passed(at, ours, b"[1]")
    third = await passed(at, ours, b"[2]")
    assert called(await chosen(at, ours)) == third, "the newest that passed"
    full = f"projects/local/audits/{first}"
    made = await at.api.set_baseline(full, withdraw=False)
    assert made.baseline_since is not None
    assert called(await chosen(at, ours)) == first
    assert await chosen(at, ours, shown="other.onnx") is None
    with pytest.raises(AssayError) as refused:
        await at.api.delete_audit(full, "")
    assert refused.value.code is Code.IN_USE
    listed = await at.api.audits(ports.AuditQuery("local", 9, baselines=True))
    assert [one.name for one in listed.items] == [full]
    gone = await at.api.set_baseline(full, withdraw=True)
    assert (gone.baseline_since, gone.ended) == (None, made.ended)
    assert called(await chosen(at, ours)) == third
    await at.api.delete_audit(full, "")


async def test_an_audit_without_evidence_is_no_baseline(at: Desk) -> None:
    """It is refused when it is named, not when the next release is judged."""
    ours = await named(at, "m1", "ours.onnx")
    wish = ports.NewAudit(f"projects/local/models/{ours.id}", await at.images(), policy=policy())
    asked = await at.api.create_audit(wish)
    with pytest.raises(AssayError) as refused:
        await at.api.set_baseline(asked.name, withdraw=False)
    assert refused.value.code is Code.NOT_READY


async def test_the_last_release_is_found_behind_those_of_other_models(
    at: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many passed since, or a drop would go unseen; another name has no release yet."""
    monkeypatch.setattr(baselines, "_PAGE", 1)
    ours, other = await named(at, "m1", "ours.onnx"), await named(at, "m2", "other.onnx")
    release = await passed(at, ours, b"{}")
    for number in range(2):
        await passed(at, other, b"[%d]" % number)
    assert called(await chosen(at, await named(at, "m3", "ours.onnx"))) == release
    assert await chosen(at, await named(at, "m4", "new.onnx")) is None


@pytest.mark.parametrize(
    "body",
    [b"[]", b"[" * 200_000, b'{"facts": {"samples": 1, "data": {"n": 1e999}}}', b"{}"],
    ids=["list", "deep", "infinite", "empty"],
)
async def test_a_damaged_baseline_is_refused_before_the_audit(at: Desk, body: bytes) -> None:
    """An audit that ran for an hour must not end on it; the control is evidence without facts."""
    with pytest.raises(AssayError) as refused:
        await chosen(at, await named(at, "m1", "ours.onnx"), body)
    assert refused.value.code is Code.EVIDENCE_INVALID
    assert await chosen(at, await named(at, "m1", "ours.onnx"), b'{"facts": {}}')


async def test_the_audit_of_another_project_is_no_baseline(at: Desk) -> None:
    """Whoever names it, request or policy; the control is one of the same project."""
    model = await named(at, "m1", "ours.onnx")
    ours = f"projects/local/audits/{await passed(at, model, b'{}')}"
    for audit, refused in ((ours, False), (ours.replace("local", "other"), True)):
        named_in_policy = parse_policy(
            "apiVersion: assay/v1\nrequire: [{id: clean, metric: accuracy, gte: 0.5}]\n"
            f"regress: {{on: [clean], baseline: {audit}}}\n",
            CATALOGUE,
        )
        for baseline, policy_of in ((audit, rules()), ("", named_in_policy)):
            wish = ports.NewAudit("m", "d", baseline=baseline)
            asked = baseline_of(at.parts, wish, policy_of, wished(model.id, "ours.onnx", "d1"))
            if refused:
                with pytest.raises(AssayError, match="belongs to another project"):
                    await asked
            else:
                assert await asked


async def test_of_several_baselines_that_on_the_same_rows_comes_first(at: Desk) -> None:
    """A model judged on two sets is held against its release on each; else against the newest."""
    ours = await named(at, "m1", "ours.onnx")
    here = f"projects/local/audits/{await passed(at, ours, b'{}')}"
    there = f"projects/local/audits/{await passed(at, ours, b'[1]', images='d2')}"
    for name in (here, there):  # the newest is the one on the other set
        await at.api.set_baseline(name, withdraw=False)
    assert f"projects/local/audits/{called(await chosen(at, ours))}" == here
    await at.api.set_baseline(here, withdraw=True)
    assert f"projects/local/audits/{called(await chosen(at, ours))}" == there


@pytest.mark.parametrize("withheld", [False, True])
async def test_withholding_pictures_loses_no_release(at: Desk, *, withheld: bool) -> None:
    """Held back or shown, the images are the same: or a flag would turn a FAIL into a PASS."""
    ours = await named(at, "m1", "ours.onnx")
    picture = {"rows": [0], "blob": await at.parts.keep("local", b"a picture")}
    told = {"facts": {}, "run": {"breaks": {"attacks.linf": [{"float32": picture}]}}}
    release = await passed(at, ours, json.dumps(told).encode(), withheld=withheld)
    worse = await named(at, "m2", "ours.onnx", canonical=b"another network")
    assert called(await chosen(at, worse, withheld=not withheld)) == release
    images = parse_name(await at.images(withheld=not withheld)).id
    wish = wished("m2", "ours.onnx", images)
    shown = await earlier_of(at.parts, rules(), wish, worse)
    assert (shown or {}).get("audit") == release
    await at.api.set_baseline(f"projects/local/audits/{release}", withdraw=False)
    assert called(await chosen(at, worse, withheld=not withheld)) == release
    assert await earlier_of(at.parts, rules(), wish, worse) == shown
    elsewhere = parse_name(await at.images("d2", withheld=withheld)).id
    assert await earlier_of(at.parts, rules(), wished("m2", "ours.onnx", elsewhere), worse) is None


async def test_an_audit_of_before_is_known_by_the_name_of_its_model(at: Desk) -> None:
    """It kept no subject; passed over, the first model after an upgrade would meet no baseline."""
    ours = await named(at, "m1", "ours.onnx")
    release = await passed(at, ours, b"{}")
    row = await at.parts.catalogue.audit("local", release)
    older = {name: value for name, value in row.options.items() if name != "subject"}
    changed = update(tables.audit).where(tables.audit.c.id == release).values(options=older)
    async with at.parts.catalogue._database.write() as connection:  # pyright: ignore[reportPrivateUsage] - as an older version wrote it
        await connection.execute(changed)
    assert called(await chosen(at, await named(at, "m2", "ours.onnx"))) == release
    assert await chosen(at, await named(at, "m3", "other.onnx")) is None
