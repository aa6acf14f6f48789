"""The words of an audit as types. No torch, no onnx, no onnxruntime, no I/O.

An analyzer is a record of plain functions. ``plan`` and ``merge`` run in the service, where
nothing heavy is loaded; ``measure`` is named by its import path and runs only in a child.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

if TYPE_CHECKING:  # a command that only asks a service loads no numpy
    import numpy as np
    import numpy.typing as npt

    FloatArray = npt.NDArray[np.float32]
    LabelArray = npt.NDArray[np.int64]
    Array = npt.NDArray[Any]
else:
    FloatArray = LabelArray = Array = Any

Rows = tuple[int, int]
"""Half-open range of the audit's permutation, on the block edges of its plan."""

Digest = str
"""SHA-256 in lower-case hex."""

Json = Any
"""A JSON value: checked against a schema where it enters, plain data after that."""

Outcome = Literal["measured", "not_applicable", "not_available", "out_of_budget", "error"]
Bound = Literal["upper", "lower", "estimate", "indicator"]
Grade = Literal["A", "B", "C", "D"]
Severity = Literal["info", "low", "medium", "high", "critical"]
SampleState = Literal["wrong", "error", "broken", "standing", "pending", "claimed", "right"]
Depth = Literal["float32", "8-bit"]
"""What a witness may consist of: any numbers, or what a file of 8 bits a pixel can hold."""
Folding = Literal["yes", "no", "unknown"]
ViewKind = Literal[
    "number",
    "curve",
    "band",
    "bracket",
    "bars",
    "dots_over_band",
    "dumbbell",
    "heat_map",
    "matrix",
    "gallery",
]
Layout = Literal["nchw", "nhwc"]
InputType = Literal["float32", "float16", "uint8", "int8", "int32", "int64"]

BLOCK_EDGES = (20, 40, 60, 100, 180, 340)
BLOCK_STEP = 160
_EXACT = 1 << 24
"""Beyond it float32 skips whole numbers, and none of them is a pixel."""


class Refusal(Exception):  # noqa: N818 - a refusal is an answer to the user, not a crash
    """What cannot be done with this model or data, in the user's words."""

    def __init__(self, code: str, sentence: str, remedy: str) -> None:
        """Keep a stable code, one sentence that says what is wrong, and what to do next."""
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence
        self.remedy = remedy


@dataclass(frozen=True)
class InputSpec:
    """The map from [0,1] NCHW pixels to what the model expects."""

    layout: Layout = "nchw"
    scale: float = 1.0
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    dtype: InputType = "float32"
    """Whole numbers are reached by rounding to the nearest, ties to even."""
    axes: tuple[int, ...] = ()
    """Axes of one image in the file where they are not the layout's own: ``(784, 1)``."""

    def apply(self, images: FloatArray) -> Array:
        """Bring [0,1] NCHW pixels into the model's own range, layout and type."""
        import numpy as np  # noqa: PLC0415 - a client reads these words and loads none

        values = images
        if self.scale != 1.0:
            values = values * np.float32(self.scale)
        if self.mean:
            shape = (1, -1, 1, 1)
            mean = np.asarray(self.mean, np.float32).reshape(shape)
            std = np.asarray(self.std, np.float32).reshape(shape)
            values = (values - mean) / std
        if self.layout == "nhwc":
            values = values.transpose(0, 2, 3, 1)
        if self.axes:
            values = values.reshape(len(values), *self.axes)
        if self.whole:
            limits = np.iinfo(self.dtype)
            values = np.rint(values).clip(limits.min, min(limits.max, _EXACT))
        return np.ascontiguousarray(values.astype(self.dtype))

    @property
    def whole(self) -> bool:
        """Whether the model takes whole numbers."""
        return not self.dtype.startswith("float")

    def as_json(self) -> dict[str, Json]:
        """Plain data with one spelling for one map."""
        return {
            "layout": self.layout,
            "scale": float(self.scale),
            "mean": [float(value) for value in self.mean],
            "std": [float(value) for value in self.std],
            "dtype": self.dtype,
            "axes": list(self.axes),
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Json]) -> InputSpec:
        """Read what ``as_json`` wrote."""
        lists = {name: tuple(body.get(name, ())) for name in ("mean", "std", "axes")}
        dtype = body.get("dtype", "float32")  # older records say nothing of type and axes
        return cls(layout=body["layout"], scale=body["scale"], dtype=dtype, **lists)


