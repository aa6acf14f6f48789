"""Rows of a model's maps in, measurements out, with the words that go with them."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from analyzers.contract import Case, Json, Measurement, Outcome, View
from analyzers.lens import without
from analyzers.structure.feature_map_rows import MapRow
from analyzers.structure.filter_layers import rounded

SMALLEST_SIDE: Final = 28
"""The published experiments are on images of 32 pixels and more, and MNIST is close; on smaller
images a small map follows from the image."""
MODEL_METRICS: Final = (
    "feature_maps.positions",
    "feature_maps.averaged",
    "feature_maps.downsampling",
    "feature_maps.alias_strided",
    "feature_maps.alias_plain",
    "feature_maps.alias_ratio",
    "feature_maps.blurs",
)
_USUAL: Final = "Usual are 16 positions at 32 pixels (ResNet-18) and 49 at 224 pixels (ResNet-50)."
_MAXIMUM: Final = (
    "The last maps are pooled by maximum: by this bound, a maximum moves equally far whatever the "
    "stride, and no gain is reported for larger maps before one."
)
_BOUND: Final = (
    "Exact for one linear convolution on a circular image whose output is averaged; layers in "
    "between and borders bend it."
)
_ASSOCIATION: Final = (
    "This is an association: in published experiments models with larger maps before an average "
    "were retrained, and their training moves much else besides."
)
Number = Callable[[MapRow], float | None]


@dataclass(frozen=True)
class Maps:
    """What is known of one model's maps."""

    case: Case
    rows: Sequence[MapRow]
    numbers: Mapping[str, float | int]

    @property
    def positions(self) -> int:
        """Positions of the last maps."""
        return self.height * self.width

    @property
    def height(self) -> int:
        """Of the last maps."""
        return int(self.numbers["height"])

    @property
    def width(self) -> int:
        """Of the last maps."""
        return int(self.numbers["width"])

    @property
    def averaged(self) -> bool:
        """Whether a mean pools them."""
        return bool(self.numbers["mean"])

    @property
    def steps(self) -> list[MapRow]:
        """The steps from the image on."""
        return [row for row in self.rows if row.role == "step"]

    @property
    def layers(self) -> list[MapRow]:
        """Strided convolutions of learned weights."""
        return [row for row in self.rows if row.role == "layer" and row.kind != "blur"]

    @property
    def blurs(self) -> list[MapRow]:
        """Strided convolutions that only blur."""
        return [row for row in self.rows if row.role == "layer" and row.kind == "blur"]


def absent(outcome: Outcome, note: str) -> list[Measurement]:
    """Every model-level metric without a value."""
    return [without(metric, outcome, note) for metric in MODEL_METRICS]


def measurements(maps: Maps) -> list[Measurement]:
    """The model first, then its strided layers."""
    found = [_positions(maps), _averaged(maps), _downsampling(maps), *_aliasing(maps), _blurs(maps)]
    if maps.averaged:
        found.extend(one for row in maps.layers for one in _of_layer(row))
    return found


def _positions(maps: Maps) -> Measurement:
    pool = "mean" if maps.averaged else "maximum"
    note = (
        f"Images of {_image(maps)} pixels come down to maps of {maps.height}x{maps.width} "
        f"positions, of which the model takes the {pool}. {_USUAL}"
    )
    return _number("feature_maps.positions", maps.positions, note=note, view=_way(maps))


def _averaged(maps: Maps) -> Measurement:
    """The same where a small number is worth a sentence, which the finding reads."""
    metric = "feature_maps.averaged"
    _, *sides = maps.case.subject.shape
    if not maps.averaged:
        return without(metric, "not_applicable", _MAXIMUM)
    if min(sides) < SMALLEST_SIDE:
        why = f"On images of {_image(maps)} pixels small maps are no choice of the architecture."
        return without(metric, "not_applicable", why)
    plural = "" if maps.positions == 1 else "s"
    told = f"{maps.positions} position{plural} are averaged into each feature."
    if maps.positions == 1:
        told = "Each feature is the mean of a single position: the average takes nothing away."
    return _number(metric, maps.positions, note=f"{told} {_ASSOCIATION}")


def _downsampling(maps: Maps) -> Measurement:
    _, height, width = maps.case.subject.shape
    value = math.sqrt(height * width / maps.positions)
    told = ", ".join(f"{one.strides} ({_WORDS[one.kind]})" for one in maps.steps)
    note = f"Strides from the image on: {told}." if told else "No node steps over positions."
    view = View("number", "Image side over map side", {"value": rounded(value), "unit": "times"})
    return _number("feature_maps.downsampling", value, note=note, view=view)


