"""Pages of a running service: the list of audits, one audit on its way, and what went wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from analyzers.contract import Json
from service.report import wording
from service.report.pages import page
from service.report.reading import mapping, mappings, text, whole

AGAIN = 3
"""Seconds after which the page of an unfinished audit asks again."""
_OVER = {"succeeded", "failed", "cancelled"}
_SHAPES = {"succeeded": "good", "failed": "bad", "cancelled": "open"}


@dataclass(frozen=True)
class Row:
    """An audit in the list."""

    id: str
    address: str
    state: wording.Mark
    verdict: wording.Mark | None
    about: str
    created: str


def audits_page(audits: Sequence[Mapping[str, Json]]) -> bytes:
    """The newest audits, as links."""
    return page("audits.html.j2", rows=[_row(one) for one in audits])


def audit_page(audit: Mapping[str, Json]) -> bytes:
    """An audit as it stands; it asks again by itself until the audit is over."""
    over = text(audit, "state") in _OVER
    problem = mapping(audit, "problem")
    return page(
        "audit.html.j2",
        again=0 if over else AGAIN,
        row=_row(audit),
        over=over,
        progress=_progress(mapping(audit, "progress")),
        brackets=[_bracket(one) for one in mappings(audit, "brackets")],
        problem=text(problem, "sentence"),
        remedy=text(problem, "remedy"),
        code=text(problem, "code"),
    )


def problem_page(title: str, sentence: str, remedy: str = "") -> bytes:
    """What went wrong, in words that may be shown to anybody."""
    return page("problem.html.j2", name=title, sentence=sentence, remedy=remedy)


def _row(audit: Mapping[str, Json]) -> Row:
    name, state = text(audit, "id"), text(audit, "state", "queued")
    verdict = text(audit, "verdict")
    return Row(
        id=name,
        address=f"/audits/{quote(name, safe='')}",
        state=wording.Mark(state, _SHAPES.get(state, "plain")),
        verdict=wording.mark(verdict) if verdict else None,
        about=", ".join(one for one in (text(audit, "model"), text(audit, "data")) if one),
        created=wording.when(text(audit, "created")),
    )


def _progress(body: Mapping[str, Json]) -> str:
    stage, done, total = text(body, "stage"), whole(body, "done"), whole(body, "total")
    if not stage:
        return ""
    counted = f": {done:,} of {total:,}" if done is not None and total else ""
    note = f" ({text(body, 'note')})" if text(body, "note") else ""
    return f"{stage}{counted}{note}"


def _bracket(one: Mapping[str, Json]) -> str:
    counts = [whole(one, key) or 0 for key in ("standing", "prefix", "population", "fallen")]
    standing, prefix, population, fallen = counts
    return (
        f"{wording.threat(text(one, 'threat'))}: {standing:,} of {prefix:,} images stand, "
        f"{fallen:,} fell, {population:,} in all"
    )
