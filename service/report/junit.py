"""The verdict as JUnit: a suite for each threat, a case for each requirement, none for an image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal
from xml.etree import ElementTree as ET

from analyzers.contract import Json
from service.report import ledger, wording
from service.report.reading import ends_of, mapping, mappings, text

Open = Literal["failure", "skipped"]
"""What an INCONCLUSIVE is in a format that has no word for it."""
_ROOT = "robustness"
_CASES = 5000
_STATES = {"PASS": "", "FAIL": "failure", "INCONCLUSIVE": "inconclusive"}
_NUMBERS = ("observed", "threshold", "headroom", "level")
_WORDS = ("metric", "threat", "class", "severity", "grade", "comparison", "decided_by", "state")


def render_junit(
    evidence: Mapping[str, Json],
    verdict: Mapping[str, Json] | None,
    *,
    inconclusive: Open = "failure",
) -> bytes:
    """The whole file; no time stands in it, so the same verdict gives the same bytes."""
    judged = mapping(verdict)
    root = ET.Element("testsuites", name="assay")
    shared = _shared(evidence, judged)
    for name, lines in _suites(judged).items():
        suite = _suite(root, name, shared)
        for one in lines[:_CASES]:
            _requirement(suite, one, _permission(judged, one), inconclusive)
    suite = _suite(root, "evaluation", shared)
    if not judged:
        _ended(_case(suite, "verdict"), "error", "missing", "Nobody judged this evidence.")
    # What is in doubt beside a PASS held nothing back: where the gate passes, nothing fails.
    doubtful: Open = "skipped" if text(judged, "verdict") == "PASS" else inconclusive
    for one in mappings(judged, "indicators")[:_CASES]:
        _indicator(suite, one, doubtful)
    _count(root)
    ET.indent(root, " ")
    return ET.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n"


def _plain(value: object, limit: int = 300) -> str:
    """Text without anything that XML forbids: only characters that can be printed remain."""
    return wording.plain(value, limit)


def _suites(verdict: Mapping[str, Json]) -> dict[str, list[Mapping[str, Json]]]:
    """Requirements by their threat under the policy's own name for it, in the policy's order."""
    found: dict[str, list[Mapping[str, Json]]] = {}
    for one in mappings(verdict, "requirements"):
        label = text(one, "label") or text(one, "threat")
        found.setdefault(f"{_ROOT}.{_plain(label)}" if label else _ROOT, []).append(one)
    return found


def _shared(evidence: Mapping[str, Json], verdict: Mapping[str, Json]) -> list[tuple[str, str]]:
    """What every suite says of itself, as a reader may keep one suite alone."""
    subject = mapping(evidence, "facts", "subject")
    known = ledger.evidence_digest(evidence)
    judged = ledger.headline(verdict, known)
    pairs = (
        ("verdict", text(verdict, "verdict")),
        ("model", text(subject, "name")),
        ("model_digest", text(subject, "canonical_digest")),
        ("evidence_digest", known),
        ("policy_digest", text(verdict, "policy_digest")),
        ("baseline", text(mapping(verdict, "baseline"), "name")),
        *(("note", note) for note in judged.notes[:20]),
    )
    return [(name, value) for name, value in pairs if value]


def _suite(root: ET.Element, name: str, shared: Sequence[tuple[str, str]]) -> ET.Element:
    suite = ET.SubElement(root, "testsuite", name=name)
    _properties(suite, shared)
    return suite


def _case(suite: ET.Element, name: str) -> ET.Element:
    classname = suite.get("name", _ROOT)
    return ET.SubElement(suite, "testcase", classname=classname, name=_plain(name), time="0")


def _properties(parent: ET.Element, pairs: Sequence[tuple[str, str]]) -> None:
    if pairs:
        body = ET.SubElement(parent, "properties")
        for name, value in pairs:
            ET.SubElement(body, "property", name=_plain(name), value=_plain(value, 600))


def _ended(case: ET.Element, tag: str, kind: str, message: str) -> None:
    """How a case that did not pass ended; the words stand where either kind of reader looks."""
    told = _plain(message, 600)
    attributes = {"message": told} if tag == "skipped" else {"type": kind, "message": told}
    ET.SubElement(case, tag, attributes).text = told


def _requirement(
    suite: ET.Element, one: Mapping[str, Json], permission: str, inconclusive: Open
) -> None:
    group = text(one, "class")
    name = text(one, "id", "requirement")
    case = _case(suite, f"{name} [{group}]" if group else name)
    _properties(case, _numbers(one))
    state, reason = text(one, "state"), text(one, "reason", "No reason was given.")
    settling = text(one, "settles")
    parts = (permission, reason, f"To settle it: {settling}" if settling else "")
    told = " ".join(part for part in parts if part)
    kind = _STATES.get(state, "error")
    if permission and kind == "failure":
        _ended(case, "skipped", "", told)
    elif kind == "inconclusive":
        _ended(case, inconclusive, kind, told)
    elif kind:
        _ended(case, kind, _plain(state or "not judged", 60), told)


def _permission(verdict: Mapping[str, Json], one: Mapping[str, Json]) -> str:
    """Who let this be, and why; empty when nobody did. What is open stays open, though accepted."""
    name, person = text(one, "waived"), text(one, "accepted_by")
    if not name and not person:
        return ""
    known = [each for each in mappings(verdict, "waivers") if name and text(each, "id") == name]
    found = mapping(known[0]) if known else mapping(None)
    told = f"Accepted by {person}" if person else f"Waived by {name}"
    until = f" until {text(found, 'expires')}" if text(found, "expires") else ""
    return f"{told}{until}: {text(found, 'reason', 'no reason was given')}."


def _numbers(one: Mapping[str, Json]) -> list[tuple[str, str]]:
    """Everything that was counted and computed, under the names that the verdict file uses."""
    pairs = [(key, text(one, key)) for key in (*_WORDS, *_NUMBERS)]
    pairs += zip(("interval_low", "interval_high"), map(repr, ends_of(one) or ()), strict=False)
    for group in ("counts", "paired"):
        body = mapping(one, group)
        pairs += [(f"{group}.{key}", text(body, key)) for key in sorted(body)[:30]]
    return [(name, value) for name, value in pairs if value]


def _indicator(suite: ET.Element, one: Mapping[str, Json], inconclusive: Open) -> None:
    about, analyzer = wording.scope(mapping(one, "scope")), text(one, "analyzer")
    where = ", ".join(part for part in (analyzer, about) if part)
    name = text(one, "metric", "indicator")
    case = _case(suite, f"{name} ({where})" if where else name)
    numbers = [(key, text(one, key)) for key in ("state", "value", "limit")]
    counts = mapping(one, "counts")
    numbers += [(f"counts.{key}", text(counts, key)) for key in sorted(counts)[:30]]
    _properties(case, [(key, value) for key, value in numbers if value])
    state, note = text(one, "state", "missing"), text(one, "note")
    told = f"The indicator is {wording.mark(state).word}. {note}".strip()
    if state == "not_applicable":
        _ended(case, "skipped", "", told)
    elif state != "ok":
        _ended(case, inconclusive, "inconclusive", f"{told} Such an indicator holds a PASS back.")


def _count(root: ET.Element) -> None:
    """Totals of every suite and of the file, counted from what stands in them."""
    for part in (*root.findall("testsuite"), root):
        cases = list(part.iter("testcase"))
        part.set("tests", str(len(cases)))
        for tag, name in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
            part.set(name, str(sum(case.find(tag) is not None for case in cases)))
