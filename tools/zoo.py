"""Six classifiers of 3x32x32 pictures with random weights, and their export to ONNX.

They stand for what people upload, one a family, and are judges of the engines: the same function
as a torch module and as a file. The plans are those of LeCun et al. (1998), He et al. (2016),
Sandler et al. (2018), Liu et al. (2022), Huang et al. (2017) and Dosovitskiy et al. (2021), with
the sizes cut to small pictures.
"""

import contextlib
import copy
import io
import logging
import warnings
from collections.abc import Callable, Generator, Mapping
from typing import Any, Final, Literal

import numpy as np
import onnx
import torch
from torch import Tensor, nn
from torch.nn import functional

from analyzers.contract import FloatArray
from analyzers.graph.reading import NEWEST_OPSET

Exporter = Literal["newer", "older"]

SIDE: Final = 32
CLASSES: Final = 10
OPSETS: Final[Mapping[Exporter, range]] = {
    "newer": range(18, NEWEST_OPSET + 1),
    "older": range(11, 21),
}
"""What to ask of each exporter; of the newer one, up to the newest that the engines take."""
_FUSED_SINCE: Final = 14
"""The first opset in which the older exporter knows fused attention."""
_CALIBRATION: Final = 32
_exporters: Any = torch.onnx  # its types are half open


class NotMade(Exception):  # noqa: N818 - says what happened, as the table prints it
    """The exporter does not make a file of this opset."""


# --------------------------------------------------------------------------------- the families


def _lenet(*, small: bool) -> nn.Module:
    """Two wide convolutions with max pools, three linear layers."""
    hidden = (40, 28) if small else (120, 84)
    return nn.Sequential(
        nn.Conv2d(3, 6, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(400, hidden[0]),
        nn.ReLU(),
        nn.Linear(hidden[0], hidden[1]),
        nn.ReLU(),
        nn.Linear(hidden[1], CLASSES),
    )


class _Sum(nn.Module):
    """A branch added to what went in, or to a projection of it."""

    def __init__(self, branch: nn.Module, shortcut: nn.Module | None = None) -> None:
        super().__init__()
        self.branch = branch
        self.shortcut = nn.Identity() if shortcut is None else shortcut

    def forward(self, values: Tensor) -> Tensor:
        return self.shortcut(values) + self.branch(values)


def _normed(
    wide_in: int, wide_out: int, size: int, *, stride: int = 1, groups: int = 1
) -> list[nn.Module]:
    plain = nn.Conv2d(
        wide_in, wide_out, size, stride=stride, padding=size // 2, groups=groups, bias=False
    )
    return [plain, nn.BatchNorm2d(wide_out)]


def _head(width: int) -> list[nn.Module]:
    return [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, CLASSES)]


def _resnet18(*, small: bool) -> nn.Module:
    """Basic blocks, two a stage, without the first pool that small pictures have no room for."""
    width = 16 if small else 64
    layers = [*_normed(3, width, 3), nn.ReLU()]
    wide = width
    for stage in range(4):
        for stride in (1 if stage == 0 else 2, 1):
            layers += _basic_block(wide, width << stage, stride)
            wide = width << stage
    return nn.Sequential(*layers, *_head(wide))


def _basic_block(wide_in: int, wide_out: int, stride: int) -> list[nn.Module]:
    branch = [*_normed(wide_in, wide_out, 3, stride=stride), nn.ReLU()]
    branch += _normed(wide_out, wide_out, 3)
    same = stride == 1 and wide_in == wide_out
    shortcut = None if same else nn.Sequential(*_normed(wide_in, wide_out, 1, stride=stride))
    return [_Sum(nn.Sequential(*branch), shortcut), nn.ReLU()]


