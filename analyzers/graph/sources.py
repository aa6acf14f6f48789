"""Weights as they were uploaded, found again in the file that was made of them.

An exporter multiplies a batch norm into the convolution before it: each output's kernels keep
their direction and take another length. So a tensor of the upload is the source of a layer if and
only if every output points the same way in both; nobody's word is needed for it.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import numpy as np

from analyzers.contract import Array, ConvLayer, ConvWeights

PARALLEL: Final = 1e-4
"""Largest sine squared of an angle that passes for none: half precision stays well below."""


def with_sources(found: ConvWeights, sources: Mapping[str, Array]) -> ConvWeights:
    """The same layers with the upload's weights; unchanged when one of them has none there."""
    layers: list[ConvLayer] = []
    left = dict(sources)
    for layer in found.layers:
        name = _source_of(layer, left) or _source_of(layer, sources)
        if name is None:
            return replace(found, why_file=f"The upload holds no weights that fit {layer.name}.")
        left.pop(name, None)
        weight = sources[name]
        layers.append(layer._replace(weight=weight, bn_folded="no", origin=name))
    return replace(found, layers=layers, source="upload", bn_folded="no")


def _source_of(layer: ConvLayer, sources: Mapping[str, Array]) -> str | None:
    fitting = (name for name, weight in sources.items() if parallel(layer.weight, weight))
    return next(fitting, None)


def parallel(one: Array, other: Array) -> bool:
    """Whether the outputs of two layers point the same way, each on a scale of its own."""
    if one.shape != other.shape or other.dtype.kind != "f" or not one.size:
        return False
    left, right = (value.reshape(len(value), -1).astype(np.float64) for value in (one, other))
    if not (np.isfinite(left).all() and np.isfinite(right).all()):
        return False
    lengths = np.square(left).sum(axis=1), np.square(right).sum(axis=1)
    product = lengths[0] * lengths[1]
    sine = product - np.square((left * right).sum(axis=1))
    silent = lengths[0] == 0  # a batch norm may have switched the output off
    return bool(np.all(silent | ((product > 0) & (sine <= PARALLEL * product))))
