"""A subject with closed-form logits: flat pictures, each class a shade, nearest shade wins."""

from collections.abc import Mapping, Sequence

import numpy as np

from analyzers.contract import (
    Array,
    Batch,
    Case,
    ConvLayer,
    ConvWeights,
    DataFacts,
    Done,
    FloatArray,
    Gradient,
    InnerSlope,
    InputSpec,
    Json,
    LabelArray,
    Partial,
    Place,
    Places,
    Reduce,
    Shard,
    SubjectFacts,
    Unit,
    Uploaded,
)

SHAPE = (3, 6, 6)
CLASSES = 10


class ToySubject:
    """Right about every picture of ``shades``, if it is fed as it expects to be."""

    gradient: Gradient | None = None
    uploaded: Uploaded | None = None

    def __init__(
        self,
        *,
        expects: InputSpec | None = None,
        declared: InputSpec | None = None,
        shape: tuple[int, int, int] = SHAPE,
        layers: Sequence[ConvLayer] | ConvWeights = (),
        classes: int = CLASSES,
    ) -> None:
        """Say how it was trained (``expects``) and how it is said to have been (``declared``)."""
        self.facts = SubjectFacts("5" * 64, classes, shape, gradient_gap="op Toy at node toy")
        self.input_spec = declared or InputSpec()
        self._expects = expects or InputSpec()
        given = layers if isinstance(layers, ConvWeights) else ConvWeights(layers)
        self._weights = given

    def predict(self, images: FloatArray, input_spec: InputSpec | None = None) -> FloatArray:
        """Minus the squared distance of the mean pixel to the shade of each class."""
        fed = (input_spec or self.input_spec).apply(images)
        return self.logits(fed)

    def logits(self, fed: FloatArray) -> FloatArray:
        """Logits of values as the model sees them."""
        shade = self.seen(self._pixels(fed)).mean(axis=(1, 2, 3), dtype=np.float64)
        return -np.square(shade[:, None] - shades(self.facts.classes)).astype(np.float32)

    def seen(self, pixels: FloatArray) -> FloatArray:
        """The part of the pictures that it looks at: all of it."""
        return pixels

    def _pixels(self, fed: FloatArray) -> FloatArray:
        """[0,1] NCHW pixels, if it is fed as it expects to be."""
        spec, side = self._expects, (1, -1, 1, 1)
        channels, height, width = self.facts.shape
        last = fed.reshape(len(fed), height, width, channels).transpose(0, 3, 1, 2)
        values = fed.reshape(len(fed), *self.facts.shape) if spec.layout == "nchw" else last
        pixels = values * np.asarray(spec.std or (1.0,), np.float32).reshape(side)
        return (pixels + np.asarray(spec.mean or (0.0,), np.float32).reshape(side)) / spec.scale

    def conv_weights(self) -> ConvWeights:
        """The convolutions it was given."""
        return self._weights

    def places(self) -> Places:
        """The one tensor that it has: its input, in the range of the model."""
        channels, _, _ = self.facts.shape
        return Places([Place("image", "active", "toy", channels, 1, 0.0)], None, "it is a toy")

    def slopes_inside(
        self, images: FloatArray, labels: LabelArray, name: str, reduce: Reduce
    ) -> InnerSlope | None:
        """It has no slopes."""

    def activations(
        self, images: FloatArray, names: Sequence[str], reduce: Reduce
    ) -> Mapping[str, Array]:
        """The same for every name: what the toy is fed with."""
        return {name: reduce(name, self.input_spec.apply(images)) for name in names}


class RedSubject(ToySubject):
    """Looks at red alone."""

    def seen(self, pixels: FloatArray) -> FloatArray:
        """The first channel."""
        return pixels[:, :1]


class SilentSubject(ToySubject):
    """Answers NaN for every picture darker than the shade of class 3."""

    def logits(self, fed: FloatArray) -> FloatArray:
        """Logits with holes."""
        found = super().logits(fed)
        found[fed.mean(axis=(1, 2, 3)) < 0.3] = np.nan
        return found


def shades(classes: int = CLASSES) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """The shade of every class, evenly over [0, 1]."""
    return (np.arange(classes) + 0.5) / classes


def pictures(
    labels: Sequence[int], shape: tuple[int, int, int] = SHAPE, *, classes: int = CLASSES
) -> FloatArray:
    """One flat picture a label, in the shade of its class."""
    values = shades(classes)[list(labels)].astype(np.float32)
    return np.broadcast_to(values[:, None, None, None], (len(labels), *shape)).copy()


def batch_of(
    rows: tuple[int, int],
    *,
    wrong: Sequence[int] = (),
    shape: tuple[int, int, int] = SHAPE,
    classes: int = CLASSES,
) -> Batch:
    """Rows of an endless set; the label of a ``wrong`` row is another than its shade."""
    places = range(*rows)
    shown = [place % classes for place in places]
    labels = [
        (one + 1) % classes if place in wrong else one
        for place, one in zip(places, shown, strict=True)
    ]
    images = pictures(shown, shape, classes=classes)
    told: LabelArray = np.asarray(labels, np.int64)
    return Batch(list(places), images, told, [f"{place:064x}" for place in places])


def case_of(subject: ToySubject, n: int) -> Case:
    """A case of n images for a subject."""
    classes = subject.facts.classes
    return Case(subject.facts, DataFacts("d" * 64, n, classes, eight_bit=False))


def shard_of(
    unit: Unit, analyzer: str, *, config: Mapping[str, Json] | None = None, seed: int = 0
) -> Shard:
    """The shard of a unit."""
    return Shard(
        analyzer=analyzer,
        version="1",
        config=config or {},
        subject="5" * 64,
        data="d" * 64,
        rows=unit.rows,
        params=unit.params,
        inputs=unit.inputs,
        seed=seed,
        engine="toy",
    )


def silent(done: int, total: int, note: str) -> None:
    """A ``Tell`` that nobody listens to."""
    del done, total, note


def committed(unit: Unit, partial: Partial) -> Done:
    """What a partial becomes when nothing in it needs to be confirmed."""
    blobs = {name: f"{place:064x}" for place, name in enumerate(partial.blobs)}
    return Done(
        unit,
        partial.outcome,
        partial.numbers,
        partial.samples,
        blobs,
        partial.passes,
        partial.note,
    )