def _mobilenet(*, small: bool) -> nn.Module:
    """Inverted residuals: widen, depthwise, narrow, with ReLU6."""
    plan = ((16, 1, 1), (24, 2, 2), (32, 3, 2), (64, 2, 2), (96, 1, 1))
    scale = 2 if small else 1
    layers: list[nn.Module] = [*_normed(3, 32 // scale, 3), nn.ReLU6()]
    wide = 32 // scale
    for width, repeats, first in plan:
        for at in range(1 if small else repeats):
            stride = first if at == 0 else 1
            layers.append(_inverted(wide, width // scale, stride))
            wide = width // scale
    layers += [*_normed(wide, 4 * wide, 1), nn.ReLU6()]
    return nn.Sequential(*layers, *_head(4 * wide))


def _inverted(wide_in: int, wide_out: int, stride: int) -> nn.Module:
    inside = 6 * wide_in
    branch = nn.Sequential(
        *_normed(wide_in, inside, 1),
        nn.ReLU6(),
        *_normed(inside, inside, 3, stride=stride, groups=inside),
        nn.ReLU6(),
        *_normed(inside, wide_out, 1),
    )
    return _Sum(branch) if stride == 1 and wide_in == wide_out else branch


class _LastAxis(nn.Module):
    """Layers that see the channels last."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, values: Tensor) -> Tensor:
        return self.layers(values.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class _Scale(nn.Module):
    """One learnt factor a channel, the channels last."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.empty(width).uniform_(0.2, 1.0))

    def forward(self, values: Tensor) -> Tensor:
        return values * self.factor


def _convnext(*, small: bool) -> nn.Module:
    """Depthwise 7x7, LayerNorm and two linear layers with Gelu, channels last."""
    widths, depths = ((16, 32, 48), (1, 1, 1)) if small else ((48, 96, 192), (2, 2, 2))
    layers: list[nn.Module] = [nn.Conv2d(3, widths[0], 2, stride=2)]
    layers.append(_LastAxis(nn.LayerNorm(widths[0])))
    for stage, (width, depth) in enumerate(zip(widths, depths, strict=True)):
        if stage:
            before = widths[stage - 1]
            layers += [_LastAxis(nn.LayerNorm(before)), nn.Conv2d(before, width, 2, stride=2)]
        layers += [_Sum(_next_branch(width)) for _ in range(depth)]
    pool = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.LayerNorm(widths[-1])]
    return nn.Sequential(*layers, *pool, nn.Linear(widths[-1], CLASSES))


def _next_branch(width: int) -> nn.Module:
    wide = 4 * width
    pointwise = (nn.Linear(width, wide), nn.GELU(), nn.Linear(wide, width))
    return nn.Sequential(
        nn.Conv2d(width, width, 7, padding=3, groups=width),
        _LastAxis(nn.LayerNorm(width), *pointwise, _Scale(width)),
    )


class _Grown(nn.Module):
    """What went in beside what the branch makes of it."""

    def __init__(self, branch: nn.Module) -> None:
        super().__init__()
        self.branch = branch

    def forward(self, values: Tensor) -> Tensor:
        return torch.cat([values, self.branch(values)], 1)


def _densenet(*, small: bool) -> nn.Module:
    """Concatenations, batch norm before the activation, average pools between the blocks."""
    growth, depth = (8, 2) if small else (16, 5)
    wide = 2 * growth
    layers: list[nn.Module] = [nn.Conv2d(3, wide, 3, padding=1, bias=False)]
    for block in range(3):
        if block:
            layers += [nn.BatchNorm2d(wide), nn.ReLU(), nn.Conv2d(wide, wide // 2, 1, bias=False)]
            layers.append(nn.AvgPool2d(2))
            wide //= 2
        for _ in range(depth):
            layers.append(_Grown(_dense_branch(wide, growth)))
            wide += growth
    return nn.Sequential(*layers, nn.BatchNorm2d(wide), nn.ReLU(), *_head(wide))


def _dense_branch(wide: int, growth: int) -> nn.Module:
    return nn.Sequential(
        nn.BatchNorm2d(wide),
        nn.ReLU(),
        nn.Conv2d(wide, 4 * growth, 1, bias=False),
        nn.BatchNorm2d(4 * growth),
        nn.ReLU(),
        nn.Conv2d(4 * growth, growth, 3, padding=1, bias=False),
    )


class _Attention(nn.Module):
    """Self-attention over tokens, as one fused operator or written out."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.mixed = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.fused = True

    def forward(self, tokens: Tensor) -> Tensor:
        count, places, width = tokens.shape
        each = width // self.heads
        parts = self.mixed(tokens).reshape(count, places, 3, self.heads, each)
        query, key, value = parts.permute(2, 0, 3, 1, 4).unbind(0)
        if self.fused:
            seen = functional.scaled_dot_product_attention(query, key, value)
        else:
            scores = query @ key.transpose(2, 3) / each**0.5
            seen = torch.softmax(scores, -1) @ value
        return self.out(seen.transpose(1, 2).flatten(2))


class _Tokens(nn.Module):
    """Patches of 4x4 pixels as tokens, behind a class token, with learnt places."""

    def __init__(self, width: int) -> None:
        super().__init__()
        patch = 4
        self.patches = nn.Conv2d(3, width, patch, stride=patch)
        self.token = nn.Parameter(torch.randn(1, 1, width))
        self.places = nn.Parameter(0.5 * torch.randn(1, (SIDE // patch) ** 2 + 1, width))

    def forward(self, images: Tensor) -> Tensor:
        patches = self.patches(images).flatten(2).transpose(1, 2)
        first = self.token.expand(images.shape[0], -1, -1)
        return torch.cat([first, patches], 1) + self.places


class _First(nn.Module):
    """The class token alone."""

    def forward(self, tokens: Tensor) -> Tensor:
        return tokens[:, 0]


def _vit(*, small: bool) -> nn.Module:
    """Attention and two linear layers with Gelu, a LayerNorm before each."""
    width, blocks = (48, 2) if small else (192, 6)
    layers: list[nn.Module] = [_Tokens(width)]
    for _ in range(blocks):
        seen = nn.Sequential(nn.LayerNorm(width), _Attention(width, heads=3))
        wide = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )
        layers += [_Sum(seen), _Sum(wide)]
    return nn.Sequential(*layers, nn.LayerNorm(width), _First(), nn.Linear(width, CLASSES))


_PLANS: Final[Mapping[str, Callable[..., nn.Module]]] = {
    "lenet": _lenet,
    "resnet18": _resnet18,
    "mobilenet": _mobilenet,
    "convnext": _convnext,
    "densenet": _densenet,
    "vit": _vit,
}
NAMES: Final = tuple(_PLANS)


# ------------------------------------------------------------------------------------- weights


def build(name: str, *, small: bool = False, seed: int = 0) -> nn.Module:
    """A net in evaluation mode with frozen weights; the caller's generator is left alone."""
    with torch.random.fork_rng(devices=[]):  # pyright: ignore[reportUnknownMemberType]  # untyped in torch
        torch.manual_seed(seed)  # pyright: ignore[reportUnknownMemberType]  # untyped in torch
        net = _PLANS[name](small=small)
        _draw_weights(net)
        _settle_statistics(net, pictures(_CALIBRATION, seed=seed))
    net.eval().requires_grad_(requires_grad=False)
    return net


def _draw_weights(net: nn.Module) -> None:
    for layer in net.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            if layer.bias is not None:  # pyright: ignore[reportUnnecessaryComparison]  # None without bias
                nn.init.normal_(layer.bias, std=0.1)
        elif isinstance(layer, nn.BatchNorm2d | nn.LayerNorm):
            nn.init.uniform_(layer.weight, 0.5, 1.5)
            nn.init.normal_(layer.bias, std=0.2)


def _settle_statistics(net: nn.Module, images: FloatArray) -> None:
    """Batch norms as after training: near what flows through them, and never 0 and 1.

    With 0 and 1 a fold that forgets the mean or the variance would go unnoticed; with numbers out
    of the air the values would grow from layer to layer.
    """
    norms = [layer for layer in net.modules() if isinstance(layer, nn.BatchNorm2d)]
    for layer in norms:
        layer.momentum = None  # averages over the batches seen, here the one
    if norms:
        with torch.no_grad():
            net.train()(torch.from_numpy(images))  # pyright: ignore[reportUnknownMemberType]  # untyped in torch
    for layer in norms:
        mean, variance = layer.running_mean, layer.running_var
        if mean is not None and variance is not None:
            mean.add_(0.2 * variance.sqrt() * torch.randn_like(mean))
            variance.mul_(torch.empty_like(variance).uniform_(0.7, 1.4))


def pictures(count: int, *, seed: int) -> FloatArray:
    """Random colour gradients under noise, inside [0,1] and nowhere flat, so that no pool ties."""
    drawn = np.random.default_rng(seed)
    along = np.linspace(0.0, 1.0, SIDE)
    rising, falling = np.meshgrid(along, along)
    slopes = drawn.uniform(-0.5, 0.5, (2, count, 3, 1, 1))
    smooth = slopes[0] * rising + slopes[1] * falling + drawn.uniform(0.3, 0.7, (count, 3, 1, 1))
    noisy = smooth + drawn.normal(0.0, 0.15, (count, 3, SIDE, SIDE))
    low, high = noisy.min((1, 2, 3), keepdims=True), noisy.max((1, 2, 3), keepdims=True)
    return ((noisy - low) / (high - low)).astype(np.float32)


# -------------------------------------------------------------------------------------- export


def export(module: nn.Module, exporter: Exporter, opset: int, *, batch_free: bool = True) -> bytes:
    """The module as a file; ``NotMade`` where the exporter does not know the opset."""
    example = torch.full((2 if batch_free else 1, 3, SIDE, SIDE), 0.5)
    with _quiet():
        if exporter == "newer":
            raw = _newer(module, example, opset, batch_free=batch_free)
        else:
            raw = _older(module, example, opset, batch_free=batch_free)
    made = onnx.ModelProto.FromString(raw).opset_import[0].version
    if made != opset:
        message = f"asked for opset {opset}, got {made}"
        raise NotMade(message)
    return raw


def _newer(module: nn.Module, example: Tensor, opset: int, *, batch_free: bool) -> bytes:
    free = ({0: torch.export.Dim("batch", min=1)},) if batch_free else None
    program = _exporters.export(
        module, (example,), dynamo=True, opset_version=opset, dynamic_shapes=free, verbose=False
    )
    return program.model_proto.SerializeToString()


def _older(module: nn.Module, example: Tensor, opset: int, *, batch_free: bool) -> bytes:
    kept = io.BytesIO()
    _exporters.export(
        module if opset >= _FUSED_SINCE else written_out(module),
        (example,),
        kept,
        dynamo=False,
        opset_version=opset,
        input_names=["image"],
        output_names=["scores"],
        dynamic_axes={"image": {0: "batch"}, "scores": {0: "batch"}} if batch_free else None,
    )
    return kept.getvalue()


def written_out(module: nn.Module) -> nn.Module:
    """The same net for an exporter that does not know fused attention."""
    fresh = copy.deepcopy(module)
    for layer in fresh.modules():
        if isinstance(layer, _Attention):
            layer.fused = False
    return fresh


@contextlib.contextmanager
def _quiet() -> Generator[None]:
    """Silence the exporters: deprecations of their own insides, and lists of absent packages."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
