"""Images and labels out of an uploaded file, checked and brought to one form. Runs in a child."""

import mmap
import os
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from analyzers.contract import Array, Refusal
from service.errors import AssayError
from service.intake.archives.archive_child import Archive
from service.intake.data.folders_child import read_folders
from service.intake.data.labels_child import class_numbers, whole_numbers
from service.intake.data.npz_child import holds_arrays, read_cues, read_npz
from service.intake.data.parquet_child import read_parquet
from service.intake.data.pixels_child import in_one_form
from service.intake.data.safetensors_child import read_safetensors
from service.intake.data.samples_child import sample_ids, set_digest
from service.intake.data.stored_child import Raw, Rows, Stored, most_unpacked, no_cues
from service.intake.formats import SAFETENSORS
from service.intake.reading import Reading
from service.intake.sniff import HEAD, PARQUET, data_format

_MOST_MEMBERS: Final = 200_000
_MOST_NAMES: Final = 1000
_LONGEST_NAME: Final = 60
_ONE_LABEL: Final = {PARQUET: "Parquet files", SAFETENSORS: "safetensors files"}
_ANY_RATIO: Final = 1 << 11
"""More than deflate can reach: what a file unpacks to is bounded as a whole."""


def dataset(
    body: Mapping[str, Any], files: Mapping[str, int]
) -> tuple[dict[str, Any], dict[str, Array]]:
    """Facts, and the blobs ``images`` (NCHW), ``labels`` (int64) and ``ids`` (SHA-256 each).

    Of pictures with cues in conflict also ``textures`` (int64); their ``labels`` name the shape.
    """
    reading = _reading(body)
    stored = _stored(_mapped(files["file"]), body.get("rows"), cues=reading.cues)
    images = in_one_form(stored, reading)
    if stored.textures is not None:
        return _in_conflict(images, whole_numbers(stored.labels), whole_numbers(stored.textures))
    labels = class_numbers(stored.labels)
    ids = sample_ids(images, labels)
    facts = _facts(images, labels, ids) | _named(stored.class_names)
    facts |= {"left_out": stored.left_out} if stored.left_out else {}
    return facts, {"images": images, "labels": labels, "ids": ids}


def _in_conflict(
    images: Array, labels: Array, textures: Array
) -> tuple[dict[str, Any], dict[str, Array]]:
    """The same with second labels: they belong to the set's digest, and classes are of both."""
    ids = sample_ids(images, labels)
    seconds = textures.astype("<i8")[:, None].view(np.uint8)
    facts = _facts(images, labels, ids) | {
        "digest": set_digest(np.hstack([ids, seconds])),
        "classes": int(max(labels.max(), textures.max())) + 1,
    }
    return facts, {"images": images, "labels": labels, "ids": ids, "textures": textures}


def _mapped(file: int) -> Raw:
    size = os.fstat(file).st_size
    return mmap.mmap(file, size, prot=mmap.PROT_READ) if size else b""


def _stored(raw: Raw, rows: Rows, *, cues: bool) -> Stored:
    try:
        form = data_format(raw[:HEAD], len(raw))
    except AssayError as error:
        raise Refusal(error.code.value, error.sentence, error.remedy) from error
    if cues and form in _ONE_LABEL:
        raise no_cues(_ONE_LABEL[form])
    if form == PARQUET:
        return read_parquet(raw, rows)
    if form == SAFETENSORS:
        return read_safetensors(raw, rows)
    archive = _archive(raw)
    if cues:
        if not holds_arrays(archive):
            raise no_cues("folders of pictures")
        return read_cues(raw, archive, rows)
    return read_npz(raw, archive, rows) if holds_arrays(archive) else read_folders(archive, rows)


def _archive(raw: Raw) -> Archive:
    most = most_unpacked(len(raw))
    return Archive(raw, members_most=_MOST_MEMBERS, total=most, ratio=_ANY_RATIO)


def _reading(body: Mapping[str, Any]) -> Reading:
    told = ("layout", "channels", "pixels", "cues")
    return Reading(**{name: body[name] for name in told if name in body})


def _facts(images: Array, labels: Array, ids: Array) -> dict[str, Any]:
    # A copy is no further evidence, so the counts that a policy asks about leave copies out.
    _, first = np.unique(ids, axis=0, return_index=True)
    counts = np.bincount(labels[first], minlength=int(labels.max()) + 1)
    return {
        "digest": set_digest(ids),
        "n": len(images),
        "classes": len(counts),
        "distinct": len(first),
        "duplicates": len(images) - len(first),
        "eight_bit": bool(images.dtype == np.uint8),
        "shape": [int(size) for size in images.shape[1:]],
        "class_counts": [int(count) for count in counts],
    }


def _named(names: Sequence[str]) -> dict[str, Any]:
    """The classes' names, where there are some and all can be shown."""
    shown = all(0 < len(one) <= _LONGEST_NAME and one.isprintable() for one in names)
    return {"class_names": list(names)} if names and shown and len(names) <= _MOST_NAMES else {}
