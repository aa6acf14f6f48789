"""One convolution as a row of numbers: what a child measures and a merge reads back."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields

import numpy as np

from analyzers.contract import ConvLayer, Json
from analyzers.structure import kernel_statistics as statistics

LARGEST_TAPS = 49
"""Variance entropy is taken for kernels up to 7x7; a patch embedding is no filter in this sense."""
MOST_LAYERS = 400
"""Convolutions looked at, so that what a child says stays small for any file."""
_NAME = 80
_DIGITS = 9


@dataclass(frozen=True)
class LayerRow:
    """Statistics of one convolution; None where a statistic does not apply."""

    name: str
    depth: float
    kernel: str
    groups: int
    outputs: int
    inputs: int
    """Input channels within one group."""
    stem: bool
    kernels: int
    sparse: int
    sparse_robust: int
    compared: int
    dead: int
    kept: int | None
    """Kernels that are not near zero, over which the entropy runs."""
    entropy: float | None
    orthogonality: float | None
    coherence: float | None
    sampled: bool
    """Whether orthogonality was taken over a sample of the outputs."""
    centre_share: float | None
    thresholding_share: float | None
    antipair_share: float | None

    @property
    def comparable(self) -> bool:
        """Whether this is the kind of layer that the published definitions speak of."""
        return self.kernel == "3x3" and self.groups == 1


def usable(layers: Sequence[ConvLayer]) -> list[ConvLayer]:
    """The layers whose weights are finite numbers in a shape that a convolution has."""
    return [one for one in layers[:MOST_LAYERS] if _is_sound(one)]


def _is_sound(layer: ConvLayer) -> bool:
    weight = layer.weight
    return bool(
        weight.ndim > 2  # noqa: PLR2004 - [out, in, *kernel]
        and weight.size
        and layer.groups > 0
        and weight.shape[0] % layer.groups == 0
        and np.isfinite(weight).all()
    )


def unique_names(layers: Sequence[ConvLayer]) -> list[str]:
    """Names cut to a length and told apart, since a name is a measurement's scope."""
    seen: dict[str, int] = {}
    names: list[str] = []
    for place, layer in enumerate(layers):
        name = layer.name[:_NAME] or f"convolution {place + 1}"
        seen[name] = seen.get(name, 0) + 1
        names.append(name if seen[name] == 1 else f"{name}#{seen[name]}")
    return names


def entropy_applies(layer: ConvLayer) -> bool:
    """Whether the layer's kernels have a shape whose variance can be spread over axes."""
    return 1 < math.prod(layer.weight.shape[2:]) <= LARGEST_TAPS


def read_layer(
    layer: ConvLayer, name: str, *, is_stem: bool, sums: statistics.Moments | None
) -> LayerRow:
    """Measure one convolution; ``sums`` are its kernel moments where entropy applies."""
    weight = layer.weight
    counted = statistics.sparsity(weight)
    aligned = statistics.coherence(weight, layer.groups)
    stem = statistics.stem(weight) if is_stem else None
    return LayerRow(
        name=name,
        depth=rounded(layer.depth),
        kernel="x".join(str(side) for side in weight.shape[2:]),
        groups=layer.groups,
        outputs=weight.shape[0],
        inputs=weight.shape[1],
        stem=is_stem,
        kernels=weight.shape[0] * weight.shape[1],
        sparse=counted.sparse,
        sparse_robust=counted.sparse_robust,
        compared=counted.compared,
        dead=counted.dead,
        kept=None if sums is None else int(sums.count.sum()),
        entropy=None if sums is None else maybe(statistics.variance_entropy(sums)),
        orthogonality=None if aligned is None else rounded(aligned.orthogonality),
        coherence=None if aligned is None else rounded(aligned.excess),
        sampled=aligned is not None and aligned.sampled,
        centre_share=None if stem is None else rounded(stem.centre_share),
        thresholding_share=None if stem is None else rounded(stem.thresholding_share),
        antipair_share=None if stem is None else maybe(stem.antipair_share),
    )


def rounded(value: float) -> float:
    """Nine significant digits: sums may differ beyond them from one machine to the next."""
    return float(f"{value:.{_DIGITS}g}")


def maybe(value: float | None) -> float | None:
    """A rounded number, or none."""
    return None if value is None else rounded(value)


def columns(rows: Sequence[LayerRow]) -> dict[str, list[Json]]:
    """Rows as columns of equal length."""
    bodies = [asdict(row) for row in rows]
    return {one.name: [body[one.name] for body in bodies] for one in fields(LayerRow)}


def rows_of(samples: Mapping[str, Sequence[Json]]) -> list[LayerRow]:
    """The rows that ``columns`` wrote."""
    names = [one.name for one in fields(LayerRow)]
    table = zip(*(samples[name] for name in names), strict=True)
    return [LayerRow(**dict(zip(names, row, strict=True))) for row in table]
