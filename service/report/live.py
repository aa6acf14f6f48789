"""Pages of a running service: the list of audits, one audit on its way, and what went wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlencode

from analyzers.contract import Json
from service.report import wording
from service.report.brackets import Holding, live_holding
from service.report.pages import live_page, page
from service.report.reading import mapping, mappings, number, text, whole

AGAIN: Final = 5
"""Seconds after which a page asks again where no script runs."""
_OVER: Final = {"succeeded": "report", "failed": "end", "cancelled": "end"}
_SHAPES: Final = {"running": "busy", "failed": "bad", "cancelled": "open"}
"""Shapes of states; how a finished audit came out is its verdict's to say."""
_WAITING: Final = "Without a script this page asks again every few seconds."
_WAITS: Final = "It waits for its turn."
_LOST: Final = "Its report is not here any more."
STATES: Final = ("queued", "running", "succeeded", "failed", "cancelled")
VERDICTS: Final = ("PASS", "FAIL", "INCONCLUSIVE", "ERROR")


@dataclass(frozen=True)
class Row:
    """An audit in the list."""

    id: str
    address: str
    subject: str
    about: str
    state: wording.Mark
    verdict: wording.Mark | None
    created: str
    progress: str
    history: str
    """Address of its subject's history; empty where it has no name."""
    comparable: bool
    """Whether it left evidence that another audit can be held against."""


@dataclass(frozen=True)
class StageLine:
    """A stage of an audit, in words."""

    title: str
    threat: str
    css: str
    shape: str
    done: str
    planned: int
    told: str


@dataclass(frozen=True)
class Asked:
    """What the list was asked for."""

    words: str = ""
    state: str = ""
    verdict: str = ""
    after: str = ""

    @property
    def address(self) -> str:
        """The question without its place in the list, as the end of an address."""
        named = {"words": self.words, "state": self.state, "verdict": self.verdict}
        told = urlencode({name: value for name, value in named.items() if value})
        return f"?{told}" if told else ""


def audits_page(
    audits: Sequence[Mapping[str, Json]], asked: Asked | None = None, after: str = ""
) -> bytes:
    """Audits as links; ``after`` continues the list."""
    asked = asked or Asked()
    address = asked.address
    return live_page(
        "audits.html.j2",
        again=0 if asked.after else AGAIN,
        rows=[_row(one) for one in audits],
        search=asked,
        searched=bool(address),
        menus=[
            ("state", "State", asked.state, STATES),
            ("verdict", "Verdict", asked.verdict, VERDICTS),
        ],
        older=f"/audits{address or '?'}{'&' * bool(address)}after={quote(after)}" if after else "",
        events="" if asked.after else f"/events{address}",
        waiting=_WAITING,
    )


def audit_page(audit: Mapping[str, Json], *, reported: bool = True) -> bytes:
    """An audit as it stands; it follows by itself until the audit is over.

    ``reported`` says whether a finished one has a report to take the page's place.
    """
    over = _OVER.get(text(audit, "state"), "")
    lost = over == "report" and not reported
    problem = mapping(audit, "problem")
    return live_page(
        "audit.html.j2",
        again=0 if lost or over == "end" else AGAIN,
        row=_row(audit),
        over="end" if lost else over,
        facts=_facts(audit),
        stages=[] if over else _stages(audit),
        waits=_LOST if lost else _WAITS if text(audit, "state", "queued") == "queued" else "",
        brackets=_brackets(audit),
        problem=text(problem, "sentence"),
        remedy=text(problem, "remedy"),
        code=text(problem, "code"),
        waiting=_WAITING,
    )


def problem_page(title: str, sentence: str, remedy: str = "") -> bytes:
    """What went wrong, in words that may be shown to anybody."""
    return page("problem.html.j2", name=title, sentence=sentence, remedy=remedy)


