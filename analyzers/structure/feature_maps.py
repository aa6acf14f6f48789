"""How many positions are left to pool before the head, and what strides let into their average.

Xu, Zhang, Wang and Yang, "Understanding Adversarial Robustness from Feature Maps of Convolutional
Layers" (arXiv:2202.12435; IEEE TNNLS 36(3), 2025). Weights and graph only. Everything here is an
association (grade C): it ranks hypotheses and decides nothing.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from analyzers.contract import (
    Analyzer,
    Array,
    Batch,
    Case,
    Description,
    Done,
    FindingRule,
    FloatArray,
    Json,
    LastMaps,
    Measurement,
    MetricSpec,
    Partial,
    Refusal,
    Shard,
    Stop,
    Subject,
    Tell,
    Unit,
)
from analyzers.structure.feature_map_rows import columns, rows_of, steps, strided_layers
from analyzers.structure.feature_map_summary import Maps, absent, measurements

SMALL: Final = 4
"""Positions up to which a map before an average counts as small; 16 at 32 pixels is usual."""


def plan(
    case: Case, config: Mapping[str, Json], done: Sequence[Done], stop: Sequence[Stop]
) -> Sequence[Unit]:
    """One unit without images; the weights that an upload brought along decide its result."""
    del config, stop
    source = {"weights": case.subject.source_weights} if case.subject.source_weights else {}
    return () if done else (Unit((0, 0), source, seconds=0.2),)


def measure(
    shard: Shard, subject: Subject, batch: Batch, inputs: Mapping[str, Array], tell: Tell
) -> Partial:
    """Read the last maps, the steps that lead to them and the layers that have a stride."""
    del shard, batch, inputs
    places = subject.places()
    if places.last is None:
        return Partial(
            "not_applicable", note=f"{places.last_gap[:1].upper()}{places.last_gap[1:]}."
        )
    tell(0, 1, "maps")
    try:
        size, looks = _size(subject, places.last)
    except Refusal as refusal:
        return Partial("not_available", note=refusal.sentence)
    if len(size) != 2:  # noqa: PLR2004 - height and width
        return Partial("not_applicable", note="What is pooled is no map of height and width.")
    weights = subject.conv_weights()
    numbers = {
        "height": size[0],
        "width": size[1],
        "mean": int(places.last.pool == "mean"),
        "skipped": len(weights.skipped),
    }
    rows = [*steps(places.last.shrinks), *strided_layers(weights.layers)]
    return Partial("measured", numbers, columns(rows), passes={"forward": looks})


def _size(subject: Subject, last: LastMaps) -> tuple[tuple[int, ...], int]:
    """Height and width of the last maps; where the graph does not tell, those of a black image."""
    if last.size:
        return last.size, 0
    black = np.zeros((1, *subject.facts.shape), np.float32)

    def sizes(name: str, values: FloatArray) -> Array:
        del name
        shape = list(values.shape)
        shape.pop(last.axis)
        return np.tile(np.array(shape[1:], np.int64), (len(values), 1))

    found = subject.activations(black, [last.tensor], sizes)[last.tensor]
    return tuple(int(side) for side in found[0]), 1


def merge(case: Case, config: Mapping[str, Json], done: Sequence[Done]) -> Sequence[Measurement]:
    """The model first, then layer by layer."""
    del config
    if not done:
        return absent("out_of_budget", "The maps were not looked at.")
    last = done[-1]
    if last.outcome != "measured":
        return absent(last.outcome, last.note)
    return measurements(Maps(case, rows_of(last.samples), last.numbers))


_SHARE: Final = (0.0, 1.0)

METRICS: Final = (
    MetricSpec(
        "feature_maps.positions",
        "Positions (height times width) of the maps that the last pool before the head turns into "
        "one number a channel, by mean or by maximum.",
        unit="positions",
        title="Positions before the pool",
    ),
    MetricSpec(
        "feature_maps.averaged",
        "Positions of the last maps where a mean pools them and images are large enough for the "
        "published experiments to speak of them.",
        unit="positions",
        title="Positions in an average",
    ),
    MetricSpec(
        "feature_maps.downsampling",
        "Side of the image over side of the last maps (square roots of their areas).",
        unit="times",
        title="Image side over map side",
    ),
    MetricSpec(
        "feature_maps.alias_strided",
        "How far the mean of a strided convolution's output can move under any small change of its "
        "input, as a share of what it could if nothing cancelled; the mean over live outputs, and "
        "for the model the median over layers.",
        range=_SHARE,
        title="Let into the average, with the stride",
    ),
    MetricSpec(
        "feature_maps.alias_plain",
        "How far the mean of a strided convolution's output could move with the same weights and "
        "stride 1: the share that the constant part of the kernels takes.",
        range=_SHARE,
        title="Let into the average, without a stride",
    ),
    MetricSpec(
        "feature_maps.alias_ratio",
        "How many times further its stride lets the mean of a convolution's output move than "
        "stride 1 would; the median over outputs with a constant part. 1 means that the stride "
        "adds nothing.",
        unit="times",
        title="What the stride adds",
    ),
    MetricSpec(
        "feature_maps.blurs",
        "Strided convolutions that hold the same fixed binomial kernel for every channel, and so "
        "blur before they step. They are left out of the numbers on aliasing.",
        unit="layers",
        title="Strides that blur first",
    ),
)

FINDINGS: Final = (
    FindingRule(
        id="MAP-SMALL",
        metric="feature_maps.averaged",
        comparison="below",
        threshold=SMALL + 1,
        severity="low",
        grade="C",
        statement="Small map before average pooling: positions that the architecture leaves to "
        "average: {value} (fewer than {limit}; 16 at 32 pixels and 49 at 224 are usual). Published "
        "experiments (Xu et al. 2022) report gains when this is enlarged and the network is "
        "retrained; we have not retrained yours. This is an association.",
        remedy="When you train the next version: a stride of 1 in place of 2 in a late stage, or "
        "the image enlarged inside the graph before the first convolution; train it adversarially "
        "and compare both models on the same images with `assay diff`.",
    ),
)

ANALYZER: Final = Analyzer(
    Description(
        id="structure.feature_maps",
        version="1",
        title="Feature maps",
        summary="Positions that are left to pool before the head, and what strides let into their "
        "average, from graph and weights alone.",
        reference="Xu et al. 2022, arXiv:2202.12435",
        schema={"type": "object", "properties": {}, "additionalProperties": False},
        metrics=METRICS,
        findings=FINDINGS,
    ),
    plan,
    merge,
    "analyzers.structure.feature_maps:measure",
)
