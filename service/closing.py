"""What an audit leaves behind: evidence, verdict, page. Runs in a thread, touches no database."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from analyzers.contract import Json
from service.audit_case import AuditCase, Shelf, versions
from service.audit_run import Account
from service.core.evidence import facts_of, sample_table
from service.gate import Beside, verdict_on
from service.report.html import render_html
from service.witnesses.bundles import Bundle, Bundles
from service.witnesses.counted import stored
from service.witnesses.earlier import listed


@dataclass(frozen=True)
class Closing:
    """The files of a finished audit."""

    evidence: Mapping[str, Json]
    verdict: Mapping[str, Json] | None
    page: bytes
    samples: bytes
    witnesses: bytes
    """An archive; empty when nothing was broken."""


def close(
    case: AuditCase, account: Account, shelf: Shelf, run: Mapping[str, Json], bundles: Bundles
) -> Closing:
    """Freeze the evidence, judge it when the audit asked for a verdict, and render the page."""
    facts = facts_of(
        case.course,
        subject=case.subject_facts(),
        data=case.data_facts(),
        engine=case.engine,
        versions=versions(),
        labels=_labels(case),
    )
    bundle = bundles.of(case, shelf)
    evidence = {"facts": facts, "run": {**run, **_costs(account), **_breaks(case, bundle)}}
    verdict = None
    if case.policy is not None and case.row.options["judge"]:
        verdict = verdict_on(evidence, case.policy, str(run["finished"]), _beside(case, shelf))
    page = render_html(evidence, verdict, bundle.shown)
    return Closing(evidence, verdict, page, _samples(case), bundle.archive)


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


def _breaks(case: AuditCase, bundle: Bundle) -> dict[str, Json]:
    """Where the pictures are: those of this model, by image, and whose were shown to it."""
    earlier = case.row.options.get("earlier")
    told: dict[str, Json] = {
        "breaks": listed(case.course),
        "earlier": earlier["audit"] if earlier else "",
    }
    if bundle.archive:
        told["witnesses"] = bundle.as_json()
    return told


def _samples(case: AuditCase) -> bytes:
    tables = {one.key: sample_table(case.course.done(one)) for one in case.course.instances}
    return as_file({key: table for key, table in tables.items() if table})
