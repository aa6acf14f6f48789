"""The cases that ship with onnx: stored outputs for the values, differences for the slopes."""

import numpy as np
import onnx
import pytest
import torch

from analyzers.engines.operators import SUPPORTED
from analyzers.engines.operators.quantised import RULES as QUANTISED
from analyzers.engines.operators.variants import REFUSED
from analyzers.engines.program import Program
from support.backend_cases import (
    REFUSED_CASES,
    WITHOUT_CASES,
    BackendCase,
    backend_cases,
    complaint,
    refusal,
    slow_cases,
)

OPERATORS = sorted(SUPPORTED - WITHOUT_CASES)
NUMBERS_ONLY = {
    "Dropout": {0},
    "Pad": {0},
    "Range": set[int](),
    "Resize": {0},
    "Upsample": {0},
}
"""Inputs that are read as plain numbers carry no slope; these are the ones that do."""
WITHOUT_SLOPE = frozenset(
    {
        *QUANTISED,
        *("And", "ArgMax", "ArgMin", "BitShift", "BitwiseAnd", "BitwiseNot", "BitwiseOr"),
        *("BitwiseXor", "CastLike", "Constant", "ConstantOfShape", "Equal", "EyeLike", "Greater"),
        *("GreaterOrEqual", "Hardmax", "IsInf", "IsNaN", "Less", "LessOrEqual", "NonZero", "Not"),
        *("Or", "Range", "Shape", "Size", "Xor"),
    }
)
"""Whole-number or boolean answers, answers that depend on no value, and the twin's stand-ins."""
MEASURED_ELSEWHERE = frozenset({"Cast", "OneHot", "Trilu"})
"""Whose cases are of whole numbers or halves; the parity tests measure them."""
STEP = 1e-6
AWAY = 1e-3
"""Many cases sit on whole numbers, where kinks are; they are measured a little beside."""


def of(operator: str) -> list[BackendCase]:
    """The cases of one operator."""
    return [case for case in backend_cases() if case.title == operator]


@pytest.mark.parametrize("operator", [*OPERATORS, "several"])
def test_outputs_are_as_stored(operator: str) -> None:
    """Every case of an operator, at the case's own tolerance; "several" are function bodies."""
    cases = [one for one in of(operator) if not one.foreign_type and one.name not in REFUSED_CASES]
    assert cases
    wrong = {case.name: complaint(case) for case in cases}
    assert not {name: said for name, said in wrong.items() if said}


@pytest.mark.deep
def test_slow_cases_are_as_stored() -> None:
    """The cases that take seconds to make."""
    assert len(slow_cases()) == 3
    assert [complaint(case) for case in slow_cases()] == [""] * 3


def test_refused_variants_still_refuse() -> None:
    """The list of refused variants is true, case by case, and in the words of the table."""
    cases = {case.name: case for case in backend_cases()}
    for name, operator in REFUSED_CASES.items():
        assert REFUSED[operator] in refusal(cases[name]), name


def test_types_without_a_rule_refuse() -> None:
    """Text, 8-bit floats and numbers below 8 bits are refused by the name of their type."""
    cases = [case for case in backend_cases() if case.foreign_type]
    assert len(cases) > 100
    assert not [case.name for case in cases if "values of type" not in refusal(case)]


def test_control_a_wrong_value_is_noticed() -> None:
    """The comparison tells a rule from its neighbour."""
    (case, *_) = of("Sinh")
    graph = onnx.GraphProto()
    graph.CopyFrom(case.graph)
    graph.node[0].op_type = "Asinh"
    assert "differ" in complaint(case._replace(graph=graph))


def test_every_case_is_accounted_for() -> None:
    """Each case of a supported operator is run, refused by name, or of a foreign type."""
    titles = {case.title for case in backend_cases()}
    assert titles == {*OPERATORS, "several"}
    assert not WITHOUT_CASES & titles
    assert len(backend_cases()) > 1500


@pytest.mark.parametrize("operator", sorted({*OPERATORS} - WITHOUT_SLOPE - MEASURED_ELSEWHERE))
def test_slopes_are_central_differences(operator: str) -> None:
    """In double precision, along a random direction through all inputs that have a slope."""
    cases = [case for case in of(operator) if measurable(case)]
    assert cases
    gaps = {case.name: slope_gap(case) for case in cases}
    assert not {name: gap for name, gap in gaps.items() if not gap <= 1e-5}


@pytest.mark.parametrize("operator", ["Ceil", "Floor", "Round", "Sign"])
def test_steps_have_no_slope(operator: str) -> None:
    """Rounding is flat wherever it has a slope; nothing here smooths it over."""
    values = torch.tensor([-1.2, 0.4, 2.7], requires_grad=True)
    node = onnx.helper.make_node(operator, ["x"], ["y"])
    graph = onnx.GraphProto(node=[node], output=[onnx.ValueInfoProto(name="y")])
    (found,) = Program.of(graph, 22).run({"x": values}, ["y"])
    found.sum().backward()  # pyright: ignore[reportUnknownMemberType]  # untyped in torch
    assert values.grad is not None
    assert not values.grad.any()


def measurable(case: BackendCase) -> bool:
    """Whether it runs and something with a slope goes in and comes out, all of it finite."""
    if case.foreign_type or case.name in REFUSED_CASES:
        return False
    ends = [one for one in moved(case, case.given()).values() if one.numel()]
    answers = any(one.is_floating_point() for one in case.found())
    return bool(ends) and answers and all(one.isfinite().all() for one in ends)


def moved(case: BackendCase, given: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The inputs that have a slope, in double precision."""
    names = list(case.graph.node[0].input)
    places = NUMBERS_ONLY.get(case.title, set(range(len(names))))
    return {
        name: value.double()
        for name, value in given.items()
        if value.is_floating_point()
        and places & {at for at, one in enumerate(names) if one == name}
    }


def slope_gap(case: BackendCase) -> float:
    """Difference of predicted and measured change, over the larger of both sizes and one."""
    program, given = Program.of(case.graph, case.opset), case.given()
    ends = moved(case, given)
    fixed = {
        name: value.double() if value.is_floating_point() else value
        for name, value in given.items()
        if name not in ends
    }
    drawn = np.random.default_rng(7)
    ends = {name: one + AWAY * torch.tensor(drawn.random(one.shape)) for name, one in ends.items()}
    ahead = {name: torch.tensor(drawn.normal(size=one.shape)) for name, one in ends.items()}

    def total(by: float | torch.Tensor) -> torch.Tensor:
        at = {name: one + by * ahead[name] for name, one in ends.items()}
        found = program.run({**fixed, **at}, case.wanted())
        parts = [one for one in found if one.is_floating_point()]
        weighted = [one * torch.cos(torch.arange(one.numel()).reshape(one.shape)) for one in parts]
        return torch.cat([one[one.isfinite()] for one in weighted]).sum()

    by = torch.zeros((), dtype=torch.float64, requires_grad=True)
    slope = torch.zeros(())
    if (value := total(by)).requires_grad:
        (slope,) = torch.autograd.grad(value, by)
    measured = (total(STEP) - total(-STEP)) / (2 * STEP)
    scale = max(1.0, abs(float(slope)), abs(float(measured)))
    return abs(float(slope) - float(measured)) / scale
