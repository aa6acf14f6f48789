"""How a change of the picture grows or fades over the layers, as measurements."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from analyzers.behaviour.channels import columns, words
from analyzers.behaviour.channels.looked import (
    Absence,
    Looked,
    Row,
    Words,
    average,
    refused,
    told,
)
from analyzers.contract import Measurement, View
from analyzers.lens import Scope, mean, without
from analyzers.statistics.bootstrap import Spread, mean_spread, spread

_TWO = 2
_NOISES = (columns.ATTACK, columns.GAUSSIAN)
_NO_LAYERS = Absence("not_applicable", "The model has no maps with positions to follow.")


def depth_measurements(looked: Looked) -> list[Measurement]:
    """For the attack and for noise that knows nothing of the model, to hold it against."""
    found: list[Measurement] = []
    for noise in _NOISES:
        scope = {**looked.scope, "noise": noise}
        why = looked.no_attack() if noise == columns.ATTACK else None
        why = why or looked.not_yet()
        rows = looked.rows(columns.LAYER)
        if why is None and not rows:
            why = _NO_LAYERS
        if why is not None:
            found += [refused(metric, why, scope) for metric in (words.GROWTH, words.GAIN)]
            continue
        found += [_growth(looked, noise, rows), *_gains(looked, noise, rows)]
    return found


def _gains(looked: Looked, noise: str, rows: Sequence[Row]) -> list[Measurement]:
    """Layer by layer; the figure of the growth shows them together."""
    wording = Words("", none="The maps are zero, or not finite, on every image.")
    found = [
        told(
            words.GAIN,
            looked.column(columns.gain(noise, at)),
            wording,
            {**looked.scope, "noise": noise, "layer": str(row["name"])},
        )
        for at, row in enumerate(rows)
    ]
    return [replace(one, view=None) for one in found]


def _growth(looked: Looked, noise: str, rows: Sequence[Row]) -> Measurement:
    scope: Scope = {**looked.scope, "noise": noise}
    if len(rows) < _TWO:
        why = "One layer alone has no depth to grow over."
        return without(words.GROWTH, "not_applicable", why, scope=scope)
    first, last = (looked.column(columns.gain(noise, at)) for at in (0, len(rows) - 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log(last) - np.log(first)
    good = logs[np.isfinite(logs)]
    if not len(good):
        why = "No image changes at both the first and the last layer looked at."
        return without(words.GROWTH, "not_available", why, scope=scope)
    found = mean(
        words.GROWTH,
        _powers(mean_spread(good)),
        title="Growth of a change from the first to the last layer",
        unit="times",
        note=f"From {rows[0]['name']} to {rows[-1]['name']}. {_size(looked, noise)}",
        scope=scope,
    )
    return replace(found, view=_curve(looked, noise, rows, found.value or 0.0))


def _powers(found: Spread) -> Spread:
    """A mean of logarithms told as a factor."""
    value, low, high = (float(np.exp(one)) for one in found[:3])
    return Spread(value, low, high, found.n)


def _size(looked: Looked, noise: str) -> str:
    if noise == columns.ATTACK:
        return "The change is the attack's."
    if looked.attacked:
        return "The change is Gaussian noise as long as the attack on the same image."
    return f"The change is Gaussian noise with a standard deviation of {columns.NOISE}."


def _curve(looked: Looked, noise: str, rows: Sequence[Row], growth: float) -> View:
    spreads = [_spread(looked, noise, at) for at in range(len(rows))]
    kind = "the attack" if noise == columns.ATTACK else "Gaussian noise"
    way = "grows" if growth > 1 else "fades"
    return View(
        "curve",
        f"What {kind} changes {way} with depth",
        {
            "x": list(range(1, len(rows) + 1)),
            "y": [None if one is None else one.value for one in spreads],
            "low": [None if one is None else one.low for one in spreads],
            "high": [None if one is None else one.high for one in spreads],
            "x_label": f"layers looked at, from {rows[0]['name']} to {rows[-1]['name']}",
            "y_label": "change over length",
        },
        "Length of the change of each layer's maps over the length of the maps themselves, mean "
        f"over images with its 95 % interval. {_size(looked, noise)}",
    )


def _spread(looked: Looked, noise: str, layer: int) -> Spread | None:
    values = looked.column(columns.gain(noise, layer))
    good = values[np.isfinite(values)]
    return spread(good, average) if len(good) else None
