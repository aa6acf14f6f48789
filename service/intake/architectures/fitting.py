"""Whether tensors are those of a network, told from their names and shapes alone."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from service.intake.architectures.architecture import Architecture

PREFIXES = ("module.", "model.", "net.", "network.", "backbone.", "_orig_mod.")
"""What wrappers put before every name."""
MAX_WRAPPERS = 8
COUNTER = "num_batches_tracked"
"""How often a batch norm was trained; no output depends on it."""
MAX_CLASSES = 1 << 17


def without_prefix(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Names without what wrappers put before all of them."""
    plain = dict(weights)
    for _ in range(MAX_WRAPPERS):
        prefix = _carried_by(list(plain))
        plain = {key.removeprefix(prefix): value for key, value in plain.items()}
    return plain


def _carried_by(names: list[str]) -> str:
    found = (one for one in PREFIXES if all(name.startswith(one) for name in names))
    return next(found, "")


def own_weights(told: Architecture, plain: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights under the network's spelling, without those that it never runs."""
    used = [key for key in plain if not key.startswith(told.unused)]
    spelled = {_spelled(key, told.older): plain[key] for key in used}
    # Two spellings of one name would silently drop a tensor.
    return spelled if len(spelled) == len(used) else {key: plain[key] for key in used}


def _spelled(key: str, older: tuple[tuple[str, str], ...]) -> str:
    for old, new in older:
        key = key.replace(old, new)
    return key


def classes_in(told: Architecture, weights: Mapping[str, Tensor]) -> int:
    """The number of classes that the last layer has; the usual one where it is not to be seen."""
    head = weights.get(told.head)
    return head.shape[0] if head is not None and head.ndim and head.shape[0] else told.classes


def on_meta(told: Architecture, classes: int) -> nn.Module:
    """The network without memory for its weights."""
    with torch.device("meta"):
        return told.build(classes)


def difference(module: nn.Module, weights: Mapping[str, Tensor]) -> str:
    """What keeps the weights from being the module's; empty when they are."""
    wanted = module.state_dict()
    for key in [*wanted, *weights]:
        if key not in wanted:
            return f"{key[:60]} is not part of it"
        if key not in weights:
            if not key.endswith(COUNTER):
                return f"{key} is missing"
        elif problem := _unlike(weights[key], wanted[key]):
            return f"{key} {problem}"
    return ""


def _unlike(found: Tensor, wanted: Tensor) -> str:
    if found.layout is not torch.strided or found.is_meta:
        return "is no plain tensor"
    if found.shape != wanted.shape:
        return f"has the shape {str(list(found.shape))[:60]}, not {list(wanted.shape)}"
    if found.is_floating_point() != wanted.is_floating_point():
        return f"has the type {found.dtype}"
    return ""


def fits(told: Architecture, weights: Mapping[str, Tensor]) -> bool:
    """Whether the weights are exactly those of the network."""
    head = weights.get(told.head)
    if head is None or head.ndim != 2 or not 0 < head.shape[0] <= MAX_CLASSES:  # noqa: PLR2004 - a matrix
        return False
    return not difference(on_meta(told, head.shape[0]), own_weights(told, weights))
