"""The pictures that broke a model, listed so that the next one can be asked about them.

They stay where they are, among the blobs of the units that made them; the list says which image
each of them belongs to.
"""

from collections.abc import Mapping, Sequence

from analyzers.contract import Digest, Done, Earlier, Json
from service.core.driver import Course
from service.witnesses.claimed import CLAIMED, DEPTHS


def listed(course: Course) -> dict[str, Json]:
    """Of every attack, unit by unit, the images that it broke and the blobs of their pictures."""
    found = {one.key: _of_units(course.done(one)) for one in course.instances}
    return {key: told for key, told in found.items() if told}


def _of_units(done: Sequence[Done]) -> list[dict[str, Json]]:
    """Units that hold the first confirmed picture of some image; all would make the list grow."""
    known, found = set[tuple[str, int]](), list[dict[str, Json]]()
    for one in done:
        held = [told for told in DEPTHS if f"witness{told[1]}" in one.blobs]
        broken = {
            (depth, row) for depth, ending, _ in held for row in _rows(one, ending, ("broken",))
        }
        if broken - known:
            found.append(
                {
                    depth: {
                        "rows": _rows(one, ending, CLAIMED),
                        "blob": one.blobs[f"witness{ending}"],
                    }
                    for depth, ending, _ in held
                }
            )
        known |= broken
    return found


def _rows(done: Done, ending: str, wanted: Sequence[str]) -> list[int]:
    """The rows in one of these states; of those that are claimed, as the pictures lie."""
    states = zip(done.samples["row"], done.samples[f"state{ending}"], strict=True)
    return [int(row) for row, state in states if state in wanted]


def by_threat(told: Mapping[str, Json]) -> dict[str, list[Earlier]]:
    """What ``listed`` wrote, by the threat of the attack: its key ends with it."""
    return {
        key.partition("@")[2]: [
            Earlier(
                {depth: one[depth]["rows"] for depth, _, _ in DEPTHS if depth in one},
                {depth: one[depth]["blob"] for depth, _, _ in DEPTHS if depth in one},
            )
            for one in units
        ]
        for key, units in told.items()
    }


def tensors(
    told: Mapping[str, Json], shape: Sequence[int]
) -> dict[Digest, tuple[str, Sequence[int]]]:
    """Type and shape of every blob, where one picture has this shape."""
    return {
        one[depth]["blob"]: (dtype, [len(one[depth]["rows"]), *shape])
        for units in told.values()
        for one in units
        for depth, _, dtype in DEPTHS
        if depth in one
    }