def _row(audit: Mapping[str, Json]) -> Row:
    name, state = text(audit, "id"), text(audit, "state", "queued")
    verdict, subject = text(audit, "verdict"), text(audit, "subject")
    model = text(audit, "model")
    about = (model if model != subject else "", text(audit, "data"))
    return Row(
        id=name,
        address=f"/audits/{quote(name, safe='')}",
        subject=wording.plain(subject, 120),
        about=", ".join(wording.plain(one, 120) for one in about if one),
        state=wording.Mark(state, _SHAPES.get(state, "plain")),
        verdict=wording.mark(verdict) if verdict else None,
        created=wording.when(text(audit, "created")),
        progress="" if state in _OVER else _progress(audit),
        history=f"/history?{urlencode({'subject': subject})}" if subject else "",
        comparable=state == "succeeded",
    )


def _progress(audit: Mapping[str, Json]) -> str:
    """In a few words: which stage of how many, and how long it takes at most."""
    stages = mappings(audit, "stages")
    at = [place for place, one in enumerate(stages) if text(one, "state") == "running"]
    told = f"stage {at[0] + 1} of {len(stages)}" if at else ""
    return ", ".join(one for one in (told, _left(audit)) if one)


def _facts(audit: Mapping[str, Json]) -> list[tuple[str, str]]:
    over = text(audit, "state") in _OVER
    left = "" if over else _left(audit)
    pairs = (
        ("Time left", f"{left}; most end earlier" if left else ""),
        ("At work on", "" if over or mappings(audit, "stages") else _at_work(audit)),
        ("Model", text(audit, "model")),
        ("Images", text(audit, "data")),
        ("Profile", text(audit, "profile")),
        ("Begun", wording.when(text(audit, "created"))),
    )
    return [(name, wording.plain(value, 200)) for name, value in pairs if value]


def _at_work(audit: Mapping[str, Json]) -> str:
    """What is in flight, where nobody knows the stages around it."""
    progress = mapping(audit, "progress")
    return text(progress, "stage") + _in_flight(progress)[1] if progress else ""


def _left(audit: Mapping[str, Json]) -> str:
    seconds = number(audit, "seconds_left")
    return "" if seconds is None else wording.at_most(seconds)


def _stages(audit: Mapping[str, Json]) -> list[StageLine]:
    return [_stage(one, mapping(audit, "progress")) for one in mappings(audit, "stages")]


def _stage(one: Mapping[str, Json], progress: Mapping[str, Json]) -> StageLine:
    state, done = text(one, "state"), whole(one, "done") or 0
    planned, threat = whole(one, "planned") or 0, text(one, "threat")
    shape = {"over": "good" if done else "plain", "running": "busy"}.get(state, "plain")
    share = 0.0
    told = f"{done:,} {'part' if done == 1 else 'parts'}" if done else "nothing to do"
    if state == "waiting":
        told = "ahead" if planned else "hangs on stages before it"
    elif state == "running":
        share, in_flight = _in_flight(progress)
        told = f"part {done + 1:,} of {planned:,} planned so far{in_flight}"
    reached = f"{done + share:.2f}".rstrip("0").rstrip(".")
    against = wording.threat(threat) if threat else ""
    title = wording.plain(text(one, "title"), 120)
    return StageLine(title, against, state, shape, reached, planned, told)


def _in_flight(progress: Mapping[str, Json]) -> tuple[float, str]:
    """How much of the part at work is done, as a share and in words."""
    done, total = whole(progress, "done"), whole(progress, "total")
    note = wording.plain(text(progress, "note"), 80)
    counted = f"{done:,} of {total:,}" if done is not None and total else ""
    told = " ".join(one for one in (counted, f"({note})" if note else "") if one)
    share = min(1.0, max(0.0, (done or 0) / total)) if total else 0.0
    return share, f": {told}" if told else ""


def _brackets(audit: Mapping[str, Json]) -> list[Holding]:
    return [live_holding(one) for one in mappings(audit, "brackets")]