@dataclass(frozen=True)
class SubjectFacts:
    """What is known of the model under audit before any analyzer looks at it."""

    digest: Digest
    classes: int
    shape: tuple[int, int, int]
    """Channels, height and width of one image, whatever the layout of the file."""
    batch: Literal["free", "one"] = "free"
    """``one``: it runs image by image, because a batch would change its answers."""
    freed: bool = False
    """Whether the upload fixes its batch axis at 1, and the canonical file has it open."""
    gradient_gap: str = ""
    """Empty when gradients exist, else why not (``op X at node Y``)."""
    uploaded: bool = False
    """Whether the upload was an ONNX file, on which labels are replayed."""
    twin: str = ""
    """Empty when gradients are the file's own, else why a twin lends its: (``rounding: op X``)."""
    bn_folded: Folding = "unknown"
    parameters: int = 0
    source_weights: Digest = ""
    """The blob of weights that the upload consisted of; empty for a program with its weights."""

    @property
    def gradient(self) -> bool:
        """Whether the gradient engine covers the whole graph."""
        return not self.gradient_gap

    @classmethod
    def from_json(cls, body: Mapping[str, Json]) -> SubjectFacts:
        """Read what ``as_json`` wrote."""
        fields: dict[str, Json] = {**body, "shape": tuple(body["shape"])}
        return cls(**fields)

    def as_json(self) -> dict[str, Json]:
        """Plain data."""
        return {**asdict(self), "shape": list(self.shape)}


@dataclass(frozen=True)
class DataFacts:
    """What is known of the evaluation set."""

    digest: Digest
    n: int
    classes: int
    """One more than the largest label."""
    eight_bit: bool

    @classmethod
    def from_json(cls, body: Mapping[str, Json]) -> DataFacts:
        """Read what ``as_json`` wrote."""
        return cls(**body)

    def as_json(self) -> dict[str, Json]:
        """Plain data."""
        return asdict(self)


class Cues(NamedTuple):
    """A user's own pictures, each with the shape of one class and the texture of another."""

    n: int
    pictures: Digest
    shape: Digest
    """Class numbers, one a picture."""
    texture: Digest


class Earlier(NamedTuple):
    """Pictures that broke an earlier model: which image each was made of, and their blob."""

    rows: Mapping[Depth, Sequence[int]]
    pictures: Mapping[Depth, Digest]


@dataclass(frozen=True)
class Case:
    """All that ``plan`` and ``merge`` may know besides what is done."""

    subject: SubjectFacts
    data: DataFacts
    inputs: Mapping[str, Mapping[Rows, Digest]] = field(default_factory=dict[str, Any])
    """Blobs of other analyzers, complete or absent: name -> rows -> digest."""
    earlier: Mapping[str, Sequence[Earlier]] = field(default_factory=dict[str, Any])
    """What broke the last release, by threat."""
    needed: Mapping[str, Sequence[Done]] = field(default_factory=dict[str, Any])
    """What analyzers named in ``needs`` have done, by key, once they ended."""
    cues: Cues | None = None
    """Pictures with cues in conflict, where the audit was given some."""

    @property
    def n(self) -> int:
        """Number of images in the evaluation set."""
        return self.data.n


@dataclass(frozen=True)
class Unit:
    """One piece of work that a plan asks for."""

    rows: Rows
    params: Mapping[str, Json] = field(default_factory=dict[str, Json])
    inputs: Mapping[str, Digest] = field(default_factory=dict[str, Digest])
    seconds: float = 0.0
    """A hint for scheduling; outside the key."""


@dataclass(frozen=True)
class Shard:
    """A unit with everything that decides its result; its digest is the cache key."""

    analyzer: str
    version: str
    config: Mapping[str, Json]
    subject: Digest
    data: Digest
    rows: Rows
    params: Mapping[str, Json]
    inputs: Mapping[str, Digest]
    seed: int
    engine: str

    def as_json(self) -> dict[str, Json]:
        """The body whose canonical form is hashed."""
        return {
            **asdict(self),
            "rows": list(self.rows),
            "config": dict(self.config),
            "params": dict(self.params),
            "inputs": dict(self.inputs),
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Json]) -> Shard:
        """Read what ``as_json`` wrote."""
        low, high = body["rows"]
        fields: dict[str, Json] = {**body, "rows": (low, high)}
        return cls(**fields)


@dataclass(frozen=True)
class Partial:
    """What a child says of one shard, before anyone has verified it."""

    outcome: Outcome
    numbers: Mapping[str, float | int] = field(default_factory=dict[str, Any])
    samples: Mapping[str, Sequence[Json]] = field(default_factory=dict[str, Any])
    """Columns of equal length; ``row`` holds the row, ``state`` a SampleState."""
    blobs: Mapping[str, Array] = field(default_factory=dict[str, Any])
    passes: Mapping[str, int] = field(default_factory=dict[str, int])
    """``forward`` and ``backward`` passes of real rows; padding is not counted."""
    claims: str | None = None
    """Name of the blob that holds one witness for each row whose state is ``claimed``."""
    note: str = ""


