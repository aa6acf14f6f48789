"""Changes of type. To whole numbers there is no slope; to half precision it passes through."""

from collections.abc import Mapping

import torch
from torch import Tensor

from analyzers.engines.operators.call import Call, Rule
from analyzers.engines.operators.stored import HALVES, torch_type
from analyzers.engines.operators.straight_through import halved


def _cast(call: Call) -> Tensor:
    element = call.attributes["to"]
    found = call.tensor(0).to(torch_type(element))
    return halved(found, element) if element in HALVES else found


def _cast_like(call: Call) -> Tensor:
    return call.tensor(0).to(call.dtype(1) or torch.float32)


RULES: Mapping[str, Rule] = {"Cast": _cast, "CastLike": _cast_like}
