"""Known answers for what no shipped case and no runtime covers, and the words of refusals."""

import itertools
import math
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from torch import Tensor

from analyzers.contract import Json, Refusal
from analyzers.engines.operators import RULES
from analyzers.engines.operators.variants import REFUSED, WINDOW_AXES
from analyzers.engines.program import Program
from support.graphs import node


def ran(
    operator: str, *given: Tensor, opset: int = 22, outputs: int = 1, **told: Json
) -> list[Tensor]:
    """One node on some tensors."""
    names = [f"i{at}" for at in range(len(given))]
    after = [f"o{at}" for at in range(outputs)]
    graph = onnx.GraphProto(node=[node(operator, " ".join(names), " ".join(after), **told)])
    graph.output.extend(onnx.ValueInfoProto(name=name) for name in after)
    return Program.of(graph, opset).run(dict(zip(names, given, strict=True)), after)


def drawn(*shape: int, seed: int = 5) -> Tensor:
    """Normal numbers in double precision."""
    return torch.tensor(np.random.default_rng(seed).normal(size=shape))


def pooled(values: Tensor, told: dict[str, Any], kind: str) -> Tensor:
    """The page of the pooling operators, window by window in plain loops, on one axis pair."""
    kernel, strides, dilations = told["kernel_shape"], told["strides"], told["dilations"]
    low, high = told["pads"][:2], told["pads"][2:]
    counts: list[int] = []
    for at, size in enumerate(values.shape[2:]):
        reach = (kernel[at] - 1) * dilations[at] + 1
        steps = (size + low[at] + high[at] - reach) / strides[at]
        count = math.ceil(steps) + 1 if told["ceil_mode"] else math.floor(steps) + 1
        if told["ceil_mode"] and (count - 1) * strides[at] >= size + low[at]:
            count -= 1
        counts.append(count)
    found = torch.zeros(*values.shape[:2], *counts, dtype=values.dtype)
    for row, column in itertools.product(*map(range, counts)):
        found[:, :, row, column] = of_window(values, told, (row, column), kind)
    return found


def of_window(values: Tensor, told: dict[str, Any], at: tuple[int, int], kind: str) -> Tensor:
    """One window's answer; entries beyond the declared padding count for nothing."""
    entries: list[Tensor] = []
    padding = 0
    for inside in itertools.product(*map(range, told["kernel_shape"])):
        place = [
            at[axis] * told["strides"][axis]
            - told["pads"][axis]
            + inside[axis] * told["dilations"][axis]
            for axis in range(2)
        ]
        sizes = values.shape[2:]
        if all(0 <= one < size for one, size in zip(place, sizes, strict=True)):
            entries.append(values[:, :, place[0], place[1]])
        elif all(one < sizes[axis] + told["pads"][axis + 2] for axis, one in enumerate(place)):
            padding += 1
    stacked = torch.stack(entries)
    if kind == "MaxPool":
        return stacked.amax(0)
    if kind == "LpPool":
        return stacked.square().sum(0).sqrt()
    count = len(entries) + (padding if told["count_include_pad"] else 0)
    return stacked.sum(0) / count


@pytest.mark.parametrize("kind", ["MaxPool", "AveragePool", "LpPool"])
@pytest.mark.parametrize("ceil", [0, 1])
@pytest.mark.parametrize("dilations", [[1, 1], [2, 1]])
@pytest.mark.parametrize("pads", [[0, 0, 0, 0], [1, 1, 1, 1], [0, 1, 2, 0]])
def test_pooling_is_as_its_page_says(
    kind: str, ceil: int, dilations: list[int], pads: list[int]
) -> None:
    """Ceil mode, uneven padding and holes together, for several sizes and strides."""
    counts = [0, 1] if kind == "AveragePool" else [0]
    for size, stride, counted in itertools.product([6, 7], [2, 3], counts):
        told: dict[str, Any] = {
            "kernel_shape": [3, 2],
            "strides": [stride, stride],
            "dilations": dilations,
            "pads": pads,
            "ceil_mode": ceil,
        }
        values = drawn(1, 2, size, 7)
        extra = {"count_include_pad": counted} if kind == "AveragePool" else {}
        (found,) = ran(kind, values, **told, **extra)
        expected = pooled(values, {**told, "count_include_pad": counted}, kind)
        torch.testing.assert_close(found, expected)


def test_global_lp_pool_is_one_window() -> None:
    """The norm of a whole map is that of a window as large as the map."""
    values = drawn(2, 3, 4, 5)
    (found,) = ran("GlobalLpPool", values, p=3)
    (expected,) = ran("LpPool", values, p=3, kernel_shape=[4, 5])
    torch.testing.assert_close(found, expected)


