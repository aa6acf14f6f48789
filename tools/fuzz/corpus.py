"""Every format of the corpus: how an input of it is made, and what it is sent as."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

from service.rpc.uploads import FileKind
from tools.fuzz import (
    arrays,
    folders,
    onnx_graphs,
    onnx_zips,
    parquet,
    safetensors_files,
    torch_files,
)
from tools.fuzz.draws import Draw
from tools.fuzz.torch_seeds import ARCHITECTURE


class Format(NamedTuple):
    """A kind of file that intake takes."""

    name: str
    kind: FileKind
    make: Callable[[Draw], bytes]
    broken: float
    """The least share of inputs that a reader turns down which looks no further than its format."""
    share: int = 1
    """How often it comes in one turn over all formats."""
    architecture: str = ""


_ALL: Final = (
    Format("onnx", "model", onnx_graphs.graph_changed, 0.7, 6),
    Format("onnx-wire", "model", onnx_graphs.wire_changed, 0.85, 3),
    Format("onnx-zip", "model", onnx_zips.zip_changed, 0.85, 2),
    Format("state-dict", "model", torch_files.state_dict_changed, 0.3, 2, ARCHITECTURE),
    Format("pt2", "model", torch_files.pt2_changed, 0.25, 2),
    Format("torchscript", "model", torch_files.torchscript_changed, 0.35, 1),
    Format("mar", "model", torch_files.mar_changed, 0.2, 1, ARCHITECTURE),
    Format(
        "safetensors-weights",
        "model",
        safetensors_files.weights_changed,
        0.7,
        1,
        ARCHITECTURE,
    ),
    Format("npz", "data", arrays.npz_changed, 0.5, 3),
    Format("safetensors", "data", safetensors_files.data_changed, 0.7, 1),
    Format("folders", "data", folders.folders_changed, 0.35, 2),
    Format("png", "data", folders.png_changed, 0.55, 2),
    Format("jpeg", "data", folders.jpeg_changed, 0.65, 2),
    Format("webp", "data", folders.webp_changed, 0.65, 1),
    Format("parquet", "data", parquet.parquet_changed, 0.45, 3),
)
FORMATS: Final[Mapping[str, Format]] = {one.name: one for one in _ALL}


class Input(NamedTuple):
    """One file of the corpus; the seed, the format and the number make it again."""

    format: Format
    seed: int
    number: int

    @property
    def name(self) -> str:
        """A name for tables and for a kept file."""
        return f"{self.format.name}-{self.seed}-{self.number}"

    def raw(self) -> bytes:
        """The bytes."""
        return self.format.make(Draw(self.seed, self.format.name, self.number))


def inputs(formats: Sequence[Format], count: int, *, seed: int, first: int = 0) -> list[Input]:
    """So many inputs, all formats by turns, each format numbered for itself."""
    turn = [one for one in formats for _ in range(one.share)]
    next_number = dict.fromkeys((one.name for one in formats), first)
    found: list[Input] = []
    for at in range(count):
        one = turn[at * _STRIDE % len(turn)] if len(turn) % _STRIDE else turn[at % len(turn)]
        found.append(Input(one, seed, next_number[one.name]))
        next_number[one.name] += 1
    return found


_STRIDE: Final = 7
"""Neighbours are of different formats, so that any beginning of a run holds most of them."""
