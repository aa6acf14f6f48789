"""On which grounds a waiver may hold: two people, believable numbers, a floor that is cleared.

Each function says in one sentence why not, and nothing if it may.
"""

import unicodedata
from collections.abc import Mapping
from typing import Final

from analyzers.contract import Json
from service.core.waivers import Waiver

_LIGHT: Final = frozenset({"info", "low", "medium"})
"""Severities that one person may waive alone; whatever else stands there, or nothing, needs two."""
_FINE: Final = frozenset({"ok", "not_applicable"})


def no_ground(verdict: Mapping[str, Json], waiver: Waiver, entry: Mapping[str, Json]) -> str:
    """Why a failed requirement may not be waived."""
    return (
        lacks_approval(waiver, entry)
        or _doubted(verdict, entry)
        or _others_fail(waiver, entry)
        or _below_floor(waiver, entry)
    )


def lacks_approval(waiver: Waiver, entry: Mapping[str, Json]) -> str:
    """Why a requirement or finding of this severity may not be waived by these people."""
    return "" if entry.get("severity") in _LIGHT else four_eyes(waiver)


def four_eyes(waiver: Waiver) -> str:
    """Why this is not the word of two people."""
    if waiver.approved_by is None:
        return "Nobody approved the waiver (approved_by)."
    if _person(waiver.approved_by) == _person(waiver.owner):
        return "The waiver's owner approved it alone; somebody else must."
    return ""


def _person(name: str) -> str:
    return unicodedata.normalize("NFKC", name).strip().casefold()


def _doubted(verdict: Mapping[str, Json], entry: Mapping[str, Json]) -> str:
    """Why the numbers that a floor is held against are not to be believed."""
    if entry.get("decided_by") in {"trust", "pending"}:
        return "It is the evaluation itself that fails, which nobody waives."
    if "doubt" in entry:
        return str(entry["doubt"])
    bad = [one for one in verdict.get("indicators", ()) if one["state"] not in _FINE]
    words = ", ".join(f"{one['metric']} is {one['state']}" for one in bad)
    return f"The evaluation itself is in doubt: {words}." if bad else ""


def _others_fail(waiver: Waiver, entry: Mapping[str, Json]) -> str:
    failing = list(entry.get("failing", ()))
    named = waiver.match.class_name in failing
    others = len(failing) - named  # two classes of one name are two
    if others:
        return f"Other classes fail too ({others}), which it does not name."
    open_ones = len(entry.get("undecided", ()))
    return (
        f"Other classes are undecided ({open_ones}), which nobody can waive." if open_ones else ""
    )


def _below_floor(waiver: Waiver, entry: Mapping[str, Json]) -> str:
    if entry.get("comparison", "gte") != "gte":
        return "A floor bounds a share, not a change; to accept the change, set another baseline."
    interval = entry.get("interval") or (None,)
    low, observed = _share(interval[0]), _share(entry.get("observed"))
    if waiver.floor is None or low is None or observed is None:
        return "Whether the waiver's floor is cleared is not known."
    # Both sides are the float nearest to an exact share, so that equal shares compare equal.
    floor = float(waiver.floor.gte)
    if low >= floor:
        return ""
    seen = f"{100 * observed:.4g}% seen, at least {100 * low:.4g}% by its interval"
    early = "" if low else " An audit that ends early tells nothing from below."
    return f"The waiver's floor of {100 * floor:.4g}% is not cleared ({seen}).{early}"


def _share(value: Json) -> float | None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return value if number and 0 <= value <= 1 else None
