"""Intake from file to subject and set: which stages run, what is kept, what is refused where."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest
import safetensors.torch
import torch

from analyzers.contract import Array, InputSpec
from service.audit_case import sample_names
from service.demo.shapes import draw
from service.errors import AssayError, Code
from service.executors.interface import Progress, Request, Result
from service.executors.local import LocalExecutor
from service.intake.architecture_names import ARCHITECTURES
from service.intake.intake import Intake
from service.intake.models import Told
from service.intake.reading import AS_USUAL
from service.intake.stages import DATA_SECONDS, MODEL_SECONDS
from service.intake.subject import subject_of
from support.closed_forms import bright_or_dark, save_linear, unit
from support.in_process import InProcess, InProcessJob, Shelf, npz
from support.running import NETS
from support.surgery import fixed_batch, one_output, poisoned

T = TypeVar("T")
DEMO = ARCHITECTURES[0]
LIMITS = {"memory": 1 << 32}


@dataclass
class Bench:
    """An intake over an executor in this process."""

    executor: InProcess
    shelf: Shelf
    intake: Intake
    home: Path

    def put(self, path: Path) -> str:
        """Upload a file."""
        return self.shelf.put(path.read_bytes())

    def data(self, images: Array, labels: Array) -> str:
        """Upload pictures."""
        return self.shelf.put(npz(images, labels, self.home))

    def recognised(self, file: str, architecture: str) -> str:
        """The format of a model."""
        return now(self.intake.models.recognise(file, architecture))

    @property
    def stages(self) -> list[str]:
        """The stages that ran, in order."""
        return [one.stage for one in self.executor.requests]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A fresh one."""
    executor, shelf = InProcess(tmp_path / "spool"), Shelf(tmp_path / "shelf")
    return Bench(executor, shelf, Intake(executor, shelf, LIMITS), tmp_path)


