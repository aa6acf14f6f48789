"""Where the lens looks: what the head reads, and some layers along the depth."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

import numpy as np

from analyzers.behaviour.channels.numbers import Floats
from analyzers.contract import FloatArray, Head, Place, Places, SubjectFacts

LAYERS: Final = 8
"""Layers that are held against each other: enough for a curve, few enough for memory."""
MOST_CHANNELS: Final = 16384
"""Values that a head may read: every image's are kept until the last block has run."""


class Layer(NamedTuple):
    """A tensor along the depth, by a name of its own."""

    tensor: str
    name: str


@dataclass(frozen=True)
class Sight:
    """Where to look, and how to say it."""

    tensor: str
    """What becomes the activation: what the head reads, or the last maps where there is none."""
    axis: int
    pooled: bool
    """Whether positions are still to be averaged."""
    head: Head | None
    layers: Sequence[Layer]
    told: str
    """What an activation is, and where there is no head, why."""
    relevance: Literal["head", "slope", "none"]
    """What says how much a channel counts for a class: the head's weights, exactly; the slope of
    the logit, where there is no linear head; or nothing."""

    @property
    def names(self) -> list[str]:
        """All tensors to ask for, each once."""
        return list(dict.fromkeys([self.tensor, *(one.tensor for one in self.layers)]))

    def activation(self, values: FloatArray) -> Floats:
        """One row of channels an image."""
        if not self.pooled:
            return np.asarray(values, np.float64).reshape(len(values), -1)
        return self._positions(values).mean(axis=2)

    def summed(self, slope: FloatArray) -> Floats:
        """The same of slopes: what a rise of a channel at every position comes to."""
        return self._positions(slope).sum(axis=2)

    def _positions(self, values: FloatArray) -> Floats:
        """Images, channels, positions."""
        wide = np.asarray(values, np.float64)
        channels = wide.shape[self.axis]
        if self.axis == 1:
            return wide.reshape(len(wide), channels, -1)
        return np.moveaxis(wide.reshape(len(wide), -1, channels), 2, 1)


def sight_of(places: Places, facts: SubjectFacts) -> Sight | str:
    """Where to look, or why there is nothing to see."""
    layers, head, gap = _layers(places), places.head, places.head_gap
    if head is not None and head.weight.shape[1] > MOST_CHANNELS:
        gap = f"the head reads {head.weight.shape[1]} values, and {MOST_CHANNELS} are kept"
        head = None
    if head is not None:
        told = _read_by_head(places, head)
        return Sight(head.features, 1, False, head, layers, told, "head") if told else _NOTHING
    last = _last_hidden(places, facts.classes)
    if last is None:
        return _NOTHING
    told = f"No head weights: {gap}. An activation is the mean over the positions of {last.layer}."
    if facts.gradient:
        told = f"{told} {_by_slope(facts)}"
        return Sight(last.tensor, last.axis, True, None, layers, told, "slope")
    told = f"{told} No slopes either: {facts.gradient_gap}."
    return Sight(last.tensor, last.axis, True, None, layers, told, "none")


def _last_hidden(places: Places, classes: int) -> Place | None:
    """The last maps or tokens; maps of one channel a class are scores, so those before them."""
    every = places.of("active", "pool", "tokens", "first")[::-1]
    return next((one for one in every if one.channels != classes), next(iter(every), None))


def _by_slope(facts: SubjectFacts) -> str:
    twin = f" Slopes are those of a twin ({facts.twin})." if facts.twin else ""
    return (
        "Relevance is by gradient: the slope of the true class's logit at the clean picture, "
        f"summed over these positions.{twin}"
    )


_NOTHING: Final = "The model has no hidden layer: what its head reads is the picture itself."


def _read_by_head(places: Places, head: Head) -> str:
    """What the channels are, in words; empty where they are the pixels."""
    features = places.of("features")[-1]
    count = head.weight.shape[1]
    if not features.layer:
        return ""
    if head.maps:
        return f"An activation is the mean over all positions of one of {count} channels."
    if places.of("tokens"):
        return f"An activation is one of {count} channels of the token that the head reads."
    if places.of("pool"):
        return f"An activation is one of {count} pooled channels, as the head reads them."
    if features.layer in {one.layer for one in places.of("active")}:
        return f"The head reads maps position by position: each of {count} values is a channel."
    return f"The head reads a hidden layer: each of its {count} units is a channel."


def _layers(places: Places) -> list[Layer]:
    """The first convolution and what comes after bends, evenly over their order."""
    every = places.of("first", "active")
    if len(every) > LAYERS:
        every = [every[at * (len(every) - 1) // (LAYERS - 1)] for at in range(LAYERS)]
    named: dict[str, Layer] = {}
    for place in every:
        name = _unlike(_name(place), {one.name for one in named.values()})
        named.setdefault(place.tensor, Layer(place.tensor, name))
    return list(named.values())


def _name(place: Place) -> str:
    layer = place.layer or place.tensor
    return f"{layer}, before its bend" if place.role == "first" else layer


def _unlike(name: str, taken: set[str]) -> str:
    count, found = 1, name
    while found in taken:
        count += 1
        found = f"{name} ({count})"
    return found
