"""Whether where a model lies among published ones goes with how it fared under attack.

A word a reading, never a number and never a cause: a band tells how models look that were trained
in one way or the other, and what counts is what the attacks found.
"""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Final, Literal, NamedTuple

from analyzers.attacks.history import History
from analyzers.contract import Case, Done, Measurement, MetricSpec
from analyzers.lens import NO_THREAT, Scope, without
from analyzers.statistics.intervals import wilson
from analyzers.structure.filter_sides import NoSide, Side, sides
from analyzers.structure.filters import ANALYZER as FILTERS

LOOKED_AT: Final = FILTERS.description.id
METRIC: Final = "agreement.band"
LINE: Final = Fraction(1, 4)
"""Of the images that are right unattacked, how many must stand for the attacks to count as
withstood: half of what adversarially trained CIFAR-100 models keep (29 of 62 points), while
normally trained ones keep next to nothing."""
TRAINED_AGAINST: Final = Fraction(8, 255)
"""Linf, of the reference models. Normally trained ones fall at half of it as well; below that
they begin to stand, and above it the others begin to fall."""
SPEC: Final = MetricSpec(
    METRIC,
    "Whether the side of the reference band on which a reading of the whole model lies (like "
    "adversarially or like normally trained models of its family) goes with what stands under "
    "attack, more or less than a quarter of the images that are right. Agrees (1) or disagrees "
    "(0); an association, no measure of either.",
    unit="agrees",
    range=(0.0, 1.0),
    title="Band and attacks",
)
_WORDS: Final[Mapping[str, str]] = {
    "robust": "on the side of adversarially trained models",
    "normal": "on the side of normally trained models",
}
_NOT_SEEN: Final = "No reading of the weights was made that could lie in a band."


class _Stood(NamedTuple):
    """What became of the images that were right."""

    standing: int
    right: int
    above: bool | None
    """Whether more than the line stand; None where the interval holds the line."""


def band_measurements(case: Case, attacked: Sequence[str]) -> list[Measurement]:
    """A word for every reading that may have a band, and every threat."""
    if LOOKED_AT not in case.needed:
        return [without(METRIC, "not_available", _NOT_SEEN)]
    found = {_called(name): side for name, side in sides(case, case.needed[LOOKED_AT]).items()}
    if not attacked:
        return [
            without(METRIC, "not_available", NO_THREAT, scope={"reading": name}) for name in found
        ]
    return [
        _beside(threat, name, side, _stood(case, case.needed[key]))
        for key in attacked
        for threat in [":".join(key.partition("@")[2].split(":")[:3])]
        for name, side in found.items()
    ]


def _called(name: str) -> str:
    """A reading as its own lens calls it."""
    title = next(one.title for one in FILTERS.description.metrics if one.name == name)
    return f"{title[:1].lower()}{title[1:]}"


def _stood(case: Case, done: Sequence[Done]) -> _Stood:
    """Of the images that an attack has looked at, at the depth of the data."""
    history = History(done)
    depth = "8-bit" if case.data.eight_bit else "float32"
    standing, broken = (len(history.among(one, depth=depth)) for one in ("standing", "broken"))
    right = standing + broken
    if not right:
        return _Stood(0, 0, None)
    low, high = wilson(standing, right)
    above = True if low > LINE else False if high < LINE else None
    return _Stood(standing, right, above)


def _beside(threat: str, name: str, side: Side | NoSide, stood: _Stood) -> Measurement:
    scope: Scope = {"threat": threat, "reading": name}
    if isinstance(side, NoSide):
        return without(METRIC, side.outcome, f"Cannot be compared. {side.note}", scope=scope)
    why = _incomparable(threat, side, stood)
    if why is not None:
        return without(METRIC, why[0], f"Cannot be compared: {why[1]}", scope=scope)
    agrees = (side.lies == "robust") == stood.above
    word = "agrees" if agrees else "disagrees"
    note = (
        f"The reading lies {_WORDS[side.lies]}: {side.told}. {_told(threat, stood)}, "
        f"{'more' if stood.above else 'less'} than the line of a quarter. So the band {word} with "
        "the attacks. Neither is the cause of the other, and where they differ the attacks count."
    )
    counts = {"standing": stood.standing, "right": stood.right}
    return Measurement(METRIC, "measured", scope, float(agrees), counts, note=note)


def _incomparable(
    threat: str, side: Side, stood: _Stood
) -> tuple[Literal["not_applicable", "not_available"], str] | None:
    norm, size, _ = threat.split(":")
    eps = Fraction(size)
    if norm != "Linf" or not TRAINED_AGAINST / 2 <= eps <= TRAINED_AGAINST:
        return "not_applicable", (
            f"the reference models were trained against Linf {TRAINED_AGAINST}, and both kinds "
            f"differ clearly from half of that up to it; this is {norm} {size}."
        )
    if side.lies == "neither":
        return "not_available", f"the reading does not tell one kind from the other: {side.told}."
    if not stood.right:
        return "not_available", "no image that is right was attacked."
    if stood.above is None:
        told = _told(threat, stood)
        return "not_available", f"{told[:1].lower()}{told[1:]}, too near the line of a quarter."
    return None


def _told(threat: str, stood: _Stood) -> str:
    return f"Under {threat} {stood.standing} of {stood.right} images that were right stand"
