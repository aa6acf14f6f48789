"""Counterexamples as pictures: clean, adversarial, and their difference amplified."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from analyzers.contract import Array, FloatArray, Json
from service.report.png import Pixels, data_uri
from service.report.wording import plain

EXAMPLES = 12
"""Counterexamples on one page, over all its galleries."""
SIDE = 128
"""Pixels along one side of a picture; of larger ones every k-th pixel is shown."""
BUDGET = 1_200_000
"""Characters of pictures on one page."""
_AXES = 4
_COLOURS = 3

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class GalleryImages:
    """Counterexamples of one analyzer, in the order in which they deserve to be seen."""

    clean: Array
    """NCHW; uint8, or float in [0,1]."""
    adversarial: FloatArray
    """NCHW in [0,1], the same shape."""
    labels: Sequence[int]
    predicted: Sequence[int] | None = None
    """What the model says of the adversarial images."""
    eps: str = ""
    """The budget as the threat spells it, for instance ``8/255``."""
    names: Sequence[str] = ()
    """Names of the classes, when they are known."""


@dataclass(frozen=True)
class Shown:
    """A view of kind ``gallery`` and the pictures that its keys name."""

    view: Mapping[str, Json]
    pictures: Mapping[str, str]
    size: int
    """Characters that the pictures take."""


def shown(key: str, images: GalleryImages, *, most: int, budget: int) -> Shown | None:
    """Up to ``most`` counterexamples within a budget; None when there is nothing to show."""
    rows = _varied(images)[:most]
    alike = images.clean.shape == images.adversarial.shape and images.clean.ndim == _AXES
    if not rows or not alike or not images.clean.size:
        return None
    clean, adversarial = _floats(images.clean[rows]), _floats(images.adversarial[rows])
    difference = adversarial - clean
    factor = _factor(difference)
    pictures: dict[str, str] = {}
    items: list[Json] = []
    for place, row in enumerate(rows):
        trio = _trio(f"{key}/{row}", clean[place], adversarial[place], difference[place] * factor)
        size = sum(map(len, [*pictures.values(), *trio.values()]))
        if size > budget:
            break
        pictures.update(trio)
        items.append({"caption": _caption(images, row), "images": list(trio)})
    if not items:
        return None
    caption = _legend(images, factor, max(clean.shape[2:]))
    view = {"kind": "gallery", "title": "", "data": {"items": items}, "caption": caption}
    return Shown(view, pictures, sum(map(len, pictures.values())))


def _floats(images: Array) -> Floats:
    scale = 255.0 if images.dtype == np.uint8 else 1.0
    values = np.asarray(images, dtype=np.float64) / scale
    return np.nan_to_num(values, nan=0.0, posinf=1.0, neginf=0.0)


def _factor(difference: Floats) -> int:
    """How often the difference fits between mid-grey and the end of the scale."""
    largest = float(np.abs(difference).max())
    return max(1, min(255, int(0.5 / largest))) if largest > 0 else 1


def _varied(images: GalleryImages) -> list[int]:
    """Rows that changed the answer: every class once before any class comes again."""
    seen: dict[int, int] = {}
    ranked: list[tuple[int, int]] = []
    for row in range(min(len(images.clean), len(images.adversarial), len(images.labels))):
        label = int(images.labels[row])
        answer = _answer(images, row)
        if answer == label:
            continue
        seen[label] = seen.get(label, 0) + 1
        ranked.append((seen[label], row))
    return [row for _, row in sorted(ranked)]


def _answer(images: GalleryImages, row: int) -> int | None:
    known = images.predicted is not None and row < len(images.predicted)
    return int(images.predicted[row]) if known and images.predicted is not None else None


def _trio(key: str, clean: Floats, adversarial: Floats, difference: Floats) -> dict[str, str]:
    return {
        f"{key}/clean": data_uri(_pixels(clean)),
        f"{key}/adversarial": data_uri(_pixels(adversarial)),
        f"{key}/difference": data_uri(_pixels(difference + 0.5)),
    }


def _pixels(image: Floats) -> Pixels:
    """CHW in [0,1] as a picture of one or three channels."""
    kept = image[:_COLOURS] if image.shape[0] >= _COLOURS else image[:1]
    step = -(-max(kept.shape[1:]) // SIDE)
    eight_bit = np.rint(np.clip(kept[:, ::step, ::step], 0.0, 1.0) * 255.0).astype(np.uint8)
    return np.ascontiguousarray(eight_bit.transpose(1, 2, 0))


def _caption(images: GalleryImages, row: int) -> str:
    before, after = int(images.labels[row]), _answer(images, row)
    told = f"{_name(images, before)} → "
    return told + ("another class" if after is None else _name(images, after))


def _name(images: GalleryImages, label: int) -> str:
    known = 0 <= label < len(images.names)
    return plain(images.names[label], 40) if known else f"class {label}"


def _legend(images: GalleryImages, factor: int, side: int) -> str:
    eps = f"within ε = {plain(images.eps, 40)}" if images.eps else "within the threat's budget"
    thinned = (
        f" Of {side} pixels a side, one in {-(-side // SIDE)} is shown." if side > SIDE else ""
    )
    return (
        f"Each image keeps {eps} of its clean one, yet the model's answer changes. Differences are "
        f"amplified {factor} times around mid-grey.{thinned}"
    )
