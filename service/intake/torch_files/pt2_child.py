"""A torch.export archive to ONNX and its source weights. Runs in a child.

The archive is not data by itself: its loader unpickles members, opens native libraries and
evaluates expressions. So it is taken apart here, each part is checked, and a new archive of tensors
and checked JSON is what the loader gets to see.
"""

import io
import json
import math
import re
from collections.abc import Mapping
from typing import Any, Final

import torch

from analyzers.contract import Refusal
from service.intake.archives.archive_child import Archive, rewritten
from service.intake.torch_files.exporting_child import (
    Converted,
    Notice,
    environment,
    exported_program,
    probe,
    undisturbed,
)
from service.intake.torch_files.pt2_json_child import copied, parsed
from service.intake.torch_files.pt2_program_child import Program, program
from service.intake.torch_files.pt2_shapes_child import AGAIN, broken

_PROGRAM: Final = "models/model.json"
_SAMPLES: Final = "data/sample_inputs/model.pt"
_TENSORS: Final = {
    "data/weights/model_weights_config.json": ("data/weights/", "weight_"),
    "data/constants/model_constants_config.json": ("data/constants/", "tensor_"),
}
_MARKS: Final = {"archive_format": b"pt2", "archive_version": b"0", "byteorder": b"little"}
_IGNORED: Final = (".data/", "extra/")
_TENSOR: Final = re.compile(r"data/(weights/weight|constants/tensor)_\d{1,6}", re.ASCII)
_NATIVE: Final = re.compile(
    r"data/aotinductor/.*|.*\.(so(\.\d+)*|o|a|dll|dylib|pyd|cubin|hsaco|ptx|spv|cpp|cc|cu|h)", re.I
)
_PICKLED: Final = re.compile(
    r"data/(weights|constants)/.*\.pt|data/constants/(custom|opaque)_obj.*|.*\.(pkl|pickle)"
    r"|serialized_(state_dict|constants|example_inputs).*",
    re.I,
)
_MOST_JSON: Final = 32 << 20
_MOST_AXES: Final = 64
_MOST_ELEMENTS: Final = 1 << 31
_DTYPES: Final[Mapping[int, int]] = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 2, 7: 4, 8: 8, 12: 1, 13: 2}
"""Bytes of an element of each scalar type that a weight may have."""
_STRIDED: Final = 7


def converted(raw: bytes) -> Converted:
    """The ONNX of an archive, its source weights, and what was left out of it."""
    archive = Archive(raw)
    members = _members(archive)
    told = program(archive.read(members[_PROGRAM], _MOST_JSON))
    loaded = _loaded(_rewritten(archive, members, told))
    weights = {name: tensor.detach().contiguous() for name, tensor in loaded.state_dict.items()}
    try:
        made = exported_program(loaded, probe(told.shape, told.dtype))
    except (Refusal, MemoryError):
        raise
    except Exception as error:  # the exporter's own exceptions share no narrower parent
        raise _no_onnx() from error
    return Converted(made.raw, made.drift, weights, _notices(members))


def _members(archive: Archive) -> dict[str, str]:
    """Where each member lies, by its name below the archive's one folder."""
    found = {_below(name): name for name in archive.names}
    for name in found:
        _check_member(name)
    if len(found) != len(archive.names) or len({one.split("/")[0] for one in archive.names}) != 1:
        raise _unsafe("more than one folder at its top")
    for name in (_PROGRAM, *_TENSORS, "archive_format", "archive_version"):
        if name not in found:
            raise broken(f"lacks '{name}'; an older torch may have written it")
    for name, mark in _MARKS.items():
        if name in found and archive.read(found[name], 64).strip() != mark:
            raise broken(f"says something unknown in '{name}'")
    return found


def _below(name: str) -> str:
    return name.partition("/")[2] or name


def _check_member(name: str) -> None:
    if _NATIVE.fullmatch(name):
        raise Refusal(
            "PT2_NATIVE_CODE",
            f"The torch.export archive holds compiled code: '{name[:120]}'.",
            "Save the exported program itself with torch.export.save, not what AOTInductor "
            "compiled from it.",
        )
    if _PICKLED.fullmatch(name):
        raise _pickled(name)
    allowed = name in (_PROGRAM, _SAMPLES, *_TENSORS, *_MARKS) or name.startswith(_IGNORED)
    if not allowed and not _TENSOR.fullmatch(name):
        raise _unsafe(f"an unknown member '{name[:120]}'")