def _aliasing(maps: Maps) -> list[Measurement]:
    names = tuple(one for one in MODEL_METRICS if ".alias_" in one)
    why = "" if maps.layers else "No convolution of more than one tap has a stride."
    if not maps.averaged:
        why = _MAXIMUM
    if why:
        return [without(name, "not_applicable", why) for name in names]
    middle = f"Median of {len(maps.layers)} strided layer{'s' if len(maps.layers) > 1 else ''}."
    views = (_gap(maps), None, None)
    return [
        _middle(maps.layers, name, number, note=middle, view=view)
        for name, number, view in zip(names, _NUMBERS, views, strict=True)
    ]


def _strided(row: MapRow) -> float | None:
    return row.strided


def _plain(row: MapRow) -> float | None:
    return row.plain


def _ratio(row: MapRow) -> float | None:
    return row.ratio


_NUMBERS: Final[tuple[Number, ...]] = (_strided, _plain, _ratio)
_WORDS: Final = {
    "convolution": "convolution",
    "mean": "mean pool",
    "max": "max pool",
    "other": "other pool",
}


def _middle(
    rows: Sequence[MapRow], metric: str, number: Number, *, note: str, view: View | None
) -> Measurement:
    known = [value for row in rows if (value := number(row)) is not None]
    if not known:
        return without(metric, "not_applicable", "No strided output has a constant part.")
    counts = {"layers": len(known), "excluded": len(rows) - len(known)}
    return _number(metric, median(known), counts=counts, note=f"{note} {_BOUND}", view=view)


def _of_layer(row: MapRow) -> list[Measurement]:
    scope, live = {"layer": row.name}, {"live": row.live, "outputs": row.outputs}
    note = f"Stride {row.strides}."
    return [
        _number("feature_maps.alias_strided", row.strided, scope=scope, counts=live, note=note),
        _number("feature_maps.alias_plain", row.plain, scope=scope, counts=live, note=note),
        _number(
            "feature_maps.alias_ratio",
            row.ratio,
            scope=scope,
            counts={"outputs": row.compared, "excluded": row.live - row.compared},
            note=note if row.ratio is not None else "No output has a constant part to compare to.",
        ),
    ]


def _blurs(maps: Maps) -> Measurement:
    named = ", ".join(row.name for row in maps.blurs[:5])
    note = f"Blurs before it steps: {named}." if named else "No strided layer only blurs."
    return _number("feature_maps.blurs", len(maps.blurs), note=note)


def _number(
    metric: str,
    value: float | None,
    *,
    note: str,
    scope: Mapping[str, str] | None = None,
    counts: Mapping[str, int] | None = None,
    view: View | None = None,
) -> Measurement:
    if value is None:
        return without(metric, "not_applicable", note, scope=scope)
    known = dict(scope or {}), rounded(value), dict(counts or {})
    return Measurement(metric, "measured", *known, view=view, note=note)


def _image(maps: Maps) -> str:
    _, height, width = maps.case.subject.shape
    return f"{height}x{width}"


def _way(maps: Maps) -> View:
    """From the image to the last maps, a bar a size."""
    _, height, width = maps.case.subject.shape
    labels, values = [f"{height}x{width} image"], [rounded(math.sqrt(height * width))]
    for row in maps.steps:
        if row.side is not None:
            labels.append(f"{row.height}x{row.width} {_WORDS[row.kind]}")
            values.append(rounded(row.side))
    labels.append(f"{maps.height}x{maps.width} last maps")
    values.append(rounded(math.sqrt(maps.positions)))
    pool = "averaged" if maps.averaged else "searched for their maximum"
    caption = (
        "Height and width of the maps, and their side, after each step that leaves positions out. "
        f"The last maps are {pool}, which makes one number of each channel. Independent noise on k "
        "positions is divided by the square root of k in a mean; a maximum does not do that."
    )
    title = f"{_image(maps)} pixels come down to {maps.height}x{maps.width} positions"
    data: dict[str, Json] = {"labels": labels, "values": values, "unit": "a side"}
    return View("bars", title, data, caption)


def _gap(maps: Maps) -> View:
    """What each stride adds to how far an average can move."""
    caption = (
        "How far the average of a layer's output can move under any small change of its input, as "
        "a share of what it could if nothing cancelled out. Ring: the same weights without a "
        f"stride. Dot: with the stride that the layer has, which lets fast patterns in. {_BOUND}"
    )
    data: dict[str, Json] = {
        "labels": [row.name for row in maps.layers],
        "before": [row.plain for row in maps.layers],
        "after": [row.strided for row in maps.layers],
        "before_label": "stride 1",
        "after_label": "own stride",
        "unit": "share",
    }
    return View("dumbbell", "What strides let into the average, by layer", data, caption)
