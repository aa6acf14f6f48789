"""What pooling the last maps does to a change of the picture: to noise, and to an attack.

A mean over K positions divides what moves every position by itself by the square root of K, and
leaves what moves them all together. So the picture of the architecture alone (``feature_maps``)
is half of it: the other half is how far changes go together, and an attack chooses that. After Xu
et al. (arXiv:2202.12435); the two numbers are ours. All of it is an association (grade C).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from analyzers import lens
from analyzers.contract import (
    Analyzer,
    Case,
    Description,
    Done,
    Json,
    Measurement,
    MetricSpec,
    Outcome,
    Passes,
    Stop,
    Unit,
    View,
    blocks,
)
from analyzers.statistics.bootstrap import mean_spread

EDGES: Final = (20, 40, 60, 100, 180, 200)
QUICK: Final = 100
"""Images of the quick plan; the full one takes all up to the last edge."""
NOISE: Final = 8 / 255
"""Standard deviation of the Gaussian noise, in [0,1] pixels."""
COHERENCE: Final = "feature_maps.coherence"
ATTENUATION: Final = "feature_maps.attenuation"
METRICS: Final = (
    MetricSpec(
        COHERENCE,
        "How far a change of the picture moves the positions of the last maps together: 1 when all "
        "move alike, one over their number when each moves by itself, 0 when they cancel out.",
        unit="",
        range=(0.0, 1.0),
        title="Positions moving together",
    ),
    MetricSpec(
        ATTENUATION,
        "The relative change of the pooled features over the relative change of the maps that are "
        "pooled: below 1 pooling takes more from the change than from the maps themselves.",
        unit="times",
        title="Change that the pool leaves",
    ),
)
_NOISE_SCOPE: Final = {"change": "noise"}
_ATTACK_SCOPE: Final = {"change": "attack"}
"""Of the numbers that are missing where no threat has any."""
_NOTHING: Final = "No picture was looked at."
_STILL: Final = "On no image did the last maps move, so there is nothing to divide by."
_SILENT: Final = "The pooled features are zero on every image, so there is nothing to divide by."


def plan(
    case: Case, config: Mapping[str, Json], done: Sequence[Done], stop: Sequence[Stop]
) -> Sequence[Unit]:
    """Noise on every block first, then each threat's pictures under attack."""
    del stop
    most = _most(config)
    units = [
        Unit(rows, {"change": "noise"}, seconds=2.0)
        for rows in blocks(case.n, EDGES)
        if rows[1] <= most
    ]
    for probe in lens.probes(case):
        units.extend(
            Unit(rows, {"threat": probe.threat}, {"probe": digest}, seconds=2.0)
            for rows, digest in sorted(probe.pictures.items())
            if rows[1] <= most
        )
    return lens.owed(units, done)


def cost(case: Case, config: Mapping[str, Json]) -> Passes:
    """Each picture beside its changed one; one threat is assumed before any is known."""
    changes = 1 + max(1, len(lens.probes(case)))
    return Passes(forward=2 * changes * min(case.n, _most(config)))


def _most(config: Mapping[str, Json]) -> int:
    return EDGES[-1] if lens.full(config) else QUICK


def merge(case: Case, config: Mapping[str, Json], done: Sequence[Done]) -> Sequence[Measurement]:
    """Noise first, then every threat that has pictures."""
    del config
    if not done:
        return [
            one
            for scope in (_NOISE_SCOPE, _ATTACK_SCOPE)
            for one in _absent("out_of_budget", _NOTHING, scope)
        ]
    noise = [one for one in done if "threat" not in one.unit.params]
    found = _told(noise, _NOISE_SCOPE)
    threats = dict.fromkeys(str(one.unit.params["threat"]) for one in done if one not in noise)
    for threat in threats:
        shown = [one for one in done if one.unit.params.get("threat") == threat]
        found.extend(_told(shown, {"threat": threat}))
    return found if threats else [*found, *_unattacked(case, noise)]


def _unattacked(case: Case, noise: Sequence[Done]) -> list[Measurement]:
    """Why there is nothing on attacks."""
    failed = next((one for one in noise if one.outcome != "measured"), None)
    if failed is not None:
        return _absent(failed.outcome, failed.note, _ATTACK_SCOPE)
    if lens.probes(case):
        return _absent("out_of_budget", _NOTHING, _ATTACK_SCOPE)
    why = lens.NO_THREAT if case.subject.gradient else lens.NO_PROBE
    return _absent("not_available", why, _ATTACK_SCOPE)


