"""Pairs of the demo architecture: for each seed one net without attacks and one with."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import torch

from service.demo.shapes import draw, write_npz
from tools.directions.looking import IMAGES
from tools.directions.nets import Net, Pair
from tools.train_demo_nets import (
    TEST_SEED,
    TRAIN_COUNT,
    TRAIN_SEED,
    Course,
    export,
    rounded,
    tensors,
    train,
)

NORMAL: Final = "normal"
ADVERSARIAL: Final = "adversarial"
EPOCHS: Final[Mapping[str, int]] = {NORMAL: 10, ADVERSARIAL: 18}
"""As the nets that ship with the demo."""


def trained(
    seeds: Sequence[int], folder: Path, *, epochs: Mapping[str, int] = EPOCHS
) -> list[Pair]:
    """A pair a seed, with pictures that no net saw; what lies there is not trained again."""
    torch.set_num_threads(1)
    folder.mkdir(parents=True, exist_ok=True)
    shapes = folder / "shapes.npz"
    write_npz(shapes, draw(IMAGES, seed=TEST_SEED))
    return [_pair(seed, folder, shapes, epochs) for seed in seeds]


def _pair(seed: int, folder: Path, shapes: Path, epochs: Mapping[str, int]) -> Pair:
    nets: dict[str, Net] = {}
    for name, length in epochs.items():
        net = Net(f"seed-{seed}-{name}", folder / f"seed-{seed}" / f"{name}.onnx", shapes)
        if not net.model.exists():
            course = Course(
                name=net.name, epochs=length, adversarial=name == ADVERSARIAL, seed=seed
            )
            _train(course, net.model)
        nets[name] = net
    return Pair(f"seed {seed}", nets[NORMAL], nets[ADVERSARIAL])


def _train(course: Course, path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    net = rounded(train(course, tensors(draw(TRAIN_COUNT, seed=TRAIN_SEED))))
    begun = path.with_suffix(".part")
    export(net, begun)
    begun.rename(path)
