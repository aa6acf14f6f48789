"""A torch module to an ONNX file that can be audited: no code has to be uploaded for it.

Two lines do it for a module in memory::

    from service.export import export
    export(model, (1, 3, 224, 224), "model.onnx")

The module runs here, in its owner's process; torch is loaded when it is needed and not before.
"""

import contextlib
import hashlib
import importlib
import importlib.util
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from service.errors import AssayError, Code

OPSET: Final = 20
OPSETS: Final = range(18, 24)
"""Versions of the operators that the exporter writes and that intake takes."""
_NEEDED = ("torch", "onnx", "onnxscript")
_FEWEST_AXES = 2
_UNBATCHED_AXES = 3

Tell = Callable[[str], None]
Build = Callable[[], Any]


@dataclass(frozen=True)
class Comparison:
    """The file's answers beside the module's own."""

    largest_difference: float
    largest_score: float
    answers: int
    same_class: int
    """In how many of the answers both name the same class."""


@dataclass(frozen=True)
class Product:
    """The bytes of an exported file, and what is known of them."""

    raw: bytes = field(repr=False)
    opset: int
    classes: int
    exporter: str
    """``dynamo``, or ``torchscript`` where that failed."""
    batch: Literal["free", "one"]
    """``one`` where the module itself counts the images of a batch in plain Python."""
    batch_norms: int
    comparison: Comparison | None
    """None where onnxruntime is not installed, so that nothing could be compared."""
    gradient_gap: str
    """Why white-box attacks will not be available; empty when they will."""


@dataclass(frozen=True)
class Exported:
    """A file that was written, and what it holds."""

    path: Path
    digest: str
    product: Product


def export(
    module: object,
    shape: Sequence[int],
    path: str | os.PathLike[str],
    *,
    opset: int = OPSET,
    force: bool = False,
    tell: Tell | None = None,
) -> Exported:
    """Write a ``torch.nn.Module`` to one ONNX file that answers as the module does.

    ``shape`` is that of a batch, for example (1, 3, 224, 224); the file takes any number of images.
    The module is exported in evaluation mode and comes back as it was.
    """
    return _written(lambda: module, shape, Path(path), opset=opset, force=force, tell=tell)


def export_named(
    spec: str,
    shape: Sequence[int],
    path: Path,
    *,
    weights: Path | None = None,
    opset: int = OPSET,
    force: bool = False,
    tell: Tell | None = None,
) -> Exported:
    """The same for the module that ``module:factory`` names, looked up from the current folder."""

    def build() -> object:
        module = importlib.import_module("service.exporting.locating_child").located(spec)
        if weights is not None:
            importlib.import_module("service.exporting.weights_child").load(module, weights)
        return module

    with importlib.import_module("service.exporting.folder").current_folder_first():
        return _written(build, shape, path, opset=opset, force=force, tell=tell)


def _written(
    build: Build, shape: Sequence[int], path: Path, *, opset: int, force: bool, tell: Tell | None
) -> Exported:
    sizes = _sizes(shape)
    _refuse_opset(opset)
    _refuse_target(path, force=force)
    _refuse_missing_parts()
    work = importlib.import_module("service.exporting.whole_child")
    product: Product = work.exported(build(), sizes, opset, tell or _silent)
    _refuse_target(path, force=force)  # it was a while
    _write(path, product.raw)
    return Exported(path, hashlib.sha256(product.raw).hexdigest(), product)


def _silent(line: str) -> None:
    del line


def _sizes(shape: Sequence[int]) -> tuple[int, ...]:
    sizes = tuple(int(size) for size in shape)
    told = "x".join(map(str, sizes))
    if len(sizes) < _FEWEST_AXES or min(sizes) < 1:
        raise _shape_refused(f"'{told}' is not the shape of a batch of images.")
    if len(sizes) == _UNBATCHED_AXES and sizes[0] != 1:
        raise _shape_refused(f"The shape {told} has no axis for the batch.")
    return sizes


def _shape_refused(sentence: str) -> AssayError:
    remedy = "Begin with the batch: 1x3x224x224 is one image of three channels."
    return AssayError(Code.REQUEST_INVALID, sentence, remedy)


def _refuse_opset(opset: int) -> None:
    if opset not in OPSETS:
        raise AssayError(
            Code.REQUEST_INVALID,
            f"Operators of version {opset} cannot be written here.",
            f"Use a version from {OPSETS[0]} to {OPSETS[-1]}; {OPSET} is the usual one.",
        )


def _refuse_target(path: Path, *, force: bool) -> None:
    if path.is_dir():
        raise _target_refused(f"'{path}' is a folder.", "Name the file to write: -o model.onnx.")
    if path.exists() and not force:
        raise _target_refused(
            f"There is already a file '{path}'.",
            "Name another one, or let it be replaced with --force (force=True).",
        )


def _target_refused(sentence: str, remedy: str) -> AssayError:
    return AssayError(Code.REQUEST_INVALID, sentence, remedy)


def _refuse_missing_parts() -> None:
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise AssayError(
            Code.EXPORT_FAILED,
            f"An export needs {' and '.join(missing)}, which this Python does not have.",
            "Run it where the model runs, after: pip install 'assay[server]'",
        )


def _write(path: Path, raw: bytes) -> None:
    """All of it or nothing: a file cut off by a full disk would look like a model."""
    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(raw)
        os.replace(part, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise _target_refused(
            f"The model cannot be written to '{path}': {str(error.strerror).lower()}.",
            "Name a place with room for it that you may write to.",
        ) from error
