"""The Gelu as exporters write it out: half of x times one and the error function of x by root two.

Hendrycks and Gimpel (2016), "Gaussian error linear units". The product may be in any order.
"""

import math
from typing import Final, NamedTuple

from torch import Tensor
from torch.nn import functional

from analyzers.engines.operators.call import Call, Rule
from analyzers.engines.steps import Step
from analyzers.engines.workbench import Found, Workbench

_ROOT: Final = 2e-7
"""How far the root may be off, relative: files hold it in float32."""
_MOST_INNER: Final = 2
"""Products within the product that are looked into."""


class _Product(NamedTuple):
    """What a tree of multiplications multiplies."""

    names: list[str]
    number: float
    rank: int
    """Axes of the numbers; they may lift the result."""
    gone: list[Step]


def gelu(bench: Workbench, step: Step) -> Found | None:
    """By the last of the multiplications."""
    product = _product(bench, step)
    if product is None or product.number != 0.5 or len(product.names) != 2:  # noqa: PLR2004 - x and its share
        return None
    for values, share in (product.names, product.names[::-1]):
        inner = _one_and_erf(bench, share, values)
        if inner is not None:
            rule = _rule(max(product.rank, inner.rank))
            whole = Step(step.name, "Gelu", rule, [values], step.outputs, {})
            return Found(whole, [*product.gone, *inner.gone])
    return None


def _product(bench: Workbench, step: Step) -> _Product | None:
    """The factors, with all numbers among them multiplied."""
    product = _one_level(bench, step)
    if product is None:
        return None
    names, number, rank, gone = product
    for _ in range(_MOST_INNER):
        for at, name in enumerate(names):
            made = bench.private(name, "Mul", "Div")
            inner = None if made is None else _one_level(bench, made)
            if made is not None and inner is not None:
                names = [*names[:at], *inner.names, *names[at + 1 :]]
                number, rank = number * inner.number, max(rank, inner.rank)
                gone = [*gone, made]
                break
    return _Product(names, number, rank, gone)


def _one_level(bench: Workbench, step: Step) -> _Product | None:
    scaled = bench.scaled(step)
    if scaled is not None:
        return _Product([scaled.name], scaled.factor, scaled.rank, [])
    return _Product(list(step.inputs), 1.0, 0, []) if step.operator == "Mul" else None


def _one_and_erf(bench: Workbench, name: str, values: str) -> _Product | None:
    """One and the error function of the values by root two."""
    total = bench.private(name, "Add")
    if total is None:
        return None
    for one, other in (total.inputs, total.inputs[::-1]):
        erf = bench.private(other, "Erf")
        if bench.number(one) != 1.0 or erf is None:
            continue
        inside = bench.private(erf.inputs[0], "Mul", "Div")
        scaled = None if inside is None else bench.scaled(inside)
        if inside is None or scaled is None or scaled.name != values:
            continue
        if math.isclose(scaled.factor, math.sqrt(0.5), rel_tol=_ROOT):
            rank = max(scaled.rank, bench.constants[one].ndim)
            return _Product([values], 1.0, rank, [total, erf, inside])
    return None


def _rule(rank: int) -> Rule:
    """Constants with axes of length one give the result as many axes at least."""

    def rule(call: Call) -> Tensor:
        values = call.tensor(0)
        missing = rank - values.ndim
        if missing > 0:
            values = values.reshape(*[1] * missing, *values.shape)
        return functional.gelu(values)

    return rule
