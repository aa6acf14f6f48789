"""Images and labels are taken as they are meant, or refused with a code of their own."""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analyzers.contract import Array, Refusal
from service.errors import Code
from service.intake.data.samples_child import sample_ids
from service.intake.dataset_child import dataset

LABELS = np.array([0, 1, 2, 1], np.int64)
IMAGES = np.random.default_rng(0).integers(0, 256, (4, 8, 6, 3), np.uint8)


def read(
    path: Path, rows: list[int] | None = None, **arrays: Array
) -> tuple[dict[str, Any], dict[str, Array]]:
    """Write an npz file and read it as a child would."""
    np.savez(path / "data.npz", allow_pickle=False, **arrays)
    return read_file(path / "data.npz", {"rows": rows})


def read_file(path: Path, body: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Array]]:
    """Read a file through an open descriptor, all that a child ever gets."""
    file = os.open(path, os.O_RDONLY)
    try:
        return dataset(body, {"file": file})
    finally:
        os.close(file)


def refusal(path: Path, rows: list[int] | None = None, **arrays: Array) -> Refusal:
    """The refusal that these arrays earn."""
    with pytest.raises(Refusal) as caught:
        read(path, rows, **arrays)
    assert caught.value.code in Code.__members__
    assert caught.value.remedy
    return caught.value


def test_facts_and_form(tmp_path: Path) -> None:
    """uint8 NHWC becomes uint8 NCHW, labels int64, with counts by class."""
    facts, blobs = read(tmp_path, images=IMAGES, labels=LABELS.astype(np.int32))
    assert facts["n"] == 4
    assert facts["classes"] == 3
    assert facts["shape"] == [3, 8, 6]
    assert facts["class_counts"] == [1, 2, 1]
    assert facts["eight_bit"] is True
    assert np.array_equal(blobs["images"], IMAGES.transpose(0, 3, 1, 2))
    assert blobs["labels"].dtype == np.int64


def test_layout_and_storage_do_not_change_the_set(tmp_path: Path) -> None:
    """NHWC or NCHW, uint8 or the same pixels as float32: one set, one digest."""
    floats = (IMAGES.astype(np.float32) / np.float32(255)).transpose(0, 3, 1, 2)
    one, _ = read(tmp_path, images=IMAGES, labels=LABELS)
    other, _ = read(tmp_path, images=floats, labels=LABELS)
    assert one["digest"] == other["digest"]
    assert other["eight_bit"] is False


def test_order_does_not_change_the_digest_but_a_label_does(tmp_path: Path) -> None:
    """The digest is over sorted sample ids, and an id covers pixels and label."""
    one, _ = read(tmp_path, images=IMAGES, labels=LABELS)
    turned, _ = read(tmp_path, images=IMAGES[::-1], labels=LABELS[::-1])
    relabelled, _ = read(tmp_path, images=IMAGES, labels=np.array([0, 1, 2, 2]))
    assert one["digest"] == turned["digest"] != relabelled["digest"]


def test_copies_are_counted_once(tmp_path: Path) -> None:
    """A picture that is there twice is one picture of its class; under another label it is two."""
    images = IMAGES[[0, 0, 1, 1]]
    facts, _ = read(tmp_path, images=images, labels=np.array([0, 0, 1, 2]))
    assert facts["n"] == 4
    assert facts["distinct"] == 3
    assert facts["class_counts"] == [1, 1, 1]


def test_sample_id_is_a_known_hash() -> None:
    """An id is SHA-256 over shape, [0,1] pixels and label, so that anybody can compute it."""
    image = np.zeros((1, 1, 1, 2), np.uint8)
    image[0, 0, 0, 1] = 255
    pixels = np.array([0.0, 1.0], "<f4").tobytes()
    shape = np.array([1, 1, 2], "<i8").tobytes()
    wanted = hashlib.sha256(shape + pixels + np.array(7, "<i8").tobytes()).digest()
    assert bytes(sample_ids(image, np.array([7]))[0]) == wanted


