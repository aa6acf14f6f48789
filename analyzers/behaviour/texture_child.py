"""Asks the model about pictures with a cue taken out, and looks where slopes and attacks lie."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final

import numpy as np
import numpy.typing as npt

from analyzers.attacks.losses import margin
from analyzers.behaviour.cues.colour import CHANNELS, coloured, without_colour
from analyzers.behaviour.cues.edges import alignment
from analyzers.behaviour.cues.hybrids import hybrids, partners
from analyzers.behaviour.cues.smoothing import without_texture
from analyzers.behaviour.cues.tiles import Tiling, drawn_order, shuffled
from analyzers.behaviour.texture import PROBE_BLOB, grids
from analyzers.behaviour.texture_own import PICTURES
from analyzers.behaviour.texture_own_child import answered
from analyzers.contract import (
    Array,
    Batch,
    FloatArray,
    Json,
    Partial,
    Places,
    Shard,
    Subject,
    Tell,
)

_AT_ONCE: Final = 1 << 20
"""Pixels and channels held beside those of the unit, a dozen times while they are smoothed."""
_NAMED: Final = 3
Classes = npt.NDArray[np.int64]


def measure(
    shard: Shard, subject: Subject, batch: Batch, inputs: Mapping[str, Array], tell: Tell
) -> Partial:
    """The user's own pictures or those under attack where they are handed over, else the images."""
    if PICTURES in inputs:
        return answered(shard, subject, inputs, tell)
    if PROBE_BLOB in inputs:
        return _under_attack(batch, inputs[PROBE_BLOB], tell)
    asked = _Asked(subject, batch, tell)
    columns = {"row": list(batch.rows), **_answers(asked, shard)}
    columns["slope"] = _slopes(asked)
    first = shard.rows[0] == 0
    places = subject.places() if first else Places(())
    return Partial(
        "measured",
        _of_graph(places) if first else {},
        columns,
        passes={"forward": asked.forward, "backward": asked.backward},
        note=_masks(places),
    )


def _under_attack(batch: Batch, probe: Array, tell: Tell) -> Partial:
    """Where the change that an attack made lies; nothing is asked of the model."""
    tell(0, 1, "edges")
    found = alignment(batch.images, probe.astype(np.float32) - batch.images)
    return Partial("measured", samples={"row": list(batch.rows), "edge": found})


class _Asked:
    """One unit's images and the model, with what was asked of it so far."""

    def __init__(self, subject: Subject, batch: Batch, tell: Tell) -> None:
        self.subject = subject
        self.batch = batch
        self.forward = 0
        self.backward = 0
        self.tell = tell

    def parts(self, places: Sequence[int], note: str) -> list[Sequence[int]]:
        """The places in portions, told of as they begin."""
        self.tell(0, len(places), note)
        step = max(1, _AT_ONCE // self.batch.images[0].size)
        return [places[low : low + step] for low in range(0, len(places), step)]

    def taken_for(
        self, places: Sequence[int], note: str, change: Callable[[Sequence[int]], FloatArray]
    ) -> dict[int, int]:
        """The class that each changed picture gets; -1 where the model gives no numbers."""
        found: dict[int, int] = {}
        for part in self.parts(places, note):
            logits = self.subject.predict(change(part))
            told = np.where(np.isfinite(logits).all(axis=1), logits.argmax(axis=1), -1)
            found.update(zip(part, told.tolist(), strict=True))
            self.forward += len(part)
            self.tell(len(found), len(places), note)
        return found

    def right(
        self, places: Sequence[int], note: str, change: Callable[[Sequence[int]], FloatArray]
    ) -> list[Json]:
        """Whether each changed picture is taken for its class; None for the others."""
        told = self.taken_for(places, note, change)
        labels = self.batch.labels.tolist()
        return [told[at] == label if at in told else None for at, label in enumerate(labels)]


def _answers(asked: _Asked, shard: Shard) -> dict[str, list[Json]]:
    """A column for the images as they are, and one for each cue that is out."""
    batch, images = asked.batch, asked.batch.images
    every = range(len(images))
    found = {"right": asked.right(every, "clean", lambda part: images[list(part)])}
    for grid in grids(shard.config, asked.subject.facts.shape):
        moved = partial(_shuffled, batch, grid, shard.seed)
        name = f"{grid.a_side} tiles a side"
        found[f"tiles_{grid.a_side}"] = asked.right(every, name, moved)
    found["smooth"] = asked.right(
        every, "without texture", lambda part: without_texture(images[list(part)])
    )
    colours = np.flatnonzero(coloured(images)).tolist() if images.shape[1] == CHANNELS else []
    found["grey"] = asked.right(
        colours, "without colour", lambda part: without_colour(images[list(part)])
    )
    found["hybrid"] = _conflicts(asked, found["right"])
    return found


def _shuffled(batch: Batch, grid: Tiling, seed: int, part: Sequence[int]) -> FloatArray:
    """Some of a unit's images, each in an order of its own."""
    orders = [drawn_order(grid.a_side, seed=seed, sample=batch.ids[at]) for at in part]
    pairs = zip(part, orders, strict=True)
    return np.stack([shuffled(batch.images[at], grid, order) for at, order in pairs])


def _conflicts(asked: _Asked, right: Sequence[Json]) -> list[Json]:
    """Which of its two donors each hybrid is taken for; None for images that gave no shape."""
    images, labels = asked.batch.images, asked.batch.labels.tolist()
    pairs = partners(labels, [bool(one) for one in right])
    told = asked.taken_for(
        list(pairs),
        "hybrids",
        lambda part: hybrids(images[list(part)], images[[pairs[at] for at in part]]),
    )
    found: list[Json] = [None] * len(labels)
    for at, other in pairs.items():
        names = {labels[at]: "shape", labels[other]: "texture"}
        found[at] = names.get(told[at], "neither")
    return found


def _slopes(asked: _Asked) -> list[Json]:
    """How far the slope of the margin lies on edges; nothing where there are no slopes."""
    gradient, batch = asked.subject.gradient, asked.batch
    found: list[Json] = []
    if gradient is None:
        return [None] * len(batch.images)
    for part in asked.parts(range(len(batch.images)), "slopes"):
        images = batch.images[list(part)]
        slope = gradient.step(images, batch.labels[list(part)], margin).slope
        found.extend(alignment(images, slope))
        asked.forward += len(part)
        asked.backward += len(part)
        asked.tell(len(found), len(batch.images), "slopes")
    return found


def _of_graph(places: Places) -> dict[str, int]:
    """What the file itself says, told once."""
    return {
        "masks": len(places.masks),
        "patch_height": places.patch[0],
        "patch_width": places.patch[1],
    }


def _masks(places: Places) -> str:
    """The first masks, and how much of their layer is dead."""
    named = [
        f"after {one.layer[:80]} {100 * one.zeros / one.size:.3g} % of {one.size} values are 0"
        for one in places.masks[:_NAMED]
    ]
    more = len(places.masks) - _NAMED
    return "; ".join([*named, *([f"and {more} more"] if more > 0 else [])])
