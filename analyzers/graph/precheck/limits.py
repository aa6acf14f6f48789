"""How large and how tangled an uploaded graph may be, and how a refusal is worded."""

from dataclasses import dataclass
from typing import Final

from analyzers.contract import Refusal

EXPORT: Final = (
    "Export it again with torch.onnx.export(model, example, 'model.onnx', dynamo=True, "
    "external_data=False)."
)
_SIMPLIFY: Final = (
    "Export the plain network for inference, without training graphs or helper functions."
)
_SHOWN = 60
MOST_AXES: Final = 64
"""As many as the runtimes know; the product of thousands of lengths alone takes seconds."""


@dataclass(frozen=True)
class Limits:
    """Far above any classifier, far below what hurts; the default of each is what is enforced."""

    file_bytes: int = 2 << 30
    """What one protobuf message can hold."""
    fields: int = 20_000_000
    """Of all messages together: the parser makes an object or an entry of each."""
    nesting: int = 90
    """Messages inside messages; protobuf itself gives up at a hundred."""
    nodes: int = 200_000
    initializers: int = 100_000
    attributes: int = 1_000_000
    graph_depth: int = 16
    functions: int = 1_000
    call_depth: int = 32
    expanded_nodes: int = 1_000_000
    """After every call of a function is written out."""
    expanded_bytes: int = 2 << 30
    name_bytes: int = 512
    elements: int = 1 << 33
    """Of one tensor, stored or declared."""
    step: int = 65_535
    """A stride, a side of a kernel, a block, a number of groups; also a pad on one side."""
    trips: int = 1_000_000
    grown_bytes: int = 1 << 30
    """What an operator may make out of constants, counted as numbers of 32 bits."""


def shown(name: object) -> str:
    """A name out of the file as a sentence may hold it."""
    text = name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name)
    return "".join(char for char in text[: 4 * _SHOWN] if char.isprintable())[:_SHOWN]


def broken(sentence: str) -> Refusal:
    """The refusal of a file that contradicts itself or the format."""
    return Refusal("MODEL_BROKEN", sentence, EXPORT)


def not_recognised() -> Refusal:
    """The refusal of bytes that are no ONNX."""
    return Refusal("MODEL_NOT_RECOGNISED", "The file does not hold an ONNX model.", EXPORT)


def too_complex(sentence: str) -> Refusal:
    """The refusal of a file that would cost more than any classifier."""
    return Refusal("MODEL_TOO_COMPLEX", sentence, _SIMPLIFY)


def too_large(what: str, limit: int) -> Refusal:
    """The refusal of more bytes than the format can carry."""
    return Refusal(
        "MODEL_TOO_LARGE",
        f"{what} more than {limit >> 20} MiB, and one protobuf message, which is what an ONNX "
        "file is, cannot hold more than 2 GiB.",
        "Export a smaller model, or store its weights in half precision.",
    )
