"""What a child says of a model's maps: one row a step towards the head, one a strided layer."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Final

from analyzers.contract import ConvLayer, Json, Shrink
from analyzers.structure.filter_layers import maybe, rounded, unique_names, usable
from analyzers.structure.polyphase import aliasing, is_blur, steps_over

MOST_STEPS: Final = 60
"""Steps looked at, so that what a child says stays small for any file."""
_NAME: Final = 80


@dataclass(frozen=True)
class MapRow:
    """A step on the way to the last maps, or a convolution that steps over positions."""

    role: str
    """``step`` or ``layer``."""
    name: str
    kind: str
    """``convolution``, ``mean``, ``max``, ``other``; ``blur`` for a layer of fixed blur kernels."""
    strides: str
    height: int | None = None
    """Of the maps after a step; None where the graph does not tell."""
    width: int | None = None
    strided: float | None = None
    plain: float | None = None
    ratio: float | None = None
    outputs: int = 0
    live: int = 0
    compared: int = 0

    @property
    def side(self) -> float | None:
        """The side of a square map of as many positions."""
        return math.sqrt(self.height * self.width) if self.height and self.width else None


def steps(shrinks: Sequence[Shrink]) -> list[MapRow]:
    """The nodes that step over positions, from the image on."""
    return [_step(one) for one in shrinks[:MOST_STEPS]]


def _step(one: Shrink) -> MapRow:
    height, width = one.size if len(one.size) == 2 else (None, None)  # noqa: PLR2004 - a map's
    return MapRow("step", one.name[:_NAME], one.kind, joined(one.strides), height, width)


def strided_layers(layers: Sequence[ConvLayer]) -> list[MapRow]:
    """The convolutions with a stride and more than one tap, and those that only blur."""
    known = usable(layers)
    rows = [
        _layer(layer, name)
        for layer, name in zip(known, unique_names(known), strict=True)
        if steps_over(layer)
    ]
    return [row for row in rows if row is not None]


def _layer(layer: ConvLayer, name: str) -> MapRow | None:
    found = aliasing(layer.weight, layer.strides, layer.dilations)
    if found is None:
        return None
    return MapRow(
        "layer",
        name,
        "blur" if is_blur(layer) else "convolution",
        joined(layer.strides),
        strided=rounded(found.strided),
        plain=rounded(found.plain),
        ratio=maybe(found.ratio),
        outputs=len(layer.weight),
        live=found.live,
        compared=found.compared,
    )


def joined(sides: Sequence[int]) -> str:
    """Sides as people write them."""
    return "x".join(str(side) for side in sides)


def columns(rows: Sequence[MapRow]) -> dict[str, list[Json]]:
    """Rows as columns of equal length."""
    bodies = [asdict(row) for row in rows]
    return {one.name: [body[one.name] for body in bodies] for one in fields(MapRow)}


def rows_of(samples: Mapping[str, Sequence[Json]]) -> list[MapRow]:
    """The rows that ``columns`` wrote."""
    names = [one.name for one in fields(MapRow)]
    table = zip(*(samples.get(name, ()) for name in names), strict=True)
    return [MapRow(**dict(zip(names, row, strict=True))) for row in table]
