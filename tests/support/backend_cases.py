"""The operator cases that ship with onnx, run through the rules against their stored outputs."""

import contextlib
import functools
import warnings
from collections.abc import Generator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import onnx
import torch
from onnx import TensorProto, numpy_helper
from onnx.backend.test.case import base, node
from onnx.backend.test.loader import load_model_tests

from analyzers.contract import Array, Refusal
from analyzers.engines.operators import HALVES, RULES, NoRule, tensor_of
from analyzers.engines.operators.stored import TYPES, torch_type
from analyzers.engines.program import Program
from analyzers.graph.reading import opset_of

SLOW: Mapping[str, str] = {
    "AveragePool": "export_averagepool_3d_default",
    "LpPool": "export_lppool_3d_default",
    "MaxPool": "export_maxpool_3d_default",
}
"""Cases that onnx makes in Python loops, seconds each."""

WITHOUT_CASES = frozenset({"GlobalLpPool"})
"""Operators with a rule for which onnx ships no case; their values are held elsewhere."""

REFUSED_CASES: Mapping[str, str] = {
    "test_batchnorm_epsilon_training_mode": "BatchNormalization",
    "test_batchnorm_example_training_mode": "BatchNormalization",
    "test_bitshift_left_uint16": "BitShift",
    "test_bitshift_left_uint32": "BitShift",
    "test_bitshift_left_uint64": "BitShift",
    "test_bitshift_right_uint16": "BitShift",
    "test_bitshift_right_uint32": "BitShift",
    "test_bitshift_right_uint64": "BitShift",
    "test_bitwise_not_3d": "BitwiseNot",
    "test_maxunpool_export_with_output_shape": "MaxUnpool",
    "test_training_dropout": "Dropout",
    "test_training_dropout_default": "Dropout",
    "test_training_dropout_default_mask": "Dropout",
    "test_training_dropout_mask": "Dropout",
}
"""Variants that a rule refuses, each by the operator that says so."""

COARSE: Mapping[int, float] = {TensorProto.FLOAT16: 2.0**-9, TensorProto.BFLOAT16: 2.0**-6}
"""Two steps of half precision: the twin rounds in float32 where the case rounds in halves."""


class BackendCase(NamedTuple):
    """One case: a graph of one or more nodes, inputs and what must come out."""

    name: str
    graph: onnx.GraphProto
    opset: int
    inputs: Sequence[Any]
    outputs: Sequence[Any]
    rtol: float
    atol: float

    @property
    def supported(self) -> bool:
        """Whether every operator has a rule."""
        return all(one.domain == "" and one.op_type in RULES for one in self.graph.node)

    @property
    def title(self) -> str:
        """The one operator, or ``several``."""
        nodes = [one.op_type for one in self.graph.node]
        return nodes[0] if len(nodes) == 1 else "several"

    @property
    def foreign_type(self) -> bool:
        """Whether something goes in or out that no operator here takes (text, 4-bit numbers)."""
        ends = [*self.graph.input, *self.graph.output]
        taken = TYPES.keys() | HALVES.keys()
        return any(one.type.tensor_type.elem_type not in taken for one in ends)

    def given(self) -> dict[str, torch.Tensor]:
        """The inputs as the interpreter carries them."""
        pairs = zip(self.graph.input, self.inputs, strict=True)
        return {one.name: _carried(value, one.type.tensor_type.elem_type) for one, value in pairs}

    def wanted(self) -> list[str]:
        """Names of the outputs."""
        return [one.name for one in self.graph.output]

    def found(self) -> list[torch.Tensor]:
        """What the rules make of it."""
        return Program.of(self.graph, self.opset).run(self.given(), self.wanted())


@functools.cache
def backend_cases() -> Sequence[BackendCase]:
    """All cases whose operators have rules, without the slow ones."""
    with _unprinted():
        found: Sequence[Any] = load_model_tests(kind="node")
    return [one for one in map(_case, found) if one.supported]


@functools.cache
def slow_cases() -> Sequence[BackendCase]:
    """The slow ones."""
    known = {one.name for one in backend_cases()}
    with _seeded():
        for operator, maker in SLOW.items():
            getattr(getattr(getattr(node, operator.lower()), operator), maker)()
        found: Sequence[Any] = load_model_tests(kind="node")
    return [one for one in map(_case, found) if one.supported and one.name not in known]


def complaint(case: BackendCase) -> str:
    """Empty when the outputs are as stored, else what is wrong."""
    try:
        found = case.found()
    except (NoRule, Refusal) as error:
        return f"refused: {error}"
    for one, value, told in zip(found, case.outputs, case.graph.output, strict=True):
        element = told.type.tensor_type.elem_type
        gap = _gap(one.detach().numpy(), _array(value), element, case=case)
        if gap:
            return gap
    return ""


def refusal(case: BackendCase) -> str:
    """The words in which a case is refused; empty when it runs."""
    try:
        case.found()
    except NoRule as error:
        return str(error)
    except Refusal as error:
        return error.sentence
    return ""


def _gap(found: Array, expected: Array, element: int, *, case: BackendCase) -> str:
    if found.shape != expected.shape:
        return f"shape {found.shape} for {expected.shape}"
    coarse = COARSE.get(element, 0.0)
    close = np.isclose(
        found.astype(np.float64),
        expected.astype(np.float64),
        rtol=max(case.rtol, coarse),
        atol=max(case.atol, coarse / 4),
        equal_nan=True,
    )
    return "" if close.all() else f"{int((~close).sum())} of {close.size} values differ"


def _carried(value: Any, element: int) -> torch.Tensor:  # noqa: ANN401 - a case holds arrays or protos
    if isinstance(value, TensorProto):
        return tensor_of(value)
    dtype = torch_type(element)
    values = np.array(value, np.float32 if element in HALVES else None)
    return torch.from_numpy(values).to(dtype)  # pyright: ignore[reportUnknownMemberType]  # untyped in torch


def _array(value: Any) -> Array:  # noqa: ANN401 - a case holds arrays or protos
    return numpy_helper.to_array(value) if isinstance(value, TensorProto) else np.asarray(value)


def _case(told: Any) -> BackendCase:  # noqa: ANN401 - an untyped class of onnx
    inputs, outputs = told.data_sets[0]
    return BackendCase(
        told.name,
        told.model.graph,
        opset_of(told.model),
        inputs,
        outputs,
        rtol=told.rtol,
        atol=told.atol,
    )


@contextlib.contextmanager
def _seeded() -> Generator[None]:
    """As onnx seeds its cases; the state is given back, and its divisions by zero are meant."""
    state = np.random.get_state()  # noqa: NPY002 - onnx draws from the old generator
    np.random.seed(0)  # noqa: NPY002 - as above
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
    np.random.set_state(state)  # noqa: NPY002 - as above


@contextlib.contextmanager
def _unprinted() -> Generator[None]:
    """Loading runs every maker and prints its source; here it neither prints nor runs slow ones."""
    exporter: Any = base._Exporter  # pyright: ignore[reportPrivateUsage]  # no public hook
    original = exporter.__init__

    def quick(kind: Any, name: str, parents: Any, members: Mapping[str, Any]) -> None:  # noqa: ANN401 - a metaclass
        for key in members:
            if key.startswith("export") and key not in SLOW.values():
                np.random.seed(0)  # noqa: NPY002 - as the original
                getattr(kind, key)()

    exporter.__init__ = quick
    try:
        with _seeded():
            yield
    finally:
        exporter.__init__ = original
