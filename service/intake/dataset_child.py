"""Images and labels out of an npz file, checked and brought to one form. Runs in a child."""

import hashlib
import os
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from analyzers.contract import Array, Refusal

_CHANNELS = (1, 3, 4)
_MOST_CLASSES = 1 << 16
"""One count a class must fit into the answer, which is a single frame."""
_UNREADABLE = (
    ValueError,
    OSError,
    EOFError,
    AttributeError,
    LookupError,
    RuntimeError,  # an encrypted member, or one packed by a method that is not there
    zipfile.BadZipFile,
    zlib.error,
)
_SAVE = "Write the file with numpy.savez('data.npz', images=images, labels=labels)."


def dataset(
    body: Mapping[str, Any], files: Mapping[str, int]
) -> tuple[dict[str, Any], dict[str, Array]]:
    """Facts, and the blobs ``images`` (NCHW), ``labels`` (int64) and ``ids`` (SHA-256 each)."""
    images, labels = _read(files["file"])
    images = _channels_first(_checked_images(images))
    labels = _checked_labels(labels, len(images))
    images, labels = _sliced(images, labels, body.get("rows"))
    if len(np.unique(labels)) < 2:  # noqa: PLR2004 - telling classes apart takes two
        raise Refusal(
            "DATA_ONE_CLASS",
            "All images carry the same label, so no accuracy on them means anything.",
            "Use images of at least two classes.",
        )
    ids = sample_ids(images, labels)
    # A copy is no further evidence, so the counts that a policy asks about leave copies out.
    _, first = np.unique(ids, axis=0, return_index=True)
    counts = np.bincount(labels[first], minlength=int(labels.max()) + 1)
    facts = {
        "digest": _set_digest(ids),
        "n": len(images),
        "classes": len(counts),
        "distinct": len(first),
        "eight_bit": bool(images.dtype == np.uint8),
        "shape": [int(size) for size in images.shape[1:]],
        "class_counts": [int(count) for count in counts],
    }
    return facts, {"images": images, "labels": labels, "ids": ids}


def sample_ids(images: Array, labels: Array) -> Array:
    """SHA-256 over each picture's [0,1] pixels and its label, whatever it was stored as."""
    ids = np.empty((len(images), 32), np.uint8)
    for row, (image, label) in enumerate(zip(images, labels, strict=True)):
        pixels = image.astype("<f4")
        if image.dtype == np.uint8:
            pixels = pixels / np.float32(255)
        body = hashlib.sha256(np.asarray(image.shape, "<i8").tobytes())
        body.update(pixels.tobytes())
        body.update(np.asarray(label, "<i8").tobytes())
        ids[row] = np.frombuffer(body.digest(), np.uint8)
    return ids


def _set_digest(ids: Array) -> str:
    return hashlib.sha256(b"".join(sorted(bytes(one) for one in ids))).hexdigest()


def _read(file: int) -> tuple[Array, Array]:
    try:
        with (
            os.fdopen(os.dup(file), "rb") as stream,
            np.load(stream, allow_pickle=False) as archive,
        ):
            missing = [name for name in ("images", "labels") if name not in archive.files]
            if missing:
                held = ", ".join(sorted(archive.files)[:8]) or "nothing"
                raise Refusal(
                    "DATA_ARRAY_MISSING",
                    f"The data file has no array named '{missing[0]}'; it holds {held}.",
                    _SAVE,
                )
            images, labels = archive["images"], archive["labels"]
    except _UNREADABLE as error:
        raise _unreadable() from error
    if not (isinstance(images, np.ndarray) and isinstance(labels, np.ndarray)):
        raise _unreadable()  # numpy hands over the bytes of a member that is no array
    return images, labels  # pyright: ignore[reportUnknownVariableType]  # checked right after


def _unreadable() -> Refusal:
    return Refusal(
        "DATA_NOT_RECOGNISED",
        "The data file could not be read as an npz archive of plain arrays.",
        _SAVE,
    )


def _checked_images(images: Array) -> Array:
    if images.dtype.name not in {"uint8", "float32"}:
        raise Refusal(
            "DATA_DTYPE_UNSUPPORTED",
            f"The images are {images.dtype.name}; only uint8 and float32 images are taken.",
            "Convert them: images.astype('float32') with values from 0 to 1, or uint8 from 0 "
            "to 255.",
        )
    if images.ndim != 4 or 0 in images.shape:  # noqa: PLR2004 - images, and three axes each
        raise Refusal(
            "DATA_SHAPE_INVALID",
            f"The images have the shape {list(images.shape)}; four axes are needed: images, and "
            "height, width and channels in either order.",
            "Add the missing axis, for example images[..., None] for grey pictures.",
        )
    if images.dtype == np.float32 and not (
        np.isfinite(images).all() and images.min() >= 0 and images.max() <= 1
    ):
        raise Refusal(
            "DATA_RANGE_INVALID",
            "Some pixels lie outside 0 to 1 or are not numbers.",
            "Give pixels from 0 to 1 before any normalisation, and name that with --normalize.",
        )
    return images


def _channels_first(images: Array) -> Array:
    first, last = images.shape[1] in _CHANNELS, images.shape[3] in _CHANNELS
    if first == last:
        raise Refusal(
            "DATA_SHAPE_INVALID",
            f"Which axis of the shape {list(images.shape)} holds the channels is not clear.",
            "Give 1, 3 or 4 channels, in the second or in the last axis.",
        )
    return np.ascontiguousarray(images if first else images.transpose(0, 3, 1, 2))


def _checked_labels(labels: Array, images: int) -> Array:
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise Refusal(
            "DATA_LABELS_INVALID",
            f"The labels are {labels.dtype.name} of shape {list(labels.shape)}; one whole number "
            "an image is needed.",
            "Give class numbers from 0 on, for example labels.argmax(axis=1) for one-hot labels.",
        )
    if len(labels) != images:
        raise Refusal(
            "DATA_COUNT_MISMATCH",
            f"There are {images} images and {len(labels)} labels.",
            "Give exactly one label an image, in the same order.",
        )
    whole = labels.astype(np.int64)
    if whole.min() < 0 or whole.max() >= _MOST_CLASSES:
        raise Refusal(
            "DATA_LABELS_INVALID",
            "Some labels are negative or far beyond any class.",
            "Give class numbers from 0 on.",
        )
    return whole


def _sliced(images: Array, labels: Array, rows: Sequence[int] | None) -> tuple[Array, Array]:
    if rows is None:
        return images, labels
    low, high = int(rows[0]), int(rows[1])
    if not 0 <= low < high <= len(images):
        raise Refusal(
            "DATA_SLICE_INVALID",
            f"The slice [{low}:{high}] does not lie within the {len(images)} images of the file.",
            "Ask for a slice of the images that are there.",
        )
    return images[low:high], labels[low:high]
