"""The claims of a measurement: which images, which pictures break them, and what settles them.

A claim is made at a depth: with any numbers, or with codes that a file of 8 bits a pixel can hold.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from analyzers.contract import Array
from analyzers.pictures import seen
from service.sandbox.frames import Overflow
from service.sandbox.messages import PartialAnswer
from service.sandbox.witness import Opinion, inside_ball, inside_grid, opinion

SETTLED: Final = ("broken", "pending", "certified")
DEPTHS: Final = (("", "float32"), ("8", "uint8"))
"""What the columns and the blob of a depth end with, and the type of its pictures."""


class Claim(NamedTuple):
    """All claims of a measurement at one depth."""

    ending: str
    blob: str
    dtype: str
    places: Sequence[int]
    """Where in the table of samples."""
    rows: Sequence[int]


class Stored(NamedTuple):
    """The pictures and labels of an evaluation set, as the service keeps them."""

    images: Array
    labels: Array


@dataclass(frozen=True)
class Settled:
    """A measurement's claims after somebody else looked at them."""

    columns: Mapping[str, list[Any]] = field(default_factory=dict[str, list[Any]])
    replayed: int = 0
    """Claims that the uploaded bytes were asked about."""
    differing: int = 0
    """Of these, how many they take for another class than the canonical file does."""

    def counted(self, numbers: Mapping[str, float]) -> dict[str, float]:
        """The child's own counts of replays, with those of its claims."""
        told = {"replayed": self.replayed, "replay_differs": self.differing}
        return {name: numbers.get(name, 0) + more for name, more in told.items() if self.replayed}


def claims_of(said: PartialAnswer, shard: Mapping[str, Any]) -> list[Claim]:
    """What a child claims; one that settles by itself, or speaks of other images, is refused."""
    found: list[Claim] = []
    params = shard["params"]
    due = {"state"} if "pass" in params else {"state"} & set(said.samples)
    if params.get("eight_bit"):
        due = {"state", "state8"}
    if {"state", "state8"} & set(said.samples) != due:
        raise Overflow("states at other depths than were asked for")
    for ending, dtype in DEPTHS:
        states = [str(state) for state in said.samples.get(f"state{ending}", [])]
        if any(state in SETTLED for state in states):
            raise Overflow("a child may claim, never settle")
        if states:
            _check_rows(said, shard)
        places = [at for at, state in enumerate(states) if state == "claimed"]
        if places:
            rows = [int(said.samples["row"][at] or 0) for at in places]
            found.append(Claim(ending, f"{said.claims}{ending}", dtype, places, rows))
    return found


def _check_rows(said: PartialAnswer, shard: Mapping[str, Any]) -> None:
    """Every image that was asked for, once, in order: none is left out, none told of twice."""
    asked = shard["params"].get("of")
    wanted = list(range(*shard["rows"])) if asked is None else list(asked)
    if list(said.samples.get("row", [])) != wanted:
        raise Overflow("a table of other images than were asked for")


def judged(
    claim: Claim,
    shard: Mapping[str, Any],
    pictures: Array,
    answers: Mapping[str, Array],
    known: Stored,
) -> Opinion:
    """Hold the pictures against the stored ones, and the answers against the labels."""
    config = shard["config"]
    told = {"norm": str(config["norm"]), "eps": str(config["eps"])}
    if claim.dtype == "uint8":
        inside = inside_grid(known.images, pictures, **told)
    else:
        inside = inside_ball(seen(known.images), pictures, **told)
    return opinion(inside, answers, known.labels)


def settled(said: PartialAnswer, heard: Sequence[tuple[Claim, Opinion]]) -> Settled:
    """``broken`` where the second opinion agrees, else ``pending``."""
    columns: dict[str, list[Any]] = {}
    for claim, found in heard:
        states = [str(state) for state in said.samples[f"state{claim.ending}"]]
        became: list[int | None] = [None] * len(states)
        for at, label in zip(claim.places, found.became, strict=True):
            states[at] = "pending" if label is None else "broken"
            became[at] = label
        columns |= {f"state{claim.ending}": states, f"became{claim.ending}": became}
    replayed = sum(found.replayed for _, found in heard)
    return Settled(columns, replayed, sum(found.differing for _, found in heard))
