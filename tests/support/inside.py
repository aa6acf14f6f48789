"""What lies inside a graph, by an independent evaluator; and subjects that only run forward."""

from collections.abc import Mapping
from typing import Any

import onnx
from onnx.reference import ReferenceEvaluator

from analyzers.contract import Array, FloatArray, InputSpec, SubjectFacts
from analyzers.engines.subject import OnnxSubject
from analyzers.graph.canonical import canonicalise


def outputs_of(raw: bytes, images: FloatArray) -> list[Array]:
    """All outputs of a graph, in its own order, by the evaluator that ships with onnx."""
    evaluator: Any = ReferenceEvaluator(onnx.ModelProto.FromString(raw))
    return evaluator.run(None, {evaluator.input_names[0]: images})


def forward_subject(
    upload: bytes,
    spec: InputSpec | None = None,
    *,
    source_weights: Mapping[str, Array] | None = None,
) -> OnnxSubject:
    """The subject that an upload becomes, without a word on its gradients."""
    made = canonicalise(upload)
    facts = SubjectFacts(
        made.digest, made.classes, made.shape, made.batch, gradient_gap="nobody asked"
    )
    return OnnxSubject(made.raw, facts, spec or InputSpec(), 1, source_weights=source_weights)
