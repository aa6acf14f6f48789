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


@pytest.mark.parametrize(
    ("location", "words"),
    [
        ("../../etc/passwd", "no file beside the model"),
        ("/etc/passwd", "no file beside the model"),
        ("other/../net.onnx.data", "no file beside the model"),
        ("", "no file beside the model"),
        ("other/net.onnx.data", "does not hold"),
    ],
)
def test_a_path_finds_its_own_member_only(location: str, words: str) -> None:
    """Paths begin at the model's folder, as they do on a disk, and end in the zip."""
    model, weights = split(location)
    with pytest.raises(Refusal) as caught:
        whole(zipped({"net.onnx": model, "net.onnx.data": weights, "passwd": weights}))
    assert caught.value.code == "MODEL_EXTERNAL_DATA_UNSAFE"
    assert words in caught.value.sentence


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
    assert caught.value.code == "MODEL_TOO_LARGE"


def packed_with(
    weights: bytes,
    *,
    mode: int = 0o100644,
    name: str = "net.onnx.data",
    method: int = zipfile.ZIP_STORED,
) -> bytes:
    """A bundle whose second member is of this kind."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        archive.writestr("net.onnx", MODEL)
        member = zipfile.ZipInfo(name)
        member.external_attr, member.compress_type = mode << 16, method
        archive.writestr(member, weights)
    return stream.getvalue()


def encrypted(body: bytes) -> bytes:
    """The same with the flag of encryption on its first member, in both places."""
    raw = bytearray(body)
    raw[6] |= 1
    raw[raw.index(b"PK\x01\x02") + 8] |= 1
    return bytes(raw)


GOOD = packed_with(WEIGHTS)
UNSAFE: dict[str, tuple[bytes, str]] = {
    "a link": (packed_with(b"/etc/passwd", mode=0o120777), "link or a device"),
    "a name that climbs": (packed_with(WEIGHTS, name="../net.onnx.data"), "leads out"),
    "an absolute name": (packed_with(WEIGHTS, name="/net.onnx.data"), "leads out"),
    "bytes before": (GOOD[: len(MODEL)] + GOOD, "hidden bytes"),
    "bytes behind": (GOOD + b"#!/bin/sh", "behind its end"),
    "a remark": (GOOD[:-2] + b"\x04\x00evil", "behind its end"),
    "encrypted": (encrypted(GOOD), "encrypted"),
    "an unusual method": (packed_with(WEIGHTS, method=zipfile.ZIP_BZIP2), "unusual"),
    "growing 1000 times": (
        packed_with(bytes(8 << 20), method=zipfile.ZIP_DEFLATED),
        "grows more than 200 times",
    ),
}


@pytest.mark.parametrize("name", UNSAFE)
def test_an_archive_that_two_readers_read_two_ways_is_refused(name: str) -> None:
    """One archive from first byte to last, of plain files that do not explode."""
    upload, words = UNSAFE[name]
    with pytest.raises(Refusal) as caught:
        whole(upload)
    assert words in caught.value.sentence
    assert caught.value.code == "ARCHIVE_UNSAFE"
    assert canonicalise(GOOD).digest == canonicalise(small_net()).digest


def test_a_hidden_member_is_found() -> None:
    """A member that the directory does not list stands between those that it does."""
    hidden = GOOD.replace(b"PK\x01\x02", b"PK\x03\x04" + bytes(26) + b"PK\x01\x02", 1)
    raw = bytearray(hidden)
    place = int.from_bytes(raw[-6:-2], "little") + 30
    raw[-6:-2] = place.to_bytes(4, "little")
    with zipfile.ZipFile(io.BytesIO(bytes(raw))) as archive:
        assert archive.read("net.onnx") == MODEL  # the control: the library does not mind
    with pytest.raises(Refusal) as caught:
        whole(bytes(raw))
    assert caught.value.code == "ARCHIVE_UNSAFE"


def pointing(places: Mapping[int, tuple[int, int]]) -> onnx.ModelProto:
    """The split net with some of its weights said to lie elsewhere."""
    body = onnx.ModelProto.FromString(MODEL)
    for at, (offset, length) in places.items():
        told = {"location": "net.onnx.data", "offset": str(offset), "length": str(length)}
        for entry in body.graph.initializer[at].external_data:
            entry.value = told[entry.key]
    return body


def test_weights_may_be_shared_whole_but_not_in_part() -> None:
    """Two tensors at one place are tied weights; half of one inside another is a trick."""
    for offset, code in ((0, ""), (8, "MODEL_EXTERNAL_DATA_UNSAFE")):
        body = pointing({})
        body.graph.initializer.append(body.graph.initializer[1])
        body.graph.initializer[-1].name = "twin"
        size = 4 * body.graph.initializer[1].dims[0]
        begin = int(body.graph.initializer[1].external_data[1].value)
        body.graph.initializer[-1].external_data[1].value = str(begin - offset)
        assert int(body.graph.initializer[1].external_data[2].value) == size
        upload = zipped({"net.onnx": body.SerializeToString(), "net.onnx.data": WEIGHTS})
        if code:
            with pytest.raises(Refusal) as caught:
                whole(upload)
            assert caught.value.code == code
        else:
            assert onnx.ModelProto.FromString(whole(upload)).graph.initializer[-1].raw_data


def test_a_range_of_another_size_than_the_tensor_is_refused() -> None:
    """What is said to lie in the file is exactly what the shape needs."""
    body = pointing({0: (0, 4)})
    with pytest.raises(Refusal) as caught:
        whole(zipped({"net.onnx": body.SerializeToString(), "net.onnx.data": WEIGHTS}))
    assert "size they need" in caught.value.sentence
