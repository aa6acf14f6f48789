"""Vision transformer (Dosovitskiy et al. 2021) with a class token and learned positions."""

from collections.abc import Mapping
from functools import partial
from typing import Final, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from service.intake.architectures.architecture import CIFAR, IMAGENET, Architecture
from service.intake.architectures.layers import chain

DEPTH = 12
EPS = 1e-6
MLP = 4
"""How many times its width a block's two linear layers are wide between them."""


class Size(NamedTuple):
    """Features of a token, and how many heads share them."""

    width: int
    heads: int


SIZES = {"ti": Size(192, 3), "s": Size(384, 6), "b": Size(768, 12)}


class Attention(nn.Module):
    """Every token looks at every token, once in each head."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.heads = size.heads
        self.qkv = nn.Linear(size.width, 3 * size.width)
        self.proj = nn.Linear(size.width, size.width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Queries, keys and values lie in this order in one product."""
        batch, count, width = tokens.shape
        split = self.qkv(tokens).reshape(batch, count, 3, self.heads, width // self.heads)
        queries, keys, values = split.permute(2, 0, 3, 1, 4).unbind(0)
        seen = functional.scaled_dot_product_attention(queries, keys, values)
        return self.proj(seen.transpose(1, 2).reshape(batch, count, width))


class TransformerBlock(nn.Module):
    """Attention, then two linear layers; each behind a layer norm and inside a sum."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(size.width, eps=EPS)
        self.attn = Attention(size)
        self.norm2 = nn.LayerNorm(size.width, eps=EPS)
        self.mlp = chain(
            fc1=nn.Linear(size.width, MLP * size.width),
            act=nn.GELU(),
            fc2=nn.Linear(MLP * size.width, size.width),
        )

    def forward(self, tokens: Tensor) -> Tensor:
        """Both sums keep the tokens as they came."""
        tokens = tokens + self.attn(self.norm1(tokens))
        return tokens + self.mlp(self.norm2(tokens))


class VisionTransformer(nn.Module):
    """Patches become tokens; the class token, put before them, is read at the end."""

    def __init__(self, classes: int, *, size: Size, side: int, patch: int) -> None:
        super().__init__()
        self.cls_token = nn.Parameter(torch.zeros(1, 1, size.width))
        self.pos_embed = nn.Parameter(torch.zeros(1, (side // patch) ** 2 + 1, size.width))
        self.patch_embed = chain(proj=nn.Conv2d(3, size.width, patch, patch))
        self.blocks = nn.Sequential(*(TransformerBlock(size) for _ in range(DEPTH)))
        self.norm = nn.LayerNorm(size.width, eps=EPS)
        self.head = nn.Linear(size.width, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Positions are added to the class token too."""
        patches = self.patch_embed(images).flatten(2).transpose(1, 2)
        first = self.cls_token.expand(patches.shape[0], -1, -1)
        tokens = torch.cat([first, patches], 1) + self.pos_embed
        return self.head(self.norm(self.blocks(tokens))[:, 0])


def _imagenet(size: Size, patch: int) -> Architecture:
    build = partial(VisionTransformer, size=size, side=IMAGENET[-1], patch=patch)
    return Architecture(build=build, input_shape=IMAGENET, head="head.weight", classes=1000)


def _cifar(size: Size, patch: int) -> Architecture:
    build = partial(VisionTransformer, size=size, side=CIFAR[-1], patch=patch)
    return Architecture(build=build, input_shape=CIFAR, head="head.weight")


FAMILY: Final[Mapping[str, Architecture]] = {
    **{f"vit-{letter}-16": _imagenet(size, 16) for letter, size in SIZES.items()},
    **{f"vit-{letter}-4-cifar": _cifar(size, 4) for letter, size in SIZES.items()},
}
