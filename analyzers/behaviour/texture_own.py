"""Cue conflict on a user's own pictures, each with the shape of one class and texture of another.

Geirhos et al., ICLR 2019 (arXiv:1811.12231): of the answers that name either class of a picture,
the share that names its shape. Answers are the model's own classes; nothing is mapped to coarser
ones, so figures of their sixteen classes are another number.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from analyzers import lens
from analyzers.contract import Case, Done, Measurement, Unit, blocks

OWN: Final = "own"
"""The rows of the user's set that a unit is about; those of the evaluation set are others."""
PICTURES: Final = "own_pictures"
SHAPE: Final = "own_shape"
TEXTURE: Final = "own_texture"
BIAS: Final = "texture.own_shape_bias"
NEITHER: Final = "texture.own_neither"
_BINARY: Final = 2
_NO_SET: Final = "No pictures of your own with shape and texture in conflict: --cues FILE."


def units(case: Case) -> list[Unit]:
    """All of the user's set in either plan, for it costs one pass a picture."""
    if case.cues is None:
        return []
    given = {PICTURES: case.cues.pictures, SHAPE: case.cues.shape, TEXTURE: case.cues.texture}
    return [Unit((0, 0), {OWN: list(rows)}, given) for rows in blocks(case.cues.n)]


def measurements(case: Case, done: Sequence[Done], *, weak: str = "") -> list[Measurement]:
    """By the shape, of what names either; and how often neither is named.

    ``weak`` says why answers of this model would say nothing, where they would not.
    """
    if case.cues is None:
        return [lens.without(name, "not_available", _NO_SET) for name in (BIAS, NEITHER)]
    if weak:
        return [lens.without(name, "not_applicable", weak) for name in (BIAS, NEITHER)]
    told: Counter[str] = Counter()
    for one in done:
        told.update({name: int(count) for name, count in one.numbers.items()})
    asked = told["shape"] + told["texture"] + told["neither"]
    if not asked:
        return [_nothing(name, told["same"]) for name in (BIAS, NEITHER)]
    return [_bias(case, told), _neither(told, asked)]


def _nothing(name: str, same: int) -> Measurement:
    if not same:
        return lens.without(name, "out_of_budget", "No picture of your set was looked at.")
    why = f"Shape and texture name the same class in all {same} pictures, so nothing conflicts."
    return lens.without(name, "not_applicable", why)


def _bias(case: Case, told: Counter[str]) -> Measurement:
    either = told["shape"] + told["texture"]
    if not either:
        why = f"Of {told['neither']} pictures none was taken for its shape or for its texture."
        return lens.without(BIAS, "not_available", why)
    note = (
        f"{told['shape']} by the shape, {told['texture']} by the texture, {told['neither']} by "
        f"neither. {_left_out(told)}"
    )
    if case.subject.classes == _BINARY:
        note = f"{note}With two classes every answer is one of the two. "
    return lens.share(
        BIAS,
        told["shape"],
        either,
        title="Your pictures taken for their shape, not their texture",
        note=f"{note}{lens.ASSOCIATION}",
    )


def _neither(told: Counter[str], asked: int) -> Measurement:
    return lens.share(
        NEITHER,
        told["neither"],
        asked,
        title="Your pictures taken for neither shape nor texture",
        note=f"The shape bias does not speak of these. {_left_out(told)}".strip(),
    )


def _left_out(told: Counter[str]) -> str:
    same = told["same"]
    return f"{same} pictures whose two classes are the same are left out. " if same else ""
