"""Takes the looks of a unit: cuts and slopes, pictures under attack, waves."""

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np

from analyzers.attacks.losses import cross_entropy
from analyzers.behaviour.frequency.answers import answers, some
from analyzers.behaviour.frequency.course import CELLS, CHANGES, EVERY, SIGHT
from analyzers.behaviour.frequency.maps_child import polar, whole_plane
from analyzers.behaviour.frequency.spectra import (
    CUT_AT,
    Floats,
    by_ring,
    power,
    relative,
    split,
    weighed,
)
from analyzers.contract import (
    Array,
    Batch,
    FloatArray,
    Gradient,
    Json,
    LabelArray,
    Partial,
    Shard,
    Subject,
    Tell,
)

_BETWEEN: Final = 32
"""Images between two words of progress; each is shown thirteen times."""
_ROUNDING: Final = 1e-6
"""A transform there and back moves a white pixel by less."""


def measure(
    shard: Shard, subject: Subject, batch: Batch, inputs: Mapping[str, Array], tell: Tell
) -> Partial:
    """The look that the unit asks for."""
    look = shard.params["look"]
    if look == CHANGES:
        return _changes(batch, inputs["probe"], tell)
    looks: Mapping[str, Callable[[Shard, Subject, Batch, Tell], Partial]] = {
        SIGHT: _sight,
        CELLS: polar,
        EVERY: whole_plane,
    }
    return looks[look](shard, subject, batch, tell)


def _sight(shard: Shard, subject: Subject, batch: Batch, tell: Tell) -> Partial:
    """Every image whole, coarse and fine, and the slope of its loss."""
    del shard
    book, count = _Book(), len(batch.labels)
    for part in some(batch.images, _BETWEEN):
        tell(part.start, count, "pictures cut at radii, slopes")
        images, labels = batch.images[part], batch.labels[part]
        book.add("right", answers(subject.predict(images), labels).right)
        book.add("fine", _fine(images))
        _cuts(book, subject, images, labels)
        if subject.gradient is not None:
            _slopes(book, subject.gradient, images, labels)
    slopes = count if subject.gradient is not None else 0
    return Partial(
        "measured",
        book.numbers,
        {"row": list(batch.rows), **book.samples},
        passes={"forward": count * (1 + 2 * len(CUT_AT)) + slopes, "backward": slopes},
    )


def _cuts(book: "_Book", subject: Subject, images: FloatArray, labels: LabelArray) -> None:
    for place, both in enumerate(split(images, CUT_AT)):
        for name, seen in zip(("low", "high"), both, strict=True):
            shown = np.clip(seen, 0, 1).astype(np.float32)
            book.add(f"{name}:{place}", answers(subject.predict(shown), labels).right)
            outside = (seen < -_ROUNDING) | (seen > 1 + _ROUNDING)
            book.count(f"{name}_cut:{place}", float(outside.mean(axis=(1, 2, 3)).sum()))


def _slopes(book: "_Book", gradient: Gradient, images: FloatArray, labels: LabelArray) -> None:
    slope = gradient.step(images, labels, cross_entropy).slope
    fit: Array = np.asarray(np.isfinite(slope).all(axis=(1, 2, 3)))
    spectrum = power(np.where(fit[:, None, None, None], slope, 0))
    book.spectrum("slope", spectrum, fit)


def _changes(batch: Batch, moved: Array, tell: Tell) -> Partial:
    """What an attack did to every image, by radius: as it is, and over the image's own power."""
    book, count = _Book(), len(batch.labels)
    for part in some(batch.images):
        tell(part.start, count, "spectra of changes")
        images = batch.images[part]
        spectrum = power(moved[part].astype(np.float64) - images)
        whole = spectrum.sum(axis=(-2, -1)) > 0
        book.spectrum("change", spectrum, whole)
        held = relative(spectrum, power(images))
        book.spectrum("held", held, whole & (held.sum(axis=(-2, -1)) > 0))
    return Partial("measured", book.numbers, {"row": list(batch.rows), **book.samples})


class _Book:
    """Columns and sums that grow image by image."""

    def __init__(self) -> None:
        self.samples: dict[str, list[Json]] = {}
        self.numbers: dict[str, float] = {}

    def add(self, name: str, values: Array) -> None:
        self.samples.setdefault(name, []).extend(values.tolist())

    def count(self, name: str, value: float) -> None:
        self.numbers[name] = self.numbers.get(name, 0.0) + value

    def spectrum(self, name: str, spectrum: Floats, fit: Array) -> None:
        """The sums of each picture, none where it is not fit, and the power of all by ring."""
        for what, values in weighed(spectrum)._asdict().items():
            told = [
                value if good else None for value, good in zip(values.tolist(), fit, strict=True)
            ]
            self.samples.setdefault(f"{name}_{what}", []).extend(told)
        for ring, value in enumerate(by_ring(spectrum).sum(axis=0).tolist()):
            self.count(f"{name}_ring:{ring}", value)


def _fine(images: FloatArray) -> Floats:
    """The part of each picture's variance that is finer than ``LOW``."""
    spectrum = power(images)
    spectrum[:, 0, 0] = 0
    whole, _, coarse = weighed(spectrum)
    return (whole - coarse) / np.where(whole > 0, whole, 1.0)
