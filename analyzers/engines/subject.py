"""The model under audit, as a child holds it."""

from collections.abc import Sequence
from functools import cached_property

import onnx
import torch

from analyzers.contract import ConvLayer, FloatArray, InputSpec, SubjectFacts
from analyzers.engines.forward import VERSION, ForwardEngine
from analyzers.engines.gradient import GradientEngine
from analyzers.graph.weights import conv_layers


class OnnxSubject:
    """Implements contract.Subject over a canonical file; engines are built on first use."""

    def __init__(
        self, raw: bytes, facts: SubjectFacts, input_spec: InputSpec, threads: int
    ) -> None:
        """Keep the bytes and what is known of them."""
        self._raw = raw
        self._facts = facts
        self._spec = input_spec
        self._threads = threads

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
        return GradientEngine(self._raw, self._spec, threads=self._threads, batch=self._facts.batch)

    def predict(self, images: FloatArray, input_spec: InputSpec | None = None) -> FloatArray:
        """Logits of [0,1] NCHW images."""
        return self._forward.run((input_spec or self._spec).apply(images))

    def conv_layers(self) -> Sequence[ConvLayer]:
        """Every convolution with constant weights, in graph order."""
        return conv_layers(onnx.ModelProto.FromString(self._raw))

    @cached_property
    def _forward(self) -> ForwardEngine:
        return ForwardEngine(self._raw, self._threads, self._facts.batch)


def engine_facts() -> dict[str, str]:
    """The engine class: results are promised to repeat within one."""
    return {
        "device": "cpu",
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "dtype": "float32",
        "torch": _minor(torch.__version__),
        "onnxruntime": _minor(VERSION),
    }


def _minor(version: str) -> str:
    return ".".join(version.partition("+")[0].split(".")[:2])
