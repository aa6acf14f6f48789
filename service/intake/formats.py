"""What intake takes: names that clients may give, known without loading anything heavy."""

from typing import NamedTuple

from service.intake.sniff import ONNX, ONNX_ZIP, SAFETENSORS


class Format(NamedTuple):
    """A kind of model file."""

    id: str
    title: str
    needs_architecture: bool


MODEL_FORMATS = (
    Format(ONNX, "ONNX, one file with its weights inside", needs_architecture=False),
    Format(ONNX_ZIP, "ONNX and the files of its weights, in one zip", needs_architecture=False),
    Format(SAFETENSORS, "safetensors weights of a declared architecture", needs_architecture=True),
)

ARCHITECTURES = ("demo-cnn6",)
"""The names of ``architectures_child.ARCHITECTURES``; a test holds the two together."""
