"""A torch module in memory to a file that answers alike, keeps its batch norm and tells nothing."""

import getpass
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime  # pyright: ignore[reportMissingTypeStubs]  # carries no types
import pytest
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from analyzers.engines.agreement import agreed
from analyzers.graph.weights import conv_layers
from service.errors import AssayError, Code
from service.export import Exported, export
from support.command_line import IMPORTS

SHAPE = (1, 3, 12, 12)
CLASSES = 5


class Residual(nn.Module):
    """Convolutions with and without a bias and groups, each with a batch norm, and a skip."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(8)
        self.grouped = nn.Conv2d(8, 8, 3, padding=1, groups=4)
        self.grouped_norm = nn.BatchNorm2d(8)
        self.drop = nn.Dropout(0.5)
        self.head = nn.Linear(8, CLASSES)

    def forward(self, image: Tensor) -> Tensor:
        """Class scores."""
        first = torch.relu(self.norm(self.stem(image)))
        second = torch.relu(first + self.grouped_norm(self.grouped(first)))
        return self.head(self.drop(second.mean((2, 3))))


class SmallViT(nn.Module):
    """Patches, a class token, positions, one block of attention, and a softmax at the end."""

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, width, 4, 4)
        self.token = nn.Parameter(torch.zeros(1, 1, width))
        self.places = nn.Parameter(torch.randn(1, 10, width))
        self.block = nn.TransformerEncoderLayer(
            width, 2, 32, dropout=0.1, activation="gelu", batch_first=True
        )
        self.head = nn.Linear(width, CLASSES)

    def forward(self, image: Tensor) -> Tensor:
        """Class probabilities."""
        seen = self.patches(image).flatten(2).transpose(1, 2)
        seen = torch.cat([self.token.expand(len(image), -1, -1), seen], 1) + self.places
        return self.head(self.block(seen)[:, 0]).softmax(1)


class Pixels(nn.Module):
    """A linear model whose forward tests bend."""

    def __init__(self, bent: Callable[[Tensor, Tensor], Any] | None = None) -> None:
        super().__init__()
        self.head = nn.Linear(SHAPE[1] * SHAPE[2] * SHAPE[3], CLASSES)
        self.bent = bent

    def forward(self, image: Tensor) -> Any:  # noqa: ANN401 - wrong kinds too
        """Class scores, or what the bend makes of image and scores."""
        scores = self.head(image.flatten(1))
        return self.bent(image, scores) if self.bent else scores


def trained(build: type[nn.Module]) -> nn.Module:
    """A network whose weights and batch statistics are all different, in training mode."""
    torch.manual_seed(0)  # pyright: ignore[reportUnknownMemberType]  # open types
    module = build()
    with torch.no_grad():
        for one in (*module.parameters(), *module.buffers()):
            if one.is_floating_point():
                one.add_(torch.rand_like(one) * 0.5)
    return module.train()


def exported(module: nn.Module, path: Path, **options: Any) -> Exported:  # noqa: ANN401 - as export's
    """Export to a path."""
    return export(module, SHAPE, path, **options)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the shared files lie."""
    return tmp_path_factory.mktemp("exported")


@pytest.fixture(scope="module")
def residual() -> nn.Module:
    """The residual network, in training mode."""
    return trained(Residual)


@pytest.fixture(scope="module")
def done(residual: nn.Module, folder: Path) -> Exported:
    """Its export."""
    return exported(residual, folder / "residual.onnx")


@pytest.fixture(scope="module")
def vit() -> nn.Module:
    """The small transformer."""
    return trained(SmallViT)


@pytest.fixture(scope="module")
def vit_done(vit: nn.Module, folder: Path) -> Exported:
    """Its export."""
    return exported(vit, folder / "vit.onnx")


@pytest.fixture(scope="module")
def torchs_own(residual: nn.Module) -> onnx.ModelProto:
    """What torch writes by itself for the residual network: the control of what we do to it."""
    dynamic = ({0: torch.export.Dim("batch", min=1, max=64)},)
    residual.eval()
    with pytest.warns():  # it remarks on this and that
        program: Any = torch.onnx.export(  # pyright: ignore[reportUnknownMemberType]  # open types
            residual, (torch.rand(2, *SHAPE[1:]),), dynamo=True, dynamic_shapes=dynamic
        )
    residual.train()
    return program.model_proto


