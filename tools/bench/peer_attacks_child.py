"""How each peer is called. Runs only in the peers' environment."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final

import numpy as np
from torch import Tensor, nn

from tools.bench.native import tensor
from tools.bench.recipe_child import recipe

STEPS: Final = 40
_STEP: Final = 0.25
"""Of plain PGD, in units of eps."""


@dataclass(frozen=True)
class Call:
    """One attack on one set of pictures, all in one batch."""

    model: nn.Module
    images: Tensor
    labels: Tensor
    eps: float
    classes: int
    seed: int


Found = tuple[Tensor, dict[str, float]]
Peer = Callable[[Call], Found]


def _recipe(call: Call) -> Found:
    told = {"eps": call.eps, "classes": call.classes, "seed": call.seed}
    return recipe(call.model, call.images, call.labels, **told)  # pyright: ignore[reportArgumentType]  # the names fit


def _torchattacks_pgd(call: Call) -> Found:
    attacks: Any = import_module("torchattacks")
    attack = attacks.PGD(call.model, eps=call.eps, alpha=_STEP * call.eps, steps=STEPS)
    return attack(call.images, call.labels), {}


def _torchattacks_own(call: Call) -> Found:
    """What the library calls AutoAttack."""
    attacks: Any = import_module("torchattacks")
    attack = attacks.AutoAttack(
        call.model, norm="Linf", eps=call.eps, n_classes=call.classes, seed=call.seed
    )
    return attack(call.images, call.labels), {}


def _foolbox_pgd(call: Call) -> Found:
    foolbox: Any = import_module("foolbox")
    model = foolbox.PyTorchModel(call.model, bounds=(0, 1), device="cpu")
    attack = foolbox.attacks.LinfPGD(rel_stepsize=_STEP, steps=STEPS)
    _, clipped, _ = attack(model, call.images, call.labels, epsilons=call.eps)
    return clipped, {}


def _art(make: Callable[..., Any], call: Call, **told: object) -> Found:
    """Run one of ART's attacks, made for its own wrapper of the model."""
    estimators: Any = import_module("art.estimators.classification")
    model = estimators.PyTorchClassifier(
        call.model,
        loss=nn.CrossEntropyLoss(),
        input_shape=tuple(call.images.shape[1:]),
        nb_classes=call.classes,
        clip_values=(0.0, 1.0),
        device_type="cpu",
    )
    told |= {"norm": np.inf, "eps": call.eps, "batch_size": len(call.images), "verbose": False}
    attack = make(model, **told)
    return tensor(attack.generate(call.images.numpy(), call.labels.numpy())), {}


def _art_pgd(call: Call) -> Found:
    evasion: Any = import_module("art.attacks.evasion")
    make = evasion.ProjectedGradientDescentPyTorch
    return _art(make, call, eps_step=_STEP * call.eps, max_iter=STEPS, num_random_init=1)


def _art_auto_pgd(call: Call) -> Found:
    evasion: Any = import_module("art.attacks.evasion")
    told = {"max_iter": 100, "nb_random_init": 1, "loss_type": "cross_entropy"}
    make = evasion.AutoProjectedGradientDescent
    return _art(make, call, eps_step=call.eps / 3, **told)


PEERS: Final[Mapping[str, Peer]] = {
    "recipe": _recipe,
    "torchattacks-pgd": _torchattacks_pgd,
    "torchattacks-autoattack": _torchattacks_own,
    "foolbox-pgd": _foolbox_pgd,
    "art-pgd": _art_pgd,
    "art-apgd": _art_auto_pgd,
}
