"""A model or a set that is declared wrongly: what is said names the flag that mends it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analyzers.behaviour.preprocessing import named
from analyzers.contract import Array, InputSpec, Layout
from service.demo.shapes import draw, write_npz
from service.errors import AssayError, Code
from service.intake.reading import AS_USUAL, Reading
from service.rpc.ports import AnalyzerSpec, EvalSetView, NewEvalSet
from support.command_line import save
from support.graphs import linear, model, node
from support.running import NETS, Running, running

CLASSES, SIDE, N = 10, 8, 60
CIFAR, BYTES = named(3)["cifar10"], InputSpec(scale=255.0)
FLIP = "--channels bgr (rgb if you gave bgr)"
BGR = Reading(channels="bgr")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One service for the module."""
    with running(tmp_path_factory.mktemp("home") / "home") as one:
        yield one


def red_net(path: Path, expects: InputSpec, side: int = SIDE) -> Path:
    """A model that tells ten shades of red apart, fed as it expects; other colours are nothing."""
    mean, std = (CIFAR.mean[0], CIFAR.std[0]) if expects.mean else (0.0, 1.0)
    shades = (np.arange(CLASSES) + 0.5) / CLASSES
    weight = np.zeros((CLASSES, 3, side, side))
    weight[:, 0] = (2 * shades * std / side**2 / expects.scale)[:, None, None]
    bias = 2 * shades * mean - shades**2
    flat = weight.transpose(0, 2, 3, 1) if expects.layout == "nhwc" else weight
    if not expects.axes:
        path.write_bytes(linear(flat.reshape(CLASSES, -1), bias, _axes(expects.layout, side)))
        return path
    stored = {"w": flat.reshape(CLASSES, -1).astype(np.float32), "b": bias.astype(np.float32)}
    nodes = [node("Gemm", "image w b", "logits", transB=1)]
    made = model(nodes, stored, shape=("batch", *expects.axes), classes=CLASSES)
    path.write_bytes(made.SerializeToString())
    return path


def _axes(layout: Layout, side: int) -> tuple[int, int, int]:
    return (side, side, 3) if layout == "nhwc" else (3, side, side)


def pictures(side: int = SIDE) -> tuple[Array, Array]:
    """Bytes in height, width, channels: red shows the class, green and blue something else."""
    stream, labels = np.random.default_rng(0), np.arange(N) % CLASSES
    shades = np.stack([labels, *(stream.permutation(labels) for _ in range(2))], axis=1)
    images = np.rint((shades + 0.5) / CLASSES * 255).astype(np.uint8)[:, None, None, :]
    return np.broadcast_to(images, (N, side, side, 3)).copy(), labels


def data_of(path: Path, *, bgr: bool = False, kind: str = "uint8", side: int = SIDE) -> Path:
    """The pictures in a file, as some would write them."""
    images, labels = pictures(side)
    images = images[..., ::-1] if bgr else images
    save(path, images=np.ascontiguousarray(images.astype(kind)), labels=labels)
    return path


@dataclass(frozen=True)
class Told:
    """What preflight says."""

    accuracy: float
    better: str


def taken(service: Running, data: Path, reading: Reading = AS_USUAL) -> EvalSetView:
    """A file as an evaluation set."""
    wish = NewEvalSet(service.client.upload(data, "data"), reading=reading)
    return service.client.wait_operation(service.client.create_eval_set(wish))


def preflight(
    service: Running, net: Path, data: Path, spec: InputSpec, reading: Reading = AS_USUAL
) -> Told:
    """Ask preflight alone, through the service."""
    wanted = (AnalyzerSpec("behaviour.preflight"),)
    view = service.audit(net, data, "", spec=spec, reading=reading, analyzers=wanted)
    found: list[Mapping[str, Any]] = service.evidence(view.name)["facts"]["measurements"]
    by_metric = {one["metric"]: one for one in found}
    scope = by_metric["preprocessing_fits"]["scope"]
    return Told(by_metric["accuracy"]["value"], scope.get("better", ""))


@dataclass(frozen=True)
class Mistake:
    """How a model expects to be fed, and what was said instead."""

    expects: InputSpec
    said: InputSpec
    bgr: bool
    """Whether the file holds blue first."""
    reading: Reading
    flag: str


FLAT, FLAT_LAST = InputSpec(axes=(192,)), InputSpec("nhwc", axes=(192,))
MISTAKES = {
    "normalize": Mistake(CIFAR, InputSpec(), False, AS_USUAL, "--normalize cifar10"),
    "no normalize": Mistake(InputSpec(), CIFAR, False, AS_USUAL, "--normalize none"),
    "bytes": Mistake(
        BYTES, InputSpec(), False, AS_USUAL, "--normalize 0,0,0/0.003921569,0.003921569,0.003921569"
    ),
    "bgr": Mistake(InputSpec(), InputSpec(), True, AS_USUAL, FLIP),
    "no bgr": Mistake(InputSpec(), InputSpec(), False, BGR, FLIP),
    "both": Mistake(CIFAR, InputSpec(), True, AS_USUAL, f"--normalize cifar10 {FLIP}"),
    "layout": Mistake(FLAT_LAST, InputSpec(), False, AS_USUAL, "--layout nhwc"),
    "nothing": Mistake(CIFAR, CIFAR, False, AS_USUAL, ""),
    "bgr said": Mistake(CIFAR, CIFAR, True, BGR, ""),
    "layout said": Mistake(FLAT_LAST, InputSpec("nhwc"), False, AS_USUAL, ""),
}


