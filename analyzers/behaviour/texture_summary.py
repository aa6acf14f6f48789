"""Columns of answers in, measurements out: what was kept, what was lost, and who has no value."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from analyzers import lens
from analyzers.behaviour.cues.colour import CHANNELS
from analyzers.behaviour.cues.edges import STRONGEST
from analyzers.behaviour.cues.tiles import LEAST, Tiling
from analyzers.contract import Case, Done, Json, Measurement, Outcome, View
from analyzers.statistics.bootstrap import Values, mean_spread, spread
from analyzers.statistics.intervals import wilson
from analyzers.statistics.paired import difference_interval

ANSWERS: Final = (
    "texture.shuffle_retention",
    "texture.reliance",
    "texture.cue_loss",
    "texture.shape_bias",
    "texture.conflict_coverage",
)
"""What speaks of right answers, and so of nothing where there are hardly any."""
SLOPES: Final = ("texture.slope_alignment", "texture.edge_alignment")
METRICS: Final = (*ANSWERS, *SLOPES, "texture.fixed_masks")
HEADLINE: Final = 4
"""Tiles a side up to which reliance is told, so that a longer plan has the same number."""
_BINARY: Final = 2
_SIGNS: Final = (
    "Signed steps change nearly every pixel alike, so values near 1 come with this attack; "
    "texture.slope_alignment says where the model itself looks. "
)
_SMOOTH: Final = (
    "Small structures, the fine parts of shapes among them, are evened out; edges of large ones "
    "are kept."
)
SMALL: Final = 8
"""Pixels a side below which a tile is mostly border."""


@dataclass(frozen=True)
class _Seen:
    """All that was measured, by image and by threat."""

    case: Case
    grids: Sequence[Tiling]
    columns: Mapping[str, Sequence[Json]]
    attacked: Mapping[str, Sequence[Json]]
    numbers: Mapping[str, float | int]
    masks: str

    @property
    def n(self) -> int:
        return len(self.columns["row"])

    def column(self, name: str) -> Sequence[Json]:
        return self.columns[name]

    @property
    def right(self) -> Sequence[bool]:
        return [bool(one) for one in self.column("right")]

    def kept(self, name: str) -> list[bool]:
        """Of the images right as they are, which are right changed."""
        pairs = zip(self.right, self.column(name), strict=True)
        return [bool(changed) for right, changed in pairs if right]


def measurements(case: Case, grids: Sequence[Tiling], done: Sequence[Done]) -> list[Measurement]:
    """Everything, in the order of the description."""
    if not _clean(done):
        return [lens.without(name, "out_of_budget", "No image was looked at.") for name in METRICS]
    seen = _seen(case, grids, done)
    why = _too_weak(seen)
    if why:
        found = [lens.without(name, "not_applicable", why) for name in (*ANSWERS, *SLOPES)]
        return [*found, _fixed_masks(seen)]
    return [
        *_retention(seen),
        _reliance(seen),
        *_cue_losses(seen),
        *_conflict(seen),
        _slope_alignment(seen),
        *_edge_alignment(seen),
        _fixed_masks(seen),
    ]


def too_weak(case: Case, grids: Sequence[Tiling], done: Sequence[Done]) -> str:
    """Why answers to changed images say nothing; empty where they do, or where nobody knows."""
    return _too_weak(_seen(case, grids, done)) if _clean(done) else ""


def _clean(done: Sequence[Done]) -> list[Done]:
    return [one for one in done if "threat" not in one.unit.params]


def _seen(case: Case, grids: Sequence[Tiling], done: Sequence[Done]) -> _Seen:
    columns: dict[str, list[Json]] = {}
    attacked: dict[str, list[Json]] = {}
    numbers: dict[str, float | int] = {}
    notes: list[str] = []
    for one in done:
        threat = one.unit.params.get("threat")
        if threat is not None:
            attacked.setdefault(str(threat), []).extend(one.samples.get("edge", ()))
            continue
        for name, column in one.samples.items():
            columns.setdefault(name, []).extend(column)
        numbers.update(one.numbers)
        notes.extend([one.note] if one.note else [])
    return _Seen(case, grids, columns, attacked, numbers, "; ".join(notes))


def _too_weak(seen: _Seen) -> str:
    """Why the answers say nothing; empty where the model is right often enough."""
    classes = seen.case.subject.classes
    if classes < _BINARY:
        return "The model has one class, so no answer of it can change."
    chance, right = 1 / classes, sum(seen.right)
    least = lens.least_accuracy(classes)
    if right >= least * seen.n:
        return ""
    return (
        f"The model is right about {right} of {seen.n} images as they are; from "
        f"{100 * least:.3g} % on (chance is {100 * chance:.3g} %) its errors on changed images "
        "would say something."
    )


def _retention(seen: _Seen) -> list[Measurement]:
    """One share a grid; the first carries the curve over all of them."""
    metric = "texture.shuffle_retention"
    if not seen.grids:
        return [lens.without(metric, "not_applicable", _no_tiles(seen))]
    found = [
        lens.share(
            metric,
            sum(kept),
            len(kept),
            title=f"Right answers kept on {_named(grid)} shuffled tiles",
            note=f"Of the images right as they are. {_about(seen, grid)} {lens.ASSOCIATION}",
            scope={"tiles": _named(grid)},
        )
        for grid in seen.grids
        for kept in [seen.kept(f"tiles_{grid.a_side}")]
    ]
    return [replace(found[0], view=_curve(seen)), *found[1:]]


def _named(grid: Tiling) -> str:
    return f"{grid.a_side}x{grid.a_side}"


def _no_tiles(seen: _Seen) -> str:
    _, height, width = seen.case.subject.shape
    return (
        f"Images of {height} x {width} pixels are too small: four tiles of at least "
        f"{LEAST} x {LEAST} pixels do not fit."
    )


def _about(seen: _Seen, grid: Tiling) -> str:
    """What a reader must know of these tiles before he takes the number for one of texture."""
    told = [f"Tiles of {grid.height} x {grid.width} pixels, never all in their places."]
    if not grid.whole:
        told.append("The sides are no multiples of that; outer rows and columns stay in place.")
    if min(grid.height, grid.width) < SMALL:
        told.append("Tiles this small are mostly border, so the new borders weigh in.")
    tall, wide = (int(seen.numbers.get(f"patch_{one}", 0)) for one in ("height", "width"))
    aligned = tall and not (grid.height % tall or grid.width % wide or _offset(grid, tall, wide))
    if aligned:
        told.append(
            f"The model reads patches of {tall} x {wide} pixels, and each tile holds whole ones: "
            "this tests what it makes of their positions (position embeddings), not texture."
        )
    return " ".join(told)


def _offset(grid: Tiling, tall: int, wide: int) -> bool:
    return bool(grid.top % tall or grid.left % wide)


def _curve(seen: _Seen) -> View:
    shares = [seen.kept(f"tiles_{grid.a_side}") for grid in seen.grids]
    bands = [wilson(sum(kept), len(kept)) for kept in shares]
    chance = 1 / seen.case.subject.classes
    return View(
        "curve",
        "Right answers kept when the tiles of the image change places",
        {
            "x": [1, *(grid.a_side for grid in seen.grids)],
            "y": [1.0, *(sum(kept) / len(kept) for kept in shares)],
            "low": [1.0, *(one.low for one in bands)],
            "high": [1.0, *(one.high for one in bands)],
            "x_label": "tiles a side",
            "y_label": "right answers kept",
            "unit": "share",
        },
        f"Of {len(shares[0])} images right as they are; band: 95 % interval each. Shuffling "
        "breaks shapes and leaves what lies inside a tile, so a model that keeps more relies more "
        f"on local patches. Guessing keeps {100 * chance:.3g} %.",
    )


def _reliance(seen: _Seen) -> Measurement:
    metric = "texture.reliance"
    used = [grid for grid in seen.grids if grid.a_side <= HEADLINE]
    if not used:
        return lens.without(metric, "not_applicable", _no_tiles(seen))
    kept = np.array([seen.kept(f"tiles_{grid.a_side}") for grid in used], np.float64).T
    area = _area([grid.a_side for grid in used], 1 / seen.case.subject.classes)
    lost = float(area(np.full((1, 1, len(used)), 1 / seen.case.subject.classes))[0])
    sides = ", ".join(str(grid.a_side) for grid in used)
    return lens.mean(
        metric,
        spread(kept, area),
        title="Area under the shuffle curve, from chance (0) to everything kept (1)",
        note=f"Over 1, {sides} tiles a side. One that falls to chance at once has {lost:.3g}, as "
        f"the unshuffled image counts. {lens.ASSOCIATION}",
    )


def _area(counts: Sequence[int], chance: float) -> Callable[[Values], Values]:
    """Trapezoids over log2 of the tiles a side, as a share of the whole width."""
    at = np.array([0.0, *(math.log2(count) for count in counts)])

    def area(drawn: Values) -> Values:
        above = (drawn.mean(axis=1) - chance) / (1 - chance)
        line = np.concatenate([np.ones((len(above), 1)), above], axis=1)
        return ((line[:, 1:] + line[:, :-1]) / 2 * np.diff(at)).sum(axis=1) / at[-1]

    return area


def _cue_losses(seen: _Seen) -> list[Measurement]:
    """Shape, texture, colour; the first that is measured carries the bars of all."""
    used = [grid for grid in seen.grids if grid.a_side <= HEADLINE]
    shape = used[-1] if used else None
    found = [
        _loss(seen, "shape", f"tiles_{shape.a_side}", _shape_words(shape))
        if shape
        else _no_loss("shape", _no_tiles(seen)),
        _loss(seen, "texture", "smooth", _SMOOTH),
        _colour_loss(seen),
    ]
    first = next(at for at, one in enumerate(found) if one.value is not None)
    found[first] = replace(found[first], view=_bars(seen, found))
    return found


def _shape_words(grid: Tiling) -> str:
    return f"{_named(grid)} tiles of the image change places."


def _loss(seen: _Seen, cue: str, name: str, how: str) -> Measurement:
    pairs = list(zip(seen.right, (bool(one) for one in seen.column(name)), strict=True))
    lost = sum(right and not changed for right, changed in pairs)
    gained = sum(changed and not right for right, changed in pairs)
    low, high = difference_interval(lost, gained, seen.n)
    value = (lost - gained) / seen.n
    return Measurement(
        "texture.cue_loss",
        "measured",
        {"cue": cue},
        value,
        {"images": seen.n, "lost": lost, "gained": gained},
        view=View("number", f"Accuracy lost without {cue}", {"value": value, "unit": "share"}),
        note=f"95 % interval {100 * low:.1f} to {100 * high:.1f} points, {seen.n} images, paired: "
        f"{lost} became wrong, {gained} right. {how} What is done also makes pictures of a kind "
        f"that training did not show. {lens.ASSOCIATION}",
    )


def _no_loss(cue: str, why: str) -> Measurement:
    return lens.without("texture.cue_loss", "not_applicable", why, scope={"cue": cue})


def _colour_loss(seen: _Seen) -> Measurement:
    channels = seen.case.subject.shape[0]
    if channels != CHANNELS:
        kind = "greyscale" if channels == 1 else f"of {channels} channels, not red, green and blue"
        return _no_loss("colour", f"The images are {kind}.")
    grey = seen.column("grey")
    coloured = sum(one is not None for one in grey)
    if not coloured:
        return _no_loss("colour", "All images are grey already.")
    # A grey picture is left as it is, and so is the answer to it.
    told = [right if one is None else one for right, one in zip(seen.right, grey, strict=True)]
    seen = replace(seen, columns={**seen.columns, "grey": told})
    how = f"Every pixel in the grey of its brightness; {coloured} images had colour."
    return _loss(seen, "colour", "grey", how)


def _bars(seen: _Seen, found: Sequence[Measurement]) -> View:
    rows = [one for one in found if one.value is not None]
    return View(
        "bars",
        "Accuracy lost when one cue is taken out",
        {
            "labels": [one.scope["cue"] for one in rows],
            "values": [one.value for one in rows],
            "unit": "share",
        },
        f"Points of accuracy on the same {seen.n} images. The longest bar is the cue that the "
        "model misses most, as far as these three ways of taking it out compare.",
    )


def _conflict(seen: _Seen) -> list[Measurement]:
    """How hybrids are taken, with what share of them the number speaks of."""
    told = [one for one in seen.column("hybrid") if one is not None]
    bias, coverage = "texture.shape_bias", "texture.conflict_coverage"
    if not told:
        why = "No two images of different classes were right in one block, so none was mixed."
        return [lens.without(name, "not_available", why) for name in (bias, coverage)]
    shape, texture = (sum(one == kind for one in told) for kind in ("shape", "texture"))
    covered = lens.share(
        coverage,
        shape + texture,
        len(told),
        title="Hybrids taken for one of their two images",
        note="The phase of one image with the amplitude of another of a different class, both "
        "right as they are.",
    )
    if not shape + texture:
        why = f"None of {len(told)} hybrids was taken for either of its images."
        return [lens.without(bias, "not_available", why), covered]
    by_chance = " With two classes every answer is one of the two."
    return [
        lens.share(
            bias,
            shape,
            shape + texture,
            title="Hybrids taken for the image that gave the outlines",
            note=f"{shape} went by the phase (where things lie), {texture} by the amplitude (how "
            f"much there is of each frequency, and the mean colour), "
            f"{len(told) - shape - texture} by neither. Hybrids of the images under audit, not the "
            f"style transfer of Geirhos et al., whose figures do not compare."
            f"{by_chance if seen.case.subject.classes == _BINARY else ''} {lens.ASSOCIATION}",
        ),
        covered,
    ]


def _slope_alignment(seen: _Seen) -> Measurement:
    metric = "texture.slope_alignment"
    subject = seen.case.subject
    if not subject.gradient:
        why = f"Gradients are not available: {subject.gradient_gap}."
        return lens.without(metric, "not_available", why)
    title = "The slope of the margin on edges, against an even spread"
    twin = f"The slopes are those of a twin ({subject.twin}). " if subject.twin else ""
    return _alignment(metric, seen.column("slope"), title=title, said=twin)


def _edge_alignment(seen: _Seen) -> list[Measurement]:
    metric = "texture.edge_alignment"
    if seen.attacked:
        title = "The attack's change on edges, against an even spread"
        return [
            _alignment(metric, values, title=title, said=_SIGNS, scope={"threat": threat})
            for threat, values in seen.attacked.items()
        ]
    if lens.probes(seen.case):
        return [lens.without(metric, "out_of_budget", "No picture under attack was looked at.")]
    why = lens.NO_THREAT if seen.case.subject.gradient else lens.NO_PROBE
    return [lens.without(metric, "not_available", why)]


def _alignment(
    metric: str,
    values: Sequence[Json],
    *,
    title: str,
    said: str = "",
    scope: lens.Scope | None = None,
) -> Measurement:
    known = [one for one in values if one is not None]
    if not known:
        why = "No image has both edges and a change to lay over them."
        return lens.without(metric, "not_applicable", why, scope=scope)
    left = len(values) - len(known)
    out = f"Left out: {left} without edges or change. " if left else ""
    return lens.mean(
        metric,
        mean_spread(known),
        title=title,
        unit="times even",
        note=f"1 takes no notice of edges, {1 / STRONGEST:.3g} lies on nothing else. {said}{out}"
        f"{lens.ASSOCIATION}",
        scope=scope,
    )


def _fixed_masks(seen: _Seen) -> Measurement:
    metric = "texture.fixed_masks"
    if "masks" not in seen.numbers:
        outcome: Outcome = "out_of_budget"
        return lens.without(metric, outcome, "The graph was not looked at.")
    count = int(seen.numbers["masks"])
    view = View("number", "Fixed spatial masks", {"value": count, "unit": "masks"})
    told = f"{seen.masks}. They are known against black-box attacks only." if count else ""
    note = told or "No stored map with zeros is multiplied with the maps of a layer."
    return Measurement(metric, "measured", {}, count, {"masks": count}, view=view, note=note)