def answers(path: Path, images: Tensor) -> np.ndarray[Any, Any]:
    """The file's, by onnxruntime."""
    runtime: Any = onnxruntime
    session = runtime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    return session.run(None, {"image": images.numpy()})[0]


def own_answers(module: nn.Module, images: Tensor) -> np.ndarray[Any, Any]:
    """The module's, in evaluation mode."""
    module.eval()
    with torch.no_grad():
        found = module(images).numpy()
    module.train()
    return found


def operators(model: onnx.ModelProto) -> list[str]:
    """What the nodes of a graph do."""
    return [node.op_type for node in model.graph.node]


def refusal(module: object, folder: Path, shape: tuple[int, ...] = SHAPE) -> AssayError:
    """How an export ends, which must leave no file behind."""
    with pytest.raises(AssayError) as caught:
        export(module, shape, folder / "model.onnx")
    assert list(folder.iterdir()) == []
    assert caught.value.remedy
    return caught.value


# -------------------------------------------------------------------------------------- answers


@pytest.mark.parametrize("batch", [1, 2, 9])
@pytest.mark.parametrize("net", ["residual", "vit"])
def test_the_file_answers_as_the_module(
    request: pytest.FixtureRequest, net: str, batch: int
) -> None:
    """In batches that the export did not try, on images that it did not see."""
    module: nn.Module = request.getfixturevalue(net)
    path = request.getfixturevalue("done" if net == "residual" else "vit_done").path
    images = torch.rand(batch, *SHAPE[1:])
    np.testing.assert_allclose(answers(path, images), own_answers(module, images), atol=1e-5)


def test_what_is_told_of_the_comparison_is_true(done: Exported) -> None:
    """Five answers in two sizes of batch, all of the same class, with a difference of rounding."""
    told = done.product.comparison
    assert told is not None
    assert (told.answers, told.same_class) == (5, 5)
    assert 0 <= told.largest_difference < 1e-5 < told.largest_score
    assert done.product.classes == CLASSES
    assert done.product.exporter == "dynamo"
    assert done.path.read_bytes() == done.product.raw


def test_intake_takes_it_with_an_open_batch_and_gradients(
    done: Exported, vit_done: Exported
) -> None:
    """The canonical form is reached in full; the softmax is in the file and cut off by intake."""
    (first, check), (second, vit_check) = agreed(done.product.raw), agreed(vit_done.product.raw)
    assert (first.bn_folded, check.batch, check.gradient_gap) == ("no", "free", "")
    assert (vit_check.batch, vit_check.gradient_gap) == ("free", "")
    assert "Softmax" in operators(onnx.load_from_string(vit_done.product.raw))
    assert (first.tail, second.tail) == ("", "softmax")


# ------------------------------------------------------------------------------ what is inside


def test_batch_norm_is_kept_and_weights_are_the_modules_own(
    residual: nn.Module, done: Exported, torchs_own: onnx.ModelProto
) -> None:
    """Bit for bit, under their own names; control: torch by itself changes every one of them."""
    model = onnx.load_from_string(done.product.raw)
    assert operators(model).count("BatchNormalization") == done.product.batch_norms == 2
    stored = {one.name: numpy_helper.to_array(one) for one in model.graph.initializer}
    wanted = {name: one.numpy() for name, one in residual.state_dict().items()}
    names = [name for name in wanted if not name.endswith("num_batches_tracked")]
    assert all(np.array_equal(stored[name], wanted[name]) for name in names)
    assert "BatchNormalization" not in operators(torchs_own)
    for ours, theirs in zip(conv_layers(model), conv_layers(torchs_own), strict=True):
        assert not np.array_equal(np.asarray(ours.weight), np.asarray(theirs.weight))


