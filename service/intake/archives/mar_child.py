"""The model inside a TorchServe archive; its handler is named and never run. Runs in a child."""

import json
from typing import Any, Final, NamedTuple, cast

from analyzers.contract import Refusal
from service.intake.archives.archive_child import Archive

MANIFEST: Final = "MAR-INF/MANIFEST.json"
_MOST_MANIFEST: Final = 64 << 10
_MOST_TEXT: Final = 256
_HELP: Final = (
    "Make it again with torch-model-archiver --serialized-file and a state dict, an ONNX file or "
    "an exported program."
)


class Inner(NamedTuple):
    """The serialized file of an archive, and what its manifest says around it."""

    name: str
    raw: bytes
    model_name: str
    handler: str
    extra: tuple[str, ...]
    """All other files of the archive, which are not opened."""
    model_file: str = ""
    """Python code of the architecture, not run: the weights need an architecture of ours."""


def inner(archive: Archive) -> Inner:
    """Take the serialized file out; what it is and may be is decided as for any upload."""
    model = _model(archive)
    name = _text(model, "serializedFile")
    if not name or name not in archive:
        said = "names no serialized file" if not name else f"does not hold {name[:60]!a}"
        raise _none(f"The TorchServe archive {said}, so there is no model in it to audit.")
    raw = archive.read(name)
    if not raw or _holds_mar(raw):
        raise _none(f"The file {name[:60]!a} in the TorchServe archive is not a model.")
    extra = tuple(sorted(set(archive.names) - {name, MANIFEST}))
    model_name, handler = _text(model, "modelName"), _text(model, "handler")
    return Inner(name, raw, model_name, handler, extra, _text(model, "modelFile"))


def _model(archive: Archive) -> dict[str, Any]:
    """The manifest's part about the model."""
    if MANIFEST not in archive:
        raise _none("The archive has no manifest, so it is not a TorchServe archive.")
    try:
        told = json.loads(
            archive.read(MANIFEST, _MOST_MANIFEST), object_pairs_hook=_once, parse_constant=_strict
        )
    except (ValueError, RecursionError) as error:
        raise _none("The manifest of the TorchServe archive cannot be read.") from error
    model = cast(dict[str, Any], told).get("model") if isinstance(told, dict) else None
    if not isinstance(model, dict):
        raise _none("The manifest of the TorchServe archive describes no model.")
    return cast(dict[str, Any], model)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Two readers may pick different ones of two equal keys, so there is no picking."""
    found = dict(pairs)
    if len(found) < len(pairs):
        message = "a key is there twice"
        raise ValueError(message)
    return found


def _strict(name: str) -> float:
    message = f"{name} is no JSON"
    raise ValueError(message)


def _text(model: dict[str, Any], key: str) -> str:
    found = model.get(key) or ""
    if not isinstance(found, str) or len(found) > _MOST_TEXT or not (found + "x").isprintable():
        raise _none(f"The manifest of the TorchServe archive has no usable {key}.")
    return found


def _holds_mar(raw: bytes) -> bool:
    return raw[:4] == b"PK\x03\x04" and MANIFEST in Archive(raw)


def _none(sentence: str) -> Refusal:
    return Refusal("MAR_NO_SUPPORTED_MODEL", sentence, _HELP)
