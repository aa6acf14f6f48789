"""Weights beside the model come in with it, in one zip, and from nowhere else."""

import io
import zipfile
from collections.abc import Mapping

import onnx
import pytest

from analyzers.contract import Refusal
from analyzers.graph.canonical import canonicalise
from analyzers.graph.packed import whole
from support.graphs import small_net


def split(location: str = "net.onnx.data") -> tuple[bytes, bytes]:
    """A net without its weights, and the weights one after the other."""
    body = onnx.ModelProto.FromString(small_net())
    weights = b""
    for tensor in body.graph.initializer:
        told = {"location": location, "offset": len(weights), "length": len(tensor.raw_data)}
        weights += tensor.raw_data
        tensor.ClearField("raw_data")
        tensor.data_location = onnx.TensorProto.EXTERNAL
        for key, value in told.items():
            tensor.external_data.add(key=key, value=str(value))
    return body.SerializeToString(), weights


def zipped(members: Mapping[str, bytes]) -> bytes:
    """A zip of these files."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in members.items():
            archive.writestr(name, body)
    return stream.getvalue()


def test_the_weights_come_home() -> None:
    """Model and weights in one zip are the same model as with its weights inside."""
    model, weights = split()
    upload = zipped({"net.onnx": model, "net.onnx.data": weights})
    assert canonicalise(upload).digest == canonicalise(small_net()).digest


def test_another_file_is_handed_back() -> None:
    """What is no zip is not touched."""
    assert whole(small_net()) == small_net()


@pytest.mark.parametrize("location", ["../../etc/passwd", "/etc/passwd", "other/net.onnx.data"])
def test_a_path_finds_its_own_member_only(location: str) -> None:
    """Paths begin at the model's folder, as they do on a disk, and end in the zip."""
    model, weights = split(location)
    with pytest.raises(Refusal) as caught:
        whole(zipped({"net.onnx": model, "net.onnx.data": weights, "passwd": weights}))
    assert "does not hold" in caught.value.sentence


def test_a_decoy_elsewhere_is_not_taken() -> None:
    """Of two files of one name, the one beside the model is meant; the digest tells them apart."""
    model, weights = split()
    members = {
        "m/net.onnx": model,
        "m/net.onnx.data": weights,
        "decoy/net.onnx.data": weights[::-1],
    }
    assert canonicalise(zipped(members)).digest == canonicalise(small_net()).digest


MODEL, WEIGHTS = split()
WRONG: dict[str, tuple[bytes, str]] = {
    "weights missing": (zipped({"net.onnx": MODEL}), "does not hold"),
    "weights cut short": (
        zipped({"net.onnx": MODEL, "net.onnx.data": WEIGHTS[:-4]}),
        "shorter than the model says",
    ),
    "two models": (zipped({"a.onnx": MODEL, "b.onnx": MODEL}), "holds 2 ONNX files"),
    "no model": (zipped({"weights.bin": WEIGHTS}), "holds 0 ONNX files"),
    "not a model": (zipped({"net.onnx": b"\xff" * 40}), "no ONNX model"),
    "two of one name": (
        zipped({"net.onnx": MODEL, "NET.onnx": MODEL}),
        "two files of one name",
    ),
    "spoilt": (
        zipped({"net.onnx": MODEL}).replace(zipped({"net.onnx": MODEL})[60:90], bytes(30)),
        "cannot be read",
    ),
    "cut off": (zipped({"net.onnx": MODEL})[:-30], "cannot be read"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_said(name: str) -> None:
    """Each mistake has its sentence, and the same way out."""
    upload, words = WRONG[name]
    with pytest.raises(Refusal) as caught:
        whole(upload)
    assert caught.value.code == "MODEL_BROKEN"
    assert words in caught.value.sentence


def test_a_bomb_is_not_unpacked() -> None:
    """The sizes that a zip declares are added up before anything is read."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("net.onnx", MODEL)
        archive.writestr("net.onnx.data", WEIGHTS)
        archive.filelist[1].file_size = 3 << 30
    with pytest.raises(Refusal) as caught:
        whole(stream.getvalue())
    assert "more than any model" in caught.value.sentence
