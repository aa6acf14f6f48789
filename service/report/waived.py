"""Waivers in force, and those that are not: who let what pass, until when, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from analyzers.contract import Json
from service.report import wording
from service.report.reading import mappings, text, whole

_STATES = {
    "applied": wording.Mark("in force", "open"),
    "accepted": wording.Mark("accepted undecided", "open"),
    "void": wording.Mark("void", "plain"),
    "expired": wording.Mark("expired", "plain"),
    "unmatched": wording.Mark("matches nothing", "plain"),
}


@dataclass(frozen=True)
class Waived:
    """One waiver."""

    id: str
    mark: wording.Mark
    until: str
    people: str
    reason: str
    note: str


def waived(verdict: Mapping[str, Json]) -> list[Waived]:
    """Every waiver that was handed in, those that change something first."""
    order = {state: place for place, state in enumerate(_STATES)}
    found = sorted(
        mappings(verdict, "waivers"), key=lambda one: order.get(text(one, "state"), len(order))
    )
    return [_waived(one) for one in found]


def _waived(one: Mapping[str, Json]) -> Waived:
    state, days = text(one, "state"), whole(one, "days_left")
    left = "" if days is None or days < 0 else f" ({days:,} {'day' if days == 1 else 'days'} left)"
    soon = ", expires soon" if one.get("expiring") is True else ""
    owner, approved = text(one, "owner"), text(one, "approved_by")
    people = [f"owner {owner}" if owner else "", f"approved by {approved}" if approved else ""]
    return Waived(
        id=text(one, "id", "unnamed"),
        mark=_STATES.get(state, wording.Mark(state or "not known", "open")),
        until=f"{text(one, 'expires')}{left}{soon}",
        people=", ".join(part for part in people if part),
        reason=text(one, "reason"),
        note=text(one, "note"),
    )
