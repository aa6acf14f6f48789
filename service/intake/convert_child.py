"""Any format but ONNX to ONNX and safetensors, in memory. Runs in a child.

Only these two leave: nothing after this stage opens a pickle, an archive or a script again.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
import safetensors
import safetensors.torch
import torch

from analyzers.contract import Array, Refusal
from service.intake.architectures.catalogue import built, look_alikes
from service.intake.content_child import content
from service.intake.formats import PT2, SAFETENSORS, STATE_DICT, TORCHSCRIPT
from service.intake.notices import listed
from service.intake.torch_files import pt2_child, torchscript_child
from service.intake.torch_files.exporting_child import Converted, Notice, exported
from service.intake.torch_files.state_dict_child import as_safetensors, tensors


def convert(
    body: Mapping[str, Any], files: Mapping[str, int]
) -> tuple[dict[str, Any], dict[str, Array]]:
    """The model as ONNX, its weights as they were trained, and what was noticed on the way."""
    made = _CONVERTERS[str(body["format"])](content(files["file"]), str(body["architecture"]))
    facts = {
        "largest_drift": float(f"{made.drift:.1e}"),
        "notices": [{"id": one.id, "detail": one.sentence} for one in made.notices],
    }
    bodies = {"onnx": made.onnx, "weights": as_safetensors(made.weights)}
    return facts, {name: np.frombuffer(one, np.uint8) for name, one in bodies.items()}


def _safetensors(raw: bytes, architecture: str) -> Converted:
    try:
        weights = safetensors.torch.load(raw)
    except safetensors.SafetensorError as error:
        raise Refusal(
            "MODEL_BROKEN",
            "The safetensors file is damaged.",
            "Write it again with safetensors.torch.save_file.",
        ) from error
    return _built(architecture, weights)


def _state_dict(raw: bytes, architecture: str) -> Converted:
    found = tensors(raw)
    taken = f" The weights under '{listed([found.under])}' were taken." if found.under else ""
    notice = Notice("ART-PICKLE", f"it names {listed(found.imports)}.{taken}")
    return _built(architecture, found.weights, notice)


def _built(architecture: str, weights: Mapping[str, torch.Tensor], *notices: Notice) -> Converted:
    network = built(architecture, weights)
    made = exported(network.module, network.input_shape)
    others = look_alikes(architecture)
    fits = f" The same weights would also fit {listed(others)}." if others else ""
    named = Notice("ART-WEIGHTS", f"{architecture}.{fits}")
    return Converted(made.raw, made.drift, network.weights, (*notices, named))


def _pt2(raw: bytes, architecture: str) -> Converted:
    del architecture
    return pt2_child.converted(raw)


def _torchscript(raw: bytes, architecture: str) -> Converted:
    del architecture
    return torchscript_child.converted(raw, None)


_CONVERTERS: Final[Mapping[str, Callable[[bytes, str], Converted]]] = {
    SAFETENSORS: _safetensors,
    STATE_DICT: _state_dict,
    PT2: _pt2,
    TORCHSCRIPT: _torchscript,
}
