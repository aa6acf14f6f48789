"""Whether what lenses see on the clean image foretells which other images an attack breaks.

A lens earns belief where its score, beside the margin that every model gives away, ranks images
that it was not fitted on better than the margin alone. Where it does not, that is what is said.
"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np

from analyzers.attacks.cascade import ANALYZER as ATTACK
from analyzers.attacks.history import History
from analyzers.contract import (
    Analyzer,
    Case,
    Description,
    Done,
    Json,
    Measurement,
    MetricSpec,
    Passes,
    Stop,
    Unit,
    View,
    blocks,
)
from analyzers.lens import NO_THREAT, SCHEMA, Scope, full, owed, without
from analyzers.statistics.bootstrap import Spread, spread
from analyzers.statistics.foretelling import Values, areas, foretold, gains
from analyzers.trust import bands

EDGES: Final = (20, 40, 60, 100, 180, 200, 360, 520, 600)
QUICK: Final = 200
FULL: Final = 600
FEWEST: Final = 10
"""Images that fell and images that stand, of each; of fewer nothing can be foretold."""
SCORES: Final[Mapping[str, str]] = {
    "slope": "how steeply the margin falls with the pixels (sum of its slope's sizes)",
    "noise": "how far Gaussian noise of the size of a JPEG artefact moves the scores",
    "frequency": "the margin that is left on the coarse content alone",
    "texture": "the margin that is left when four tiles change places",
    "channels": "the share of the activation that argues against the true class",
}
"""What each lens says of one clean image, by the name that measurements carry."""
ALL: Final = "all"
_NOTHING: Final = "adds nothing beyond the margin"


def plan(
    case: Case, config: Mapping[str, Json], done: Sequence[Done], stop: Sequence[Stop]
) -> Sequence[Unit]:
    """Every block of the first images, clean."""
    del stop
    most = FULL if full(config) else QUICK
    return owed([Unit(rows) for rows in blocks(case.n, EDGES) if rows[1] <= most], done)


def cost(case: Case, config: Mapping[str, Json]) -> Passes:
    """Five forwards an image, and one back where there is a slope."""
    images = min(case.n, FULL if full(config) else QUICK)
    return Passes(5 * images, images if case.subject.gradient else 0)


def merge(case: Case, config: Mapping[str, Json], done: Sequence[Done]) -> Sequence[Measurement]:
    """For every attacked threat: the margin's own area, what each lens adds to it, and bands."""
    del config
    if not done:
        every = (*_NAMES, bands.METRIC)
        return [without(name, "out_of_budget", "No image was looked at.") for name in every]
    attacks = (key for key in case.needed if key.partition("@")[0] == ATTACK.description.id)
    attacked = [key for key in attacks if case.needed[key]]
    beside = bands.band_measurements(case, attacked)
    if not attacked:
        return [*(without(name, "not_available", NO_THREAT) for name in _NAMES), *beside]
    return [*(one for key in attacked for one in _of_threat(case, key, done)), *beside]


class _Known(NamedTuple):
    """Images that were right, with what became of them."""

    margin: Values
    fell: Values
    scores: Mapping[str, Values]


def _of_threat(case: Case, key: str, done: Sequence[Done]) -> list[Measurement]:
    scope = {"threat": ":".join(key.partition("@")[2].split(":")[:3])}
    known = _known(case, key, done)
    fell = int(known.fell.sum())
    stood = len(known.fell) - fell
    if min(fell, stood) < FEWEST:
        why = (
            f"Of the images looked at {fell} fell and {stood} stand; to foretell takes at least "
            f"{FEWEST} of each."
        )
        return [without(name, "not_available", why, scope=scope) for name in _NAMES]
    alone = foretold(known.margin[:, None], known.fell > 0)
    margin = spread(np.column_stack([-known.margin, known.fell]), areas)
    found: list[Measurement] = []
    told: dict[str, Spread] = {"margin alone": margin}
    for lens, columns in _looks(known).items():
        beside = foretold(np.column_stack([known.margin, columns]), known.fell > 0)
        told[f"with {lens}"] = spread(np.column_stack([beside, known.fell]), areas)
        gain = spread(np.column_stack([alone, beside, known.fell]), gains)
        found += _of_lens({**scope, "lens": lens}, lens, told[f"with {lens}"], gain)
    return [_margin(scope, margin, told, fell), *found]