def _absent(outcome: Outcome, note: str, scope: Mapping[str, str]) -> list[Measurement]:
    return [lens.without(metric, outcome, note, scope=scope) for metric in (COHERENCE, ATTENUATION)]


def _told(done: Sequence[Done], scope: Mapping[str, str]) -> list[Measurement]:
    """Both numbers for one kind of change."""
    if not done:
        return _absent("out_of_budget", _NOTHING, scope)
    failed = next((one for one in done if one.outcome != "measured"), None)
    if failed is not None:
        return _absent(failed.outcome, failed.note, scope)
    values = {name: _column(done, name) for name in ("coherence", "attenuation", "other", "alone")}
    images, moved = sum(len(one.samples["row"]) for one in done), len(values["coherence"])
    if not moved:
        return _absent("not_available", _STILL, scope)
    positions, averaged = (int(done[0].numbers[name]) for name in ("positions", "mean"))
    still = images - moved
    note = f"{positions} position{'' if positions == 1 else 's'}, {_change(scope)}"
    note += f" On {still} of {images} images the maps did not move." if still else ""
    if positions == 1:
        note += " Of a single position a mean takes nothing away: both numbers are 1 by definition."
    return [
        _coherence(values, scope, note, positions=positions),
        _attenuation(values, scope, note, averaged=bool(averaged)),
    ]


def _column(done: Sequence[Done], name: str) -> list[float]:
    return [value for one in done for value in one.samples[name] if value is not None]


def _change(scope: Mapping[str, str]) -> str:
    if "threat" in scope:
        return f"pictures of the probe under {scope['threat']}."
    told = "Gaussian noise of standard deviation 8/255 in [0,1] pixels, not cut to that range."
    return f"{told} An adversary does not choose noise."


def _coherence(
    values: Mapping[str, Sequence[float]], scope: Mapping[str, str], note: str, *, positions: int
) -> Measurement:
    title = f"How far the positions move together under {_short(scope)}"
    spread = mean_spread(values["coherence"])
    told = lens.mean(COHERENCE, spread, title=title, note=f"{note} {lens.ASSOCIATION}", scope=scope)
    if positions == 1:
        return told
    caption = (
        "Grey: from each position by itself (left, one over their number) to all of them alike "
        "(right, 1). Averaging removes what moves positions by themselves and nothing of what "
        "moves them alike."
    )
    data = {"value": spread.value, "low": 1 / positions, "high": 1.0}
    return replace(told, view=View("band", title, data, caption))


def _attenuation(
    values: Mapping[str, Sequence[float]], scope: Mapping[str, str], note: str, *, averaged: bool
) -> Measurement:
    pool, other = ("mean", "maximum") if averaged else ("maximum", "mean")
    title = f"What the {pool} leaves of a change under {_short(scope)}"
    if not values["attenuation"]:
        return lens.without(ATTENUATION, "not_available", _SILENT, scope=scope)
    spread = mean_spread(values["attenuation"])
    told = lens.mean(
        ATTENUATION,
        spread,
        title=title,
        unit="times",
        note=f"The model pools by {pool}. {note} {lens.ASSOCIATION}",
        scope=scope,
    )
    labels, bars = [f"{pool}, as it is"], [spread.value]
    if values["other"]:
        labels.append(f"control: {other}")
        bars.append(_average(values["other"]))
    if values["alone"]:
        labels.append("mean, if each alone")
        bars.append(_average(values["alone"]))
    caption = (
        "Relative change of the pooled features over that of the maps. At the line a change comes "
        f"through the pool as strongly as the maps do. The control pools the same maps by {other}. "
        "The last bar is what a mean would leave of a change as large that moved every position by "
        "itself."
    )
    data: dict[str, Json] = {"labels": labels, "values": bars, "unit": "times", "baseline": 1.0}
    return replace(told, view=View("bars", title, data, caption))


def _average(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def _short(scope: Mapping[str, str]) -> str:
    return f"attack ({scope['threat']})" if "threat" in scope else "noise"


ANALYZER: Final = Analyzer(
    Description(
        id="behaviour.attenuation",
        version="1",
        title="Feature maps: what pooling leaves of a change",
        summary="How far noise and attacks move the positions of the last maps together, and how "
        "much of that comes through the pool before the head.",
        reference="Xu et al. 2022, arXiv:2202.12435",
        schema=lens.SCHEMA,
        metrics=METRICS,
        needs=(lens.PROBE,),
        edges=EDGES,
        on_demand=True,
    ),
    plan,
    merge,
    "analyzers.behaviour.attenuation_child:measure",
    cost,
)
