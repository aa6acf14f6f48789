"""The AutoAttack recipe (Croce and Hein, ICML 2020), put together from torchattacks' parts.

One start each of APGD on cross-entropy (100 iterations), targeted APGD on DLR and targeted FAB
(9 targets of 100 iterations each), and Square with 5000 queries, all in one batch; what one
attack breaks is not given to the next. The library's own class of that name runs 10 iterations.
"""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, Final

import torch
from torch import Tensor, nn

ITERATIONS: Final = 100
QUERIES: Final = 5000
TARGETS: Final = 9

Attack = Callable[[Tensor, Tensor], Tensor]


def stages(model: nn.Module, eps: float, classes: int, seed: int) -> Mapping[str, Attack]:
    """The four attacks in their order."""
    parts: Any = import_module("torchattacks")
    told = {"norm": "Linf", "eps": eps, "seed": seed, "n_restarts": 1}
    runs = told | {"steps": ITERATIONS}
    targeted: Any = parts.APGDT(model, n_classes=classes, **runs)
    boundary: Any = parts.FAB(model, n_classes=classes, multi_targeted=True, **runs)
    for one in (targeted, boundary):
        one.n_target_classes = min(TARGETS, classes - 1)
    return {
        "APGD-CE": parts.APGD(model, loss="ce", **runs),
        "APGD-T": targeted,
        "FAB-T": boundary,
        "Square": parts.Square(model, n_queries=QUERIES, **told),
    }


def recipe(
    model: nn.Module, images: Tensor, labels: Tensor, *, eps: float, classes: int, seed: int
) -> tuple[Tensor, dict[str, float]]:
    """The broken pictures, and the share that stands after each stage."""
    moved = images.clone()
    standing = _right(model, images, labels)
    shares: dict[str, float] = {}
    for name, attack in stages(model, eps, classes, seed).items():
        places = standing.nonzero().flatten()
        if len(places):
            found = attack(images[places], labels[places])
            broken = ~_right(model, found, labels[places])
            moved[places[broken]] = found[broken].detach()
            standing[places[broken]] = False
        shares[name] = standing.float().mean().item()
    return moved, shares


def _right(model: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    with torch.no_grad():
        return model(images).argmax(1) == labels