def test_no_clutter_is_left(done: Exported) -> None:
    """Only what computes: a convolution without a bias has none made up for it."""
    model = onnx.load_from_string(done.product.raw)
    assert sorted(operators(model)) == sorted(
        ["Conv", "BatchNormalization", "Relu"] * 2 + ["Add", "ReduceMean", "Gemm"]
    )
    [stem] = [node for node in model.graph.node if "stem.weight" in node.input]
    assert len(stem.input) == 2
    assert [(one.domain, one.version) for one in model.opset_import] == [("", 20)]


def leaks(raw: bytes) -> list[str]:
    """What of this machine is in the bytes."""
    told = [str(Path.home()), str(Path.cwd()), str(Path(torch.__file__).parent), __file__]
    told += ["site-packages", ".py", "line ", "forward", socket.gethostname(), getpass.getuser()]
    return [one for one in told if one != "/" and len(one) > 2 and one.encode() in raw]


def test_nothing_of_the_machine_is_in_the_file(
    done: Exported, vit_done: Exported, torchs_own: onnx.ModelProto
) -> None:
    """No path, no line of source, no name; control: torch by itself writes all of it down."""
    assert leaks(done.product.raw) == leaks(vit_done.product.raw) == []
    assert {__file__, ".py", "forward"} <= set(leaks(torchs_own.SerializeToString()))


def test_the_same_module_gives_the_same_bytes(
    residual: nn.Module, done: Exported, tmp_path: Path
) -> None:
    """Again, under another name in another folder; rounded weights (below) give others."""
    again = exported(residual, tmp_path / "again" / "other.onnx")
    assert again.digest == done.digest


ELSEWHERE = """
import sys
sys.path.insert(0, {tests!r})
import importlib.util
spec = importlib.util.spec_from_file_location("nets", {file!r})
nets = importlib.util.module_from_spec(spec)
spec.loader.exec_module(nets)
print(nets.export(nets.trained(nets.{net}), nets.SHAPE, "model.onnx").digest)
"""


