"""Which earlier audit a new one is held against: resolved to bytes when the audit is asked for."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from functools import lru_cache
from typing import Final, NamedTuple

from analyzers.catalog import ALL
from analyzers.contract import Digest, Json
from service.api.parts import Parts
from service.core.policy import Policy, parse_policy, watched
from service.errors import AssayError, Code
from service.gate import check_baseline, parse_evidence
from service.rpc import ports
from service.rpc.names import parse_name
from service.store.records import AuditRow, ModelRow, NewAudit

LATEST: Final = "release:latest"
_LARGEST: Final = 2 << 20
_PAGE: Final = 100
"""Passing audits that are asked for at once; all are looked through, or a drop goes unseen."""


async def baseline_of(
    parts: Parts,
    request: ports.NewAudit,
    policy: Policy | None,
    wish: NewAudit,
) -> Mapping[str, Json] | None:
    """Its name and the digest of its evidence; None where there is nothing to compare with."""
    if request.baseline_evidence:
        if len(request.baseline_evidence) > _LARGEST:
            raise AssayError(
                Code.REQUEST_INVALID,
                "The evidence of the baseline is larger than 2 MiB.",
                "Audit the baseline in this service, and name that audit.",
            )
        check_baseline(request.baseline_evidence)
        if request.validate_only:
            return None  # it was looked at, and nothing is kept
        digest = await parts.keep(request.project, request.baseline_evidence)
        return {"name": "an earlier evidence.json", "evidence": digest}
    if request.baseline:
        return await _named(parts, request.project, request.baseline, field="baseline")
    if policy is None or policy.regress is None:
        return None
    if policy.regress.baseline != LATEST:
        wanted = policy.regress.baseline
        return await _named(parts, request.project, wanted, field="regress.baseline")
    found = await _latest(parts, policy, wish)
    return found and _told(found.id, await _evidence(parts, found.project, found.id))


async def _named(parts: Parts, project: str, audit: str, *, field: str) -> Mapping[str, Json]:
    name = parse_name(audit, "audits", field=field)
    if name.project != project:
        raise AssayError(
            Code.REQUEST_INVALID,
            f"The audit {audit} belongs to another project than the one that is asked for.",
            f"Name an audit of projects/{project}: nothing is shared between projects.",
        )
    return _told(audit, await _evidence(parts, project, name.id))


def _told(name: str, evidence: Digest) -> Mapping[str, Json]:
    return {"name": name, "evidence": evidence}


async def _evidence(parts: Parts, project: str, audit: str) -> Digest:
    kept = await parts.catalogue.report(project, audit)
    if kept is None:
        raise AssayError(
            Code.NOT_READY,
            f"The audit {audit} has no evidence that a new one could be held against.",
            "Wait for its end, or name another one as the baseline.",
        )
    return kept.evidence_digest


async def earlier_of(
    parts: Parts, policy: Policy, wish: NewAudit, model: ModelRow
) -> Mapping[str, Json] | None:
    """The pictures that broke the last release that is another model, on the same rows.

    An unchanged model is not asked about its own: it would have to run.
    """
    rows = await _rows_of(parts, wish)
    async with aclosing(_passed(parts, policy, wish, rows)) as passed:
        for row in await _named_releases(parts, wish):
            if await _is_another(parts, row, rows, model):
                return await _breaks(parts, row)
        async for row in passed:
            if await _is_another(parts, row, rows, model):
                return await _breaks(parts, row)
    return None


async def _is_another(parts: Parts, row: AuditRow, rows: _Rows, model: ModelRow) -> bool:
    if row.model == model.id or not rows.are_those_of(row):
        return False  # most are: a gate runs again and again
    other = await parts.catalogue.model(row.project, row.model)
    return other.canonical_digest != model.canonical_digest


class _Rows(NamedTuple):
    """What decides which image is which row."""

    sets: frozenset[str]
    """Those that hold the same images: a set that is withheld is the same as one that is not."""
    seed: int

    def are_those_of(self, audit: AuditRow) -> bool:
        """Whether an earlier audit had the same images in the same order."""
        return audit.eval_set in self.sets and int(audit.options["seed"]) == self.seed


async def _rows_of(parts: Parts, wish: NewAudit) -> _Rows:
    data = await parts.catalogue.eval_set(wish.project, wish.eval_set)
    return _Rows(await parts.catalogue.alike(data), int(wish.options["seed"]))


async def _breaks(parts: Parts, row: AuditRow) -> Mapping[str, Json] | None:
    """What its evidence lists; nothing where that was removed meanwhile, or cannot be read."""
    try:
        kept = await parts.blobs.read_bytes(await _evidence(parts, row.project, row.id))
        breaks: Mapping[str, Json] = parse_evidence(kept)["run"].get("breaks", {})
        told = [one for units in breaks.values() for unit in units for one in unit.values()]
        there = all(parts.blobs.has(one["blob"]) for one in told)
    except AssayError:
        return None
    return {"audit": row.id, "breaks": breaks} if told and there else None


async def _latest(parts: Parts, policy: Policy, wish: NewAudit) -> AuditRow | None:
    """The audit that was made the baseline of this subject, else the newest on these data to pass.

    A subject may have a baseline on each of several sets: that on the same rows comes first.
    """
    named, rows = await _named_releases(parts, wish), await _rows_of(parts, wish)
    if named:
        return next((row for row in named if rows.are_those_of(row)), named[0])
    async with aclosing(_passed(parts, policy, wish, rows)) as passed:
        async for row in passed:
            return row
    return None


async def _named_releases(parts: Parts, wish: NewAudit) -> list[AuditRow]:
    found = await parts.catalogue.baselines(wish.project)
    return [row for row in found if await _is_of(parts, row, wish)]


async def _is_of(parts: Parts, row: AuditRow, wish: NewAudit) -> bool:
    """Whether an audit is of the same subject; an older one kept none but its model's name."""
    subject = wish.options["subject"]  # empty where nobody said what it is a release of
    if "subject" in row.options:
        return bool(subject) and row.options["subject"] == subject
    model = await parts.catalogue.model(row.project, row.model)
    return bool(subject) and model.display_name == subject


async def _passed(
    parts: Parts, policy: Policy, wish: NewAudit, rows: _Rows
) -> AsyncGenerator[AuditRow, None]:
    """Audits on these data that passed, newest first.

    Each was itself held against its baseline in all that this policy compares, or a laxer policy
    would make a worse model the release that later ones are held against.
    """
    chosen: Mapping[str, Sequence[str]] = {
        "state": ["SUCCEEDED"],
        "verdict": ["PASS"],
        "eval_set": sorted(rows.sets),
    }
    after = ""
    while True:
        page = await parts.catalogue.list_audits(wish.project, _PAGE, after, chosen)
        for row in page.items:
            if await _is_of(parts, row, wish) and _watches(row.policy, policy):
                yield row
        after = page.next_token
        if not after:
            return


def _watches(earlier: str, policy: Policy) -> bool:
    """Whether an earlier policy compared all that this one compares."""
    return _watched(earlier) >= watched(policy)


@lru_cache(maxsize=64)
def _watched(policy: str) -> frozenset[tuple[str, str]]:
    """What a policy's text holds against a baseline: many audits have the same one."""
    try:
        return watched(parse_policy(policy, ALL))
    except AssayError:
        return frozenset()  # written for another version of this service
