"""Files as large as a service takes: the API process stays flat and the answer is clear."""

import json
import os
import re
import signal
import zipfile
from collections.abc import Generator
from pathlib import Path
from typing import NamedTuple

import onnx
import pytest
from onnx import TensorProto, helper

from service.client import Client
from service.embedded import join
from service.errors import AssayError, Code
from service.rpc.ports import NewModel

pytestmark = pytest.mark.deep

GIB = 1 << 30
FLAT_MB = 60
"""What an upload may add to the process's largest size, whatever the upload's own."""


class Served(NamedTuple):
    """A service in a process of its own."""

    client: Client
    pid: int

    @property
    def peak_mb(self) -> float:
        """The most memory that the process ever held."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        found = re.search(r"VmHWM:\s+(\d+) kB", status)
        assert found
        return int(found[1]) / 1024

    def refusal(self, path: Path) -> AssayError:
        """Why a model is not taken."""
        with pytest.raises(AssayError) as caught:
            self.client.wait_operation(
                self.client.create_model(NewModel(self.client.upload(path, "model")))
            )
        return caught.value


@pytest.fixture
def served(tmp_path: Path) -> Generator[Served]:
    """A fresh one."""
    home = tmp_path / "home"
    with Client(join(home)) as client:
        pid = int(json.loads((home / "service.json").read_text())["pid"])
        yield Served(client, pid)
        os.kill(pid, signal.SIGTERM)


def large_model(path: Path, size: int) -> Path:
    """A model whose one weight is so many zero bytes; the file itself is sparse."""
    weight = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[1, 1, size // 4, 1])
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 1, 28, 28])
    scores = helper.make_tensor_value_info("scores", TensorProto.FLOAT, None)
    node = helper.make_node("Add", ["image", "w"], ["scores"])
    graph = helper.make_graph([node], "g", [image], [scores])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)])
    weight.raw_data = b"\0" * 64
    body = weight.SerializeToString()
    start = body.index(b"\x4a\x40" + b"\0" * 64)
    head = body[:start] + b"\x4a" + _varint(size)
    body = model.graph.SerializeToString() + b"\x2a" + _varint(len(head) + size) + head
    model.ClearField("graph")
    with path.open("wb") as file:
        file.write(model.SerializeToString() + b"\x3a" + _varint(len(body) + size) + body)
        file.truncate(file.tell() + size)
    return path


def _varint(value: int) -> bytes:
    found = b""
    while value > 0x7F:
        found, value = found + bytes([value & 0x7F | 0x80]), value >> 7
    return found + bytes([value])


def test_the_large_model_is_a_model(tmp_path: Path) -> None:
    """Control: written in this way, a small one is whole."""
    raw = large_model(tmp_path / "small.onnx", 4 * 28).read_bytes()
    (weight,) = onnx.ModelProto.FromString(raw).graph.initializer
    assert len(weight.raw_data) == 4 * 28


def test_a_large_model_is_answered(served: Served, tmp_path: Path) -> None:
    """1.5 GiB go through the API process without staying in it, and its owner hears why not."""
    before = served.peak_mb
    error = served.refusal(large_model(tmp_path / "large.onnx", GIB * 3 // 2))
    assert error.code in {Code.CHILD_MEMORY, Code.MODEL_TOO_COMPLEX, Code.MODEL_OUTPUT_UNSUPPORTED}
    assert error.remedy
    assert served.peak_mb - before < FLAT_MB
    assert served.client.capabilities().version


def test_a_zip_of_zeros_is_refused_by_its_list(served: Served, tmp_path: Path) -> None:
    """1 GiB of zeros packed into one MiB is never unpacked."""
    bomb = tmp_path / "bomb.pt"
    with (
        zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("archive/data.pkl", "w", force_zip64=True) as member,
    ):
        for _ in range(64):
            member.write(b"\0" * (GIB // 64))
    assert bomb.stat().st_size < 2 << 20
    before = served.peak_mb
    assert served.refusal(bomb).code is Code.ARCHIVE_UNSAFE
    assert served.peak_mb - before < FLAT_MB
