"""What ordinary readers of a format make of a file: they turn it down, or they do not.

None of them unpickles or runs anything, so a file that only its own loader would refuse counts as
read here.
"""

import ast
import io
import json
import pickletools
import subprocess
import sys
import warnings
import zipfile
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import onnx
import safetensors.numpy
from PIL import Image

Reader = Callable[[bytes], object]


def turned_down(reader: Reader, raw: bytes) -> bool:
    """Whether a reader raises anything at all."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            reader(raw)
        except Exception:  # noqa: BLE001 - whatever a reader complains with
            return True
    return False


def read_onnx(raw: bytes) -> None:
    """Parse, and check with shapes."""
    onnx.checker.check_model(onnx.ModelProto.FromString(raw), full_check=True)  # pyright: ignore[reportUnknownMemberType]  # open path type


def _members(raw: bytes) -> Mapping[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        return {one: archive.read(one) for one in archive.namelist()}


def read_members(raw: bytes) -> None:
    """Unpack everything, and read each member by its ending."""
    for name, body in _members(raw).items():
        reader = _BY_ENDING.get(name.rpartition(".")[2])
        if reader is not None:
            reader(body)


def read_pickles(raw: bytes) -> None:
    """Walk through every pickle of a file, in either form of torch.save."""
    if raw[:2] == b"PK":
        read_members(raw)
        return
    file = io.BytesIO(raw)
    for _ in range(5):
        _walked(file)


def _walked(file: io.BytesIO) -> None:
    for _ in pickletools.genops(file):
        pass


def _picture(raw: bytes) -> None:
    with Image.open(io.BytesIO(raw)) as image:
        image.load()


def read_pictures(raw: bytes) -> None:
    """Decode everything in an archive."""
    for body in _members(raw).values():
        _picture(body)


def read_arrays(raw: bytes) -> None:
    """Read both arrays."""
    with np.load(io.BytesIO(raw), allow_pickle=False) as held:
        for name in ("images", "labels"):
            np.asarray(held[name])


def read_tensors(raw: bytes) -> None:
    """Read every tensor."""
    safetensors.numpy.load(raw)


_PARQUET = """
import sys
import pyarrow.parquet
for path in sys.argv[1:]:
    print("begun", flush=True)
    try:
        pyarrow.parquet.read_table(path, use_threads=False)
    except Exception:
        print("refused", flush=True)
"""


def parquet_refused(paths: Sequence[str]) -> int:
    """How many files Arrow turns down, in another process: some of them bring it down."""
    refused, left = 0, list(paths)
    while left:
        command = [sys.executable, "-c", _PARQUET, *left]
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
        lines = done.stdout.split()
        refused += lines.count("refused") + (done.returncode != 0)
        left = left[max(1, lines.count("begun")) :]
    return refused


_BY_ENDING: Mapping[str, Reader] = {
    "json": json.loads,
    "py": lambda body: compile(body, "script", "exec", ast.PyCF_ONLY_AST),
    "pkl": lambda body: _walked(io.BytesIO(body)),
    "pt": read_pickles,
    "onnx": read_onnx,
}
READERS: Mapping[str, Reader] = {
    "onnx": read_onnx,
    "onnx-wire": read_onnx,
    "onnx-zip": read_members,
    "state-dict": read_pickles,
    "pt2": read_members,
    "torchscript": read_members,
    "mar": read_members,
    "safetensors-weights": read_tensors,
    "safetensors": read_tensors,
    "npz": read_arrays,
    "folders": read_pictures,
    "png": read_pictures,
    "jpeg": read_pictures,
    "webp": read_pictures,
}
