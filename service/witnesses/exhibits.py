"""Pictures out of a folder of witnesses, each with what is wrong with its files."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from zipfile import Path as Packed

import numpy as np

from analyzers.contract import Array, Depth
from analyzers.pictures import sample_id, seen
from service.witnesses.index import DataCard, Entry, File
from service.witnesses.pictures import (
    NoPicture,
    most_bytes,
    pixels_digest,
    unpacked,
)

Clean = Callable[[Entry], Array]
"""Finds the clean picture of a witness, or raises NoPicture."""
Place = Path | Packed
"""A folder of witnesses, or the archive of one."""


@dataclass(frozen=True)
class Exhibit:
    """A witness at one depth, beside the picture that it was made from."""

    entry: Entry
    depth: Depth
    clean: Array
    """CHW, as the evaluation set keeps it; zeros where it cannot be had."""
    picture: Array
    """CHW; codes at 8 bits, else float32. The clean one where it cannot be had."""
    doubts: Sequence[str] = ()
    """What is wrong with the files."""

    @property
    def seen(self) -> Array:
        """The witness as the model sees it."""
        return seen(self.picture)

    @property
    def clean_seen(self) -> Array:
        """The clean picture as the model sees it."""
        return seen(self.clean)


def exhibit(folder: Place, data: DataCard, entry: Entry, depth: Depth, clean: Clean) -> Exhibit:
    """Read one witness; files that are missing or were changed are doubts, not errors."""
    doubts: list[str] = []
    source = np.zeros(data.shape, data.dtype)
    try:
        source = clean(entry)
        if sample_id(source, entry.label) != entry.sample:
            doubts.append("the clean picture or its label is not the one that was audited")
    except NoPicture as reason:
        doubts.append(f"the clean picture cannot be had: {reason}")
    picture = source
    try:
        dtype = "uint8" if depth == "8-bit" else "float32"
        picture = _read(folder, entry.files[depth], data.shape, dtype)
        if pixels_digest(picture) != entry.files[depth].pixels:
            doubts.append("the witness was changed since the audit counted it")
    except NoPicture as reason:
        doubts.append(f"the witness cannot be read: {reason}")
    return Exhibit(entry, depth, source, picture, doubts)


def kept_beside(folder: Place, data: DataCard) -> Clean:
    """Clean pictures that lie beside the witnesses."""
    return lambda entry: _read(folder, entry.clean, data.shape, data.dtype)


def found_in(images: Array, names: Sequence[str]) -> Clean:
    """Clean pictures of an evaluation set, looked up by what they are called."""
    places = {name: place for place, name in enumerate(names)}

    def clean(entry: Entry) -> Array:
        if entry.sample not in places:
            raise NoPicture("the data hold no such picture with this label")
        return images[places[entry.sample]]

    return clean


def _read(folder: Place, file: File, shape: Sequence[int], dtype: str) -> Array:
    most = most_bytes(shape, dtype)
    try:
        with (folder / file.name).open("rb") as stream:
            raw = stream.read(most + 1)
    except OSError as error:
        raise NoPicture(f"{file.name}: {str(error.strerror).lower()}") from error
    if len(raw) > most:
        raise NoPicture(f"{file.name} is larger than such a picture can be")
    return unpacked(file.name, raw, shape, dtype)
