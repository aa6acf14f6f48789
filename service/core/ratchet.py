"""Which floors a policy may raise: requirements that have long been met with room to spare.

A floor that nobody looks at again guards nothing: models can lose all the room above it, one
release after another, and every one of them passes.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from analyzers.contract import Json

RELEASES: Final = 3
"""In a row that must have had the room."""
_ROOM: Final = 0.05
_LEFT: Final = 0.02
"""Of the least room, what stays free under the new floor: releases differ from one to the next."""


class Raise(NamedTuple):
    """A floor that may go up."""

    requirement: str
    now: float
    then: float
    room: float
    """The least by which it was cleared."""


def ratchet(verdicts: Sequence[Mapping[str, Json]]) -> list[Raise]:
    """Floors to raise by what the last releases show, newest first; none while there are fewer."""
    if len(verdicts) < RELEASES or any(one["verdict"] != "PASS" for one in verdicts[:RELEASES]):
        return []
    return list(_raises([_cleared(one) for one in verdicts[:RELEASES]]))


def _raises(releases: Sequence[Mapping[str, tuple[float, float]]]) -> Iterator[Raise]:
    for name, (floor, _) in releases[0].items():
        rooms = [one[name] for one in releases if name in one]
        reached = min((asked + room for asked, room in rooms), default=0.0)
        room = round(reached - floor, 6)
        if len(rooms) == RELEASES and room >= _ROOM:
            whole = int(round((reached - _LEFT) * 100, 6))
            yield Raise(name, floor, whole / 100, room)


def _cleared(verdict: Mapping[str, Json]) -> dict[str, tuple[float, float]]:
    """Threshold and headroom of what passed over all images."""
    return {
        one["id"]: (one["threshold"], one["headroom"])
        for one in verdict["requirements"]
        if one["state"] == "PASS" and one["headroom"] is not None and "waived" not in one
    }
