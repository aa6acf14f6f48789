"""What waivers change in a verdict: a pure function of verdict, findings, waivers and date.

A waived requirement stays FAIL and says who waived it; only the verdict over all of them may
turn. What is absent or undecided never becomes a PASS.
"""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final, Literal, NamedTuple

from analyzers.contract import Json
from service.core.waiver_grounds import four_eyes, lacks_approval, no_ground
from service.core.waivers import Waiver

EXPIRING_DAYS: Final = 14
"""Days before its end from which a waiver is shown as expiring."""

WaiverState = Literal["applied", "accepted", "void", "expired", "unmatched"]
_STRENGTH: Final[Mapping[WaiverState, int]] = {
    "applied": 0,
    "accepted": 1,
    "void": 2,
    "unmatched": 3,
}
_NEVER: Final = ("EVL-", "ART-")
"""Findings that say whether the audit itself can be believed."""


class _Effect(NamedTuple):
    state: WaiverState
    note: str


@dataclass(frozen=True)
class _Case:
    """One weighing in progress."""

    verdict: Mapping[str, Json]
    findings: Sequence[Mapping[str, Json]]
    on: date
    subject: str
    held: dict[int, Waiver] = field(default_factory=dict[int, Waiver])
    """Which waiver holds which requirement, by its place; the first in the file has it."""

    @property
    def requirements(self) -> Sequence[Mapping[str, Json]]:
        return self.verdict["requirements"]


def weighed(
    verdict: Mapping[str, Json],
    findings: Sequence[Mapping[str, Json]],
    waivers: Sequence[Waiver],
    *,
    on: date,
    subject: str,
) -> dict[str, Json]:
    """The judge's verdict with what the waivers change, and with the state of each waiver.

    Three keys of a requirement's entry are read where the judge gives them: ``doubt`` (why it would
    not have let a PASS through), ``failing`` and ``undecided`` (all classes that fail or are open,
    where the entry shows the weakest). The verdict follows from the requirements alone; whatever
    else may fail a release must be among them.
    """
    if "waivers" in verdict:
        message = "this verdict was weighed already; weigh what the judge said"
        raise ValueError(message)
    case = _Case(verdict, findings, on, subject)
    lines = [_line(one, _effect(case, one), on) for one in waivers]
    said: dict[str, Json] = {**copy.deepcopy(dict(verdict)), "waivers": lines}
    for place, waiver in case.held.items():
        entry = said["requirements"][place]
        entry["waived"] = waiver.id
        if entry["state"] == "INCONCLUSIVE":
            entry["accepted_by"] = waiver.approved_by
    if case.held:
        said["verdict"] = _lifted(case)
        said["sentence"] = _sentence(case, said["verdict"])
    return said


def _line(waiver: Waiver, effect: _Effect, on: date) -> dict[str, Json]:
    days_left = (waiver.expires - on).days
    return {
        "id": waiver.id,
        "state": effect.state,
        "note": effect.note,
        "owner": waiver.owner,
        "approved_by": waiver.approved_by,
        "reason": waiver.reason,
        "expires": waiver.expires.isoformat(),
        "days_left": days_left,
        "expiring": 0 <= days_left <= EXPIRING_DAYS,
    }


def _effect(case: _Case, waiver: Waiver) -> _Effect:
    """What one waiver does; a requirement that it holds is noted in the case."""
    match = waiver.match
    if case.on > waiver.expires:
        return _Effect("expired", f"It expired on {waiver.expires}; what it waived counts again.")
    if case.on < waiver.created:
        return _Effect("void", f"It holds only from {waiver.created} on.")
    if match.subject is not None and match.subject != case.subject:
        return _Effect("unmatched", f"It is meant for the model '{match.subject}' only.")
    if match.rule is not None:
        return _on_findings(case, waiver, match.rule)
    effects = [
        _on_requirement(case, waiver, place)
        for place, entry in enumerate(case.requirements)
        if entry["id"] == match.requirement and (entry.get("class") or None) == match.class_name
    ]
    if not effects:
        return _Effect("unmatched", _nothing_there(case, waiver))
    strongest = min(effects, key=lambda one: _STRENGTH[one.state])
    return _Effect(strongest.state, " ".join(one.note for one in effects))


