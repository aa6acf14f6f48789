"""What published models look like, and for which models that is a fair comparison.

The figures stand in ``reference_models.json``, with their source and licence. A model is held
against them only inside their family: ResNet-like networks of 3x3 kernels, by image size and
number of classes. A change there needs a new ``version`` in the file and of the analyzer.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from analyzers.contract import Json

Quantiles = tuple[float, ...]
Medians = tuple[float | None, ...]
Shares = npt.NDArray[np.float64]

FILE: Final = Path(__file__).with_suffix(".json")
LARGEST_SMALL: Final = 64
"""Longest side of pictures that are like those of CIFAR."""
LARGE: Final = (160, 384)
"""Sides of pictures that are like those of ImageNet, on which its models are commonly run."""
FEW_CLASSES: Final = 31
MOST_CLASSES: Final = 316
"""Half-way, in ratio, from 10 to 100 classes and from 100 to 1,000."""
FEWEST_KERNELS: Final = 500_000
"""ResNet-18, the smallest of these models, has 1.2 million. Entropy falls as a network outgrows its
task, so small normally trained networks look robust beside these; they are not compared."""
FIRST_AND_TENTHS: Final = 11


class Pair(NamedTuple):
    """Medians of normally and of adversarially trained models."""

    normal: float
    robust: float


@dataclass(frozen=True)
class Population:
    """One kind of models of one data set: quantiles at ``LEVELS``."""

    models: int
    entropy: Quantiles
    stems: int = 0
    centre_share: Quantiles = ()
    """Of their first layers, where these are 3x3."""


@dataclass(frozen=True)
class ReferenceSet:
    """Normally and adversarially trained models of one data set."""

    name: str
    images: str
    stem: str
    """Kernel of the first convolution of these models."""
    normal: Population
    robust: Population
    pairs: float
    """How often the robust one of two such models has the higher entropy: .5 tells nothing."""
    by_depth: Mapping[str, Sequence[Pair | None]] = field(
        default_factory=dict[str, Sequence[Pair | None]]
    )
    """By statistic: the first convolution, then each tenth of depth."""
    collapsed_below: float | None = None
    """Entropy of a late layer that few normally trained models fall below as a whole. Known for
    CIFAR-10 alone: elsewhere typical late layers of normal models lie below that already."""

    def at(self, statistic: str, step: int) -> Pair | None:
        """Medians at one step of depth (see ``depth_step``); None where they are not known."""
        known = self.by_depth.get(statistic)
        return known[step] if known else None

    def band(self, statistic: str, step: int) -> tuple[float, float] | None:
        """The range between both medians; None where they are not known."""
        pair = self.at(statistic, step)
        return None if pair is None else (min(pair), max(pair))


class References(NamedTuple):
    """All that the file holds."""

    version: str
    family: str
    levels: Sequence[int]
    sets: Sequence[ReferenceSet]
    spectra: Mapping[str, Shares]
    """Pooled shares of variance over the principal axes, largest first, adding up to one."""


def depth_step(depth: float) -> int:
    """0 for the first convolution, then 1 to 10 for tenths of depth, each with its upper end."""
    return min(FIRST_AND_TENTHS - 1, math.ceil(depth * 10 - 1e-9))


def read(text: str) -> References:
    """The references that a file's text states."""
    body: Mapping[str, Json] = json.loads(text)
    spectra = {name: _shares(body["spectra"][name]) for name in ("robust", "normal", "all")}
    return References(
        body["version"],
        body["family"],
        body["levels"],
        [_set(one) for one in body["sets"]],
        spectra,
    )


def _set(body: Mapping[str, Json]) -> ReferenceSet:
    return ReferenceSet(
        name=body["name"],
        images=body["images"],
        stem=body["stem"],
        normal=_population(body["normal"]),
        robust=_population(body["robust"]),
        pairs=body["pairs"],
        by_depth={name: _pairs(told) for name, told in body["by_depth"].items()},
        collapsed_below=body["collapsed_below"],
    )


def _population(body: Mapping[str, Json]) -> Population:
    shares = tuple(body.get("centre_share", ()))
    return Population(body["models"], tuple(body["entropy"]), body.get("stems", 0), shares)


def _pairs(body: Mapping[str, Medians]) -> list[Pair | None]:
    both = zip(body["normal"], body["robust"], strict=True)
    return [None if a is None or b is None else Pair(a, b) for a, b in both]


def _shares(printed: Sequence[float]) -> Shares:
    """Three printed digits add up to one only nearly."""
    shares = np.asarray(printed, np.float64)
    return shares / shares.sum()


KNOWN: Final = read(FILE.read_text("utf-8"))
LEVELS: Final = KNOWN.levels
CIFAR_10, CIFAR_100, IMAGENET = KNOWN.sets
STEM_LIKE_NORMAL: Final = 0.33
"""Centre share: 95 % of 29 normal CIFAR-10 stems lie below .31, 5 % of 47 robust ones below .33."""


def family(found: ReferenceSet) -> str:
    """Which models these are, and which edition of their figures is meant."""
    return f"{KNOWN.family}, {found.images}; figures {KNOWN.version}"


def place(value: float, quantiles: Quantiles) -> str:
    """Where a value lies among models, as closely as five quantiles tell."""
    if value < quantiles[0]:
        return f"below the {LEVELS[0]} % quantile"
    if value > quantiles[-1]:
        return f"above the {LEVELS[-1]} % quantile"
    above = max(at for at, known in enumerate(quantiles) if known <= value)
    if above == len(LEVELS) - 1:
        return f"at the {LEVELS[-1]} % quantile"
    return f"between the {LEVELS[above]} % and {LEVELS[above + 1]} % quantiles"


def reference_for(
    shape: Sequence[int], classes: int, *, stem: str, unlike: Sequence[str], kernels: int
) -> tuple[ReferenceSet | None, str]:
    """The reference set of models of this kind, or none and why.

    ``stem`` is the kind of the first convolution where it is known, ``unlike`` names kinds of the
    others that these models do not have, ``kernels`` counts the 3x3 ones.
    """
    found, why = _of_pictures(shape, classes)
    if found is not None:
        strange = unlike[0] if unlike else ""
        why = f"{strange} convolutions" if strange else _other_stem(found, stem)
        why = why or _too_small(kernels)
    return (None, f"No applicable reference for {why}.") if why else (found, "")


def _of_pictures(shape: Sequence[int], classes: int) -> tuple[ReferenceSet | None, str]:
    """The set whose pictures and classes are of this kind."""
    channels, *sides = shape
    if channels != 3:  # noqa: PLR2004 - colour images
        return None, f"images of {channels} channel{'s' if channels > 1 else ''}"
    if max(sides) <= LARGEST_SMALL:
        if classes > MOST_CLASSES:
            return None, f"{classes} classes"
        return (CIFAR_10 if classes <= FEW_CLASSES else CIFAR_100), ""
    if not LARGE[0] <= min(sides) <= max(sides) <= LARGE[1]:
        return None, f"images of {max(sides)} pixels"
    if classes <= MOST_CLASSES:
        return None, f"{classes} classes of images of {max(sides)} pixels"
    return IMAGENET, ""


def _other_stem(found: ReferenceSet, stem: str) -> str:
    if stem in {"", found.stem}:
        return ""
    return f"a {stem} first convolution ({found.name} models have a {found.stem} one)"


def _too_small(kernels: int) -> str:
    if kernels >= FEWEST_KERNELS:
        return ""
    return f"so small a network ({kernels} 3x3 kernels, where ResNet-18 has 1.2 million)"
