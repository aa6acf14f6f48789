"""What an upload is that begins like a zip or a pickle, by its structure. Runs in a child."""

import mmap
import os
from collections.abc import Mapping
from typing import Any, Final

from analyzers.contract import Array, Refusal
from service.intake.archives.archive_child import Archive
from service.intake.archives.mar_child import MANIFEST
from service.intake.torch_files.pickles_child import MOST_BYTES, SAVE, check, check_walk, walk
from service.intake.torch_files.state_dict_child import LEGACY_MAGIC, from_sequence

ONNX_ZIP, STATE_DICT, TORCHSCRIPT, PT2, MAR = "onnx-zip", "state-dict", "torchscript", "pt2", "mar"
_ZIP: Final = b"PK\x03\x04"
_GZIP: Final = b"\x1f\x8b"
_HDF5: Final = b"\x89HDF\r\n\x1a\n"
_MODEL_PROTO: Final = frozenset(b"\x08\x12\x1a\x22\x28\x32\x3a\x42\x72\xa2")
"""First bytes of an ONNX model: a field and wire type that the format knows."""
_LIBRARIES: Final = frozenset(
    {
        *("sklearn", "joblib", "dill", "cloudpickle", "skops", "xgboost", "lightgbm", "catboost"),
        *("keras", "tensorflow", "fastai", "jax", "flax", "paddle", "mxnet"),
    }
)
EXPORT: Final = (
    "Export the model to ONNX with torch.onnx.export(model, example, 'model.onnx', dynamo=True), "
    "or save its weights with torch.save(model.state_dict(), 'model.pt')."
)


def recognise(
    body: Mapping[str, Any], files: Mapping[str, int]
) -> tuple[dict[str, Any], dict[str, Array]]:
    """The format of an upload and how many files it holds, or the reason why it is not taken."""
    del body
    file = files["file"]
    if os.fstat(file).st_size == 0:
        raise Refusal("MODEL_EMPTY", "The model file is empty.", "Export the model again.")
    with mmap.mmap(file, 0, prot=mmap.PROT_READ) as raw:
        form, members = form_of(raw)
    return {"format": form, "members": members}, {}


def form_of(raw: bytes | mmap.mmap) -> tuple[str, int]:
    """One of the formats, with the number of files inside."""
    if raw[:4] == _ZIP:
        archive = Archive(raw)
        return _of_archive(archive), len(archive.names)
    if raw[: len(LEGACY_MAGIC)] == LEGACY_MAGIC:
        from_sequence(raw)
        return STATE_DICT, 0
    if raw[:2] == _GZIP:
        raise Refusal(
            "ARCHIVE_UNSAFE",
            "The file is packed with gzip, which is not taken.",
            "Make a TorchServe archive with --archive-format default, and anything else unpacked.",
        )
    if raw[:8] == _HDF5:
        raise executable("The file is HDF5, in which Keras stores layers that can be code.")
    raise _of_pickle(raw[:MOST_BYTES])


def executable(sentence: str) -> Refusal:
    """The refusal of a format that runs code when it is opened."""
    return Refusal("FORMAT_EXECUTABLE", sentence, EXPORT)


def _of_archive(archive: Archive) -> str:
    """The form of a zip; each of them has members that no other has."""
    names = set(archive.names)
    if MANIFEST in names:
        return MAR
    if any(_is_onnx(archive, name) for name in names):
        return ONNX_ZIP
    tops = {name.partition("/")[0] for name in names}
    found = _of_torch(archive, min(tops)) if len(tops) == 1 else ""
    if not found:
        raise _of_other(names)
    return found


def _is_onnx(archive: Archive, name: str) -> bool:
    """Weights lie beside the model, so its place among them is known by its ending."""
    start = archive.head(name, 1) if name.lower().endswith(".onnx") else b""
    return bool(start) and start[0] in _MODEL_PROTO


def _of_torch(archive: Archive, top: str) -> str:
    """What torch writes: everything in one folder, with a mark of the format in it."""
    names = archive.names
    if f"{top}/archive_format" in archive or any(
        name.startswith((f"{top}/models/", f"{top}/data/aotinductor/")) for name in names
    ):
        return PT2
    if f"{top}/data.pkl" not in archive:
        return ""
    if any(name.startswith((f"{top}/constants.pkl", f"{top}/code/")) for name in names):
        return TORCHSCRIPT
    check(archive.read(f"{top}/data.pkl", MOST_BYTES))
    return STATE_DICT


def _of_other(names: set[str]) -> Refusal:
    """Why an archive of something else is not taken."""
    if {"config.json", "metadata.json"} <= names or "schema.json" in names:
        return executable("The file is a Keras or skops archive, which can hold code.")
    if "serialized_exported_program.json" in names:
        return _unknown(
            "The file is an exported program of an old version of torch.",
            "Export it again with torch.export.save of torch 2.10 or later.",
        )
    if names and all(name.endswith(".npy") for name in names):
        return _unknown(
            "The file is an npz archive of arrays, which is data and not a model.",
            "Give it as --data, and the model as ONNX or as weights.",
        )
    return _unknown("The zip holds nothing that is known as a model here.", EXPORT)


def _of_pickle(head: bytes) -> Refusal:
    """Why a bare pickle is not taken: code that it names, or what it could have named."""
    walked = walk(head)
    roots = {name.module.partition(".")[0] for name in walked.found} & _LIBRARIES
    if roots:
        return executable(f"The file is a pickle of {min(roots)}, which runs code when opened.")
    try:
        check_walk(walked)
    except Refusal as refusal:
        if refusal.code == "PICKLE_EXECUTABLE":
            return refusal
    if walked.found or walked.odd or (walked.end and not walked.damaged):
        return Refusal(
            "FORMAT_EXECUTABLE", "The file is a plain pickle, which can run code when opened.", SAVE
        )
    return _unknown("The file is nothing that is known as a model here.", EXPORT)


def _unknown(sentence: str, remedy: str) -> Refusal:
    return Refusal("MODEL_NOT_RECOGNISED", sentence, remedy)