def _nothing_there(case: _Case, waiver: Waiver) -> str:
    match = waiver.match
    if all(entry["id"] != match.requirement for entry in case.requirements):
        return f"The policy has no requirement '{match.requirement}'."
    if match.class_name is None:
        return f"'{match.requirement}' is judged by class; name the class under match."
    return f"The verdict on '{match.requirement}' does not speak of the class '{match.class_name}'."


def _on_findings(case: _Case, waiver: Waiver, rule: str) -> _Effect:
    if rule.upper().startswith(_NEVER):
        return _Effect("void", f"{rule} says whether the audit can be believed; nobody waives it.")
    found = [one for one in case.findings if one["id"] == rule]
    if not found:
        return _Effect("unmatched", f"Nothing was found under {rule}.")
    fault = next(filter(None, (lacks_approval(waiver, one) for one in found)), "")
    if fault:
        return _Effect("void", fault)
    return _Effect("applied", f"Waives {_count(len(found), 'finding')} {rule}.")


def _on_requirement(case: _Case, waiver: Waiver, place: int) -> _Effect:
    entry = case.requirements[place]
    name, state = _name(entry), entry["state"]
    if state not in {"FAIL", "INCONCLUSIVE"}:
        return _Effect("unmatched", f"{name} is {state}, so there is nothing to waive.")
    fails = state == "FAIL"
    fault = no_ground(case.verdict, waiver, entry) if fails else four_eyes(waiver)
    if fault:
        return _Effect("void", f"{name} stays {state}: {fault}")
    if place in case.held:
        return _Effect("unmatched", f"{name} is waived by {case.held[place].id} already.")
    case.held[place] = waiver
    if fails:
        return _Effect("applied", f"{name} fails and is waived.")
    return _Effect("accepted", f"{name} is accepted undecided; that makes no PASS of it.")


def _lifted(case: _Case) -> str:
    """The verdict over all requirements; only a FAIL that waivers cover whole turns."""
    states = {entry["state"] for entry in _uncovered(case)}
    old = str(case.verdict["verdict"])
    if old != "FAIL" or not states <= {"PASS", "INCONCLUSIVE"}:
        return old
    return "INCONCLUSIVE" if "INCONCLUSIVE" in states else "PASS"


def _uncovered(case: _Case) -> list[Mapping[str, Json]]:
    """Requirements that count as they are: all but those that fail and are waived."""
    return [
        entry
        for place, entry in enumerate(case.requirements)
        if entry["state"] != "FAIL" or place not in case.held
    ]


def _sentence(case: _Case, verdict: str) -> str:
    """The judge's sentence, and how much of it is waived; a waived FAIL keeps its numbers."""
    waived, accepted = _held(case, "FAIL"), _held(case, "INCONCLUSIVE")
    said = str(case.verdict["sentence"])
    covered = f"{_count(len(waived), 'failed requirement')} waived ({_until(waived)})."
    if verdict != case.verdict["verdict"]:
        said = f"{verdict}, with {covered} {said.partition(' ')[2]}"
    elif waived:
        said += f" It stays {verdict}, with {covered}"
    if waived and verdict != "PASS":
        said += f" Not waived: {_open(case)}."
    if accepted:
        undecided = _count(len(accepted), "undecided requirement")
        said += f" Accepted, though no PASS: {undecided} ({_until(accepted)})."
    return said


def _held(case: _Case, state: str) -> list[Waiver]:
    """The waiver of each requirement that is held in a state."""
    return [one for place, one in case.held.items() if case.requirements[place]["state"] == state]


def _open(case: _Case) -> str:
    left = [one for one in _uncovered(case) if one["state"] != "PASS"]
    return ", ".join(f"{_name(one)} ({one['state']})" for one in left)


def _until(waivers: Sequence[Waiver]) -> str:
    return ", ".join(dict.fromkeys(f"{one.id} until {one.expires}" for one in waivers))


def _name(entry: Mapping[str, Json]) -> str:
    group = entry.get("class")
    return f"'{entry['id']}' of the class '{group}'" if group else f"'{entry['id']}'"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
