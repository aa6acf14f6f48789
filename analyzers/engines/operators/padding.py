"""Padding by a constant, by the edge, mirrored or around."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.nn import functional

from analyzers.engines.operators.call import Call, NoRule, Rule


def _pad(call: Call) -> Tensor:
    values = call.tensor(0)
    pads = call.whole("pads", 1) or []
    axes = call.whole("axes", 3) or list(range(values.ndim))
    ends = {axis % values.ndim: (pads[at], pads[at + len(axes)]) for at, axis in enumerate(axes)}
    mode = call.word("mode", "constant")
    if mode == "constant":
        return _filled(call, values, ends)
    if mode not in _SOURCES:
        message = f"padding by '{mode}'"
        raise NoRule(message)
    for axis, (low, high) in ends.items():
        size = values.shape[axis]
        wanted = torch.arange(-low, size + high, device=values.device)
        if (low, high) != (0, 0):
            values = values.index_select(axis, _SOURCES[mode](wanted, size))
    return values


def _filled(call: Call, values: Tensor, ends: Mapping[int, tuple[int, int]]) -> Tensor:
    fill = call.attributes.get("value", call.optional(2))
    pairs = [size for axis in reversed(range(values.ndim)) for size in ends.get(axis, (0, 0))]
    while pairs and pairs[-2:] == [0, 0]:
        pairs = pairs[:-2]
    return functional.pad(values, pairs, value=0.0 if fill is None else float(fill))


def _mirrored(wanted: Tensor, size: int) -> Tensor:
    period = max(1, 2 * (size - 1))
    place = wanted % period
    return torch.minimum(place, period - place) if size > 1 else place


def _edge(wanted: Tensor, size: int) -> Tensor:
    return wanted.clamp(0, size - 1)


def _around(wanted: Tensor, size: int) -> Tensor:
    return wanted % size


_SOURCES: Mapping[str, Callable[[Tensor, int], Tensor]] = {
    "reflect": _mirrored,
    "edge": _edge,
    "wrap": _around,
}

RULES: Mapping[str, Rule] = {"Pad": _pad}
