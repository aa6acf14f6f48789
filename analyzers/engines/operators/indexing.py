"""Values picked, placed and ordered by index."""

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from analyzers.engines.operators.call import Call, NoRule, Rule, whole_numbers

_REDUCTIONS = {"add": "sum", "mul": "prod", "max": "amax", "min": "amin"}


def _places(indices: Tensor, size: int, values: Tensor) -> Tensor:
    """Indices where negative ones count from the end."""
    indices = indices.long().to(values.device)
    return torch.where(indices < 0, indices + size, indices)


def _gather(call: Call) -> Tensor:
    values, picked = call.tensor(0), call.tensor(1)
    axis = call.count("axis", 0) % values.ndim
    flat = _places(picked, values.shape[axis], values).reshape(-1)
    sizes = [*values.shape[:axis], *picked.shape, *values.shape[axis + 1 :]]
    return values.index_select(axis, flat).reshape(sizes)


def _gather_elements(call: Call) -> Tensor:
    values, axis = call.tensor(0), call.count("axis", 0)
    return values.gather(axis, _places(call.tensor(1), values.shape[axis], values))


def _gather_nd(call: Call) -> Tensor:
    values, indices = call.tensor(0), call.tensor(1)
    shared = call.count("batch_dims", 0)
    picked = [
        _places(one, values.shape[shared + at], values) for at, one in enumerate(indices.unbind(-1))
    ]
    rank = indices.ndim - 1
    own = [
        torch.arange(values.shape[at], device=values.device).reshape(-1, *[1] * (rank - at - 1))
        for at in range(shared)
    ]
    return values[(*own, *picked)]


def _scatter_elements(call: Call) -> Tensor:
    values, axis = call.tensor(0), call.count("axis", 0)
    places, fresh = _places(call.tensor(1), values.shape[axis], values), call.tensor(2)
    return _scattered(call, values, places, axis=axis, fresh=fresh)


def _scattered(call: Call, values: Tensor, places: Tensor, *, axis: int, fresh: Tensor) -> Tensor:
    how = call.word("reduction", "none")
    fresh = fresh.to(values.device)
    if how == "none":
        return values.scatter(axis, places, fresh)
    return values.scatter_reduce(axis, places, fresh, _REDUCTIONS[how])


def _scatter_nd(call: Call) -> Tensor:
    """Rows of the flattened tensor, each at the place that its index tuple spells."""
    values, indices, fresh = call.tensor(0), call.tensor(1), call.tensor(2)
    deep = indices.shape[-1]
    place = torch.zeros(indices.shape[:-1], dtype=torch.int64, device=values.device)
    for at, one in enumerate(indices.unbind(-1)):
        place = place * values.shape[at] + _places(one, values.shape[at], values)
    rows = values.reshape(math.prod(values.shape[:deep]), -1)
    fresh = fresh.reshape(-1, rows.shape[1])
    places = place.reshape(-1, 1).expand(fresh.shape)
    return _scattered(call, rows, places, axis=0, fresh=fresh).reshape(values.shape)


def _slice(call: Call) -> Tensor:
    values = call.tensor(0)
    starts, ends = call.whole("starts", 1) or [], call.whole("ends", 2) or []
    axes = call.whole("axes", 3) or list(range(len(starts)))
    steps = call.whole("steps", 4) or [1] * len(starts)
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        picked = range(values.shape[axis])[start:end:step]  # ends far beyond the axis are cut here
        if step > 0:
            before = (slice(None),) * (axis % values.ndim)
            values = values[(*before, slice(picked.start, picked.stop, step))]
        else:
            chosen = torch.tensor(picked, dtype=torch.int64)
            values = values.index_select(axis, chosen.to(values.device))
    return values


def _top_k(call: Call) -> tuple[Tensor, ...]:
    """The highest or lowest; of equals the first comes first, which torch's own does not keep."""
    wanted = call.whole("k", 1) or [0]
    values, axis = call.tensor(0), call.count("axis", -1)
    largest = bool(call.count("largest", 1))
    found, places = torch.sort(values, dim=axis, descending=largest, stable=True)
    return found.narrow(axis, 0, wanted[0]), places.narrow(axis, 0, wanted[0])


def _one_hot(call: Call) -> Tensor:
    indices, depth, ends = call.tensor(0), whole_numbers(call.tensor(1))[0], call.tensor(2)
    axis = call.count("axis", -1) % (indices.ndim + 1)
    places = _places(indices, depth, indices).unsqueeze(axis)
    steps = [1] * places.ndim
    steps[axis] = depth
    hot = places == torch.arange(depth, device=indices.device).reshape(steps)
    return torch.where(hot, ends[1].to(hot.device), ends[0].to(hot.device))


def _trilu(call: Call) -> Tensor:
    values, diagonals = call.tensor(0), call.whole("k", 1) or [0]
    half = torch.triu if call.count("upper", 1) else torch.tril
    return half(values, diagonals[0])


def _compress(call: Call) -> Tensor:
    values, picked = call.tensor(0), torch.nonzero(call.tensor(1)).reshape(-1)
    if "axis" not in call.attributes:
        return values.reshape(-1).index_select(0, picked)
    return values.index_select(call.count("axis", 0), picked)


def _non_zero(call: Call) -> Tensor:
    return torch.nonzero(call.tensor(0)).T


def _reverse_sequence(call: Call) -> Tensor:
    values, lengths = call.tensor(0), call.tensor(1)
    along, shared = call.count("time_axis", 0), call.count("batch_axis", 1)
    if {along, shared} != {0, 1}:
        message = "sequences along other than the first two axes"
        raise NoRule(message)
    rows = values.transpose(0, 1) if along == 0 else values
    steps = torch.arange(rows.shape[1]).expand(rows.shape[:2])
    ends = lengths.reshape(-1, 1)
    steps = torch.where(steps < ends, ends - 1 - steps, steps)
    picked = steps.reshape(*steps.shape, *[1] * (rows.ndim - 2)).expand(rows.shape)
    found = rows.gather(1, picked.to(rows.device))
    return found.transpose(0, 1) if along == 0 else found


RULES: Mapping[str, Rule] = {
    "Compress": _compress,
    "Gather": _gather,
    "GatherElements": _gather_elements,
    "GatherND": _gather_nd,
    "NonZero": _non_zero,
    "OneHot": _one_hot,
    "ReverseSequence": _reverse_sequence,
    "Scatter": _scatter_elements,
    "ScatterElements": _scatter_elements,
    "ScatterND": _scatter_nd,
    "Slice": _slice,
    "TopK": _top_k,
    "Trilu": _trilu,
}