@pytest.mark.parametrize("what", MISTAKES)
def test_the_flag_is_named(service: Running, tmp_path: Path, what: str) -> None:
    """One mistake or two: the options that mend them, and none where there is no mistake."""
    one = MISTAKES[what]
    net = red_net(tmp_path / "red.onnx", one.expects)
    data = data_of(tmp_path / "data.npz", bgr=one.bgr)
    found = preflight(service, net, data, one.said, one.reading)
    assert found.better == one.flag
    assert (found.accuracy == 1.0) == (not one.flag)


def test_a_layout_that_the_file_contradicts_is_refused_with_its_name(
    service: Running, tmp_path: Path
) -> None:
    """A model whose channels come last, declared otherwise: the flag stands in the remedy."""
    net = red_net(tmp_path / "red.onnx", InputSpec("nhwc"))
    data = data_of(tmp_path / "data.npz")
    with pytest.raises(AssayError) as refused:
        preflight(service, net, data, InputSpec())
    assert refused.value.code is Code.PREPROCESSING_INVALID
    assert "--layout nhwc" in refused.value.remedy
    assert preflight(service, net, data, InputSpec("nhwc")) == Told(1.0, "")


def test_a_set_that_may_be_laid_out_either_way_says_so(service: Running, tmp_path: Path) -> None:
    """Three rows of three colours: nobody guesses; with the flag the right pictures come in."""
    net = red_net(tmp_path / "red.onnx", InputSpec(), side=3)
    data = data_of(tmp_path / "data.npz", side=3)
    with pytest.raises(AssayError) as refused:
        preflight(service, net, data, InputSpec())
    assert refused.value.code is Code.DATA_SHAPE_INVALID
    assert "--data-layout nhwc" in refused.value.remedy
    read = Reading(layout="nhwc")
    assert preflight(service, net, data, InputSpec(), read) == Told(1.0, "")


def test_floats_up_to_255_say_so(service: Running, tmp_path: Path) -> None:
    """They are refused with the flag; with it they are the bytes that they were."""
    net = red_net(tmp_path / "red.onnx", CIFAR)
    floats = data_of(tmp_path / "floats.npz", kind="float32")
    with pytest.raises(AssayError) as refused:
        preflight(service, net, floats, CIFAR)
    assert refused.value.code is Code.DATA_RANGE_INVALID
    assert "--pixels 0-255" in refused.value.remedy
    assert preflight(service, net, floats, CIFAR, Reading(pixels="0-255")) == Told(1.0, "")
    same = taken(service, data_of(tmp_path / "bytes.npz"))
    assert taken(service, floats, Reading(pixels="0-255")).facts == same.facts


def test_a_set_read_otherwise_is_another_set(service: Running, tmp_path: Path) -> None:
    """The reading is part of what a set is and comes back with it; the usual one is no part."""
    data = data_of(tmp_path / "data.npz")
    plain, again, flipped = (
        taken(service, data, reading) for reading in (AS_USUAL, Reading("auto", "rgb", "auto"), BGR)
    )
    assert plain.name == again.name != flipped.name
    assert (plain.reading, flipped.reading) == (AS_USUAL, BGR)
    assert plain.facts is not None
    assert flipped.facts is not None
    assert plain.facts.digest != flipped.facts.digest
    assert service.client.eval_set(flipped.name) == flipped


def test_evidence_and_its_command_say_how_the_file_was_read(
    service: Running, tmp_path: Path
) -> None:
    """Whoever repeats the audit reads the file alike; a usual reading is not spoken of."""
    net = red_net(tmp_path / "red.onnx", InputSpec())
    wanted = (AnalyzerSpec("behaviour.preflight"),)
    told: dict[bool, tuple[object, bool]] = {}
    for bgr, reading in ((False, AS_USUAL), (True, BGR)):
        data = data_of(tmp_path / f"{bgr}.npz", bgr=bgr)
        view = service.audit(net, data, "", reading=reading, analyzers=wanted)
        told[bgr] = (
            service.evidence(view.name)["facts"]["data"].get("reading"),
            b"--channels bgr" in service.file(view.name, "report.html"),
        )
    assert told[True] == ({"channels": "bgr"}, True)
    assert told[False][0] is None


def test_the_demo_net_is_fed_well(service: Running, tmp_path: Path) -> None:
    """Control on a trained net: as it is meant to be fed, nothing is recommended."""
    data = tmp_path / "shapes.npz"
    write_npz(data, draw(60, seed=4242))
    found = preflight(service, NETS / "normal.onnx", data, InputSpec())
    assert found.accuracy > 0.9
    assert found.better == ""
