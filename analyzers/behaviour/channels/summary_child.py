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
from analyzers.statistics.bootstrap import spread

MOST_RANKED: Final = 4096
"""Channels that are ranked again for every resample, in seconds."""
_CLASSES_NAMED: Final = 3
_HALVES: Final = 2
Row = Mapping[str, Json]
EMPTY: Final[Row] = dict.fromkeys(("of", "name", "n", "value", "low", "high", "before", "after"))


class _Kept(NamedTuple):
    """What the head reads, of all images that it can be asked about."""

    head: Head
    clean: Floats
    attacked: Floats | None
    labels: Whole

    @property
    def relevance(self) -> Floats:
        """The weights of each image's true class."""
        return self.head.weight.astype(np.float64)[self.labels]


def summarised(shard: Shard, sight: Sight, inputs: Mapping[str, Array], tell: Tell) -> Partial:
    """Rows of a table whose first column says what they are of."""
    rows: list[Row] = [{**EMPTY, "of": columns.LAYER, "name": one.name} for one in sight.layers]
    found: dict[str, float | int] = {}
    if sight.head is not None:
        kept = _kept(sight.head, inputs)
        found["images"] = len(kept.labels)
        found["live"] = _live(kept)
        if kept.attacked is not None and len(kept.labels):
            told, more = _channels(kept, kept.attacked)
            rows, found = [*rows, *told], {**found, **more}
        if full(shard.config):
            rows += _classes(kept, tell)
            found.update(_clamp(kept))
    table = {name: [row[name] for row in rows] for name in EMPTY}
    return Partial("measured", found, table, note=sight.told)


def _kept(head: Head, inputs: Mapping[str, Array]) -> _Kept:
    lows = sorted(
        int(name.rpartition("/")[2]) for name in inputs if name.startswith(f"{columns.LABELS}/")
    )
    pairs = np.concatenate([inputs[columns.part(columns.CHANNELS, low)] for low in lows])
    labels = np.concatenate([inputs[columns.part(columns.LABELS, low)] for low in lows])
    good = columns.known(labels, head) & np.isfinite(pairs).all(axis=(1, 2))
    wide = pairs[good].astype(np.float64)
    attacked = wide[:, 1] if wide.shape[1] == _HALVES else None
    return _Kept(head, wide[:, 0], attacked, labels[good])


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
    sums: Floats = np.zeros(len(kept.head.weight))
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
            rows[-1] = {**rows[-1], **_aligned(shown, kept.head.weight[label])}
    return rows


def _aligned(shown: Floats, weight: Array) -> Row:
    relied = weight.astype(np.float64)
    value = float(numbers.spearman(shown.mean(axis=0)[None], relied)[0])
    if not np.isfinite(value):
        return {}
    found = spread(shown, lambda drawn: numbers.spearman(drawn.mean(axis=1), relied))
    return {"value": rounded(value), "low": rounded(found.low), "high": rounded(found.high)}


def _clamp(kept: _Kept) -> dict[str, float | int]:
    """Counts of images right with and without the clamp; none where a half has no image."""
    found: dict[str, float | int] = {}
    weight, bias = kept.head.weight.astype(np.float64), kept.head.bias.astype(np.float64)
    for name, shown in (("clean", kept.clean), ("attacked", kept.attacked)):
        if shown is None or len(shown) < _HALVES:
            continue
        told = numbers.clamped(kept.clean, shown, kept.labels, weight, bias)
        found[f"clamp_{name}_plain"] = int(told.plain.sum())
        found[f"clamp_{name}_won"] = int((~told.plain & told.clamped).sum())
        found[f"clamp_{name}_lost"] = int((told.plain & ~told.clamped).sum())
    return found
