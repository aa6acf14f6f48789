"""All networks that weights may name, and how named weights become a module."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Final

import torch
from torch import Tensor, nn

from analyzers.contract import Refusal
from service.intake.architecture_names import unknown_architecture
from service.intake.architectures import (
    cnn6,
    densenet,
    lenet,
    mobilenet,
    preact_resnet,
    resnet,
    vgg,
    vit,
    wide_resnet,
)
from service.intake.architectures.architecture import Architecture
from service.intake.architectures.fitting import (
    MAX_CLASSES,
    classes_in,
    difference,
    fits,
    on_meta,
    own_weights,
    without_prefix,
)

_FAMILIES = (
    cnn6.FAMILY,
    densenet.FAMILY,
    lenet.FAMILY,
    mobilenet.FAMILY,
    preact_resnet.FAMILY,
    resnet.FAMILY,
    vgg.FAMILY,
    vit.FAMILY,
    wide_resnet.FAMILY,
)
ARCHITECTURES: Final[Mapping[str, Architecture]] = {
    name: one for family in _FAMILIES for name, one in family.items()
}
_ALIKE: Final = tuple(
    (f"preactresnet{depth}{norm}-cifar", f"preactresnet{depth}{norm}-raw-cifar")
    for depth, norm in product(preact_resnet.DEPTHS, ("", "-bn"))
)
"""Where a shortcut begins is nothing that tensors show."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """Weights in the network that they name.

    Attributes:
        module: float32, in evaluation mode.
        input_shape: channels, rows and columns of one picture.
        weights: the tensors that the module computes with, under the network's own names.
    """

    module: nn.Module
    input_shape: tuple[int, int, int]
    weights: Mapping[str, Tensor]


def build(name: str) -> nn.Module:
    """The named network with fresh weights, in evaluation mode; ``KeyError`` for another name."""
    told = ARCHITECTURES[name]
    return told.build(told.classes).eval()


def look_alikes(name: str) -> tuple[str, ...]:
    """Other networks with the same tensors: weights fit them too, and answer otherwise."""
    return tuple(other for group in _ALIKE if name in group for other in group if other != name)


def built(name: str, weights: Mapping[str, Tensor]) -> Built:
    """Load weights into the network that they name; refuse those that are not exactly its own."""
    if name not in ARCHITECTURES:
        raise Refusal("ARCHITECTURE_UNKNOWN", *unknown_architecture(name))
    told, plain = ARCHITECTURES[name], without_prefix(weights)
    classes = classes_in(told, plain)
    if classes > MAX_CLASSES:
        raise Refusal(
            "MODEL_TOO_LARGE",
            f"The weights are of a network with {classes} classes; {MAX_CLASSES} are taken.",
            "Audit a model with fewer classes.",
        )
    module, own = on_meta(told, classes), own_weights(told, plain)
    wrong = difference(module, own)
    if wrong:
        raise _mismatch(name, wrong, plain)
    kept = {key: _sound(key, one) for key, one in own.items() if one.is_floating_point()}
    counters = {
        key: torch.zeros((), dtype=one.dtype)
        for key, one in module.state_dict().items()
        if not one.is_floating_point()
    }
    module.load_state_dict({**kept, **counters}, assign=True)
    return Built(module=module.eval(), input_shape=told.input_shape, weights=kept)


def _mismatch(name: str, wrong: str, plain: Mapping[str, Tensor]) -> Refusal:
    others = [other for other, told in ARCHITECTURES.items() if fits(told, plain)]
    remedy = (
        f"They fit {' and '.join(others[:6])}: name the one that they were trained in."
        if others
        else "Name the architecture that the weights were trained in, or export the model to ONNX."
    )
    return Refusal(
        "ARCHITECTURE_MISMATCH",
        f"The weights do not fit the architecture '{name}': {wrong}.",
        remedy,
    )


def _sound(key: str, tensor: Tensor) -> Tensor:
    """In float32; infinities and NaN are refused, those that come of a wider type too."""
    found = tensor.to(torch.float32).contiguous()
    if not all(torch.isfinite(end) for end in torch.aminmax(found)):
        raise Refusal(
            "MODEL_BROKEN",
            f"The tensor {key} holds a value that is not finite.",
            "Upload weights from before the training diverged.",
        )
    return found
