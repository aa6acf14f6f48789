"""Weights from a file into a module: every tensor of one in the other, and no code run for it."""

import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from service.errors import AssayError, Code

_WRITE = "Write them again with torch.save(model.state_dict(), 'weights.pt')."
_INSIDE: Final = ("state_dict", "model_state_dict", "model")
"""Where training scripts put the weights inside a larger checkpoint."""
_OF_TORCH: Final = (b"PK", b"\x80")
"""How what torch.save writes begins: an archive, or in old files a pickle."""
_PREFIXES: Final = ("module.", "_orig_mod.")
"""What wrappers for several devices and for compilation put before every name."""


def load(module: nn.Module, path: Path) -> None:
    """Load a state dict (torch.save, or safetensors) strictly."""
    weights = _plain(_read(path), path)
    misfit = _misfit(module.state_dict(), weights)
    if misfit:
        raise AssayError(
            Code.ARCHITECTURE_MISMATCH,
            f"The weights in '{path}' do not fit the module: {misfit}.",
            "Name the factory of the network that they were trained in.",
        )
    module.load_state_dict(weights)


def _read(path: Path) -> Any:  # noqa: ANN401 - a checkpoint holds anything
    if not path.is_file():
        raise AssayError(
            Code.FILE_NOT_FOUND,
            f"There is no weights file '{path}'.",
            f"Check the path; it was looked for in {Path.cwd()}.",
        )
    try:
        if path.suffix == ".safetensors":
            return safetensors.torch.load(path.read_bytes())
        with path.open("rb") as file:
            if not file.read(2).startswith(_OF_TORCH):
                raise _broken(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except (safetensors.SafetensorError, EOFError, OSError, RuntimeError, zipfile.BadZipFile) as e:
        raise _broken(path) from e
    except pickle.UnpicklingError as error:
        raise AssayError(
            Code.PICKLE_GLOBAL_NOT_ALLOWED,
            f"'{path}' holds more than tensors: loading it would run code.",
            _WRITE,
        ) from error


def _broken(path: Path) -> AssayError:
    sentence = f"The weights file '{path}' is damaged, or is none."
    return AssayError(Code.MODEL_BROKEN, sentence, _WRITE)


def _plain(found: object, path: Path) -> dict[str, Tensor]:
    """The tensors by the names that the bare module has for them."""
    if isinstance(found, Mapping):
        inside: Mapping[Any, Any] = found  # pyright: ignore[reportUnknownVariableType]  # unpickled
        for key in _INSIDE:
            if isinstance(inside.get(key), Mapping):
                inside = inside[key]
        weights = {str(key): value for key, value in inside.items() if isinstance(value, Tensor)}
        if weights and len(weights) == len(inside):
            return _unwrapped(weights)
    raise AssayError(Code.MODEL_BROKEN, f"'{path}' does not hold a state dict.", _WRITE)


def _unwrapped(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    for prefix in _PREFIXES:
        if all(name.startswith(prefix) for name in weights):
            weights = {name.removeprefix(prefix): value for name, value in weights.items()}
    return weights


def _misfit(wanted: Mapping[str, Any], given: Mapping[str, Tensor]) -> str:
    """The first thing that differs; empty when nothing does."""
    for name in (*wanted, *given):
        if name not in given:
            return f"{name} is missing"
        if name not in wanted:
            return f"{name[:60]} is not part of it"
        if wanted[name].shape != given[name].shape:
            shapes = (list(one.shape) for one in (given[name], wanted[name]))
            return "{} has the shape {} where the module has {}".format(name, *shapes)
    return ""