@dataclass(frozen=True)
class Done:
    """A committed unit: verified, blobs by digest. All that ``plan`` and ``merge`` see."""

    unit: Unit
    outcome: Outcome
    numbers: Mapping[str, float | int]
    samples: Mapping[str, Sequence[Json]]
    blobs: Mapping[str, Digest]
    passes: Mapping[str, int]
    note: str = ""


class Tally(NamedTuple):
    """Counts at a committed prefix, over which stop rules and the judge decide."""

    population: int
    prefix: int
    standing: int
    fallen: int
    """Broken, wrong or in error: certainly not right under attack."""
    pending: int
    full: int
    """Rows on which every pass that the plan asks of them has run."""
    survivors: int = 0
    """Rows that stood when all was known that decides over the last pass, which may then end
    early; 0 while that is open, and where the last pass is asked of all of them."""
    late: int = 0
    """Of the survivors, those that the last pass broke."""


@dataclass(frozen=True)
class Stop:
    """Thresholds arrive here and nowhere else; a stop can only empty a plan."""

    metric: str
    fails: Callable[[Tally], bool]
    """Whether these counts already settle a FAIL."""
    passes: Callable[[Tally], bool] = lambda _: False
    """Whether they settle a PASS, though some survivors have not had the last pass."""
    depth: Depth = "8-bit"
    """The depth that the verdict speaks of, where the data have both."""


@dataclass(frozen=True)
class View:
    """How a measurement wants to be seen; renderers know kinds, never analyzers."""

    kind: ViewKind
    title: str
    data: Mapping[str, Json]
    caption: str = ""


@dataclass(frozen=True)
class Measurement:
    """One metric with its scope, counts and bound. A value exists only when measured."""

    metric: str
    outcome: Outcome
    scope: Mapping[str, str] = field(default_factory=dict[str, str])
    value: float | None = None
    counts: Mapping[str, int] = field(default_factory=dict[str, int])
    bound: Bound = "estimate"
    grade: Grade = "C"
    limit: float | None = None
    """For an indicator: the largest share that still lets a PASS stand."""
    view: View | None = None
    note: str = ""

    def __post_init__(self) -> None:
        """Hold the law that a value exists exactly when the outcome is ``measured``."""
        if (self.value is None) == (self.outcome == "measured"):
            message = f"{self.metric}: outcome {self.outcome} with value {self.value}"
            raise ValueError(message)
        if self.value is not None and not math.isfinite(self.value):
            message = f"{self.metric}: {self.value} is not a measurement"
            raise ValueError(message)


@dataclass(frozen=True)
class MetricSpec:
    """What a metric means, once, for docs, capabilities and the policy check."""

    name: str
    meaning: str
    unit: str = "share"
    grade: Grade = "C"
    judged: bool = False
    """Whether a policy may require it. Explanations (grade C) are never judged."""
    range: tuple[float, float] | None = None
    title: str = ""
    """What its number is called in a report, in a few words; its name's own words without one."""


@dataclass(frozen=True)
class FindingRule:
    """When a measured value is worth a sentence, and which one."""

    id: str
    metric: str
    comparison: Literal["above", "below"]
    threshold: float
    severity: Severity
    grade: Grade
    statement: str
    """``{value}``, ``{limit}`` and scope keys are filled in."""
    remedy: str


@dataclass(frozen=True)
class Description:
    """What an analyzer says of itself."""

    id: str
    version: str
    title: str
    summary: str
    reference: str
    schema: Mapping[str, Json]
    """JSON Schema of the config."""
    metrics: tuple[MetricSpec, ...]
    needs: tuple[str, ...] = ()
    """Ids of analyzers whose blobs its units take as inputs."""
    threats: tuple[str, ...] = ()
    """Norms served; empty for analyzers that run once per audit."""
    indicators: tuple[str, ...] = ()
    """Metrics, of ``metrics``, that must be present and within their limit for a PASS."""
    findings: tuple[FindingRule, ...] = ()
    edges: tuple[int, ...] = BLOCK_EDGES
    first: bool = False
    """Runs before the subject is taken for granted (preflight)."""
    on_demand: bool = False
    """Runs only where another one needs it, or where it is asked for by name."""
    cues: bool = False
    """Looks at a user's own pictures with cues in conflict, where there are some."""
    vouches: bool = False
    """Says only whether the attacks on its threat can be believed; not run once they failed it."""
    average_case: bool = False
    """Says how a model does where nobody attacks it, not why it breaks."""

    @property
    def explains(self) -> bool:
        """Whether no verdict hangs on it, so that an audit goes on where it cannot."""
        judged = any(metric.judged for metric in self.metrics)
        return not (judged or self.indicators or self.first)


