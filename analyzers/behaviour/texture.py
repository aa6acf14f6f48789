"""What a model goes by: local patches or their arrangement, texture, colour, edges.

Luo et al. 2019 (arXiv:1911.08432) for the shuffle and the masks, Geirhos et al., ICLR 2019
(arXiv:1811.12231) for cues in conflict. Everything here is an association (grade C). Whether
robust models lean on shape is open: on small networks trained for it the shuffle says either
(docs/directions.md), so nothing here says which side is better.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from analyzers import lens
from analyzers.behaviour import texture_own
from analyzers.behaviour.cues.tiles import Tiling, tiling
from analyzers.behaviour.texture_summary import measurements, too_weak
from analyzers.contract import (
    Analyzer,
    Case,
    Description,
    Done,
    FindingRule,
    Json,
    Measurement,
    MetricSpec,
    Passes,
    Stop,
    Unit,
    blocks,
)

PROBE_BLOB: Final = "probe"
EDGES: Final = (20, 40, 60, 100, 180, 200, 280, 360, 440, 500)
"""Those of the probe, whose pictures end with the sixth block, and more where all is asked for."""
_QUICK: Final = 6
_SIDES: Final = (2, 4)
_SIDES_FULL: Final = (2, 4, 8)


def grids(config: Mapping[str, Json], shape: tuple[int, int, int]) -> list[Tiling]:
    """The shuffles that are asked for and for which the pictures are large enough."""
    asked = _SIDES_FULL if lens.full(config) else _SIDES
    return [one for one in (tiling(count, shape) for count in asked) if one is not None]


def plan(
    case: Case, config: Mapping[str, Json], done: Sequence[Done], stop: Sequence[Stop]
) -> Sequence[Unit]:
    """The first images block by block, the pictures under attack of each threat, the user's own."""
    del stop
    clean = [Unit(rows) for rows in _blocks(case, config)]
    attacked = [
        Unit(rows, {"threat": probe.threat}, {PROBE_BLOB: digest})
        for probe in lens.probes(case)
        for rows, digest in sorted(probe.pictures.items())
    ]
    return lens.owed([*clean, *attacked, *texture_own.units(case)], done)


def _blocks(case: Case, config: Mapping[str, Json]) -> list[tuple[int, int]]:
    return blocks(case.n, EDGES)[: len(EDGES) if lens.full(config) else _QUICK]


def cost(case: Case, config: Mapping[str, Json]) -> Passes:
    """Clean, each shuffle, two cues, a hybrid, one slope an image, and the user's own pictures."""
    n = sum(high - low for low, high in _blocks(case, config))
    slopes = n if case.subject.gradient else 0
    own = case.cues.n if case.cues else 0
    return Passes(n * (4 + len(grids(config, case.subject.shape))) + slopes + own, slopes)


def merge(case: Case, config: Mapping[str, Json], done: Sequence[Done]) -> Sequence[Measurement]:
    """Retention first, then cues, conflict, edges, what the file holds, and the user's own set."""
    if not done:
        return [
            lens.without(one.name, "out_of_budget", "No image was looked at.") for one in METRICS
        ]
    own = [one for one in done if texture_own.OWN in one.unit.params]
    rest = [one for one in done if texture_own.OWN not in one.unit.params]
    tiles = grids(config, case.subject.shape)
    told = texture_own.measurements(case, own, weak=too_weak(case, tiles, rest))
    return [*measurements(case, tiles, rest), *told]


_SHARE: Final = (0.0, 1.0)

