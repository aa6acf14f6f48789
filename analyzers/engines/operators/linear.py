"""Products of matrices and tensors."""

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

from analyzers.engines.operators.call import Call, Rule, one, two


def _gemm(call: Call) -> Tensor:
    left, right, added = call.tensor(0), call.tensor(1), call.optional(2)
    if call.count("transA", 0):
        left = left.T
    if call.count("transB", 0):
        right = right.T
    alpha, beta = call.number("alpha", 1.0), call.number("beta", 1.0)
    plain = alpha == beta == 1.0 and left.is_floating_point()
    if plain and added is not None and added.shape == right.shape[1:]:
        return functional.linear(left, right.T, added)
    product = left @ right
    product = product if alpha == 1.0 else product * alpha
    if added is None:
        return product
    return product + (added if beta == 1.0 else added * beta)


def _einsum(call: Call) -> Tensor:
    equation = call.word("equation", "").replace(" ", "")
    return torch.einsum(equation, *call.present())


RULES: Mapping[str, Rule] = {
    "Det": one(torch.det),
    "Einsum": _einsum,
    "Gemm": _gemm,
    "MatMul": two(torch.matmul),
}
