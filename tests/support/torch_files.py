"""Files as torch and TorchServe write them, in memory, and files that only look like it."""

import io
import json
import pickle
import sys
import warnings
import zipfile
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn


def network() -> nn.Sequential:
    """A small net with all that a state dict usually holds."""
    torch.manual_seed(0)  # pyright: ignore[reportUnknownMemberType]  # open types
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(144, 5))


def saved(thing: object, *, legacy: bool = False, **more: Any) -> bytes:  # noqa: ANN401 - as torch
    """What torch.save writes."""
    file = io.BytesIO()
    torch.save(thing, file, _use_new_zipfile_serialization=not legacy, **more)  # pyright: ignore[reportUnknownMemberType]  # open types
    return file.getvalue()


def scripted() -> bytes:
    """What torch.jit.save writes."""
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # torch.jit is on its way out
        program = torch.jit.script(nn.Linear(2, 2))  # pyright: ignore[reportUnknownMemberType]  # open types
        torch.jit.save(program, file)  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]  # open types
    return file.getvalue()


def members(raw: bytes) -> dict[str, bytes]:
    """The files of a zip, as an independent reader finds them."""
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        return {one.filename: archive.read(one) for one in archive.infolist() if not one.is_dir()}


def stored(files: Mapping[str, bytes]) -> bytes:
    """A zip of these files."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, body in files.items():
            archive.writestr(name, body)
    return file.getvalue()


def mar(model: Mapping[str, object] | None = None, **files: bytes) -> bytes:
    """A TorchServe archive in its default format; an underscore stands for the dot of a name."""
    told = {"modelName": "net", "serializedFile": "model.pt", "handler": "handler.py"}
    manifest = {
        "runtime": "python",
        "model": {**told, **(model or {})},
        "archiverVersion": "0.12.0",
    }
    inside = {name.replace("_", ".", 1): body for name, body in files.items()}
    return stored({"MAR-INF/MANIFEST.json": json.dumps(manifest).encode(), **inside})


class Bomb:
    """Pickles into a call that leaves a mark on this process."""

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        """Mark the sys module."""
        return exec, ("import sys; sys.assay_bomb_went_off = True",)


def went_off() -> bool:
    """Whether a bomb has gone off since the last time; clears the mark."""
    return sys.__dict__.pop("assay_bomb_went_off", False)


def bomb() -> bytes:
    """The bomb as a bare pickle."""
    return pickle.dumps(Bomb(), 2)
