"""What all blocks come to: single channels, classes, and the experiment with a clamp."""

from collections.abc import Mapping
from typing import Final, NamedTuple

import numpy as np

from analyzers.behaviour.channels import columns, numbers
from analyzers.behaviour.channels.columns import rounded
from analyzers.behaviour.channels.looked import FEWEST
from analyzers.behaviour.channels.numbers import Floats, Whole
from analyzers.behaviour.channels.places_child import Sight
from analyzers.contract import Array, Head, Json, Partial, Shard, Tell
from analyzers.lens import full
from analyzers.statistics.bootstrap import Spread, spread

MOST_RANKED: Final = 4096
"""Channels that are ranked again for every resample, in seconds."""
_CLASSES_NAMED: Final = 3
_HALVES: Final = 2
Row = Mapping[str, Json]
EMPTY: Final[Row] = dict.fromkeys(("of", "name", "n", "value", "low", "high", "before", "after"))


class _Kept(NamedTuple):
    """What the head reads, of all images that it can be asked about."""

    head: Head | None
    clean: Floats
    attacked: Floats | None
    labels: Whole
    relevance: Floats
    """The weights of each image's true class, or the slopes of its logit."""


def summarised(shard: Shard, sight: Sight, inputs: Mapping[str, Array], tell: Tell) -> Partial:
    """Rows of a table whose first column says what they are of."""
    rows: list[Row] = [{**EMPTY, "of": columns.LAYER, "name": one.name} for one in sight.layers]
    found: dict[str, float | int] = {}
    if sight.relevance != "none":
        kept = _kept(sight.head, inputs)
        found["images"] = len(kept.labels)
        found["live"] = _live(kept)
        if kept.attacked is not None and len(kept.labels):
            told, more = _channels(kept, kept.attacked)
            rows, found = [*rows, *told], {**found, **more}
        if full(shard.config):
            rows += _classes(kept, tell)
            if kept.head is not None:
                found.update(_clamp(kept, kept.head))
    table = {name: [row[name] for row in rows] for name in EMPTY}
    return Partial("measured", found, table, note=sight.told)


def _kept(head: Head | None, inputs: Mapping[str, Array]) -> _Kept:
    lows = sorted(
        int(name.rpartition("/")[2]) for name in inputs if name.startswith(f"{columns.LABELS}/")
    )

    def every(what: str) -> Array:
        return np.concatenate([inputs[columns.part(what, low)] for low in lows])

    pairs, labels = every(columns.CHANNELS), every(columns.LABELS)
    if head is None:
        relevance = every(columns.RELEVANCE).astype(np.float64)
        good = np.isfinite(relevance).all(axis=1) & (relevance != 0).any(axis=1)
    else:
        good = columns.known(labels, len(head.weight))
        relevance = head.weight.astype(np.float64)[np.where(good, labels, 0)]
    good = good & np.isfinite(pairs).all(axis=(1, 2))
    wide = pairs[good].astype(np.float64)
    attacked = wide[:, 1] if wide.shape[1] == _HALVES else None
    return _Kept(head, wide[:, 0], attacked, labels[good], relevance[good])


def _live(kept: _Kept) -> int:
    """Channels that are not zero on every picture."""
    shown = [kept.clean] if kept.attacked is None else [kept.clean, kept.attacked]
    return int(np.any([one.any(axis=0) for one in shown], axis=0).sum())


def _channels(kept: _Kept, attacked: Floats) -> tuple[list[Row], dict[str, float | int]]:
    """The channels that come to argue most against the true class, and how sure that list is."""
    relevance, count = kept.relevance, numbers.listed(_live(kept))
    rise = numbers.risen(kept.clean, attacked, relevance)
    halves = [
        numbers.risen(kept.clean[at::_HALVES], attacked[at::_HALVES], relevance[at::_HALVES])
        for at in range(_HALVES)
    ]
    agree = numbers.overlap(*(numbers.foremost(half, count) for half in halves))
    before, after = (numbers.arguing(one, relevance).mean(axis=0) for one in (kept.clean, attacked))
    top = numbers.foremost(rise, count)
    rows: list[Row] = [
        {
            **EMPTY,
            "of": columns.CHANNEL,
            "name": f"{channel} (class {_hurt(kept, attacked, channel)})",
            "n": len(kept.labels),
            "value": rounded(rise[channel]),
            "before": rounded(before[channel]),
            "after": rounded(after[channel]),
        }
        for channel in top
    ]
    found: dict[str, float | int] = {
        "listed": count,
        "rise_top": float(rise[top].sum()),
        "rise_all": float(np.maximum(rise, 0).sum()),
    }
    if agree is not None and len(kept.labels) >= _HALVES:
        found["overlap"] = agree
    return rows, found


def _hurt(kept: _Kept, attacked: Floats, channel: int) -> str:
    """The true classes that a channel comes to argue against most, by their sums."""
    one, other = kept.clean[:, [channel]], attacked[:, [channel]]
    weights = kept.relevance[:, [channel]]
    rise = (numbers.arguing(other, weights) - numbers.arguing(one, weights))[:, 0]
    sums: Floats = np.zeros(int(kept.labels.max()) + 1)
    np.add.at(sums, kept.labels, rise)
    return ", ".join(str(label) for label in numbers.foremost(sums, _CLASSES_NAMED))


def _classes(kept: _Kept, tell: Tell) -> list[Row]:
    """Whether the channels that fire most for a class are those that its weights rely on."""
    rows: list[Row] = []
    present = [int(label) for label in np.unique(kept.labels)]
    for at, label in enumerate(present):
        tell(at, len(present), "classes")
        shown = kept.clean[kept.labels == label]
        rows.append({**EMPTY, "of": columns.CLASS, "name": str(label), "n": len(shown)})
        if len(shown) >= FEWEST and FEWEST <= shown.shape[1] <= MOST_RANKED:
            rows[-1] = {**rows[-1], **_aligned(kept, label, shown)}
    return rows


def _aligned(kept: _Kept, label: int, shown: Floats) -> Row:
    found = _ranked_alike(kept, label, shown)
    if not np.isfinite(found.value):
        return {}
    return {"value": rounded(found.value), "low": rounded(found.low), "high": rounded(found.high)}


def _ranked_alike(kept: _Kept, label: int, shown: Floats) -> Spread:
    """Slopes differ from image to image, so they are drawn again with the images."""
    if kept.head is not None:
        relied = kept.head.weight[label].astype(np.float64)
        return spread(shown, lambda drawn: numbers.spearman(drawn.mean(axis=1), relied))
    width = shown.shape[1]

    def ranked(drawn: Floats) -> Floats:
        middle = drawn.mean(axis=1)
        pairs = zip(middle[:, :width], middle[:, width:], strict=True)
        return np.array([numbers.spearman(one[None], other)[0] for one, other in pairs])

    return spread(np.hstack([shown, kept.relevance[kept.labels == label]]), ranked)


def _clamp(kept: _Kept, head: Head) -> dict[str, float | int]:
    """Counts of images right with and without the clamp; none where a half has no image."""
    found: dict[str, float | int] = {}
    weight, bias = head.weight.astype(np.float64), head.bias.astype(np.float64)
    for name, shown in (("clean", kept.clean), ("attacked", kept.attacked)):
        if shown is None or len(shown) < _HALVES:
            continue
        told = numbers.clamped(kept.clean, shown, kept.labels, weight, bias)
        found[f"clamp_{name}_plain"] = int(told.plain.sum())
        found[f"clamp_{name}_won"] = int((~told.plain & told.clamped).sum())
        found[f"clamp_{name}_lost"] = int((told.plain & ~told.clamped).sum())
    return found
