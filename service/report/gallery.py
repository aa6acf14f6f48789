"""Counterexamples for a page: the nearest ones, spread over the classes, within a budget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from analyzers.contract import Array, FloatArray, Json
from service.report.frames import Floats, factor, floats, frames, thinning, weight
from service.report.wording import plain

EXAMPLES = 24
"""Counterexamples on one page, over all its galleries."""
SIDES = (128, 96, 64, 48)
"""Pixels along one side of a picture: the largest of these at which all examples fit."""
BUDGET = 2_000_000
"""Characters of pictures on one page."""
COLUMNS = ("image", "class", "taken for", "distance", "found by", "file")
_AXES = 4
_FINE = 0.05
"""Steps of 8 bits below which a distance is a whole number of them."""


@dataclass(frozen=True)
class GalleryImages:
    """Counterexamples of one analyzer."""

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
    norm: str = "Linf"
    rows: Sequence[int] = ()
    """Places of the images in the audit's order."""
    stages: Sequence[str] = ()
    """Which attack found each."""
    files: Sequence[str] = ()
    """Names of the files that hold each without loss."""
    counted: int = 0
    """Counted breaks of which these are some; 0 where that is not known."""


@dataclass(frozen=True)
class Shown:
    """A view of kind ``gallery`` and the pictures that its keys name."""

    view: Mapping[str, Json]
    pictures: Mapping[str, str]
    size: int
    """Characters that the pictures take."""
    examples: int


def shown(key: str, images: GalleryImages, *, most: int, budget: int) -> Shown | None:
    """Up to ``most`` counterexamples within a budget; None when there is nothing to show."""
    alike = images.clean.shape == images.adversarial.shape and images.clean.ndim == _AXES
    if not alike or not images.clean.size:
        return None
    far = distances(images.clean, images.adversarial, images.norm)
    rows = spread(far, images.labels, images.predicted)[:most]
    if not rows:
        return None
    clean, adversarial = floats(images.clean[rows]), floats(images.adversarial[rows])
    amplified = factor(adversarial - clean)
    pictures: list[dict[str, str]] = []
    side = SIDES[-1]
    for side in SIDES:
        pictures = _fitting(key, rows, (clean, adversarial), amplified, (side, budget))
        if len(pictures) == len(rows):
            break
    if not pictures:
        return None
    told = [_Example(images, row, far[row]) for row in rows[: len(pictures)]]
    view = _view(told, pictures, amplified, side)
    kept = {name: address for one in pictures for name, address in one.items()}
    return Shown(view, kept, weight(kept), len(pictures))


def _fitting(
    key: str,
    rows: Sequence[int],
    pair: tuple[Floats, Floats],
    amplified: int,
    limits: tuple[int, int],
) -> list[dict[str, str]]:
    """The pictures of as many examples as a budget holds, at one size."""
    side, left = limits
    found: list[dict[str, str]] = []
    for row, clean, adversarial in zip(rows, *pair, strict=True):
        made = frames(f"{key}/{row}", clean, adversarial, amplified, side)
        left -= weight(made)
        if left < 0:
            break
        found.append(made)
    return found


def distances(clean: Array, adversarial: Array, norm: str) -> list[float]:
    """How far every adversarial image lies from its clean one, in its threat's norm."""
    found: list[float] = []
    for before, after in zip(clean, adversarial, strict=True):
        moved = np.abs(floats(after) - floats(before)).ravel()
        if norm == "L2":
            found.append(float(np.sqrt(np.square(moved).sum())))
        else:
            found.append(float(moved.sum() if norm == "L1" else moved.max()))
    return found


def spread(
    far: Sequence[float], labels: Sequence[int], predicted: Sequence[int] | None = None
) -> list[int]:
    """Rows that changed the answer, the nearest first: no class twice before all came once."""
    seen: dict[int, int] = {}
    ranked: list[tuple[int, float, int]] = []
    for row in sorted(range(min(len(far), len(labels))), key=lambda row: (far[row], row)):
        label = int(labels[row])
        if predicted is not None and row < len(predicted) and int(predicted[row]) == label:
            continue
        seen[label] = seen.get(label, 0) + 1
        ranked.append((seen[label], far[row], row))
    return [row for _, _, row in sorted(ranked)]


@dataclass(frozen=True)
class _Example:
    """One counterexample in words."""

    images: GalleryImages
    row: int
    far: float

    @property
    def label(self) -> str:
        return self._name(int(self.images.labels[self.row]))

    @property
    def became(self) -> str:
        known = self.images.predicted
        if known is None or self.row >= len(known):
            return "another class"
        return self._name(int(known[self.row]))

    def _name(self, label: int) -> str:
        known = 0 <= label < len(self.images.names)
        return plain(self.images.names[label], 40) if known else f"class {label}"

    @property
    def distance(self) -> str:
        """In steps of 8 bits where the largest change of a pixel counts."""
        if self.images.norm in {"L1", "L2"}:
            return f"{self.far:.3g}"
        steps = self.far * 255
        whole = round(steps)
        return f"{whole if abs(steps - whole) < _FINE else f'{steps:.1f}'}/255"

    @property
    def image(self) -> str:
        known = self.row < len(self.images.rows)
        return f"row {self.images.rows[self.row]}" if known else f"example {self.row + 1}"

    @property
    def stage(self) -> str:
        known = self.row < len(self.images.stages)
        return plain(self.images.stages[self.row], 40) if known else ""

    @property
    def file(self) -> str:
        known = self.row < len(self.images.files)
        return plain(self.images.files[self.row], 200) if known else ""

    def item(self, pictures: Mapping[str, str], amplified: int) -> dict[str, Json]:
        """The example as a gallery shows it."""
        norm = plain(self.images.norm, 10)
        detail = [f"{norm} distance {self.distance}", self.image, self.stage]
        return {
            "caption": f"{self.label} → {self.became}",
            "detail": " · ".join(one for one in detail if one),
            "images": list(pictures),
            "roles": ["clean", "adversarial", f"difference ×{amplified}", "spectrum"],
            "cells": [self.image, self.label, self.became, self.distance, self.stage, self.file],
        }


def _view(
    told: Sequence[_Example], pictures: Sequence[Mapping[str, str]], amplified: int, side: int
) -> dict[str, Json]:
    items = [one.item(held, amplified) for one, held in zip(told, pictures, strict=True)]
    return {
        "kind": "gallery",
        "title": "",
        "data": {"items": items, "columns": list(COLUMNS)},
        "caption": _legend(told[0].images, amplified, side, len(told)),
    }


def _legend(images: GalleryImages, amplified: int, side: int, many: int) -> str:
    eps = f"within ε = {plain(images.eps, 40)}" if images.eps else "within the threat's budget"
    longest = max(images.clean.shape[2:])
    step = thinning(longest, side)
    chosen = (
        f"Shown: {many} of {images.counted:,} images broken at some depth; of the pictures handed "
        "out, the smallest changes first, each class once before any comes again."
    )
    told = [
        f"Each image keeps {eps} of its clean one, yet the model's answer changes.",
        chosen if images.counted else "",
        f"Differences are amplified {amplified} times around mid-grey.",
        "Spectrum: the size of the difference's 2-D Fourier transform, slow changes in the middle, "
        "from black (a thousandth of the largest or less) to white, in logarithms.",
        f"Of {longest} pixels a side, one in {step} is shown." if step > 1 else "",
    ]
    return " ".join(one for one in told if one)