def _rewritten(archive: Archive, members: Mapping[str, str], told: Program) -> bytes:
    """A new archive of checked JSON and raw tensors; sample inputs are an empty member."""
    parts = {f"model/{name}": mark for name, mark in _MARKS.items()}
    parts["model/.data/version"] = b"6\n"
    parts[f"model/{_SAMPLES}"] = b""
    parts[f"model/{_PROGRAM}"] = json.dumps(told.body).encode()
    for listing, (folder, prefix) in _TENSORS.items():
        config = copied("PayloadConfig", parsed(archive.read(members[listing], _MOST_JSON)))
        for name, meta in config["config"].items():
            path = _checked_path(name, meta, folder, prefix)
            if path not in members:
                raise broken(f"lacks the values of '{name[:120]}'")
            _check_extent(name, meta["tensor_meta"], archive.size(members[path]))
            meta["tensor_meta"]["requires_grad"] = False
            if f"model/{path}" not in parts:
                parts[f"model/{path}"] = archive.read(members[path])
        parts[f"model/{listing}"] = json.dumps(config).encode()
    return rewritten(parts)


def _checked_path(name: str, meta: Mapping[str, Any], folder: str, prefix: str) -> str:
    if meta.get("use_pickle") is not False or meta.get("tensor_meta") is None:
        raise _pickled(name)
    if not meta["path_name"].startswith(prefix):
        raise _pickled(meta["path_name"])
    return folder + meta["path_name"]


def _check_extent(name: str, meta: Mapping[str, Any], length: int) -> None:
    """A tensor lies inside its bytes, and is not far larger than they are."""
    try:
        sizes = [one["as_int"] for one in meta["sizes"]]
        strides = [one["as_int"] for one in meta["strides"]]
        start, width = meta["storage_offset"]["as_int"], _DTYPES[meta["dtype"]]
        steps = [(size - 1) * stride for size, stride in zip(sizes, strides, strict=True)]
    except (KeyError, TypeError, ValueError) as error:
        raise broken(f"describes '{name[:120]}' in a way that is not known") from error
    empty = 0 in sizes
    reach = 0 if empty else start + sum(steps) + 1
    wrong = min([*sizes, *strides, start]) < 0 or reach * width > length or length % width
    plain = meta["layout"] == _STRIDED and len(sizes) <= _MOST_AXES
    if wrong or not plain or math.prod(sizes) > _MOST_ELEMENTS:
        raise broken(f"describes '{name[:120]}' as larger than its values")


def _loaded(raw: bytes) -> torch.export.ExportedProgram:
    """Nothing in the new archive is pickled; should torch unpickle all the same, then only data."""
    try:
        with undisturbed(), environment("TORCH_FORCE_WEIGHTS_ONLY_LOAD", "1"):
            return torch.export.load(io.BytesIO(raw))
    except MemoryError:
        raise
    except Exception as error:  # the loader's own exceptions share no narrower parent
        raise broken("cannot be loaded") from error


def _notices(members: Mapping[str, str]) -> tuple[Notice, ...]:
    found: list[Notice] = []
    if _SAMPLES in members:
        found.append(Notice("ART-PICKLE", "its sample inputs, which were left aside."))
    if any(name.startswith("extra/") for name in members):
        found.append(Notice("ART-EXTRA", "files of its own under extra/."))
    return tuple(found)


def _unsafe(what: str) -> Refusal:
    return Refusal("ARCHIVE_UNSAFE", f"The torch.export archive holds {what}.", AGAIN)


def _pickled(name: str) -> Refusal:
    return Refusal(
        "PT2_CONTAINS_PICKLE",
        f"'{name[:120]}' in the torch.export archive is pickled, and pickles can run code.",
        "Save the model with torch.export.save of torch 2.9 or newer, from plain tensors only.",
    )


def _no_onnx() -> Refusal:
    return Refusal(
        "MODEL_OPERATOR_UNSUPPORTED",
        "torch cannot write the exported program as ONNX.",
        "Export it to ONNX with torch.onnx.export(program, dynamo=True) to see its complaint.",
    )