def test_slice_is_taken_before_anything_is_counted(tmp_path: Path) -> None:
    """``[1:3]`` keeps two images and their labels."""
    facts, blobs = read(tmp_path, [1, 3], images=IMAGES, labels=LABELS)
    assert facts["n"] == 2
    assert blobs["labels"].tolist() == [1, 2]


NOT_NUMBERS = np.full((4, 8, 6, 1), np.nan, np.float32)


@pytest.mark.parametrize(
    ("code", "arrays"),
    [
        ("DATA_ARRAY_MISSING", {"pictures": IMAGES, "labels": LABELS}),
        ("DATA_ARRAY_MISSING", {"images": IMAGES}),
        ("DATA_DTYPE_UNSUPPORTED", {"images": IMAGES.astype(np.complex64), "labels": LABELS}),
        ("DATA_DTYPE_UNSUPPORTED", {"images": IMAGES.astype(np.int64), "labels": LABELS}),
        ("DATA_SHAPE_INVALID", {"images": IMAGES[..., 0], "labels": LABELS}),
        ("DATA_SHAPE_INVALID", {"images": IMAGES[..., :2], "labels": LABELS}),
        ("DATA_SHAPE_INVALID", {"images": IMAGES[:, :3], "labels": LABELS}),
        ("DATA_SHAPE_INVALID", {"images": IMAGES[:0], "labels": LABELS[:0]}),
        ("DATA_RANGE_INVALID", {"images": IMAGES.astype(np.float32), "labels": LABELS}),
        ("DATA_RANGE_INVALID", {"images": NOT_NUMBERS, "labels": LABELS}),
        ("DATA_LABELS_INVALID", {"images": IMAGES, "labels": LABELS - 1}),
        ("DATA_LABELS_INVALID", {"images": IMAGES, "labels": LABELS.astype(np.float32)}),
        ("DATA_LABELS_INVALID", {"images": IMAGES, "labels": np.eye(4, dtype=np.int64)}),
        ("DATA_LABELS_INVALID", {"images": IMAGES, "labels": LABELS + (1 << 40)}),
        ("DATA_COUNT_MISMATCH", {"images": IMAGES, "labels": LABELS[:3]}),
        ("DATA_ONE_CLASS", {"images": IMAGES, "labels": LABELS * 0 + 2}),
    ],
)
def test_each_mistake_has_its_code(tmp_path: Path, code: str, arrays: dict[str, Array]) -> None:
    """Bad arrays are told apart by code, never by a stack trace."""
    assert refusal(tmp_path, None, **arrays).code == code


@pytest.mark.parametrize("rows", [[0, 5], [3, 3], [-1, 2]])
def test_slice_outside_the_file(tmp_path: Path, rows: list[int]) -> None:
    """A slice that is not there is refused, not silently shortened."""
    found = refusal(tmp_path, rows, images=IMAGES, labels=LABELS)
    assert found.code == "DATA_SLICE_INVALID"
    assert "4 images" in found.sentence


def test_pickled_arrays_are_never_loaded(tmp_path: Path) -> None:
    """An object array, which numpy would unpickle, is refused; the control shows that it bites."""
    bitten: list[str] = []

    class Bomb:
        def __reduce__(self) -> tuple[type[str], tuple[str]]:
            bitten.append("pickled")
            return (str, ("boom",))

    path = tmp_path / "bomb.npz"
    np.savez(path, images=np.array([Bomb()], dtype=object), labels=LABELS)
    with pytest.raises(Refusal) as caught:
        read_file(path, {"rows": None})
    assert caught.value.code == "NPY_OBJECT_ARRAY"
    with np.load(path, allow_pickle=True) as control:
        assert control["images"][0] == "boom"


@pytest.mark.parametrize("keep", [10, 0.5, 0.95])
def test_truncated_archive(tmp_path: Path, keep: float) -> None:
    """A cut archive is refused as unreadable."""
    path = tmp_path / "data.npz"
    np.savez(path, images=IMAGES, labels=LABELS)
    raw = path.read_bytes()
    path.write_bytes(raw[: int(keep if keep > 1 else keep * len(raw))])
    with pytest.raises(Refusal) as caught:
        read_file(path, {"rows": None})
    assert caught.value.code == "ARCHIVE_UNSAFE"