class Batch(NamedTuple):
    """Rows of the evaluation set in permutation order."""

    rows: Sequence[int]
    images: FloatArray
    """[0,1], NCHW."""
    labels: LabelArray
    ids: Sequence[str]


class ConvLayer(NamedTuple):
    """A convolution's weights, with its place in the graph."""

    name: str
    weight: Array
    """[out, in / groups, *kernel]"""
    groups: int
    depth: float
    """0 for the first distinct convolution depth, 1 for the last."""
    bn_folded: Folding = "unknown"
    """``no`` where a batch norm still follows or where no bias is left behind."""
    origin: str = ""
    """The tensor of the upload that these weights are, when they are not the file's."""
    strides: tuple[int, ...] = ()
    """Positions from one window to the next, an axis each; empty where nobody said."""
    dilations: tuple[int, ...] = ()
    """Positions from one tap to the next, an axis each; empty where nobody said."""


class Skipped(NamedTuple):
    """A layer whose weights cannot be looked at, and why."""

    name: str
    why: str


@dataclass(frozen=True)
class ConvWeights:
    """The convolutions of a model, in graph order, and where their weights come from."""

    layers: Sequence[ConvLayer]
    skipped: Sequence[Skipped] = ()
    source: Literal["upload", "file"] = "file"
    """``upload``: as trained; ``file``: as the exporter left them."""
    bn_folded: Folding = "unknown"
    why_file: str = ""
    """Why the file's are used although the upload had weights of its own."""


PlaceRole = Literal["first", "active", "pool", "tokens", "features"]


class Place(NamedTuple):
    """A tensor that a lens may want to look at."""

    tensor: str
    role: PlaceRole
    """``first``: what the first convolution puts out. ``active``: maps or tokens after a
    nonlinearity. ``pool``: maps before their positions are pooled into one. ``tokens``: the same
    where one token is picked. ``features``: what the head reads, one row an image."""
    layer: str
    """The convolution or linear layer that it comes from, by its name in the file."""
    channels: int
    """0 where the graph does not tell."""
    axis: Literal[1, -1]
    """Where the channels are."""
    depth: float
    """The rank of its layer among the distinct depths of all such layers, from 0 to 1. The same
    as ``ConvLayer.depth`` where all layers before the head are convolutions."""


class Head(NamedTuple):
    """The linear layer at the end: ``logits = features @ weight.T + bias``."""

    features: str
    """The tensor that it reads; flat but for axes of one."""
    weight: FloatArray
    """[classes, features]"""
    bias: FloatArray
    maps: str = ""
    """The tensor whose plain mean over all positions is ``features``; empty where none is."""


class Shrink(NamedTuple):
    """A node on the way from the image to its last maps that steps over positions."""

    name: str
    kind: Literal["convolution", "mean", "max", "other"]
    strides: tuple[int, ...]
    size: tuple[int, ...]
    """Height and width of the maps that it leaves; empty where the graph does not tell."""


class LastMaps(NamedTuple):
    """The maps that the last pool turns into one number a channel, and how they came to be."""

    tensor: str
    axis: Literal[1, -1]
    """Where the channels are."""
    pool: Literal["mean", "max"]
    size: tuple[int, ...]
    """Height and width; empty where the graph does not tell."""
    channels: int = 0
    """0 where the graph does not tell."""
    shrinks: tuple[Shrink, ...] = ()
    """From the image on."""


class FixedMask(NamedTuple):
    """A stored map by which a layer's maps are multiplied, zero at some places for every image."""

    tensor: str
    """What comes out of the product."""
    layer: str
    """The layer whose maps it masks, by its name in the file."""
    zeros: int
    size: int
    """Values of the map, of which ``zeros`` are 0."""


@dataclass(frozen=True)
class Places:
    """What a graph offers to the lenses, in graph order."""

    found: Sequence[Place]
    head: Head | None = None
    head_gap: str = ""
    """Why there is no head, when there is none."""
    last: LastMaps | None = None
    last_gap: str = "nobody looked for a pool"
    """Why there are no last maps, when there are none."""
    masks: Sequence[FixedMask] = ()
    patch: tuple[int, int] = (0, 0)
    """Height and width of the patches into which the only convolution cuts the image, else 0."""

    def of(self, *roles: PlaceRole) -> list[Place]:
        """The places of these roles."""
        return [place for place in self.found if place.role in roles]


