"""Weights that lie in another file: where they say they are."""

from collections.abc import Iterable

from onnx import TensorProto

from analyzers.contract import Refusal
from analyzers.graph.precheck.limits import broken, shown

_BESIDE = (
    "Put the ONNX file and the files of its weights side by side into one zip, and let the model "
    "name them without a folder above its own."
)


def is_external(tensor: TensorProto) -> bool:
    """Whether a tensor only points at its numbers."""
    return tensor.data_location == TensorProto.EXTERNAL or len(tensor.external_data) > 0


def location_of(tensor: TensorProto) -> str:
    """The file that a tensor names; a path that could leave the model's folder is refused."""
    told = [str(one.value) for one in tensor.external_data if one.key == "location"]
    name = told[0] if len(told) == 1 else ""
    steps = name.split("/")
    plain = name.isprintable() and "\\" not in name and ":" not in name
    if not plain or any(step in {"", ".", ".."} for step in steps):
        raise unsafe(
            f"The weights of '{shown(tensor.name)}' are said to lie at '{shown(name)}', which is "
            "no file beside the model."
        )
    return name


def unsafe(sentence: str) -> Refusal:
    """The refusal of a model that points where it may not."""
    return Refusal("MODEL_EXTERNAL_DATA_UNSAFE", sentence, _BESIDE)


def refuse_weights_elsewhere(tensors: Iterable[TensorProto]) -> None:
    """A single file must hold its own weights."""
    for tensor in tensors:
        if is_external(tensor):
            location_of(tensor)
            raise broken(
                f"The weights of '{shown(tensor.name)}' lie in a second file beside the model; "
                "put both into one zip, or export again with the weights inside."
            )
