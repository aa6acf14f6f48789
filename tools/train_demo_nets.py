"""Train the two demo nets and write them with their figures.

    python tools/train_demo_nets.py --out service/demo/nets

Takes about four minutes on two cores. The normal net learns the pictures as they are. The robust
one learns from one-step adversarial pictures (Wong, Rice and Kolter 2020, arXiv:2001.03994) and
ships as the running average of its weights. It starts from scratch on purpose: a warm start would
hand down the statistics of the normal net's filters. Both are rounded to half precision before
anything is measured or written. Another machine gives other digests, because the order of float32
sums differs, and accuracies that differ by a point or two.
"""

import argparse
import copy
import hashlib
import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Final, TypeAlias, cast

import onnx
import torch
from safetensors.torch import save
from torch import Tensor, nn
from torch.nn import functional
from torch.onnx import ONNXProgram

from service.demo.shapes import ShapeSet, draw
from service.intake.architectures.catalogue import ARCHITECTURES, build

Loss: TypeAlias = Callable[[Tensor, Tensor], Tensor]
Pictures: TypeAlias = tuple[Tensor, Tensor]
Figures: TypeAlias = dict[str, dict[str, float]]

ARCHITECTURE: Final = "demo-cnn6"
EPS: Final = 8 / 255
TRAIN_COUNT: Final = 6000
TEST_COUNT: Final = 2000
ATTACKED_COUNT: Final = 300
TRAIN_SEED: Final = 1
TEST_SEED: Final = 2
BATCH: Final = 128
RISE: Final = 0.15
ATTACK_STEPS: Final = 40
ATTACK_STARTS: Final = 3
NORMAL_AT_MOST: Final = 0.05
ROBUST_AT_LEAST: Final = 0.52


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """How one net is trained."""

    name: str
    epochs: int
    adversarial: bool
    seed: int


# --- training ---


def tensors(shape_set: ShapeSet) -> Pictures:
    """Return the pictures as [0,1] NCHW floats, and the labels."""
    images = torch.tensor(shape_set.images).permute(0, 3, 1, 2).float() / 255.0
    return images.contiguous(memory_format=torch.channels_last), torch.tensor(shape_set.labels)


