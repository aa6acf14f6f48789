"""Small honest files as torch writes them."""

import functools
import io
import warnings
from collections.abc import Mapping
from typing import Any, Final

import torch
from torch import nn
from torch.export import Dim, export, save

from service.intake.architectures.catalogue import build

ARCHITECTURE: Final = "lenet5"
_SIDE: Final = 8


@functools.cache
def weights() -> Mapping[str, torch.Tensor]:
    """The weights of a network of the catalogue."""
    torch.manual_seed(0)  # pyright: ignore[reportUnknownMemberType]  # its number has no type
    return build(ARCHITECTURE).state_dict()


@functools.cache
def state_dict(*, legacy: bool) -> bytes:
    """An honest state dict in one of its two forms."""
    file = io.BytesIO()
    torch.save(dict(weights()), file, _use_new_zipfile_serialization=not legacy)  # pyright: ignore[reportUnknownMemberType]  # open types
    return file.getvalue()


def _network() -> nn.Module:
    torch.manual_seed(0)  # pyright: ignore[reportUnknownMemberType]  # its number has no type
    return nn.Sequential(nn.Conv2d(3, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(72, 4)).eval()


@functools.cache
def exported() -> bytes:
    """An honest exported program."""
    file = io.BytesIO()
    free = ({0: Dim("batch", min=1, max=64)},)
    save(export(_network(), (torch.rand(2, 3, _SIDE, _SIDE),), dynamic_shapes=free), file)
    return file.getvalue()


@functools.cache
def scripted(*, traced: bool) -> bytes:
    """A script; one that was traced knows its images."""
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # torch.jit is on its way out
        example = torch.rand(1, 3, _SIDE, _SIDE)
        jit: Any = torch.jit  # half of its types are unknown
        net = _network()
        program = jit.trace(net, example) if traced else jit.script(net)
        jit.save(program, file)
    return file.getvalue()