Reduce = Callable[[str, FloatArray], Array]
"""Name and values of a tensor for some images, images first, to anything with images first."""


class GradientStep(NamedTuple):
    """What one pass through the gradient engine yields."""

    logits: FloatArray
    loss: FloatArray
    slope: FloatArray
    """Gradient of each image's own loss with respect to its [0,1] pixels."""


class InnerSlope(NamedTuple):
    """What one pass back to a tensor inside the graph yields."""

    logits: FloatArray
    slope: Array
    """Gradient of each image's own value with respect to the tensor, reduced."""


class Gradient(Protocol):
    """Gradients of a per-image loss of the logits."""

    def step(
        self, images: FloatArray, about: Array, loss: Callable[[Any, Any], Any]
    ) -> GradientStep:
        """Logits, loss and slope of every image.

        ``loss`` maps a logits tensor and its rows of ``about`` (true class, or true class and
        target) to one value an image; the engine cuts both into batches of a fixed shape.
        """
        ...


class Uploaded(Protocol):
    """The uploaded file itself, beside the canonical one made of it."""

    def predict(self, images: FloatArray) -> FloatArray:
        """What it answers to [0,1] NCHW images, one row an image."""
        ...


class Subject(Protocol):
    """The model under audit as a child sees it."""

    @property
    def facts(self) -> SubjectFacts:
        """What is known of it."""
        ...

    @property
    def input_spec(self) -> InputSpec:
        """The preprocessing that the upload declared."""
        ...

    @property
    def gradient(self) -> Gradient | None:
        """The gradient engine, or None when an operator has no gradient here."""
        ...

    @property
    def uploaded(self) -> Uploaded | None:
        """The uploaded file, or None when what came in was no ONNX file."""
        ...

    def predict(self, images: FloatArray, input_spec: InputSpec | None = None) -> FloatArray:
        """Logits of [0,1] NCHW images, optionally under another preprocessing."""
        ...

    def conv_weights(self) -> ConvWeights:
        """Every convolution: the upload's own weights where it had them, else the file's."""
        ...

    def places(self) -> Places:
        """The tensors that lenses look at, and the head."""
        ...

    def slopes_inside(
        self, images: FloatArray, labels: LabelArray, name: str, reduce: Reduce
    ) -> InnerSlope | None:
        """Slopes of each image's logit of its label, with respect to a tensor inside the graph.

        None where an operator has no gradient here. ``reduce`` as for ``activations``.
        """
        ...

    def activations(
        self, images: FloatArray, names: Sequence[str], reduce: Reduce
    ) -> Mapping[str, Array]:
        """Tensors of the graph for [0,1] NCHW images, reduced a batch at a time.

        What ``reduce`` returns has one row an image and is all that is kept. It sees a row
        together with others, and must not let them change it.
        """
        ...


Tell = Callable[[int, int, str], None]
"""``tell(done, total, note)``: progress out, as often as one likes."""

Plan = Callable[[Case, Mapping[str, Json], Sequence[Done], Sequence[Stop]], Sequence[Unit]]
Merge = Callable[[Case, Mapping[str, Json], Sequence[Done]], Sequence[Measurement]]
Measure = Callable[[Shard, Subject, Batch, Mapping[str, Array], Tell], Partial]


class Passes(NamedTuple):
    """Single images through the model, and back."""

    forward: int = 0
    backward: int = 0


Cost = Callable[[Case, Mapping[str, Json]], Passes]
"""What an analyzer takes at most: an estimate for people, which no plan depends on."""


def _no_passes(case: Case, config: Mapping[str, Json]) -> Passes:
    del case, config
    return Passes()


@dataclass(frozen=True)
class Analyzer:
    """A record of functions: no inheritance, no registration side effects."""

    description: Description
    plan: Plan
    merge: Merge
    measure: str
    """``module:function`` of a Measure, imported only in a child."""
    cost: Cost = _no_passes


def blocks(n: int, edges: Sequence[int] = BLOCK_EDGES, step: int = BLOCK_STEP) -> list[Rows]:
    """Cut n rows at the plan's edges, then every ``step``."""
    cuts = [0, *[edge for edge in edges if edge < n]]
    while cuts[-1] < n:
        cuts.append(min(n, cuts[-1] + step) if cuts[-1] >= edges[-1] else n)
    return [(low, high) for low, high in pairwise(cuts) if low < high]
