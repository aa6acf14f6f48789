"""Pooling over windows and over whole maps."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional

from analyzers.engines.operators.call import Call, NoRule, Rule
from analyzers.engines.operators.variants import REFUSED
from analyzers.engines.operators.windows import Window, padded, unit_kernel


@dataclass(frozen=True)
class _Pool:
    """A window, and how far the last one reaches over the padding."""

    window: Window
    beyond: list[int]
    """Behind the padding: rows that ``ceil_mode`` alone adds; negative where rows stay unread."""

    @classmethod
    def of(cls, call: Call) -> "_Pool":
        sizes = list(call.tensor(0).shape[2:])
        window = Window.of(call, sizes, call.sizes("kernel_shape", []))
        fixed = call.word("auto_pad", "NOTSET") != "NOTSET"
        ceil = bool(call.count("ceil_mode", 0)) and not fixed
        beyond: list[int] = []
        for at, size in enumerate(sizes):
            full = size + window.low[at] + window.high[at]
            stride, reach = window.strides[at], window.reach[at]
            count = (math.ceil if ceil else math.floor)((full - reach) / stride) + 1
            if ceil and (count - 1) * stride >= size + window.low[at]:
                count -= 1  # a window that starts in the padding behind the image is dropped
            beyond.append((count - 1) * stride + reach - full)
        return cls(window, beyond)

    def spread(self, values: Tensor, fill: float) -> Tensor:
        """The values with all padding, so that whole windows fit exactly."""
        high = [size + more for size, more in zip(self.window.high, self.beyond, strict=True)]
        return padded(values, self.window.low, high, fill)

    def means(self, values: Tensor) -> Tensor:
        """Means over the windows; padding counts as zero."""
        rows = self.spread(values, 0.0)
        if all(one == 1 for one in self.window.dilations):
            means: dict[int, Callable[..., Tensor]] = {
                1: functional.avg_pool1d,
                2: functional.avg_pool2d,
                3: functional.avg_pool3d,
            }
            return means[len(self.beyond)](rows, self.window.kernel, self.window.strides)
        return self._dilated_sums(rows) / self.area

    @property
    def area(self) -> int:
        """Entries of one window."""
        return math.prod(self.window.kernel)

    @property
    def reaches_out(self) -> bool:
        """Whether some window sees padding or what lies behind it."""
        edges = [*self.window.low, *self.window.high, *self.beyond]
        return any(size > 0 for size in edges)

    def _dilated_sums(self, rows: Tensor) -> Tensor:
        convolutions: dict[int, Callable[..., Tensor]] = {
            1: functional.conv1d,
            2: functional.conv2d,
            3: functional.conv3d,
        }
        found = convolutions[len(self.beyond)](
            rows.reshape(-1, 1, *rows.shape[2:]),
            unit_kernel(rows, self.window.kernel),
            None,
            self.window.strides,
            0,
            self.window.dilations,
        )
        return found.reshape(*rows.shape[:2], *found.shape[2:])


def _average_pool(call: Call) -> Tensor:
    pool, values = _Pool.of(call), call.tensor(0)
    window = pool.window
    if not pool.reaches_out:
        return pool.means(values)
    inside = torch.ones_like(values[:1, :1])
    if call.count("count_include_pad", 0):
        inside = padded(inside, window.low, window.high, 1.0)
        flat = replace(window, low=[0] * len(window.low), high=[0] * len(window.high))
        return pool.means(values) / replace(pool, window=flat).means(inside)
    return pool.means(values) / pool.means(inside)


def _lp_pool(call: Call) -> Tensor:
    power = call.number("p", 2.0)
    pool = _Pool.of(call)
    return root(pool.means(call.tensor(0).abs().pow(power)) * pool.area, power)


def root(sums: Tensor, power: float) -> Tensor:
    """The root of sums of powers; where all is zero there is no slope, and zero stands for it."""
    empty = sums == 0
    return torch.where(empty, sums, torch.where(empty, 1.0, sums).pow(1.0 / power))


def _max_pool(call: Call) -> Tensor | tuple[Tensor, ...]:
    pool, values = _Pool.of(call), call.tensor(0)
    exact = values if values.is_floating_point() else values.float()
    pools: dict[int, Callable[..., tuple[Tensor, Tensor]]] = {
        1: functional.max_pool1d_with_indices,
        2: functional.max_pool2d_with_indices,
        3: functional.max_pool3d_with_indices,
    }
    rows = pool.spread(exact, -math.inf)
    found, places = pools[len(pool.beyond)](
        rows, pool.window.kernel, pool.window.strides, 0, pool.window.dilations
    )
    found = found.to(values.dtype)
    if call.outputs == 1:
        return found
    column_first = bool(call.count("storage_order", 0))
    return found, _flat_places(places, rows, values, low=pool.window.low, behind=column_first)


def _flat_places(
    places: Tensor, rows: Tensor, values: Tensor, *, low: list[int], behind: bool
) -> Tensor:
    """Places within one padded map as places within the whole unpadded tensor."""
    sizes = list(values.shape[2:])
    along: list[Tensor] = []
    for size, before in zip(reversed(rows.shape[2:]), reversed(low), strict=True):
        along.append(places % size - before)
        places = torch.div(places, size, rounding_mode="floor")
    axes = list(zip(along[::-1], sizes, strict=True))
    flat = torch.zeros_like(places)
    for place, size in reversed(axes) if behind else axes:
        flat = flat * size + place
    maps = torch.arange(math.prod(values.shape[:2]), device=values.device) * math.prod(sizes)
    return flat + maps.reshape(*values.shape[:2], *[1] * len(sizes))


def _spatial(values: Tensor) -> list[int]:
    return list(range(2, values.ndim))


def _global_average_pool(call: Call) -> Tensor:
    values = call.tensor(0)
    return values.mean(dim=_spatial(values), keepdim=True)


def _global_max_pool(call: Call) -> Tensor:
    values = call.tensor(0)
    return values.amax(dim=_spatial(values), keepdim=True)


def _global_lp_pool(call: Call) -> Tensor:
    values, power = call.tensor(0), call.number("p", 2.0)
    return root(values.abs().pow(power).sum(_spatial(values), keepdim=True), power)


def _max_unpool(call: Call) -> Tensor:
    values, places = call.tensor(0), call.tensor(1)
    kernel = call.sizes("kernel_shape", [])
    axes = len(kernel)
    strides, pads = call.sizes("strides", [1] * axes), call.sizes("pads", [0] * (2 * axes))
    sizes = [
        (size - 1) * strides[at] + kernel[at] - pads[at] - pads[at + axes]
        for at, size in enumerate(values.shape[2:])
    ]
    if call.optional(2) is not None and (call.whole("output_shape", 2) or [])[2:] != sizes:
        raise NoRule(REFUSED["MaxUnpool"])
    flat = torch.zeros(
        math.prod([*values.shape[:2], *sizes]), dtype=values.dtype, device=values.device
    )
    found = flat.index_put((places.reshape(-1),), values.reshape(-1))
    return found.reshape(*values.shape[:2], *sizes)


RULES: Mapping[str, Rule] = {
    "AveragePool": _average_pool,
    "GlobalAveragePool": _global_average_pool,
    "GlobalLpPool": _global_lp_pool,
    "GlobalMaxPool": _global_max_pool,
    "LpPool": _lp_pool,
    "MaxPool": _max_pool,
    "MaxUnpool": _max_unpool,
}
