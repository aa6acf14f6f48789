"""The twin says its name, its slopes pass straight through, and memory is given back."""

import weakref
from collections.abc import Mapping, Sequence

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto

from analyzers.contract import Array
from analyzers.engines.interpreter import Interpreter
from analyzers.engines.operators.call import Call
from analyzers.engines.program import Program
from analyzers.engines.steps import Step
from support.graphs import model, node

SCALE = np.array(0.05, np.float32)
LEVELS: Mapping[str, Array] = {"s": SCALE, "z": np.array(3, np.uint8)}


def interpreter(
    nodes: Sequence[onnx.NodeProto],
    weights: Mapping[str, Array] | None = None,
    *,
    element: int = TensorProto.FLOAT,
    opset: int = 21,
) -> Interpreter:
    """A net of named nodes from ``image`` to ``logits``."""
    for at, one in enumerate(nodes):
        one.name = f"{one.op_type}_{at}"
    made = model(nodes, weights, input_type=element, opset=opset)
    return Interpreter(made.SerializeToString())


def slope(net: Interpreter, values: Sequence[float]) -> tuple[list[float], list[float]]:
    """What the net makes of some values, and the slope of the sum."""
    images = torch.tensor(values, requires_grad=True)
    found = net.logits(images)
    (gradient,) = torch.autograd.grad(found.sum(), images)
    return found.tolist(), gradient.tolist()  # pyright: ignore[reportUnknownMemberType,reportUnknownVariableType]  # untyped in torch


def test_quantised_values_are_rounded_and_pass_their_slope() -> None:
    """Forward as the specification says; backward one, and zero where the value was clipped."""
    net = interpreter(
        [node("QuantizeLinear", "image s z", "q"), node("DequantizeLinear", "q s z", "logits")],
        LEVELS,
    )
    found, gradient = slope(net, [0.0, 0.26, 0.074, -0.16, 12.0, 13.0])
    assert found == pytest.approx([0.0, 0.25, 0.05, -0.15, 12.0, 12.6])
    assert gradient == pytest.approx([1.0, 1.0, 1.0, 1.0, 1.0, 0.0])
    assert net.twin == "rounding: op QuantizeLinear at QuantizeLinear_0"


def test_whole_sums_pass_their_slope() -> None:
    """Through quantised products the slope is that of the product without rounding."""
    weight = np.array([[1, -2], [3, 4]], np.int8)
    zero = {"wz": np.array(0, np.int8), "os": np.array(0.1, np.float32)}
    net = interpreter(
        [
            node("QuantizeLinear", "image s z", "q"),
            node("QLinearMatMul", "q s z w s wz os z", "p"),
            node("DequantizeLinear", "p os z", "logits"),
        ],
        {**LEVELS, "w": weight, **zero},
    )
    images = torch.tensor([[1.0, 2.0]], requires_grad=True)
    (gradient,) = torch.autograd.grad(net.logits(images)[0, 0], images)
    assert gradient.flatten().tolist() == pytest.approx([0.05, 0.15])  # pyright: ignore[reportUnknownMemberType]  # untyped in torch


def test_a_quantised_weight_is_no_twin() -> None:
    """What is dequantised once, before any image, leaves the slopes the file's own."""
    weights = {**LEVELS, "w": np.array([7, 9], np.uint8)}
    nodes = [node("DequantizeLinear", "w s z", "v"), node("Mul", "image v", "logits")]
    net = interpreter(nodes, weights)
    assert net.twin == ""
    assert slope(net, [1.0, 1.0])[1] == pytest.approx([0.2, 0.3])


@pytest.mark.parametrize("operator", ["Round", "Floor", "Ceil"])
def test_plain_rounding_is_no_twin(operator: str) -> None:
    """A file that rounds has slope zero, and says so rather than hide behind a twin."""
    net = interpreter([node(operator, "image", "r"), node("Identity", "r", "logits")])
    assert net.twin == ""
    assert slope(net, [0.3, 1.6])[1] == [0.0, 0.0]


def test_half_precision_is_a_twin_that_rounds_forward() -> None:
    """A cast to half loses the low bits and keeps the slope."""
    net = interpreter(
        [node("Cast", "image", "h", to=TensorProto.FLOAT16), node("Cast", "h", "logits", to=1)]
    )
    found, gradient = slope(net, [0.1, 2049.0])
    assert found == [float(np.float16(0.1)), 2048.0]
    assert gradient == [1.0, 1.0]
    assert net.twin == "half precision: op Cast at Cast_0"


def test_half_weights_that_are_widened_first_are_no_twin() -> None:
    """Weights stored in halves and computed with in float32 change no slope."""
    weights = {"w": np.array([0.1, 3.0], np.float16)}
    nodes = [node("Cast", "w", "v", to=1), node("Mul", "image v", "logits")]
    assert interpreter(nodes, weights).twin == ""
    half = interpreter([node("Mul", "image w", "logits")], weights, element=TensorProto.FLOAT16)
    assert half.twin == "half precision: op Mul at Mul_0"


def test_half_inputs_are_a_twin() -> None:
    """Also where no operator says so."""
    net = interpreter([node("Relu", "image", "logits")], element=TensorProto.FLOAT16)
    assert net.twin == "half-precision input"


def test_whole_number_inputs_are_rounded_and_pass_their_slope() -> None:
    """An image in bytes enters as floats that hold whole numbers."""
    net = interpreter([node("Cast", "image", "logits", to=1)], element=TensorProto.UINT8)
    found, gradient = slope(net, [0.4, 2.5, 99.7, 300.0, -2.0])
    assert found == [0.0, 2.0, 100.0, 255.0, 0.0]
    assert gradient == [1.0, 1.0, 1.0, 0.0, 0.0]
    assert net.twin == "whole-number input"


def test_parts_without_an_image_are_computed_once() -> None:
    """Only what depends on the image is left to run, and only what that reads is kept."""
    weights = {"a": np.ones(3, np.float32), "b": np.ones(3, np.float32)}
    made = model([node("Add", "a b", "c"), node("Mul", "image c", "logits")], weights)
    program = Program.of(made.graph, 21)
    assert [step.operator for step in program.steps] == ["Mul"]
    assert program.constants.keys() == {"c"}


def test_intermediates_are_freed_after_their_last_use() -> None:
    """However long a chain without slopes is, few of its values are alive at once."""
    seen: list[weakref.ref[torch.Tensor]] = []
    alive: list[int] = []

    def counted(call: Call) -> torch.Tensor:
        seen.append(weakref.ref(call.tensor(0)))
        alive.append(sum(one() is not None for one in seen))
        return call.tensor(0) + 1

    steps = [Step(f"s{at}", "Add", counted, [f"v{at}"], [f"v{at + 1}"], {}) for at in range(50)]
    program = Program(21, {}, steps)
    with torch.no_grad():
        (found,) = program.run({"v0": torch.zeros(1)}, ["v50"])
    assert float(found[0]) == 50.0
    assert max(alive) <= 2


def test_several_outputs_reach_their_readers() -> None:
    """A rule may answer with several values."""
    net = interpreter(
        [node("Split", "image", "a b", axis=0, num_outputs=2), node("Sub", "a b", "logits")]
    )
    assert slope(net, [5.0, 2.0]) == ([3.0], [1.0, -1.0])
