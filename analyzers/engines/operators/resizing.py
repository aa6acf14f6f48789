"""Resizing, axis by axis: every output is a weighted sum of a few inputs.

Coordinates and weights follow the formulas of the operator's page. They are computed in double
precision once a call, so any mode and any coordinate transform is exact.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from analyzers.engines.operators.call import Call, NoRule, Rule, floats
from analyzers.engines.operators.variants import REFUSED

_TRANSFORMS = 11
"""Before this opset coordinates were scaled from the first corner and nearest meant below."""


@dataclass(frozen=True)
class _Axis:
    """One axis to resize."""

    size: int
    wanted: int
    scale: float
    region: tuple[float, float] = (0.0, 1.0)

    @property
    def exact(self) -> float:
        """The size wanted before it was made whole."""
        return self.scale * self.size


def _coordinates(axis: _Axis, mode: str) -> Tensor:
    """Where each output lies among the inputs."""
    at = torch.arange(axis.wanted, dtype=torch.float64)
    if mode == "asymmetric":
        return at / axis.scale
    if mode == "tf_half_pixel_for_nn":
        return (at + 0.5) / axis.scale
    if mode in {"align_corners", "tf_crop_and_resize"}:
        return _between_corners(axis, at, axis.region if mode != "align_corners" else (0.0, 1.0))
    if mode == "pytorch_half_pixel" and axis.wanted == 1:
        return at - 0.5
    shift = 0.0
    if mode == "half_pixel_symmetric":
        shift = axis.size / 2 * (1 - axis.wanted / axis.exact)
    elif mode not in {"half_pixel", "pytorch_half_pixel"}:
        message = f"coordinates by '{mode}'"
        raise NoRule(message)
    return shift + (at + 0.5) / axis.scale - 0.5


def _between_corners(axis: _Axis, at: Tensor, region: tuple[float, float]) -> Tensor:
    start, end = region
    last = axis.size - 1
    if axis.exact == 1:
        return at * 0 + (0.0 if region == (0.0, 1.0) else (start + end) * last / 2)
    return start * last + at * (end - start) * last / (axis.exact - 1)


def _nearest(places: Tensor, rounding: str) -> Tensor:
    if rounding == "floor":
        return torch.floor(places)
    if rounding == "ceil":
        return torch.ceil(places)
    if rounding == "round_prefer_floor":
        return torch.ceil(places - 0.5)
    return torch.floor(places + 0.5)


def _triangle(distance: Tensor, _: float) -> Tensor:
    return (1 - distance.abs()).clamp(min=0)


def _cubic(distance: Tensor, bend: float) -> Tensor:
    """The kernel of Keys (1981), "Cubic convolution interpolation for digital image processing"."""
    far = distance.abs()
    near = ((bend + 2) * far - (bend + 3)) * far * far + 1
    tail = ((bend * far - 5 * bend) * far + 8 * bend) * far - 4 * bend
    return torch.where(far <= 1, near, torch.where(far < 2, tail, 0.0))  # noqa: PLR2004 - the kernel's reach


_KERNELS = {"linear": (_triangle, 1), "cubic": (_cubic, 2)}


def _weights(call: Call, axis: _Axis, places: Tensor, kind: str) -> Tensor:
    """One row an output: what it takes from each input."""
    kernel, reach = _KERNELS[kind]
    shrink = min(axis.scale, 1.0) if call.count("antialias", 0) else 1.0
    first = math.floor(-reach / shrink) + 1
    steps = torch.arange(first, 2 - first, dtype=torch.float64)
    taps = torch.floor(places)[:, None] + steps
    shares = kernel((taps - places[:, None]) * shrink, call.number("cubic_coeff_a", -0.75))
    if call.count("exclude_outside", 0):
        shares = torch.where((taps < 0) | (taps >= axis.size), 0.0, shares)
    shares = shares / shares.sum(1, keepdim=True)
    found = torch.zeros(axis.wanted, axis.size, dtype=torch.float64)
    return found.scatter_add(1, taps.clamp(0, axis.size - 1).long(), shares)


def _resized(call: Call, values: Tensor, axes: Mapping[int, _Axis]) -> Tensor:
    early = call.opset < _TRANSFORMS
    mode = call.word("coordinate_transformation_mode", "asymmetric" if early else "half_pixel")
    kind = call.word("mode", "nearest")
    rounding = call.word("nearest_mode", "floor" if early else "round_prefer_floor")
    outside: Tensor | None = None
    for at, axis in axes.items():
        places = _coordinates(axis, mode)
        values = _along(call, values, at, axis=axis, places=places, kind=kind, rounding=rounding)
        if mode == "tf_crop_and_resize":
            beyond = ((places < 0) | (places > axis.size - 1)).to(values.device)
            beyond = beyond.reshape(-1, *[1] * (values.ndim - 1 - at))
            outside = beyond if outside is None else outside | beyond
    if outside is None:
        return values
    return torch.where(outside, call.number("extrapolation_value", 0.0), values)


def _along(
    call: Call,
    values: Tensor,
    at: int,
    *,
    axis: _Axis,
    places: Tensor,
    kind: str,
    rounding: str,
) -> Tensor:
    if kind == "nearest":
        picked = _nearest(places, rounding).clamp(0, axis.size - 1).long()
        return values.index_select(at, picked.to(values.device))
    exact = values if values.is_floating_point() else values.float()
    weights = _weights(call, axis, places, kind).to(exact)
    return (exact.movedim(at, -1) @ weights.T).movedim(-1, at).to(values.dtype)


def _resize(call: Call) -> Tensor:
    values = call.tensor(0)
    if call.opset < _TRANSFORMS:
        return _upsample(call)
    axes = [axis % values.ndim for axis in call.sizes("axes", list(range(values.ndim)))]
    region = call.optional(1)
    corners = [0.0] * len(axes) + [1.0] * len(axes)
    if region is not None and region.numel():
        corners = floats(region)
    found = _wanted(call, [values.shape[axis] for axis in axes])
    asked = {
        axis: _Axis(values.shape[axis], size, scale, (corners[at], corners[at + len(axes)]))
        for at, (axis, (size, scale)) in enumerate(zip(axes, found, strict=True))
    }
    always = call.word("coordinate_transformation_mode", "half_pixel") == "tf_crop_and_resize"
    changed = {axis: one for axis, one in asked.items() if always or one.scale != 1.0}
    return _resized(call, values, _spread(call, changed))


def _spread(call: Call, axes: Mapping[int, _Axis]) -> Mapping[int, _Axis]:
    if call.word("mode", "nearest") in {"nearest", *_KERNELS}:
        return axes
    message = f"resizing by '{call.word('mode', 'nearest')}'"
    raise NoRule(message)


def _wanted(call: Call, sizes: Sequence[int]) -> list[tuple[int, float]]:
    """Size and scale of every resized axis."""
    scales = call.optional(2)
    if scales is not None and scales.numel():
        told = floats(scales)
        return [(math.floor(size * by), by) for size, by in zip(sizes, told, strict=True)]
    asked = call.whole("sizes", 3)
    if asked is None:
        message = "neither scales nor sizes"
        raise NoRule(message)
    ratios = [want / size for want, size in zip(asked, sizes, strict=True)]
    policy = call.word("keep_aspect_ratio_policy", "stretch")
    if policy == "stretch":
        return list(zip(asked, ratios, strict=True))
    by = min(ratios) if policy == "not_larger" else max(ratios)
    return [(math.floor(size * by + 0.5), by) for size in sizes]


def _upsample(call: Call) -> Tensor:
    """Also Resize before it learned of coordinate transforms."""
    values = call.tensor(0)
    told: list[float] = list(call.attributes.get("scales", []))
    told = told or floats(call.tensor(1))
    axes = {
        at: _Axis(size, math.floor(size * by), by)
        for at, (size, by) in enumerate(zip(values.shape, told, strict=True))
        if by != 1.0
    }
    return _resized(call, values, _spread(call, axes))


def _upsample_rule(call: Call) -> Tensor:
    early = Call(call.inputs, call.attributes, min(call.opset, _TRANSFORMS - 1))
    return _upsample(early)


def _grid_sample(call: Call) -> Tensor:
    modes = {"linear": "bilinear", "cubic": "bicubic"}
    mode = call.word("mode", "linear")
    values, mode = call.tensor(0), modes.get(mode, mode)
    if mode == "bicubic" and values.ndim != 4:  # noqa: PLR2004 - pictures with batch and channels
        raise NoRule(REFUSED["GridSample"])
    return functional.grid_sample(
        values,
        call.tensor(1),
        mode=mode,
        padding_mode=call.word("padding_mode", "zeros"),
        align_corners=bool(call.count("align_corners", 0)),
    )


def _affine_grid(call: Call) -> Tensor:
    sizes = call.whole("size", 1) or []
    aligned = bool(call.count("align_corners", 0))
    return functional.affine_grid(call.tensor(0), sizes, align_corners=aligned)


RULES: Mapping[str, Rule] = {
    "AffineGrid": _affine_grid,
    "GridSample": _grid_sample,
    "Resize": _resize,
    "Upsample": _upsample_rule,
}
