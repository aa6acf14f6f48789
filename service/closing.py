"""What an audit leaves behind: evidence, verdict, page. Runs in a thread, touches no database."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

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

PICTURES = 4


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
    found = _counted(case, shelf)
    witnesses = archived(case, found)
    evidence = {"facts": facts, "run": {**run, **_costs(account), **_breaks(case, witnesses)}}
    verdict = None
    if case.policy is not None and case.row.options["judge"]:
        verdict = verdict_on(evidence, case.policy, str(run["finished"]), _beside(case, shelf))
    page = render_html(evidence, verdict, _galleries(case, found))
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


def _galleries(case: AuditCase, found: Sequence[Sequence[Counted]]) -> dict[str, GalleryImages]:
    pictures = [
        _gallery(case, [one for one in broken if "float32" in one.became]) for broken in found
    ]
    return {
        one.key: shown for one, shown in zip(case.course.instances, pictures, strict=True) if shown
    }


def _gallery(case: AuditCase, broken: Sequence[Counted]) -> GalleryImages | None:
    """The first confirmed witnesses of an attack, beside the pictures they were made from."""
    if not broken:
        return None
    images, labels = stored(case)
    first = broken[:PICTURES]
    return GalleryImages(
        clean=np.array([images[one.image] for one in first]),
        adversarial=np.stack([one.pictures["float32"] for one in first]),
        labels=[int(labels[one.image]) for one in first],
        predicted=[one.became["float32"] for one in first],
        eps=str(first[0].instance.config.get("eps", "")),
    )