def now(awaited: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine."""
    return asyncio.run(awaited)


def code_of(deed: Callable[[], object]) -> Code:
    """The code of the refusal that a deed earns."""
    with pytest.raises(AssayError) as caught:
        deed()
    assert caught.value.sentence
    assert caught.value.remedy
    return caught.value.code


def some_pictures() -> tuple[Array, Array]:
    """Six pictures, the last of which is a copy of the first."""
    images = np.random.default_rng(4).integers(0, 256, (6, 8, 8, 3), np.uint8)
    images[5] = images[0]
    return images, np.array([0, 1, 1, 0, 1, 0])


def test_onnx_is_only_made_canonical(bench: Bench) -> None:
    """A file with its program needs one stage; what is kept is its canonical form."""
    file = bench.put(NETS / "robust.onnx")
    assert bench.recognised(file, "") == "onnx"
    found = now(bench.intake.models.canonical(file, "onnx", Told()))
    assert bench.stages == ["canonicalise"]
    assert "conversion" not in found.facts
    raw = bench.shelf.local_path(found.digest).read_bytes()
    assert hashlib.sha256(raw).hexdigest() == found.digest
    told = {name: found.facts[name] for name in ("shape", "layout", "classes", "batch")}
    assert told == {"shape": [3, 32, 32], "layout": "nchw", "classes": 10, "batch": "free"}


def test_weights_are_converted_first_and_say_so(bench: Bench) -> None:
    """Two stages, each over the file that the one before left; the drift stands in the facts."""
    file = bench.put(NETS / "robust.safetensors")
    form = bench.recognised(file, DEMO)
    found = now(bench.intake.models.canonical(file, form, Told(DEMO)))
    assert bench.stages == ["convert", "canonicalise"]
    assert found.facts["conversion"]["architecture"] == DEMO
    assert found.facts["conversion"]["largest_drift"] < 1e-4
    kept = bench.shelf.local_path(found.facts["conversion"]["weights"]).read_bytes()
    source = safetensors.torch.load((NETS / "robust.safetensors").read_bytes())
    for name, tensor in safetensors.torch.load(kept).items():
        assert torch.equal(tensor, source[name])
    assert found.facts["trust"] == "restricted"
    first, second = (request.files["file"] for request in bench.executor.requests)
    assert first == str(bench.shelf.local_path(file))
    assert second not in {first, str(bench.shelf.local_path(found.digest))}
    assert Path(second).exists()


def test_stages_stand_alone_under_their_limits(bench: Bench) -> None:
    """No stage of intake shares a child, and each has its time."""
    file = bench.put(NETS / "robust.safetensors")
    now(bench.intake.models.canonical(file, "safetensors", Told(DEMO)))
    now(bench.intake.eval_sets.read(bench.data(*some_pictures()), (0, 4)))
    told = [(one.stage, one.seconds, one.session, one.limits) for one in bench.executor.requests]
    assert told == [
        ("convert", MODEL_SECONDS, "", LIMITS),
        ("canonicalise", MODEL_SECONDS, "", LIMITS),
        ("dataset", DATA_SECONDS, "", LIMITS),
    ]
    assert bench.executor.requests[2].body == {"rows": [0, 4], **AS_USUAL.as_json()}


def test_canonical_form_of_a_canonical_file_is_itself(bench: Bench) -> None:
    """Taken in again, the kept file keeps its digest and facts."""
    once = now(bench.intake.models.canonical(bench.put(NETS / "robust.onnx"), "onnx", Told()))
    assert now(bench.intake.models.canonical(once.digest, "onnx", Told())).digest == once.digest


def test_set_is_three_blobs_and_their_facts(bench: Bench) -> None:
    """Images NCHW in their own type, labels int64, one id of 32 bytes an image."""
    images, labels = some_pictures()
    found = now(bench.intake.eval_sets.read(bench.data(images, labels), None))
    assert bench.stages == ["dataset"]
    held = {
        name: bench.shelf.local_path(getattr(found, name)).read_bytes()
        for name in ("images", "labels", "ids")
    }
    kept = np.frombuffer(held["images"], np.uint8).reshape(6, 3, 8, 8)
    assert (kept == images.transpose(0, 3, 1, 2)).all()
    assert np.frombuffer(held["labels"], "<i8").tolist() == labels.tolist()
    names = sample_names(held["ids"])
    assert (len(names), names[0] == names[5], len(set(names))) == (6, True, 5)
    assert (found.facts.n, found.facts.classes, found.facts.eight_bit) == (6, 2, True)
    assert found.details == {
        "shape": [3, 8, 8],
        "class_counts": [2, 3],
        "distinct": 5,
        "duplicates": 1,
        "dtype": "uint8",
    }


def test_slice_is_part_of_the_set(bench: Bench) -> None:
    """Some rows of a file are another set than all of them."""
    file = bench.data(*some_pictures())
    whole = now(bench.intake.eval_sets.read(file, None))
    part = now(bench.intake.eval_sets.read(file, (1, 4)))
    assert (whole.facts.n, part.facts.n) == (6, 3)
    assert whole.facts.digest != part.facts.digest


def test_float_pictures_are_the_same_set_in_other_bytes(bench: Bench) -> None:
    """One digest, two image blobs, two types."""
    images, labels = some_pictures()
    eight = now(bench.intake.eval_sets.read(bench.data(images, labels), None))
    floats = now(bench.intake.eval_sets.read(bench.data(unit(images), labels), None))
    assert eight.facts.digest == floats.facts.digest
    assert (eight.ids, eight.labels) == (floats.ids, floats.labels)
    assert eight.images != floats.images
    assert (eight.details["dtype"], floats.details["dtype"]) == ("uint8", "float32")


def test_weights_without_an_architecture_are_refused_before_any_child(bench: Bench) -> None:
    """Recognition asks for what it needs by itself."""
    file = bench.put(NETS / "robust.safetensors")
    assert code_of(lambda: bench.recognised(file, "")) is Code.ARCHITECTURE_MISSING
    assert bench.stages == []


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", Code.MODEL_EMPTY),
        (b"\x7fELF", Code.FORMAT_EXECUTABLE),
        (b"hello", Code.MODEL_NOT_RECOGNISED),
    ],
)
def test_other_files_are_refused_before_any_child(bench: Bench, raw: bytes, code: Code) -> None:
    """What is no model is never handed to a child."""
    file = bench.shelf.put(raw)
    assert code_of(lambda: bench.recognised(file, DEMO)) is code
    assert bench.stages == []


@pytest.mark.parametrize(
    ("raw", "code"), [(b"", Code.DATA_EMPTY), (b"\x93NUMPY", Code.DATA_NOT_RECOGNISED)]
)
def test_other_data_is_refused_before_any_child(bench: Bench, raw: bytes, code: Code) -> None:
    """What is no npz is never handed to a child."""
    file = bench.shelf.put(raw)
    assert code_of(lambda: now(bench.intake.eval_sets.read(file, None))) is code
    assert bench.stages == []


@pytest.mark.parametrize(
    ("weights", "architecture", "code"),
    [
        ("foreign", DEMO, Code.ARCHITECTURE_MISMATCH),
        ("robust", "resnet-9000", Code.ARCHITECTURE_UNKNOWN),
        ("cut", DEMO, Code.MODEL_BROKEN),
    ],
)
def test_conversion_ends_with_its_own_code_and_keeps_nothing(
    bench: Bench, weights: str, architecture: str, code: Code
) -> None:
    """A refused conversion is never made canonical."""
    raw = (NETS / "robust.safetensors").read_bytes()
    some = safetensors.torch.load(raw)
    foreign = safetensors.torch.save({"w": next(iter(some.values()))})
    file = bench.shelf.put({"robust": raw, "cut": raw[:-9], "foreign": foreign}[weights])
    asked = bench.intake.models.canonical(file, "safetensors", Told(architecture))
    assert code_of(lambda: now(asked)) is code
    assert bench.stages == ["convert"]


@pytest.mark.parametrize(
    ("make", "code"),
    [(poisoned, Code.MODEL_LOGITS_NOT_FINITE), (one_output, Code.MODEL_ONE_OUTPUT)],
)
def test_canonicaliser_refuses_with_its_own_codes(
    bench: Bench, make: Callable[[Path], Path], code: Code
) -> None:
    """A model that cannot be judged is no subject."""
    file = bench.put(make(bench.home / "m.onnx"))
    assert code_of(lambda: now(bench.intake.models.canonical(file, "onnx", Told()))) is code


def test_set_of_one_class_is_refused_in_the_child(bench: Bench) -> None:
    """The stage's own refusal comes through."""
    images, labels = some_pictures()
    file = bench.data(images, np.zeros_like(labels))
    assert code_of(lambda: now(bench.intake.eval_sets.read(file, None))) is Code.DATA_ONE_CLASS
    assert bench.stages == ["dataset"]


class SilentExecutor(InProcess):
    """Jobs that end without a result."""

    async def submit(self, request: Request) -> InProcessJob:
        """Take a job that says only that it is under way."""
        del request
        return SilentJob()


class SilentJob(InProcessJob):
    """Progress, and then nothing."""

    def __init__(self) -> None:
        """There is no work."""

    async def events(self) -> AsyncIterator[Progress | Result]:
        """One word."""
        yield Progress(1, 2, "")


def test_a_stage_without_a_result_is_an_error(bench: Bench) -> None:
    """An executor that falls silent never counts as taken in."""
    intake = Intake(SilentExecutor(bench.home / "silent"), bench.shelf, {})
    with pytest.raises(RuntimeError, match="without a result"):
        now(intake.models.canonical(bench.put(NETS / "robust.onnx"), "onnx", Told()))


def test_subject_covers_file_and_map(bench: Bench) -> None:
    """The same file under another preprocessing is another subject with the same facts."""
    found = now(bench.intake.models.canonical(bench.put(NETS / "robust.onnx"), "onnx", Told()))
    plain = subject_of(found, InputSpec())
    mapped = subject_of(found, InputSpec(mean=(0.5,) * 3, std=(0.25,) * 3))
    assert plain.digest != mapped.digest
    assert (plain.shape, plain.classes, plain.gradient) == ((3, 32, 32), 10, True)
    assert plain.parameters == found.facts["parameters"] > 0
    assert code_of(lambda: subject_of(found, InputSpec("nhwc"))) is Code.PREPROCESSING_INVALID


def test_subject_knows_batch_and_layout(bench: Bench) -> None:
    """A fixed batch and channels in the last axis are read from the file."""
    fixed = bench.put(fixed_batch(bench.home / "one.onnx"))
    freed = now(bench.intake.models.canonical(fixed, "onnx", Told()))
    assert freed.facts["upload_batch"] == "one"
    assert subject_of(freed, InputSpec()).batch == "free"
    last = save_linear(bench.home / "last.onnx", bright_or_dark((3, 8, 8)), layout="nhwc")
    turned = now(bench.intake.models.canonical(bench.put(last), "onnx", Told()))
    assert subject_of(turned, InputSpec("nhwc")).shape == (3, 8, 8)
    assert code_of(lambda: subject_of(turned, InputSpec())) is Code.PREPROCESSING_INVALID


async def test_real_children_say_the_same_as_this_process(bench: Bench, tmp_path: Path) -> None:
    """Canonical file, its facts and the set are equal, whoever ran the stages."""
    pictures = draw(8, seed=1)
    file = bench.put(NETS / "robust.onnx")
    data = bench.data(pictures.images, pictures.labels)
    local = LocalExecutor(tmp_path / "local")
    await local.start()
    try:
        outside = Intake(local, bench.shelf, {})
        for mine, theirs in (
            (
                bench.intake.models.canonical(file, "onnx", Told()),
                outside.models.canonical(file, "onnx", Told()),
            ),
            (bench.intake.eval_sets.read(data, None), outside.eval_sets.read(data, None)),
        ):
            assert await mine == await theirs
    finally:
        await local.stop()


def test_what_is_remembered_is_admitted_by_todays_rules(bench: Bench) -> None:
    """A TorchServe archive that once held TorchScript is refused where that is off; ONNX is not."""
    bench.intake.models.admit("mar", "", {"archive": {"format": "onnx"}})
    refused = code_of(
        lambda: bench.intake.models.admit("mar", "", {"archive": {"format": "torchscript"}})
    )
    assert refused is Code.TORCHSCRIPT_DISABLED
