"""What published models look like, and for which models that is a fair comparison.

Figures after the data published with Gavrikov and Keuper, "Adversarial Robustness through the
Lens of Convolutional Filters" (2022), CC BY-SA 4.0: RobustBench models robust in Linf, each paired
with a normally trained one of the same architecture (ResNets and WideResNets at 32x32).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

LARGEST_SIDE: Final = 64
"""On larger images (ImageNet) the two kinds of models cannot be told apart by these figures."""
LEVELS: Final = (5, 25, 50, 75, 95)


@dataclass(frozen=True)
class Population:
    """Variance entropy of one kind of models: quantiles at ``LEVELS``."""

    models: int
    entropy: tuple[float, float, float, float, float]

    def place(self, value: float) -> str:
        """Where a value lies among these models, as closely as five quantiles tell."""
        if value < self.entropy[0]:
            return "below the 5 % quantile"
        if value > self.entropy[-1]:
            return "above the 95 % quantile"
        above = max(place for place, known in enumerate(self.entropy) if known <= value)
        if above == len(LEVELS) - 1:
            return "at the 95 % quantile"
        return f"between the {LEVELS[above]} % and {LEVELS[above + 1]} % quantiles"


@dataclass(frozen=True)
class ReferenceSet:
    """Normally and adversarially trained models of one data set."""

    name: str
    normal: Population
    robust: Population
    by_depth: tuple[tuple[float, float], ...] = ()
    """Median entropy (normal, robust) of the first convolution, then of each tenth of depth."""
    collapsed_below: float | None = None
    """Entropy of a late layer that few normally trained models fall below."""

    def band(self, depth: float) -> tuple[float, float] | None:
        """The range between both medians at a depth; None where it is not known."""
        if not self.by_depth:
            return None
        pair = self.by_depth[min(len(self.by_depth) - 1, math.ceil(depth * 10 - 1e-9))]
        return min(pair), max(pair)


CIFAR_10: Final = ReferenceSet(
    name="CIFAR-10",
    normal=Population(29, (0.263, 0.431, 0.595, 0.610, 0.657)),
    robust=Population(49, (0.700, 0.745, 0.768, 0.801, 0.846)),
    by_depth=(
        (0.737, 0.676),
        (0.785, 0.806),
        (0.782, 0.830),
        (0.737, 0.819),
        (0.745, 0.758),
        (0.762, 0.789),
        (0.707, 0.773),
        (0.716, 0.760),
        (0.690, 0.816),
        (0.497, 0.794),
        (0.292, 0.647),
    ),
    collapsed_below=0.263,
)
CIFAR_100: Final = ReferenceSet(
    name="CIFAR-100",
    normal=Population(11, (0.476, 0.536, 0.542, 0.595, 0.632)),
    robust=Population(17, (0.590, 0.615, 0.680, 0.704, 0.732)),
)
FEW_CLASSES: Final = 31
MOST_CLASSES: Final = 316
"""Half-way, in ratio, from 10 to 100 classes and from 100 to 1,000."""
FEWEST_KERNELS: Final = 500_000
"""ResNet-18, the smallest of these models, has 1.2 million. Entropy falls as a network outgrows its
task, so small normally trained networks look robust beside these; they are not compared."""
FAMILY: Final = "RobustBench Linf models and their normally trained twins, ResNet and WRN, 32x32"
STEM_LIKE_NORMAL: Final = 0.33
"""Centre share: 95 % of 29 normal CIFAR-10 stems lie below .31, 5 % of 47 robust ones below .33."""


def reference_for(
    shape: Sequence[int], classes: int, *, unlike: Sequence[str], kernels: int
) -> tuple[ReferenceSet | None, str]:
    """The reference set of models of this kind, or none and why.

    ``unlike`` names kinds of convolution that these models do not have, ``kernels`` counts those
    that they have.
    """
    why = _outside(shape, unlike) or _too_small(kernels)
    if not why and classes > MOST_CLASSES:
        why = f"{classes} classes"
    if why:
        return None, f"No applicable reference for {why}."
    return (CIFAR_10 if classes <= FEW_CLASSES else CIFAR_100), ""


def _outside(shape: Sequence[int], unlike: Sequence[str]) -> str:
    channels, *sides = shape
    if channels != 3:  # noqa: PLR2004 - colour images
        return f"images of {channels} channel{'s' if channels > 1 else ''}"
    if max(sides) > LARGEST_SIDE:
        return f"images of {max(sides)} pixels"
    return f"{unlike[0]} convolutions" if unlike else ""


def _too_small(kernels: int) -> str:
    if kernels >= FEWEST_KERNELS:
        return ""
    return f"so small a network ({kernels} 3x3 kernels, where ResNet-18 has 1.2 million)"
