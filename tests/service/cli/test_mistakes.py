"""Every mistake in model, data and options has its own code, and leaves no report behind."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper
from typer.testing import Result

from service.cli.connection import connected
from service.demo.shapes import draw
from service.errors import AssayError, Code, Exit
from service.rpc.ports import FileRef
from service.rpc.uploads import Upload
from support.command_line import NETS, NORMAL, TEST_SEED, assay, on, save


def linear(*, classes: int = 10, weight: float = 0.01, side: int = 32) -> bytes:
    """A linear model of pictures with three channels."""
    size = 3 * side * side
    rng = np.random.default_rng(0)
    weights = (rng.standard_normal((size, classes)) * weight).astype(np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("Flatten", ["image"], ["flat"]),
            helper.make_node("MatMul", ["flat", "weights"], ["logits"]),
        ],
        "linear",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 3, side, side])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", classes])],
        [numpy_helper.from_array(weights, "weights")],
    )
    opset = [helper.make_opsetid("", 17)]
    return helper.make_model(graph, opset_imports=opset, ir_version=8).SerializeToString()


BYTES = {
    "text": b"this is no model",
    "empty": b"",
    "pickle": b"\x80\x04\x95\x00",
    "broken": Path(NORMAL).read_bytes()[:5000],
}
"""Files that are no models."""
LINEAR: dict[str, dict[str, Any]] = {
    "nan": {"weight": float("nan")},
    "one-output": {"classes": 1},
    "few-classes": {"classes": 5},
    "other-size": {"side": 28},
}
"""Models that are none for these pictures."""


def bad_model(folder: Path, what: str) -> str:
    """A model file with one thing wrong."""
    path = folder / f"{what}.onnx"
    if what in BYTES:
        path.write_bytes(BYTES[what])
    elif what in LINEAR:
        path.write_bytes(linear(**LINEAR[what]))
    elif what == "folder":
        path.mkdir()
    return str(path)


MODELS = {
    "text": ("MODEL_NOT_RECOGNISED", 5),
    "empty": ("MODEL_EMPTY", 5),
    "pickle": ("MODEL_NOT_RECOGNISED", 5),
    "broken": ("MODEL_NOT_RECOGNISED", 5),
    "folder": ("MODEL_NOT_A_FILE", 2),
    "missing": ("FILE_NOT_FOUND", 2),
    "nan": ("MODEL_LOGITS_NOT_FINITE", 5),
    "one-output": ("MODEL_ONE_OUTPUT", 5),
    "few-classes": ("LABELS_OUT_OF_RANGE", 5),
    "other-size": ("IMAGE_SHAPE_MISMATCH", 5),
}


def assert_refused(found: Result, code: str, exit_code: int, out: Path) -> None:
    """The code, its exit code, a remedy, no traceback, and no report."""
    assert f"{code}: " in found.stderr
    assert "\nWhat to do: " in found.stderr
    assert "Traceback" not in found.stderr
    assert found.exit_code == exit_code
    assert not out.exists()


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("what", MODELS)
def test_bad_models_are_named(folder: Path, tmp_path: Path, out: Path, what: str) -> None:
    """Each way in which a model cannot be used has its own code, and leaves no report behind."""
    model = bad_model(tmp_path, what)
    found = assay(*on(folder, "check", model, "[0:40]"), "--out", str(out))
    assert_refused(found, *MODELS[what], out)


def bad_data(folder: Path, what: str) -> str:
    """A data file with one thing wrong."""
    path, pictures = folder / f"{what}.npz", draw(40, seed=TEST_SEED)
    arrays: dict[str, Any] = {"images": pictures.images, "labels": pictures.labels}
    changes: dict[str, dict[str, Any]] = {
        "more-images": {"labels": pictures.labels[:30]},
        "one-class": {"labels": np.zeros(40, np.int64)},
        "int32": {"images": pictures.images.astype(np.int32)},
        "out-of-range": {"images": pictures.images.astype(np.float32)},
        "no-channels": {"images": pictures.images[..., 0]},
        "one-hot": {"labels": np.eye(10, dtype=np.int64)[pictures.labels]},
        "negative": {"labels": pictures.labels - 1},
    }
    if what == "text":
        path.write_text("no archive")
    elif what == "empty":
        path.touch()
    elif what == "folder":
        path.mkdir()
    elif what == "no-labels":
        save(path, images=pictures.images)
    elif what != "missing":
        save(path, **{**arrays, **changes[what]})
    return str(path)


DATA = {
    "text": ("DATA_NOT_RECOGNISED", 5),
    "empty": ("DATA_EMPTY", 5),
    "folder": ("DATA_NOT_A_FILE", 2),
    "missing": ("FILE_NOT_FOUND", 2),
    "no-labels": ("DATA_ARRAY_MISSING", 5),
    "more-images": ("DATA_COUNT_MISMATCH", 5),
    "one-class": ("DATA_ONE_CLASS", 5),
    "int32": ("DATA_DTYPE_UNSUPPORTED", 5),
    "out-of-range": ("DATA_RANGE_INVALID", 5),
    "no-channels": ("DATA_SHAPE_INVALID", 5),
    "one-hot": ("DATA_LABELS_INVALID", 5),
    "negative": ("DATA_LABELS_INVALID", 5),
}


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("what", DATA)
def test_bad_data_are_named(folder: Path, tmp_path: Path, out: Path, what: str) -> None:
    """Each way in which data cannot be used has its own code, and leaves no report behind."""
    words = ["check", NORMAL, "--data", bad_data(tmp_path, what)]
    found = assay(*words, "--policy", str(folder / "policy.yaml"), "--out", str(out))
    assert_refused(found, *DATA[what], out)


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(
    ("options", "code", "exit_code"),
    [
        (["--limit", "900"], "DATA_SLICE_INVALID", 2),
        (["--normalize", "0.5/0.5,0.5"], "PREPROCESSING_INVALID", 2),
        (["--normalize", "0.5,0.5/0.5,0.5"], "PREPROCESSING_INVALID", 2),
        (["--layout", "nhwc"], "PREPROCESSING_INVALID", 2),
    ],
)
def test_options_that_do_not_fit_are_named(
    folder: Path, out: Path, options: list[str], code: str, exit_code: int
) -> None:
    """More images than there are, and preprocessing for other models, are usage errors."""
    found = assay(*on(folder, "check", NORMAL, ""), *options, "--out", str(out))
    assert_refused(found, code, exit_code, out)


@pytest.mark.usefixtures("home")
def test_weights_need_an_architecture_that_is_known(folder: Path, out: Path) -> None:
    """Without --arch, and with one that nobody knows, it is said; with the right one it works."""
    weights = str(NETS / "normal.safetensors")
    words = [*on(folder, "check", weights, "[0:20]"), "--out", str(out)]
    assert_refused(assay(*words), "ARCHITECTURE_MISSING", 2, out)
    assert_refused(assay(*words, "--arch", "resnet-900"), "ARCHITECTURE_UNKNOWN", 2, out)
    assert assay(*words, "--arch", "demo-cnn6").exit_code == 1


@pytest.mark.usefixtures("home")
def test_a_fixed_batch_axis_works_and_is_told(folder: Path, tmp_path: Path) -> None:
    """A file whose batch axis is 1 has it opened, says so, and finds the same accuracy."""
    model = ModelProto.FromString(Path(NORMAL).read_bytes())
    for one in (*model.graph.input, *model.graph.output):
        one.type.tensor_type.shape.dim[0].dim_value = 1
    path = tmp_path / "one.onnx"
    path.write_bytes(model.SerializeToString())
    data = ("--data", f"{folder / 'shapes.npz'}[0:20]")
    free, one = assay("preflight", NORMAL, *data), assay("preflight", str(path), *data)
    assert one.exit_code == 0
    assert "one by one" in one.stderr
    assert "one by one" not in free.stderr
    assert one.stdout.splitlines()[0] == free.stdout.splitlines()[0]


def nobody(sent: int, total: int) -> None:
    """Nobody wants to know how far it is."""


@pytest.mark.usefixtures("home")
def test_bytes_other_than_announced_are_refused(tmp_path: Path) -> None:
    """A file that changes on the way is an integrity error, and nothing of it is kept."""
    path = tmp_path / "model.onnx"
    path.write_bytes(b"x" * 1000)
    announced = FileRef("0" * 64, 1000)
    with connected(None) as client:
        stub = client._blobs  # pyright: ignore[reportPrivateUsage] - to lie through it
        upload = Upload(stub, client.address, "local", path, announced, nobody)
        with pytest.raises(AssayError) as caught:
            upload.run(10.0)
    assert caught.value.code is Code.BLOB_DIGEST_MISMATCH
    assert caught.value.exit is Exit.INTEGRITY


def test_nothing_is_left_in_the_spool(home: Path) -> None:
    """After all of the above, no child's file lies around."""
    assert [path for path in (home / "spool").rglob("*") if path.is_file()] == []
