"""Changes of shape and order that keep every value."""

import itertools
import math
from collections.abc import Mapping

import torch
from torch import Tensor

from analyzers.engines.operators.call import Call, Rule, one, whole_numbers


def _same_value(values: Tensor) -> Tensor:
    return values


def _flatten(call: Call) -> Tensor:
    values = call.tensor(0)
    axis = call.count("axis", 1)
    first = math.prod(values.shape[: axis if axis >= 0 else values.ndim + axis])
    return values.reshape(first, values.numel() // first if first else -1)


def _reshape(call: Call) -> Tensor:
    values = call.tensor(0)
    sizes = whole_numbers(call.tensor(1))
    if not call.count("allowzero", 0):
        sizes = [values.shape[at] if size == 0 else size for at, size in enumerate(sizes)]
    return values.reshape(sizes)


def _transpose(call: Call) -> Tensor:
    values = call.tensor(0)
    return values.permute(call.sizes("perm", list(range(values.ndim))[::-1]))


def _squeeze(call: Call) -> Tensor:
    values, axes = call.tensor(0), call.whole("axes", 1)
    return values.squeeze() if axes is None else values.squeeze(tuple(axes))


def _unsqueeze(call: Call) -> Tensor:
    values, axes = call.tensor(0), call.whole("axes", 1) or []
    rank = values.ndim + len(axes)
    for axis in sorted(one_ % rank for one_ in axes):
        values = values.unsqueeze(axis)
    return values


def _concat(call: Call) -> Tensor:
    return torch.cat(call.present(), call.attributes["axis"])


def _split(call: Call) -> tuple[Tensor, ...]:
    values, sizes = call.tensor(0), call.whole("split", 1)
    axis = call.count("axis", 0)
    if sizes is None:
        parts = call.count("num_outputs", call.outputs)
        each = math.ceil(values.shape[axis] / parts)
        sizes = [each] * (parts - 1) + [values.shape[axis] - each * (parts - 1)]
    return split(values, sizes, axis)


def split(values: Tensor, sizes: list[int], axis: int) -> tuple[Tensor, ...]:
    """Parts of these sizes, which share the memory of the whole."""
    return torch.split(values, sizes, axis)  # pyright: ignore[reportUnknownVariableType,reportUnknownMemberType]  # untyped in torch


def _expand(call: Call) -> Tensor:
    """Both shapes broadcast: a 1 on either side gives way."""
    values, wanted = call.tensor(0), whole_numbers(call.tensor(1))
    rank = max(values.ndim, len(wanted))
    have = [1] * (rank - values.ndim) + list(values.shape)
    want = [1] * (rank - len(wanted)) + wanted
    sizes = [old if new == 1 else new for old, new in zip(have, want, strict=True)]
    return values.expand(sizes)


def _tile(call: Call) -> Tensor:
    return call.tensor(0).repeat(whole_numbers(call.tensor(1)))


def _depth_to_space(call: Call) -> Tensor:
    values, size = call.tensor(0), call.count("blocksize", 1)
    count, channels, height, width = values.shape
    if call.word("mode", "DCR") == "DCR":
        blocks = values.reshape(count, size, size, channels // size**2, height, width)
        blocks = blocks.permute(0, 3, 4, 1, 5, 2)
    else:
        blocks = values.reshape(count, channels // size**2, size, size, height, width)
        blocks = blocks.permute(0, 1, 4, 2, 5, 3)
    return blocks.reshape(count, channels // size**2, height * size, width * size)


def _space_to_depth(call: Call) -> Tensor:
    values, size = call.tensor(0), call.count("blocksize", 1)
    count, channels, height, width = values.shape
    blocks = values.reshape(count, channels, height // size, size, width // size, size)
    order = (0, 3, 5, 1, 2, 4) if call.word("mode", "DCR") == "DCR" else (0, 1, 3, 5, 2, 4)
    sizes = (count, channels * size**2, height // size, width // size)
    return blocks.permute(order).reshape(sizes)


def _centre_crop_pad(call: Call) -> Tensor:
    """Cut or widened to a size around the middle; half a pixel goes to the front when cutting."""
    values, wanted = call.tensor(0), whole_numbers(call.tensor(1))
    axes = [axis % values.ndim for axis in call.sizes("axes", list(range(values.ndim)))]
    pairs = [[0, 0] for _ in values.shape]
    for axis, size in zip(axes, wanted, strict=True):
        more = size - values.shape[axis]
        low = more // 2 if more >= 0 else -(-more // 2)
        pairs[axis] = [low, more - low]
    flat = list(itertools.chain.from_iterable(reversed(pairs)))
    return torch.nn.functional.pad(values, flat)


RULES: Mapping[str, Rule] = {
    "CenterCropPad": _centre_crop_pad,
    "Concat": _concat,
    "DepthToSpace": _depth_to_space,
    "Expand": _expand,
    "Flatten": _flatten,
    "Identity": one(_same_value),
    "Reshape": _reshape,
    "SpaceToDepth": _space_to_depth,
    "Split": _split,
    "Squeeze": _squeeze,
    "Tile": _tile,
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
}
