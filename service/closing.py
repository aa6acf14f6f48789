"""What an audit leaves behind: evidence, verdict, page. Runs in a thread, touches no database."""

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass

from analyzers.contract import Json
from service.audit_case import AuditCase, Shelf, versions
from service.audit_run import Account
from service.core.evidence import facts_of, sample_table
from service.gate import Beside, verdict_on
from service.report.gallery import GalleryImages
from service.report.html import render_html
from service.witnesses.archive import archived
from service.witnesses.counted import Counted, counted, stored
from service.witnesses.earlier import listed
from service.witnesses.gallery import galleries
from service.witnesses.index import INDEX, read_index


@dataclass(frozen=True)
class Closing:
    """The files of a finished audit."""

    evidence: Mapping[str, Json]
    verdict: Mapping[str, Json] | None
    page: bytes
    samples: bytes
    witnesses: bytes
    """An archive; empty when nothing was broken."""


def close(case: AuditCase, account: Account, shelf: Shelf, run: Mapping[str, Json]) -> Closing:
    """Freeze the evidence, judge it when the audit asked for a verdict, and render the page."""
    facts = facts_of(
        case.course,
        subject=case.subject_facts(),
        data=case.data_facts(),
        engine=case.engine,
        versions=versions(),
        labels=_labels(case),
    )
    witnesses = archived(case, _counted(case, shelf))
    evidence = {"facts": facts, "run": {**run, **_costs(account), **_breaks(case, witnesses)}}
    verdict = None
    if case.policy is not None and case.row.options["judge"]:
        verdict = verdict_on(evidence, case.policy, str(run["finished"]), _beside(case, shelf))
    page = render_html(evidence, verdict, _galleries(witnesses, facts))
    return Closing(evidence, verdict, page, _samples(case), witnesses)


def as_file(body: Json) -> bytes:
    """A JSON file that people may read and a diff can compare."""
    return (json.dumps(body, indent=1, sort_keys=True, allow_nan=False) + "\n").encode()


def _beside(case: AuditCase, shelf: Shelf) -> Beside:
    """The waivers and the baseline that the audit was asked for with."""
    options = case.row.options
    baseline = options.get("baseline")
    if not baseline:
        return Beside(options.get("waivers", ""), first=True)
    evidence = shelf.local_path(baseline["evidence"]).read_bytes()
    return Beside(options.get("waivers", ""), baseline["name"], evidence)


def _labels(case: AuditCase) -> list[int]:
    """The labels of the audit's rows, in its order."""
    _, labels = stored(case)
    return [int(labels[at]) for at in case.order]


def _costs(account: Account) -> dict[str, Json]:
    return {
        "cache": {
            "hits": account.hits,
            "misses": account.misses,
            "reasons": [
                {"analyzer": analyzer, "reason": reason, "units": units}
                for (analyzer, reason), units in account.reasons.items()
            ],
        },
        "retries": account.retries,
        "artifacts": [
            {"name": name, "digest": blob} for name, blob in sorted(account.blobs.items())
        ],
    }


def _counted(case: AuditCase, shelf: Shelf) -> list[list[Counted]]:
    """What each attack broke."""
    course, order, shape = case.course, case.order, case.material.shape[1:]
    return [
        counted(one, course.done(one), order, shelf=shelf, shape=shape) for one in course.instances
    ]


def _breaks(case: AuditCase, witnesses: bytes) -> dict[str, Json]:
    """Where the pictures are: those of this model, by image, and whose were shown to it."""
    earlier = case.row.options.get("earlier")
    told: dict[str, Json] = {
        "breaks": listed(case.course),
        "earlier": earlier["audit"] if earlier else "",
    }
    if witnesses:
        digest = hashlib.sha256(witnesses).hexdigest()
        told["witnesses"] = {"digest": digest, "size": len(witnesses)}
    return told


def _samples(case: AuditCase) -> bytes:
    tables = {one.key: sample_table(case.course.done(one)) for one in case.course.instances}
    return as_file({key: table for key, table in tables.items() if table})


def _galleries(witnesses: bytes, facts: Mapping[str, Json]) -> dict[str, GalleryImages]:
    """What the page shows of the pictures that are handed out beside it."""
    if not witnesses:
        return {}
    place = zipfile.Path(zipfile.ZipFile(io.BytesIO(witnesses)))
    names = [str(one) for one in facts["data"].get("class_names", ())]
    return galleries(place, read_index((place / INDEX).read_bytes()), names)
