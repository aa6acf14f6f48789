"""What lenses share: how much of them runs, the probe's pictures, and how a number is told.

A lens describes what a model looks like inside; nothing here is ever required by a policy.
"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from analyzers.contract import (
    Case,
    Digest,
    Done,
    Json,
    Measurement,
    Outcome,
    Rows,
    Unit,
    View,
)
from analyzers.statistics.bootstrap import Spread
from analyzers.statistics.intervals import wilson

PROBE: Final = "attacks.probe"
"""Whose pictures under attack lenses look at; a lens that does names it in ``needs``."""
_BLOB: Final = "probe"
SCHEMA: Final[Mapping[str, Json]] = {
    "type": "object",
    "properties": {"plan": {"enum": ["quick", "full"], "default": "quick"}},
    "additionalProperties": False,
}
"""The config of a lens that looks at images: ``quick`` for every release, ``full`` for a night."""
NO_THREAT: Final = "The policy names no threat, so no picture under attack was made."
NO_PROBE: Final = "No pictures under attack: the model has no gradient here."
_CHANCES: Final = 2
ASSOCIATION: Final = (
    "This is an association: it describes what a model that breaks looks like inside, and "
    "changing the number itself is not known to make a model robust."
)


Scope = Mapping[str, str]
"""Of what a number speaks: a threat, a layer, a class."""


class Probe(NamedTuple):
    """Pictures under attack of one threat, whole."""

    threat: str
    """``norm:eps:knowledge``, as measurements name it."""
    pictures: Mapping[Rows, Digest]


def full(config: Mapping[str, Json]) -> bool:
    """Whether everything is asked for."""
    return config.get("plan", "quick") == "full"


def probes(case: Case) -> list[Probe]:
    """The pictures under attack that an audit has, one entry a threat, whatever its budget."""
    found: dict[str, Probe] = {}
    for name, pictures in sorted(case.inputs.items()):
        key, _, blob = name.rpartition("/")
        maker, _, threat = key.partition("@")
        if maker == PROBE and blob == _BLOB:
            told = ":".join(threat.split(":")[:3])
            found.setdefault(told, Probe(told, pictures))
    return list(found.values())


def least_accuracy(classes: int) -> float:
    """Accuracy from which a model's errors say something: twice chance.

    Of two classes that would be all, so there half the way from chance to always right is enough;
    of three both are the same.
    """
    chance = 1 / max(1, classes)
    return min(_CHANCES * chance, (1 + chance) / 2)


def owed(units: Sequence[Unit], done: Sequence[Done]) -> list[Unit]:
    """The units that are not done, in order."""
    ran = {(one.unit.rows, _text(one.unit.params)) for one in done}
    return [one for one in units if (one.rows, _text(one.params)) not in ran]


def _text(params: Mapping[str, Json]) -> str:
    return repr(sorted(params.items()))


def share(
    metric: str, hits: int, among: int, *, title: str, note: str = "", scope: Scope | None = None
) -> Measurement:
    """A share of images, with its Wilson interval in the note."""
    low, high = wilson(hits, among)
    told = f"95 % interval {100 * low:.1f} % to {100 * high:.1f} %, {among} images."
    value = hits / among
    return Measurement(
        metric,
        "measured",
        dict(scope or {}),
        value,
        {"numerator": hits, "denominator": among},
        view=View("number", title, {"value": value, "unit": "share"}),
        note=f"{told} {note}".strip(),
    )


def mean(
    metric: str,
    spread: Spread,
    *,
    title: str,
    unit: str = "",
    note: str = "",
    scope: Scope | None = None,
) -> Measurement:
    """A number over images, with its bootstrap interval in the note."""
    told = f"95 % interval {spread.low:.3g} to {spread.high:.3g}, {spread.n} images."
    return Measurement(
        metric,
        "measured",
        dict(scope or {}),
        spread.value,
        {"images": spread.n},
        view=View("number", title, {"value": spread.value, "unit": unit}),
        note=f"{told} {note}".strip(),
    )


def without(metric: str, outcome: Outcome, note: str, *, scope: Scope | None = None) -> Measurement:
    """A metric without a value, and why."""
    return Measurement(metric, outcome, dict(scope or {}), note=note)
