"""What an audit leaves behind: evidence, verdict, page. Runs in a thread, touches no database."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from analyzers.contract import Array, Digest, Json
from service.audit_case import AuditCase, Shelf, versions
from service.audit_run import Account
from service.core.driver import Instance
from service.core.evidence import facts_of, sample_table
from service.core.judge import judge
from service.report.gallery import GalleryImages
from service.report.html import render_html

PICTURES = 4
WITNESS = "witness"
"""The blob name under which attacks leave their witnesses, in the order of the claimed rows."""


@dataclass(frozen=True)
class Closing:
    """The files of a finished audit."""

    evidence: Mapping[str, Json]
    verdict: Mapping[str, Json] | None
    page: bytes
    samples: bytes


def close(case: AuditCase, account: Account, shelf: Shelf, run: Mapping[str, Json]) -> Closing:
    """Freeze the evidence, judge it when the audit asked for a verdict, and render the page."""
    facts = facts_of(
        case.course,
        subject=case.subject_facts(),
        data=case.data_facts(),
        engine=case.engine,
        versions=versions(),
    )
    evidence = {"facts": facts, "run": {**run, **_costs(account)}}
    verdict = None
    if case.policy is not None and case.row.options["judge"]:
        verdict = judge(evidence, case.policy, evaluated_at=str(run["finished"]))
    page = render_html(evidence, verdict, _galleries(case, shelf))
    return Closing(evidence, verdict, page, _samples(case))


def as_file(body: Json) -> bytes:
    """A JSON file that people may read and a diff can compare."""
    return (json.dumps(body, indent=1, sort_keys=True, allow_nan=False) + "\n").encode()


def _costs(account: Account) -> dict[str, Json]:
    return {
        "cache": {"hits": account.hits, "misses": account.misses},
        "retries": account.retries,
        "artifacts": [
            {"name": name, "digest": blob} for name, blob in sorted(account.blobs.items())
        ],
    }


def _samples(case: AuditCase) -> bytes:
    tables = {one.key: sample_table(case.course.done(one)) for one in case.course.instances}
    return as_file({key: table for key, table in tables.items() if table})


def _galleries(case: AuditCase, shelf: Shelf) -> dict[str, GalleryImages]:
    found: dict[str, GalleryImages] = {}
    for one in case.course.instances:
        pictures = _gallery(case, one, shelf)
        if pictures is not None:
            found[one.key] = pictures
    return found


def _gallery(case: AuditCase, instance: Instance, shelf: Shelf) -> GalleryImages | None:
    """The first confirmed witnesses of an attack, beside the pictures they were made from."""
    positions: list[int] = []
    became: list[int] = []
    adversarial: list[Array] = []
    for done in case.course.done(instance):
        if WITNESS not in done.blobs:
            continue
        witnesses = _mapped(shelf, done.blobs[WITNESS], "<f4", (-1, *case.material.shape[1:]))
        claimed = [
            at for at, state in enumerate(done.samples["state"]) if state in ("broken", "pending")
        ]
        for order, at in enumerate(claimed):
            if done.samples["state"][at] == "broken" and len(positions) < PICTURES:
                positions.append(case.order[int(done.samples["row"][at])])
                became.append(int(done.samples["became"][at]))
                adversarial.append(np.array(witnesses[order]))
    if not positions:
        return None
    material = case.material
    images = np.memmap(material.images, material.dtype, "r", shape=tuple(material.shape))
    labels = np.memmap(material.labels, "<i8", "r")
    return GalleryImages(
        clean=np.array(images[positions]),
        adversarial=np.stack(adversarial),
        labels=[int(labels[position]) for position in positions],
        predicted=became,
        eps=str(instance.config.get("eps", "")),
    )


def _mapped(shelf: Shelf, blob: Digest, dtype: str, shape: tuple[int, ...]) -> Any:  # noqa: ANN401 - a memmap's type depends on dtype text
    return np.memmap(shelf.local_path(blob), dtype, "r").reshape(shape)