def _looks(known: _Known) -> dict[str, Values]:
    """The score of each lens, and all of them together where there are several."""
    several = len(known.scores) > 1
    every = {ALL: np.column_stack(list(known.scores.values()))} if several else {}
    return {**known.scores, **every}


def _known(case: Case, key: str, done: Sequence[Done]) -> _Known:
    """Images that both sides speak of; what is open or was wrong from the start tells nothing."""
    history = History(case.needed[key])
    depth = "8-bit" if case.data.eight_bit else "float32"
    fate = {row: one.at(depth).state for row, one in history.rows.items()}
    names = [name for name in SCORES if all(name in one.samples for one in done)]
    table = [
        [fate[int(row)] == "broken", *values]
        for one in done
        for row, right, *values in zip(
            one.samples["row"],
            one.samples["right"],
            one.samples["margin"],
            *(one.samples[name] for name in names),
            strict=True,
        )
        if right and fate.get(int(row)) in {"broken", "standing"} and None not in values
    ]
    columns = np.array(table, np.float64).reshape(-1, 2 + len(names)).T
    return _Known(columns[1], columns[0], dict(zip(names, columns[2:], strict=True)))


def _margin(scope: Scope, margin: Spread, told: Mapping[str, Spread], fell: int) -> Measurement:
    title = "How often the image that falls is told from one that stands"
    caption = (
        "Pairs of one image that fell and one that stands, and how often the score puts the first "
        "before the second; one half is a coin. Fitted on other images than those it ranks."
    )
    values = [one.value for one in told.values()]
    data = {"labels": list(told), "values": values, "unit": "share", "baseline": 0.5}
    note = f"{_interval(margin)} {fell} of them fell."
    return _measured("agreement.margin", scope, margin, note, View("bars", title, data, caption))


def _of_lens(scope: Scope, lens: str, area: Spread, gain: Spread) -> list[Measurement]:
    meaning = SCORES.get(lens, "all of these together")
    if gain.low > 0:
        word = "foretells more than the margin does alone; an association, and no cause"
    elif gain.high < 0:
        word = f"{_NOTHING}, and ranks worse with it"
    else:
        word = _NOTHING
    note = f"{_interval(gain)} On these images {lens} ({meaning}) {word}."
    return [
        _measured("agreement.area", scope, area, _interval(area)),
        _measured("agreement.gain", scope, gain, note),
    ]


def _interval(found: Spread) -> str:
    return f"95 % interval {found.low:.3f} to {found.high:.3f}, {found.n} images."


def _measured(
    metric: str, scope: Scope, found: Spread, note: str, view: View | None = None
) -> Measurement:
    value = round(found.value, 6)
    counts = {"images": found.n}
    return Measurement(metric, "measured", dict(scope), value, counts, view=view, note=note)


_METRICS: Final = (
    MetricSpec(
        "agreement.margin",
        "Share of pairs of a fallen and a standing image in which the clean margin of the fallen "
        "one is the smaller: what every model gives away without any lens.",
        range=(0.0, 1.0),
        title="Foretold by the margin alone",
    ),
    MetricSpec(
        "agreement.area",
        "Share of pairs of a fallen and a standing image that the margin tells apart with a lens's "
        "score of the clean image beside it, fitted on other images.",
        range=(0.0, 1.0),
        title="Foretold with the lens beside it",
    ),
    MetricSpec(
        "agreement.gain",
        "What a lens's score adds to the margin's share; where the interval holds 0 it adds "
        "nothing that these images show.",
        unit="",
        range=(-1.0, 1.0),
        title="What the lens adds",
    ),
)
_NAMES: Final = tuple(one.name for one in _METRICS)

ANALYZER: Final = Analyzer(
    Description(
        id="trust.agreement",
        version="1",
        title="Do the lenses foretell?",
        summary="Scores that lenses give a clean image, held against which images the attack "
        "broke: fitted on some, tried on others, beside the margin alone; and whether the side of "
        "a reference band goes with what the attacks found.",
        reference="Mann and Whitney 1947 (ranks); Stone 1974 (fitted on some, tried on others)",
        schema=SCHEMA,
        metrics=(*_METRICS, bands.SPEC),
        needs=(ATTACK.description.id, bands.LOOKED_AT),
        edges=EDGES,
        on_demand=True,
    ),
    plan,
    merge,
    "analyzers.trust.agreement_child:measure",
    cost,
)