def train(course: Course, data: Pictures) -> nn.Module:
    """Train a fresh net; return its averaged twin when the course is adversarial."""
    torch.manual_seed(course.seed)  # pyright: ignore[reportUnknownMemberType] # untyped in torch
    net = build(ARCHITECTURE).train()
    average = copy.deepcopy(net)
    steps = course.epochs * (TRAIN_COUNT // BATCH)
    optimizer = torch.optim.SGD(
        net.parameters(), lr=0.2, momentum=0.9, nesterov=True, weight_decay=5e-4
    )
    for step, (images, labels) in enumerate(batches(data, course.epochs)):
        optimizer.param_groups[0]["lr"] = 0.2 * slope(step / steps)
        inputs = images
        if course.adversarial:
            inputs = one_step(net, images, labels, eps=EPS * ramp(step))
        optimizer.zero_grad()
        torch.autograd.backward(functional.cross_entropy(net(inputs), labels))
        optimizer.step()  # pyright: ignore[reportUnknownMemberType] # untyped in torch
        follow(average, net, age=step - RISE * steps)
    return (average if course.adversarial else net).eval()


def batches(data: Pictures, epochs: int) -> Iterator[Pictures]:
    """Yield shuffled batches; what does not fill the last batch of an epoch is left out."""
    images, labels = data
    for _ in range(epochs):
        order = torch.randperm(TRAIN_COUNT)[: TRAIN_COUNT // BATCH * BATCH]
        for rows in torch.split(order, BATCH):
            yield images[rows], labels[rows]


def slope(progress: float) -> float:
    """Learning rate over its peak: up for the first 15 % of the way, then down to zero."""
    return min((progress + 1e-3) / RISE, (1.0 - progress) / (1.0 - RISE))


def ramp(step: int) -> float:
    """Share of the full radius: a quarter more in each of the first epochs."""
    return min(1.0, (1 + step // (TRAIN_COUNT // BATCH)) / 4.0)


def one_step(net: nn.Module, images: Tensor, labels: Tensor, *, eps: float) -> Tensor:
    """One sign step of 1.25 eps from a uniform start; the net stays in training mode."""
    start = into_ball(images + eps * (2.0 * torch.rand_like(images) - 1.0), images, eps)
    ascent = input_gradient(net, start, labels, functional.cross_entropy).sign()
    return into_ball(start + 1.25 * eps * ascent, images, eps)


def follow(average: nn.Module, net: nn.Module, *, age: float) -> None:
    """Move the average towards the net; before its time it is simply a copy."""
    decay = min(0.99, (1.0 + age) / (10.0 + age)) if age > 0 else 0.0
    with torch.no_grad():
        own = average.state_dict()
        for key, value in net.state_dict().items():
            if value.is_floating_point():
                own[key].lerp_(value, 1.0 - decay)
            else:
                own[key].copy_(value)


# --- attack ---


def into_ball(moved: Tensor, images: Tensor, eps: float) -> Tensor:
    """Project on the l-infinity ball round the images and on the pixel range."""
    return torch.clamp(torch.clamp(moved, images - eps, images + eps), 0.0, 1.0)


def input_gradient(net: nn.Module, images: Tensor, labels: Tensor, loss: Loss) -> Tensor:
    """Gradient of the loss by the pictures; the weights' gradients are not touched."""
    leaf = images.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(loss(net(leaf), labels), leaf)
    return gradient


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Summed cross-entropy."""
    return functional.cross_entropy(logits, labels, reduction="sum")


def margin(logits: Tensor, labels: Tensor) -> Tensor:
    """Summed lead of the best wrong class over the right one."""
    own = functional.one_hot(labels, logits.shape[1]).bool()
    return (logits.masked_fill(own, -torch.inf).amax(1) - logits[own]).sum()


def right(net: nn.Module, data: Pictures) -> Tensor:
    """Tell for each picture whether the net names it rightly."""
    images, labels = data
    with torch.no_grad():
        return torch.cat([net(part).argmax(1) for part in torch.split(images, 250)]) == labels


def standing(net: nn.Module, data: Pictures) -> Tensor:
    """Tell which pictures withstand every run: each start with each loss."""
    dice = torch.Generator().manual_seed(0)
    images, labels = data
    holds = right(net, data)
    for _, loss in product(range(ATTACK_STARTS), (cross_entropy, margin)):
        rows = holds.nonzero().squeeze(1)
        start = EPS * (2.0 * torch.rand(images.shape, generator=dice) - 1.0)
        part = images[rows], labels[rows]
        holds[rows] = withstands(net, part, start=start[rows], loss=loss)
    return holds


def withstands(net: nn.Module, data: Pictures, *, start: Tensor, loss: Loss) -> Tensor:
    """Climb the loss from one start; a picture is broken where any point of the path breaks it."""
    images, labels = data
    holds = torch.ones_like(labels, dtype=torch.bool)
    moved = into_ball(images + start, images, EPS)
    for _ in range(ATTACK_STEPS):
        ascent = input_gradient(net, moved, labels, loss).sign()
        moved = into_ball(moved + EPS / 8.0 * ascent, images, EPS)
        holds &= right(net, (moved, labels))
    return holds


# --- files ---


def export(net: nn.Module, path: Path) -> None:
    """Write the net as one ONNX file with a free batch axis and without traces of its making."""
    program = torch.onnx.export(  # pyright: ignore[reportUnknownMemberType] # untyped in torch
        net,
        (torch.zeros(2, *ARCHITECTURES[ARCHITECTURE].input_shape),),
        dynamo=True,
        opset_version=20,
        input_names=["image"],
        output_names=["logits"],
        dynamic_shapes=({0: torch.export.Dim("batch")},),
        verbose=False,
    )
    model = cast(ONNXProgram, program).model_proto
    strip(model.graph)
    path.write_bytes(model.SerializeToString(deterministic=True))


def strip(graph: onnx.GraphProto) -> None:
    """Drop notes, stack traces and inner shapes: they name local paths, not the net."""
    del graph.metadata_props[:]
    del graph.value_info[:]
    for part in (*graph.node, *graph.initializer, *graph.input, *graph.output):
        del part.metadata_props[:]
        part.doc_string = ""


def rounded(net: nn.Module) -> nn.Module:
    """Round the weights to half precision, so that the weights file holds them in half the size."""
    return net.half().float()


def write_weights(net: nn.Module, path: Path) -> None:
    """Write the state dict of a rounded net as safetensors, floats in half precision."""
    state = net.state_dict().items()
    halves = {key: value.half() if value.is_floating_point() else value for key, value in state}
    path.write_bytes(save(halves))


def described(path: Path) -> dict[str, str | int]:
    """Return what the manifest says of a file."""
    content = path.read_bytes()
    return {"sha256": hashlib.sha256(content).hexdigest(), "size_bytes": len(content)}


def measured(course: Course, net: nn.Module, test: Pictures) -> Figures:
    """Return the net's figures on the test set, printing them."""
    clean = int(right(net, test).sum())
    attacked = (test[0][:ATTACKED_COUNT], test[1][:ATTACKED_COUNT])
    holds = int(standing(net, attacked).sum())
    print(
        f"{course.name}: clean {clean}/{TEST_COUNT}, standing {holds}/{ATTACKED_COUNT}", flush=True
    )
    return {
        "training": {
            "epochs": course.epochs,
            "adversarial": course.adversarial,
            "seed": course.seed,
        },
        "clean": {"right": clean, "n": TEST_COUNT, "accuracy": clean / TEST_COUNT},
        "attacked": {"standing": holds, "n": ATTACKED_COUNT, "accuracy": holds / ATTACKED_COUNT},
    }


def manifest(out: Path, nets: dict[str, Figures]) -> dict[str, object]:
    """Return what nets.json says."""
    files = sorted(path for name in nets for path in out.glob(f"{name}.*"))
    return {
        "command": f"python tools/train_demo_nets.py {' '.join(sys.argv[1:])}",
        "architecture": ARCHITECTURE,
        "data": {
            "recipe": "PLAIN",
            "train": {"n": TRAIN_COUNT, "seed": TRAIN_SEED},
            "test": {"n": TEST_COUNT, "seed": TEST_SEED},
        },
        "attack": {
            "norm": "linf",
            "eps": "8/255",
            "steps": ATTACK_STEPS,
            "step_over_eps": 1 / 8,
            "starts": ATTACK_STARTS,
            "losses": ["cross-entropy", "margin"],
        },
        "files": {path.name: described(path) for path in files},
        "nets": nets,
    }


def main() -> int:
    """Train both nets, one after the other, and write everything."""
    parser = argparse.ArgumentParser(description="Train the two demo nets.")
    parser.add_argument("--out", type=Path, required=True, help="folder for nets and nets.json")
    parser.add_argument("--seed", type=int, default=0, help="initial weights, order, attack noise")
    options = parser.parse_args()
    out: Path = options.out
    out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(2)
    data = tensors(draw(TRAIN_COUNT, seed=TRAIN_SEED))
    test = tensors(draw(TEST_COUNT, seed=TEST_SEED))
    nets: dict[str, Figures] = {}
    for course in (
        Course(name="normal", epochs=10, adversarial=False, seed=options.seed),
        Course(name="robust", epochs=18, adversarial=True, seed=options.seed),
    ):
        began = time.monotonic()
        net = rounded(train(course, data))
        print(f"{course.name}: trained in {time.monotonic() - began:.0f} s", flush=True)
        nets[course.name] = measured(course, net, test)
        write_weights(net, out / f"{course.name}.safetensors")
        export(net, out / f"{course.name}.onnx")
    (out / "nets.json").write_text(json.dumps(manifest(out, nets), indent=2) + "\n")
    return 0 if apart(nets) else 1


def apart(nets: dict[str, Figures]) -> bool:
    """Tell whether the pair shows what it is for; a robust net now and then stays too weak."""
    normal, robust = (nets[name]["attacked"]["accuracy"] for name in ("normal", "robust"))
    if normal <= NORMAL_AT_MOST and robust >= ROBUST_AT_LEAST:
        return True
    print("the pair is not far enough apart: try another --seed", file=sys.stderr)
    return False


if __name__ == "__main__":
    sys.exit(main())