def test_group_normalisation_learned_channels_at_opset_21() -> None:
    """Before, one scale and one shift a group."""
    values, scale, shift = drawn(2, 6, 3, 3), drawn(2), drawn(2, seed=6)
    (early,) = ran("GroupNormalization", values, scale, shift, opset=18, num_groups=2)
    wide = [one.repeat_interleave(3) for one in (scale, shift)]
    (late,) = ran("GroupNormalization", values, *wide, opset=21, num_groups=2)
    torch.testing.assert_close(early, late)


def test_one_hot_ends_have_a_slope() -> None:
    """Every entry is one of two numbers; their slopes count the entries."""
    ends = torch.tensor([0.2, 0.9], requires_grad=True)
    (found,) = ran("OneHot", torch.tensor([0, 2, -1, 9]), torch.tensor(4), ends)
    found.sum().backward()  # pyright: ignore[reportUnknownMemberType]  # untyped in torch
    assert ends.grad is not None
    assert ends.grad.tolist() == [13.0, 3.0]  # pyright: ignore[reportUnknownMemberType]  # untyped in torch


@pytest.mark.parametrize("operator", ["ReduceL2", "LpNormalization", "GlobalLpPool"])
def test_a_norm_of_nothing_has_a_finite_slope(operator: str) -> None:
    """A dead map gives slope zero, not a slope that is no number."""
    values = torch.zeros(1, 2, 3, 3, requires_grad=True)
    (found,) = ran(operator, values)
    found.sum().backward()  # pyright: ignore[reportUnknownMemberType]  # untyped in torch
    assert values.grad is not None
    assert bool(values.grad.isfinite().all())


def test_equals_keep_their_order_in_top_k() -> None:
    """Of equal values the first comes first."""
    values = torch.tensor([[1.0, 3.0, 3.0, 3.0, 0.0]])
    _, places = ran("TopK", values, torch.tensor([2]), outputs=2)
    assert places.tolist() == [[1, 2]]  # pyright: ignore[reportUnknownMemberType]  # untyped in torch


@pytest.mark.parametrize("early", [7, 9])
def test_upsampling_repeats_pixels(early: int) -> None:
    """The two spellings of the deprecated operator."""
    values, scales = drawn(1, 1, 2, 2), [1.0, 1.0, 2.0, 3.0]
    attribute: dict[str, Any] = {"scales": scales} if early < 9 else {}
    given = [values] if early < 9 else [values, torch.tensor(scales)]
    (found,) = ran("Upsample", *given, opset=early, **attribute)
    expected = values.repeat_interleave(2, 2).repeat_interleave(3, 3)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize(
    ("operator", "shapes", "told"),
    [
        ("Conv", [(1, 1, *[3] * 4), (1, 1, *[2] * 4)], {}),
        ("ConvTranspose", [(1, 1, *[3] * 4), (1, 1, *[2] * 4)], {}),
        ("ConvInteger", [(1, 1, *[3] * 4), (1, 1, *[2] * 4)], {}),
        ("QLinearConv", [(1, 1, *[3] * 4), (), (), (1, 1, *[2] * 4), (), (), (), ()], {}),
        ("MaxPool", [(1, 1, *[3] * 4)], {"kernel_shape": [2] * 4}),
        ("AveragePool", [(1, 1, *[3] * 4)], {"kernel_shape": [2] * 4}),
        ("LpPool", [(1, 1, *[3] * 4)], {"kernel_shape": [2] * 4}),
        ("GridSample", [(1, 1, 3, 3, 3), (1, 2, 2, 2, 3)], {"mode": "cubic"}),
        ("Constant", [], {"value_string": "a"}),
        ("BitwiseNot", [None], {}),
    ],
)
def test_variants_refuse_in_the_words_of_the_table(
    operator: str, shapes: list[tuple[int, ...] | None], told: dict[str, Any]
) -> None:
    """What no shipped case refuses: the sentence names operator and variant."""
    given = [
        torch.zeros(1, dtype=torch.uint16) if shape is None else torch.ones(shape)
        for shape in shapes
    ]
    with pytest.raises(Refusal, match=REFUSED[operator]) as caught:
        ran(operator, *given, **told)
    assert caught.value.code == "GRADIENT_UNAVAILABLE"


def test_only_operators_with_a_rule_list_variants() -> None:
    """The list of refused variants speaks of rules that exist."""
    assert REFUSED.keys() <= RULES.keys()
    assert WINDOW_AXES in REFUSED.values()
