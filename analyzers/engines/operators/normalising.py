"""Normalisation by stored or own statistics."""

import math
from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

from analyzers.engines.operators.call import Call, NoRule, Rule
from analyzers.engines.operators.pooling import root
from analyzers.engines.operators.variants import REFUSED

_EPSILON = 1e-5
_PER_CHANNEL = 21
"""From this opset on, group normalisation is scaled channel by channel."""


def _batch_normalization(call: Call) -> Tensor:
    if call.count("training_mode", 0) or not call.count("spatial", 1):
        raise NoRule(REFUSED["BatchNormalization"])
    scale, bias, mean, variance = (call.tensor(at) for at in range(1, 5))
    values, epsilon = call.tensor(0), call.number("epsilon", _EPSILON)
    if mean.requires_grad or variance.requires_grad:  # torch has no slope for these
        sizes = [-1, *[1] * (values.ndim - 2)]
        factor = (scale * torch.rsqrt(variance + epsilon)).reshape(sizes)
        return (values - mean.reshape(sizes)) * factor + bias.reshape(sizes)
    return functional.batch_norm(
        values,
        mean.to(values.dtype),
        variance.to(values.dtype),
        scale.to(values.dtype),
        bias.to(values.dtype),
        training=False,
        eps=epsilon,
    )


def _instance_normalization(call: Call) -> Tensor:
    values, epsilon = call.tensor(0), call.number("epsilon", _EPSILON)
    return torch.group_norm(values, values.shape[1], call.tensor(1), call.tensor(2), epsilon)


def _group_normalization(call: Call) -> Tensor:
    values, scale, bias = call.tensor(0), call.tensor(1), call.tensor(2)
    groups = call.count("num_groups", 1)
    if call.opset < _PER_CHANNEL:
        each = values.shape[1] // groups
        scale, bias = scale.repeat_interleave(each), bias.repeat_interleave(each)
    return torch.group_norm(values, groups, scale, bias, call.number("epsilon", _EPSILON))


def _layer_normalization(call: Call) -> Tensor | tuple[Tensor, ...]:
    values, scale, bias = call.tensor(0), call.tensor(1), call.optional(2)
    axis, epsilon = call.count("axis", -1) % values.ndim, call.number("epsilon", _EPSILON)
    shape = list(values.shape[axis:])
    if list(scale.shape) == shape and (bias is None or list(bias.shape) == shape):
        found = functional.layer_norm(values, shape, scale, bias, epsilon)
    else:
        found = functional.layer_norm(values, shape, None, None, epsilon) * scale
        found = found if bias is None else found + bias
    if call.outputs == 1:
        return found
    axes = list(range(axis, values.ndim))
    mean = values.mean(axes, keepdim=True)
    variance = (values - mean).square().mean(axes, keepdim=True)
    return found, mean, torch.rsqrt(variance + epsilon)


def _rms_normalization(call: Call) -> Tensor:
    values = call.tensor(0)
    axes = list(range(call.count("axis", -1) % values.ndim, values.ndim))
    squares = values.square().mean(axes, keepdim=True)
    return values * torch.rsqrt(squares + call.number("epsilon", _EPSILON)) * call.tensor(1)


def _local_response(call: Call) -> Tensor:
    """Neighbouring channels; of an even number of them one more lies behind than before."""
    values, size = call.tensor(0), call.count("size", 1)
    before, behind = (size - 1) // 2, math.ceil((size - 1) / 2)
    flat = values.square().flatten(2)
    sums = functional.pad(flat, [0, 0, before, behind]).unfold(1, size, 1).sum(-1)
    weight = call.number("alpha", 1e-4) / size
    bias, power = call.number("bias", 1.0), call.number("beta", 0.75)
    return values / (bias + weight * sums.reshape(values.shape)).pow(power)


def _mean_variance(call: Call) -> Tensor:
    values, axes = call.tensor(0), call.sizes("axes", [0, 2, 3])
    centred = values - values.mean(axes, keepdim=True)
    spread = root(centred.square().mean(axes, keepdim=True), 2.0)
    return centred / (spread + 1e-9)


def _lp_normalization(call: Call) -> Tensor:
    values, power = call.tensor(0), call.count("p", 2)
    norm = values.abs().pow(power).sum(call.count("axis", -1), keepdim=True)
    return values / torch.where(norm == 0, 1.0, root(norm, power))


RULES: Mapping[str, Rule] = {
    "BatchNormalization": _batch_normalization,
    "GroupNormalization": _group_normalization,
    "InstanceNormalization": _instance_normalization,
    "LRN": _local_response,
    "LayerNormalization": _layer_normalization,
    "LpNormalization": _lp_normalization,
    "MeanVarianceNormalization": _mean_variance,
    "RMSNormalization": _rms_normalization,
}
