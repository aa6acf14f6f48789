"""What intake takes: names that clients may give, known without loading anything heavy."""

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

ONNX: Final = "onnx"
ONNX_ZIP: Final = "onnx-zip"
SAFETENSORS: Final = "safetensors"
STATE_DICT: Final = "state-dict"
PT2: Final = "pt2"
TORCHSCRIPT: Final = "torchscript"
MAR: Final = "mar"

Trust = Literal["native", "restricted", "sandboxed-code"]
"""How the canonical file came from the upload: it is ONNX itself, it was made of data alone by
code of ours, or code of the upload ran in a locked child to make it."""


class Format(NamedTuple):
    """A kind of model file."""

    id: str
    title: str
    trust: Trust
    needs_architecture: bool = False
    needs_lock: bool = False
    """Its own reader has run foreign code before, so it is opened in a locked child or not."""


MODEL_FORMATS: Final = (
    Format(ONNX, "ONNX, one file with its weights inside", "native"),
    Format(ONNX_ZIP, "ONNX and the files of its weights, in one zip", "native"),
    Format(
        SAFETENSORS,
        "safetensors weights of a declared architecture",
        "restricted",
        needs_architecture=True,
    ),
    Format(
        STATE_DICT,
        "torch.save of a state dict, of a declared architecture",
        "restricted",
        needs_architecture=True,
        needs_lock=True,
    ),
    Format(PT2, "torch.export archive", "restricted", needs_lock=True),
    Format(
        TORCHSCRIPT,
        "TorchScript, where the service was started with it",
        "sandboxed-code",
        needs_lock=True,
    ),
    Format(MAR, "TorchServe archive: the model in it, never its handler", "native"),
)
FORMATS: Final[Mapping[str, Format]] = {one.id: one for one in MODEL_FORMATS}