@pytest.mark.deep
@pytest.mark.parametrize("net", ["Residual", "SmallViT"])
def test_another_process_gives_the_same_bytes(net: str, tmp_path: Path) -> None:
    """The order of sets differs between processes; the files do not, nor by folder."""
    program = ELSEWHERE.format(tests=str(Path(__file__).parents[1]), file=__file__, net=net)
    found: set[str] = set()
    for seed in ("1", "2", "77"):
        (home := tmp_path / seed).mkdir()
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": IMPORTS}
        ran = subprocess.run(
            [sys.executable, "-c", program],
            cwd=home,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        assert ran.stderr == ""
        found.add(ran.stdout.strip())
    assert len(found) == 1


@pytest.mark.deep
@pytest.mark.parametrize("opset", [18, 19, 21, 22, 23])
@pytest.mark.parametrize("build", [Residual, SmallViT])
def test_every_opset_works(build: type[nn.Module], opset: int, tmp_path: Path) -> None:
    """The version that was asked for is written, compares, and is taken in with gradients."""
    found = exported(trained(build), tmp_path / "model.onnx", opset=opset).product
    assert (found.opset, found.gradient_gap) == (opset, "")


# ------------------------------------------------------------------------ what stays as it was


def switches() -> list[Any]:
    """What of torch is set for the whole process."""
    backends: Any = torch.backends
    parts = (backends, backends.cudnn.conv, backends.cuda.matmul, backends.mkldnn.matmul)
    return [
        torch.get_num_threads(),
        bytes(torch.get_rng_state().numpy()),
        torch.is_grad_enabled(),
        (backends.cudnn.allow_tf32, backends.cuda.matmul.allow_tf32, backends.cudnn.deterministic),
        [part.fp32_precision for part in parts],
    ]


def test_the_owner_finds_everything_as_it_was(done: Exported, tmp_path: Path) -> None:
    """Modes part by part, half precision, numbers, draws, threads and switches; it was exported."""
    module = trained(Residual).half()
    module.get_submodule("norm").eval()
    modes = [one.training for one in module.modules()]
    weights = {name: one.clone() for name, one in module.state_dict().items()}
    before = switches()
    rounded = exported(module, tmp_path / "half.onnx")
    assert [one.training for one in module.modules()] == modes
    after = module.state_dict()
    assert all(torch.equal(after[name], weights[name]) for name in weights)
    assert module.get_parameter("head.bias").dtype == torch.float16
    assert switches() == before
    assert rounded.digest != done.digest
    stored = {one.name: one for one in onnx.load_from_string(rounded.product.raw).graph.initializer}
    assert stored["stem.weight"].data_type == onnx.TensorProto.FLOAT


# ------------------------------------------------------------------------------- the other way


class Branching(Residual):
    """A branch on values, which the newer exporter refuses to guess."""

    def forward(self, image: Tensor) -> Tensor:
        """Class scores; the branch is never taken."""
        if float(image.sum()) > 1e9:
            return super().forward(-image)
        return super().forward(image)


def test_the_older_exporter_takes_over(tmp_path: Path) -> None:
    """It is said why; batch norm and weights are kept on this way too, and nothing leaks."""
    told: list[str] = []
    module = trained(Branching)
    done = exported(module, tmp_path / "model.onnx", tell=told.append)
    assert done.product.exporter == "torchscript"
    assert any("TorchScript" in line and "Could not guard" in line for line in told)
    assert done.product.batch_norms == 2
    model = onnx.load_from_string(done.product.raw)
    wanted = module.get_parameter("stem.weight").detach().numpy()
    assert any(np.array_equal(one.weight, wanted) for one in conv_layers(model))
    assert leaks(done.product.raw) == []
    images = torch.rand(4, *SHAPE[1:])
    np.testing.assert_allclose(answers(done.path, images), own_answers(module, images), atol=1e-5)


# ----------------------------------------------------------------------------------- refusals


def other_when_exported(_: Tensor, scores: Tensor) -> Tensor:
    """A network that gives the exporter something else."""
    return scores * 2 if torch.compiler.is_exporting() else scores


def fails_when_exported(_: Tensor, scores: Tensor) -> Tensor:
    """A network that no exporter can see."""
    if torch.compiler.is_exporting() or torch.onnx.is_in_onnx_export():
        raise RuntimeError("not for export\nat all")
    return scores


def test_a_file_that_answers_otherwise_is_not_written(tmp_path: Path) -> None:
    """Twice the scores have the same classes, so classes alone would not show it."""
    error = refusal(Pixels(other_when_exported), tmp_path)
    assert error.code is Code.EXPORT_FAILED
    assert "answers differently from the module: by up to" in error.sentence


def test_what_neither_exporter_takes_is_told_once(tmp_path: Path) -> None:
    """The innermost reason, once and in one line, not pages of advice."""
    error = refusal(Pixels(fails_when_exported), tmp_path)
    assert error.code is Code.EXPORT_FAILED
    assert error.sentence.count("not for export") == 1
    assert "\n" not in error.sentence
    assert len(error.sentence) <= 500


BENT: dict[str, tuple[Callable[[Tensor, Tensor], Any], str]] = {
    "random": (lambda _, y: nn.functional.dropout(y), "differently each time"),
    "batch-dependent": (lambda _, y: y - y.mean(0), "others are in the same batch"),
    "one-image": (lambda x, y: y * x.reshape(1, -1)[:, :1], "answers an image differently"),
    "fixed-batch": (lambda x, y: y + x.view(1, 432).sum(), "not 3 together"),
    "tuple": (lambda _, y: (y, y), "returns a tuple"),
    "a-map": (lambda _, y: y[..., None, None], "[1, 5, 1, 1]"),
    "one-output": (lambda _, y: y[:, :1], "single output"),
    "whole-numbers": (lambda _, y: y.argmax(1, keepdim=True).repeat(1, 2), "int64"),
    "not-finite": (lambda _, y: y / 0, "not finite"),
}
"""Ways in which a module is no classifier, and words that tell it."""


@pytest.mark.parametrize("kind", BENT)
def test_a_module_that_is_no_classifier_is_refused(kind: str, tmp_path: Path) -> None:
    """Before anything is exported, in words about the module itself."""
    bent, words = BENT[kind]
    error = refusal(Pixels(bent), tmp_path)
    assert error.code is Code.EXPORT_FAILED
    assert words in error.sentence


def test_batch_norm_without_statistics_is_found(tmp_path: Path) -> None:
    """Evaluation mode does not help it; control: with statistics it goes through."""
    module = trained(Residual)
    assert isinstance(module, Residual)
    module.norm = nn.BatchNorm2d(8, track_running_stats=False)
    assert "others are in the same batch" in refusal(module, tmp_path).sentence


def test_what_is_no_module_is_told(tmp_path: Path) -> None:
    """A state dict is the usual mistake; so are weights that are not there."""
    assert "OrderedDict" in refusal(trained(Residual).state_dict(), tmp_path).sentence
    with torch.device("meta"):
        empty = Residual()
    assert "'meta'" in refusal(empty, tmp_path).sentence


def test_a_wrong_shape_is_told_in_the_modules_words(tmp_path: Path) -> None:
    """Its own complaint is passed on; a shape without a batch is seen before it is asked."""
    error = refusal(Residual(), tmp_path, (1, 4, 12, 12))
    assert "1x4x12x12" in error.sentence
    assert "3 channels" in error.sentence
    assert refusal(Residual(), tmp_path, (3, 12, 12)).code is Code.REQUEST_INVALID
    assert refusal(Residual(), tmp_path, (0, 3, 12, 12)).code is Code.REQUEST_INVALID
    assert refusal(Residual(), tmp_path, (12,)).code is Code.REQUEST_INVALID


def test_more_than_one_file_holds_is_refused_at_once(tmp_path: Path) -> None:
    """Three GiB that take no memory; the module is not even asked."""
    module = Pixels(fails_when_exported)
    module.register_buffer("vast", torch.zeros(1).expand(3 << 28))
    error = refusal(module, tmp_path)
    assert error.code is Code.MODEL_TOO_LARGE
    assert "3.0 GiB" in error.sentence


def test_an_existing_file_is_kept(tmp_path: Path) -> None:
    """Without force it stays as it was; a failed export with force leaves it too."""
    path = tmp_path / "model.onnx"
    path.write_bytes(b"mine")
    with pytest.raises(AssayError, match="already a file"):
        exported(Residual(), path)
    with pytest.raises(AssayError, match="differently each time"):
        exported(Pixels(BENT["random"][0]), path, force=True)
    with pytest.raises(AssayError, match="is a folder"):
        exported(Residual(), tmp_path, force=True)
    assert path.read_bytes() == b"mine"
    assert list(tmp_path.iterdir()) == [path]


def looped(image: Tensor, scores: Tensor) -> Tensor:
    """What counts the images of a batch in Python."""
    return scores + torch.stack([one.sum() for one in image])[:, None]


@pytest.mark.deep
def test_a_module_that_counts_images_is_written_for_one(tmp_path: Path) -> None:
    """Both exporters would fix the number of the example; intake opens the axis or loops."""
    module = Pixels(looped)
    done = exported(module, tmp_path / "model.onnx")
    assert (done.product.batch, done.product.exporter) == ("one", "dynamo")
    images = torch.rand(1, *SHAPE[1:])
    np.testing.assert_allclose(answers(done.path, images), own_answers(module, images), atol=1e-4)
    assert agreed(done.product.raw)[0].upload_batch == "one"


@pytest.mark.parametrize("name", ["torch", "onnxscript"])
def test_a_missing_library_is_told(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the base install there is nothing to export with, and the extra is named."""
    monkeypatch.setitem(sys.modules, name, None)  # as Python sees what is not installed
    error = refusal(object(), tmp_path)
    assert error.code is Code.EXPORT_FAILED
    assert name in error.sentence
    assert "assay[server]" in error.remedy


@pytest.mark.deep
def test_without_onnxruntime_it_is_exported_and_not_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is claimed about answers that nobody computed."""
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert exported(Pixels(), tmp_path / "model.onnx").product.comparison is None