METRICS: Final = (
    MetricSpec(
        "texture.shuffle_retention",
        "Share of the images right as they are that stay right when their tiles change places. "
        "A model that keeps more relies more on what lies inside a tile.",
        range=_SHARE,
        title="Kept when tiles change places",
    ),
    MetricSpec(
        "texture.reliance",
        "Area under the retention over doublings of the grid (1, 2, 4 tiles a side), with chance "
        "as 0 and keeping everything as 1.",
        unit="",
        range=(-1.0, 1.0),
        title="Reliance on local patches",
    ),
    MetricSpec(
        "texture.cue_loss",
        "Accuracy lost when one cue is taken out of the same images: shape (shuffled tiles), "
        "texture (smoothing that keeps edges), colour (grey).",
        range=(-1.0, 1.0),
        title="Accuracy lost without a cue",
    ),
    MetricSpec(
        "texture.shape_bias",
        "Of hybrids with the phase of one image and the amplitude of another that are taken for "
        "either, the share taken for the one that gave the phase, and so the outlines. Not "
        "comparable with figures from style transfer.",
        range=_SHARE,
        title="Hybrids taken for their outlines",
    ),
    MetricSpec(
        "texture.conflict_coverage",
        "Share of the hybrids that are taken for either of their two images: how much of the "
        "model's answers texture.shape_bias speaks of.",
        range=_SHARE,
        title="Hybrids taken for either image",
    ),
    MetricSpec(
        "texture.slope_alignment",
        "Share of the energy of the margin's slope that lies on the steepest fifth of the "
        "image's pixels, over the share of pixels they are. 1 takes no notice of edges.",
        unit="times even",
        title="Slope on edges",
    ),
    MetricSpec(
        "texture.edge_alignment",
        "Share of the energy of the attack's change that lies on the steepest fifth of the image's "
        "pixels, over the share of pixels they are. Signed steps fill the ball nearly evenly, so "
        "values near 1 come with the attack; see texture.slope_alignment.",
        unit="times even",
        title="Attack on edges",
    ),
    MetricSpec(
        "texture.fixed_masks",
        "Stored maps with zeros by which maps of a layer are multiplied: defective convolutions.",
        unit="masks",
    ),
    MetricSpec(
        texture_own.BIAS,
        "Of a user's own pictures with the shape of one class and the texture of another that are "
        "taken for either, the share taken for the shape.",
        range=_SHARE,
        title="Own pictures taken for their shape",
    ),
    MetricSpec(
        texture_own.NEITHER,
        "Share of the user's own pictures in conflict that are taken for neither their shape nor "
        "their texture: of these texture.own_shape_bias says nothing.",
        range=_SHARE,
        title="Own pictures taken for neither",
    ),
)

FINDINGS: Final = (
    FindingRule(
        id="TEX-LOCAL",
        metric="texture.reliance",
        comparison="above",
        threshold=0.85,
        severity="info",
        grade="C",
        statement="The model answers mostly by local patches: the area under its shuffle curve is "
        "{value}, where 1 keeps every answer when the tiles of the image change places and 0 is "
        "chance. This is an association; it does not show that the model is weak.",
        remedy="None for the number itself: let the attacks decide. Defective convolutions lower "
        "it for some networks; they are known against black-box attacks only.",
    ),
    FindingRule(
        id="TEX-MASK",
        metric="texture.fixed_masks",
        comparison="above",
        threshold=0.0,
        severity="low",
        grade="C",
        statement="The file multiplies maps of its layers by fixed maps with zeros ({value} of "
        "them), as defective convolutions do. Their authors speak of transfer and decision-based "
        "attacks. This is an association; it says nothing of attackers who know the model.",
        remedy="Black-box only: read the white-box attacks of the same report, and count on the "
        "masks only where attackers neither know the model nor train one with masks of their own.",
    ),
)

ANALYZER: Final = Analyzer(
    Description(
        id="behaviour.texture",
        version="1",
        cues=True,
        title="Texture",
        summary="What is left of the answers when tiles change places, when texture or colour is "
        "taken out, and when outlines and texture speak for different classes, on pictures of "
        "your own too (--cues).",
        reference="Luo et al. 2019, arXiv:1911.08432; Geirhos et al., ICLR 2019, arXiv:1811.12231",
        schema=lens.SCHEMA,
        metrics=METRICS,
        needs=(lens.PROBE,),
        findings=FINDINGS,
        edges=EDGES,
        on_demand=True,
    ),
    plan,
    merge,
    "analyzers.behaviour.texture_child:measure",
    cost,
)
