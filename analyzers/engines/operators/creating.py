"""Values that come from no image: constants, sizes, ranges."""

import math
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from analyzers.engines.operators.call import Call, NoRule, Rule, floats, whole_numbers
from analyzers.engines.operators.stored import tensor_of, torch_of, torch_type
from analyzers.engines.operators.variants import REFUSED


def _constant(call: Call) -> Tensor:
    for name in ("value_float", "value_floats"):
        if name in call.attributes:
            return torch.tensor(call.attributes[name], dtype=torch.float32)
    for name in ("value_int", "value_ints"):
        if name in call.attributes:
            return torch.tensor(call.attributes[name], dtype=torch.int64)
    if "value" not in call.attributes:
        raise NoRule(REFUSED["Constant"])
    return tensor_of(call.attributes["value"])


def _constant_of_shape(call: Call) -> Tensor:
    stored = call.attributes.get("value")
    fill = torch.zeros(1) if stored is None else tensor_of(stored)
    return fill.reshape(()).expand(whole_numbers(call.tensor(0))).clone()


def _shape(call: Call) -> Tensor:
    sizes = list(call.tensor(0).shape)
    wanted = sizes[call.count("start", 0) : call.count("end", len(sizes))]
    return torch.tensor(wanted, dtype=torch.int64)


def _size(call: Call) -> Tensor:
    return torch.tensor(call.tensor(0).numel())


def _range(call: Call) -> Tensor:
    start, limit, step = (floats(call.tensor(at))[0] for at in range(3))
    count = max(0, math.ceil((limit - start) / step))
    dtype = call.tensor(0).dtype
    if not dtype.is_floating_point:
        return int(start) + int(step) * torch.arange(count, dtype=dtype)
    # The runtime adds step after step and rounds each sum: a bit of which a model can make much.
    exact = call.tensor(0).detach().cpu().numpy().dtype
    steps = np.full(count, step, exact)
    steps[:1] = start
    return torch_of(steps.cumsum(dtype=exact))


def _eye_like(call: Call) -> Tensor:
    values = call.tensor(0)
    dtype = torch_type(call.attributes["dtype"]) if "dtype" in call.attributes else values.dtype
    rows = torch.arange(values.shape[0], device=values.device)[:, None]
    columns = torch.arange(values.shape[1], device=values.device)
    return (columns == rows + call.count("k", 0)).to(dtype)


RULES: Mapping[str, Rule] = {
    "Constant": _constant,
    "ConstantOfShape": _constant_of_shape,
    "EyeLike": _eye_like,
    "Range": _range,
    "Shape": _shape,
    "Size": _size,
}
