"""A product with a constant matrix and what is added to it, and a factor a column folded in."""

from dataclasses import replace
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from analyzers.engines.operators.call import Call
from analyzers.engines.steps import Step
from analyzers.engines.workbench import Found, Workbench

_MATRIX: Final = 2
_FOLDED: Final = 1e-6
"""How far a folded weight may be off, relative; beyond it has left the range of its type."""


def linear(bench: Workbench, step: Step) -> Found | None:
    """A constant row added to a product with a constant matrix."""
    if step.operator != "Add":
        return None
    for name, other in (step.inputs, step.inputs[::-1]):
        product, bias = bench.private(name, "MatMul"), bench.constant(other)
        weight = None if product is None else bench.constant(product.inputs[1])
        if product is None or weight is None or bias is None or weight.ndim != _MATRIX:
            continue
        if bias.shape == weight.shape[1:] and bias.dtype == weight.dtype:
            inputs = [*product.inputs, other]
            return Found(Step(step.name, "MatMul", _linear, inputs, step.outputs, {}), [product])
    return None


def scaled_linear(bench: Workbench, step: Step) -> Found | None:
    """The same times a constant row: the row goes into the matrix and into what is added."""
    if step.operator != "Mul":
        return None
    for name, other in (step.inputs, step.inputs[::-1]):
        before, factor = bench.private(name, "MatMul"), bench.constant(other)
        if before is None or factor is None or before.rule is not _linear:
            continue
        values, weight, bias = before.inputs
        if bench.readers(weight) > 1 or factor.shape != bench.constants[bias].shape:
            continue
        folded = [_folded(bench.constants[part], factor) for part in (weight, bias)]
        if all(one is not None for one in folded):
            parts = [bench.keep(name, one) for one in folded if one is not None]
            return Found(replace(before, inputs=[values, *parts], outputs=step.outputs), [before])
    return None


def _folded(values: Tensor, factor: Tensor) -> Tensor | None:
    """The product, where it is as exact as any of its numbers."""
    exact = values.double() * factor.double()
    found = exact.to(values.dtype)
    close = torch.allclose(found.double(), exact, rtol=_FOLDED, atol=0.0)
    return found if close and factor.dtype == values.dtype else None


def _linear(call: Call) -> Tensor:
    values, weight, bias = call.present()
    return functional.linear(values, weight.T, bias)
