"""The model under audit, as a child holds it."""

from collections.abc import Mapping, Sequence
from functools import cached_property

import onnx
import torch

from analyzers.contract import (
    Array,
    ConvWeights,
    FloatArray,
    InnerSlope,
    InputSpec,
    LabelArray,
    Places,
    Reduce,
    SubjectFacts,
)
from analyzers.engines.activations import ActivationEngine
from analyzers.engines.devices import ON_CPU, Choice, Placement
from analyzers.engines.forward import VERSION, ForwardEngine
from analyzers.engines.gradient import GradientEngine
from analyzers.engines.selfcheck import probe_images
from analyzers.engines.uploaded import Upload, UploadedModel
from analyzers.graph.places import places_of
from analyzers.graph.weights import conv_weights


class OnnxSubject:
    """Implements contract.Subject over a canonical file; engines are built on first use."""

    def __init__(
        self,
        raw: bytes,
        facts: SubjectFacts,
        input_spec: InputSpec,
        threads: int,
        *,
        device: Choice = "cpu",
        upload: Upload | None = None,
        source_weights: Mapping[str, Array] | None = None,
    ) -> None:
        """Keep the bytes and what is known of them; ``source_weights`` are those of the upload."""
        self._source_weights = source_weights
        self._engines: dict[tuple[str, ...], ActivationEngine] = {}
        self._upload = upload
        self._raw = raw
        self._facts = facts
        self._spec = input_spec
        self._threads = threads
        self._device: Choice = device

    @property
    def facts(self) -> SubjectFacts:
        """What is known of the model."""
        return self._facts

    @property
    def input_spec(self) -> InputSpec:
        """The preprocessing that the upload declared."""
        return self._spec

    @property
    def gradient(self) -> GradientEngine | None:
        """The gradient engine, or None when an operator has no gradient here."""
        return self._gradient

    @cached_property
    def _gradient(self) -> GradientEngine | None:
        if not self._facts.gradient:
            return None
        return GradientEngine(
            self._raw,
            self._spec,
            threads=self._threads,
            batch=self._facts.batch,
            device=self._device,
        )

    @property
    def uploaded(self) -> UploadedModel | None:
        """The uploaded file, or None when what came in was no ONNX file."""
        return self._uploaded

    @cached_property
    def _uploaded(self) -> UploadedModel | None:
        if self._upload is None:
            return None
        return UploadedModel(self._upload, self._spec, self._threads)

    def predict(self, images: FloatArray, input_spec: InputSpec | None = None) -> FloatArray:
        """Logits of [0,1] NCHW images."""
        return self._forward.run((input_spec or self._spec).apply(images))

    def conv_weights(self) -> ConvWeights:
        """Every convolution: the upload's own weights where it had them, else the file's."""
        if self._facts.source_weights and self._source_weights is None:
            message = "the weights that the facts speak of were not handed over"
            raise ValueError(message)
        return conv_weights(onnx.ModelProto.FromString(self._raw), self._source_weights)

    def places(self) -> Places:
        """The tensors that lenses look at, and the head."""
        return self._places

    def slopes_inside(
        self, images: FloatArray, labels: LabelArray, name: str, reduce: Reduce
    ) -> InnerSlope | None:
        """Slopes of each image's logit of its label, with respect to a tensor inside the graph."""
        engine = self._gradient
        return None if engine is None else engine.inside(images, labels, name, reduce)

    def activations(
        self, images: FloatArray, names: Sequence[str], reduce: Reduce
    ) -> Mapping[str, Array]:
        """Tensors of the graph for [0,1] NCHW images, reduced a batch at a time."""
        return self._inside(tuple(names)).run(self._spec.apply(images), reduce)

    def _inside(self, names: tuple[str, ...]) -> ActivationEngine:
        """The session for these tensors; only the last one is kept, for each holds the weights."""
        if names not in self._engines:
            self._engines.clear()
            self._engines[names] = ActivationEngine(
                self._raw,
                names,
                plain=self._forward,
                probe=self._spec.apply(probe_images(self._facts.shape)),
                threads=self._threads,
                batch=self._facts.batch,
            )
        return self._engines[names]

    @cached_property
    def _places(self) -> Places:
        return places_of(onnx.ModelProto.FromString(self._raw))

    @cached_property
    def _forward(self) -> ForwardEngine:
        return ForwardEngine(self._raw, self._threads, self._facts.batch, device=self._device)


def engine_facts(placement: Placement = ON_CPU) -> dict[str, str]:
    """The engine class: results are promised to repeat within one."""
    kind = {"instructions": torch.backends.cpu.get_cpu_capability()}
    if placement.device == "cuda":
        kind = {"capability": placement.capability}
    return {
        "device": placement.device,
        **kind,
        "dtype": "float32",
        "torch": _minor(torch.__version__),
        "onnxruntime": _minor(VERSION),
    }


def _minor(version: str) -> str:
    return ".".join(version.partition("+")[0].split(".")[:2])
