"""Whether a witness breaks a model: distance in exact arithmetic, box, and what the model says."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from analyzers.contract import Array
from analyzers.pictures import seen
from service.sandbox.witness import NORMS, fooled
from service.witnesses.exhibits import Exhibit

_WHITE = 255


@dataclass(frozen=True)
class Replay:
    """What became of a witness when it was shown to a model again."""

    exhibit: Exhibit
    clean_class: int | None
    """What the model says of the clean picture; None is no answer."""
    became: int | None
    distance: Fraction
    inside: bool
    """Within eps, and every number from 0 to 1."""
    broken: bool
    """Inside, and the model names another class than the label."""
    doubts: Sequence[str]
    """Why it does not count as replayed; empty when it does."""

    @property
    def replays(self) -> bool:
        """The audit's own picture, inside, right before and wrong now."""
        return not self.doubts


def judged(
    exhibits: Sequence[Exhibit], clean: Mapping[str, Array], moved: Mapping[str, Array]
) -> list[Replay]:
    """Hold what the model says of clean pictures and of witnesses against labels and ball.

    ``logits`` are the canonical file's; ``uploaded``, where it is there, those of the bytes that
    people deploy, which must be fooled as well.
    """
    labels = np.array([one.entry.label for one in exhibits], np.int64)
    wrong = {name: fooled(logits, labels) for name, logits in moved.items()}
    classes, before = _classes(moved["logits"]), _classes(clean["logits"])
    return [
        _replay(
            one, before[at], classes[at], {name: bool(all_[at]) for name, all_ in wrong.items()}
        )
        for at, one in enumerate(exhibits)
    ]


def _replay(
    one: Exhibit, before: int | None, became: int | None, wrong: Mapping[str, bool]
) -> Replay:
    away, eps = distance(one.clean, one.picture), Fraction(one.entry.eps)
    boxed = bool(((one.seen >= 0) & (one.seen <= 1)).all())
    inside = one.entry.norm in NORMS and boxed and away is not None and away <= eps
    doubts = list(one.doubts)
    if not inside:
        doubts.append(_outside(one, away, boxed))
    if before != one.entry.label:
        doubts.append("the model names another class for the clean picture already")
    if not wrong["logits"]:
        doubts.append(_stands(became))
    elif not all(wrong.values()):
        doubts.append("the uploaded file names the label, though its canonical form does not")
    away = Fraction(1) if away is None else away
    return Replay(one, before, became, away, inside, inside and all(wrong.values()), doubts)


def _stands(became: int | None) -> str:
    if became is None:
        return "the model answers with something that is no number"
    return "the model names the right class for the witness"


def _outside(one: Exhibit, away: Fraction | None, boxed: bool) -> str:
    if one.entry.norm not in NORMS:
        return f"the norm {one.entry.norm!r} cannot be checked"
    if away is None or not boxed:
        return "the witness holds numbers outside 0 to 1"
    return f"the witness is {float(away):.6g} away, outside {one.entry.eps}"


def distance(clean: Array, moved: Array) -> Fraction | None:
    """The largest change of a pixel, exactly; None where something is no number.

    Rounding keeps order, so the exact maximum is among the pixels whose rounded change is largest.
    """
    if clean.dtype == moved.dtype == np.uint8:
        steps = np.abs(clean.astype(np.int16) - moved.astype(np.int16))
        return Fraction(int(steps.max()), _WHITE)
    before, after = seen(clean).astype(np.float64), seen(moved).astype(np.float64)
    if not (np.isfinite(before).all() and np.isfinite(after).all()):
        return None
    size = np.abs(after - before)
    farthest = size == size.max()
    pairs = np.unique(np.stack([before[farthest], after[farthest]]), axis=1)
    return max(abs(Fraction(float(b)) - Fraction(float(a))) for a, b in pairs.T)


def _classes(logits: Array) -> list[int | None]:
    return [
        int(np.argmax(row)) if bool(np.isfinite(row).all()) else None for row in np.asarray(logits)
    ]
