"""The same pictures are the same set in every form, and flags say what a file cannot."""

import io
import json
import sys
import zipfile
from typing import Any

import numpy as np
import pytest

from analyzers.contract import Array, Refusal
from service.errors import Code
from support.pictures import (
    encoded,
    folders,
    npz,
    parquet_of,
    parquet_set,
    read_bytes,
    safetensors_of,
    table,
    zipped,
)

LABELS = np.array([0, 1, 2, 1, 0, 2], np.int64)
IMAGES = np.random.default_rng(7).integers(0, 256, (6, 8, 6, 3)).astype(np.uint8)
NAMES = ("cat", "dog", "eel")
FIRST = np.ascontiguousarray(IMAGES.transpose(0, 3, 1, 2))
DIGEST = read_bytes(npz(images=IMAGES, labels=LABELS))[0]["digest"]


def refusal(raw: bytes, **body: Any) -> Refusal:  # noqa: ANN401 - the body of a request
    """The refusal that a file earns."""
    with pytest.raises(Refusal) as caught:
        read_bytes(raw, body)
    assert caught.value.code in Code.__members__
    assert caught.value.remedy
    assert len(caught.value.sentence) <= 500
    return caught.value


def packed_npz() -> bytes:
    """What ``numpy.savez_compressed`` writes."""
    out = io.BytesIO()
    np.savez_compressed(out, allow_pickle=False, images=IMAGES, labels=LABELS)
    return out.getvalue()


FORMS = {
    "packed npz": packed_npz(),
    "npz of doubles": npz(images=IMAGES / 255, labels=LABELS.astype(np.uint16)),
    "npz in Fortran order": npz(images=np.asfortranarray(IMAGES), labels=LABELS),
    "class folders": folders(IMAGES, LABELS, NAMES),
    "parquet": parquet_set(IMAGES, LABELS),
    "parquet of plain bytes": parquet_set(IMAGES, LABELS, struct=False, row_group_size=2),
    "safetensors": safetensors_of(images=IMAGES, labels=LABELS),
    "safetensors, channels first": safetensors_of(images=FIRST, labels=LABELS.astype(np.uint8)),
}


@pytest.mark.parametrize("raw", FORMS.values(), ids=FORMS.keys())
def test_the_form_does_not_change_the_set(raw: bytes) -> None:
    """Arrays, PNGs in folders, Parquet and safetensors of one set have one digest."""
    facts, blobs = read_bytes(raw)
    assert facts["digest"] == DIGEST
    assert facts["shape"] == [3, 8, 6]
    assert blobs["images"].shape == (6, 3, 8, 6)


DECLARED: dict[str, tuple[dict[str, Array], dict[str, str]]] = {
    "blue first": ({"images": IMAGES[..., ::-1]}, {"channels": "bgr"}),
    "blue first, channels first": ({"images": FIRST[:, ::-1]}, {"channels": "bgr"}),
    "floats to 255": ({"images": IMAGES.astype(np.float32)}, {"pixels": "0-255"}),
    "halves to 255": ({"images": IMAGES.astype(np.float16)}, {"pixels": "0-255"}),
    "doubles to 255": ({"images": IMAGES.astype(np.float64)}, {"pixels": "0-255"}),
    "bytes to 255": ({"images": IMAGES}, {"pixels": "0-255"}),
    "floats to 1": ({"images": (IMAGES / 255).astype(np.float32)}, {"pixels": "0-1"}),
    "channels last": ({"images": IMAGES}, {"layout": "nhwc"}),
    "channels first": ({"images": FIRST}, {"layout": "nchw"}),
    "everything": (
        {"images": FIRST[:, ::-1].astype(np.float32)},
        {"channels": "bgr", "pixels": "0-255", "layout": "nchw"},
    ),
}


@pytest.mark.parametrize(("arrays", "body"), DECLARED.values(), ids=DECLARED.keys())
def test_what_is_declared_leads_to_the_same_set(
    arrays: dict[str, Array], body: dict[str, str]
) -> None:
    """Blue first, 0 to 255 in floats, a declared order of axes: the flag gives the same digest."""
    facts, _ = read_bytes(npz(labels=LABELS, **arrays), body)
    assert facts["digest"] == DIGEST


def test_without_its_flag_a_blue_first_set_is_another_one() -> None:
    """The control: nothing turns colours by itself."""
    assert read_bytes(npz(images=IMAGES[..., ::-1], labels=LABELS))[0]["digest"] != DIGEST


def test_whole_numbers_to_255_are_bytes_again_and_others_are_not() -> None:
    """Bytes stored as floats are 8-bit data; one half between two of them makes all floats."""
    floats = IMAGES.astype(np.float32)
    facts, blobs = read_bytes(npz(images=floats, labels=LABELS), {"pixels": "0-255"})
    assert facts["eight_bit"] is True
    assert np.array_equal(blobs["images"], FIRST)
    floats[0, 0, 0, 0] = 127.5
    facts, blobs = read_bytes(npz(images=floats, labels=LABELS), {"pixels": "0-255"})
    assert facts["eight_bit"] is False
    assert blobs["images"][0, 0, 0, 0] == np.float32(0.5)


@pytest.mark.parametrize(
    ("images", "body", "code", "named"),
    [
        (IMAGES.astype(np.float32), {}, "DATA_RANGE_INVALID", "--pixels 0-255"),
        (IMAGES.astype(np.float32), {"pixels": "0-1"}, "DATA_RANGE_INVALID", "--pixels 0-255"),
        (IMAGES / 128.0 - 1, {}, "DATA_RANGE_INVALID", "--normalize"),
        (IMAGES / 128.0 - 1, {"pixels": "0-255"}, "DATA_RANGE_INVALID", "--pixels"),
        (IMAGES, {"pixels": "0-1"}, "DATA_RANGE_INVALID", "--pixels 0-255"),
        (IMAGES[:, :3], {}, "DATA_SHAPE_INVALID", "--data-layout nhwc"),
        (IMAGES[:, :3], {}, "DATA_SHAPE_INVALID", "--data-layout nchw"),
        (IMAGES[..., [0, 1, 2, 0]], {"channels": "bgr"}, "DATA_SHAPE_INVALID", "alpha"),
        (IMAGES, {"layout": "nchw"}, "DATA_SHAPE_INVALID", "channels"),
    ],
)
def test_the_flag_that_helps_is_named(
    images: Array, body: dict[str, str], code: str, named: str
) -> None:
    """What is not clear, or contradicts what was declared, is refused with the flag that helps."""
    found = refusal(npz(images=images, labels=LABELS), **body)
    assert found.code == code
    assert named in found.remedy


def test_axes_that_are_not_clear_are_taken_as_declared() -> None:
    """Three rows and three channels: the declared order decides."""
    _, last = read_bytes(npz(images=IMAGES[:, :3], labels=LABELS), {"layout": "nhwc"})
    _, first = read_bytes(npz(images=IMAGES[:, :3], labels=LABELS), {"layout": "nchw"})
    assert np.array_equal(last["images"], IMAGES[:, :3].transpose(0, 3, 1, 2))
    assert np.array_equal(first["images"], IMAGES[:, :3])


def test_booleans_are_no_labels() -> None:
    """Whole numbers of any width are labels; truth values are not."""
    two = LABELS % 2
    for dtype in ("u1", "u2", "u4", "u8", "i1", ">i2", "i4"):
        facts, _ = read_bytes(npz(images=IMAGES, labels=two.astype(dtype)))
        assert facts["classes"] == 2
    found = refusal(npz(images=IMAGES, labels=two.astype(bool)))
    assert found.code == "DATA_LABELS_INVALID"


def test_copies_are_told() -> None:
    """Copies by content are counted, whatever they are called."""
    facts, _ = read_bytes(folders(IMAGES[[0, 1, 2, 1, 1]], LABELS[[0, 1, 2, 1, 1]], NAMES))
    assert (facts["n"], facts["distinct"], facts["duplicates"]) == (5, 3, 2)


# ------------------------------------------------------------------------------ class folders


def test_classes_are_numbered_by_sorted_names() -> None:
    """The sorted folders are 0, 1, 2; in one order with every class in each beginning."""
    raw = folders(IMAGES, LABELS, ("zebra", "Ant", "bee"))
    facts, blobs = read_bytes(raw)
    assert facts["class_names"] == ["Ant", "bee", "zebra"]
    assert blobs["labels"].tolist() == [0, 1, 2, 0, 1, 2]
    wanted = FIRST[[1, 2, 0, 3, 5, 4]]  # the first of Ant, of bee, of zebra, then the second ones
    assert np.array_equal(blobs["images"], wanted)


def test_a_slice_of_folders_decodes_only_what_it_means() -> None:
    """``[1:3]`` are two rows of that order, and a broken picture elsewhere does no harm."""
    members = {f"{name}/{turn}.png": encoded(IMAGES[turn]) for name in NAMES for turn in (0, 1)}
    members["eel/1.png"] = b"no picture"
    facts, blobs = read_bytes(zipped(members), {"rows": [1, 3]})
    assert facts["n"] == 2
    assert blobs["labels"].tolist() == [1, 2]
    assert facts["class_names"] == list(NAMES)
    assert refusal(zipped(members)).code == "DATA_IMAGE_BROKEN"
    assert refusal(zipped(members), rows=[2, 7]).code == "DATA_SLICE_INVALID"


def test_what_systems_leave_behind_is_passed_over() -> None:
    """Hidden files, folders of other systems and files that are no pictures change nothing."""
    members = {
        "cat/1.png": encoded(IMAGES[0]),
        "dog/1.PNG": encoded(IMAGES[1]),
        "cat/.1.png": b"hidden",
        "__MACOSX/cat/1.png": b"a shadow",
        "cat/Thumbs.db": b"thumbs",
        "labels.csv": b"cat,0",
    }
    facts, _ = read_bytes(zipped(members, zipfile.ZIP_DEFLATED))
    assert facts["n"] == 2
    assert facts["class_names"] == ["cat", "dog"]


def test_what_is_left_out_is_counted() -> None:
    """Files beside the pictures are told by their number; those that systems hide are not."""
    members = {f"{name}/1.png": encoded(image) for name, image in zip(NAMES, IMAGES, strict=False)}
    facts, _ = read_bytes(zipped(members))
    assert "left_out" not in facts
    more = {"cat/2.gif": b"GIF89a", "notes.txt": b"", "cat/.DS_Store": b""}
    facts, _ = read_bytes(zipped(members | more))
    assert facts["left_out"] == 2


@pytest.mark.parametrize("name", ["bee/1.bmp", "bee/more/notes.txt", "bee/"])
def test_a_folder_without_pictures_is_no_class_in_silence(name: str) -> None:
    """Its number would go to the next folder, and every later label would mean another class."""
    members = {"ant/1.png": encoded(IMAGES[0]), "cat/1.png": encoded(IMAGES[1])}
    found = refusal(zipped({**members, name: b""}))
    assert found.code == "DATA_LABELS_INVALID"
    assert "'bee'" in found.sentence
    assert read_bytes(zipped({**members, ".git/": b"", "ant/": b""}))[0]["n"] == 2


@pytest.mark.parametrize("name", ["1.png", "train/cat/1.png"])
def test_pictures_elsewhere_are_told(name: str) -> None:
    """A picture beside the class folders, or below one, is refused: it has no class."""
    raw = zipped({"cat/1.png": encoded(IMAGES[0]), name: encoded(IMAGES[1])})
    found = refusal(raw)
    assert found.code == "DATA_NOT_RECOGNISED"
    assert name in found.sentence


@pytest.mark.parametrize("name", ["x" * 61, "a\u00a0b"])
def test_names_that_cannot_be_shown_are_left_out(name: str) -> None:
    """Names that are too long or do not print are not told; the set is the same."""
    facts, _ = read_bytes(folders(IMAGES, LABELS, (name, "dog", "eel")))
    assert "class_names" not in facts
    assert facts["n"] == 6


# ------------------------------------------------------------------------------------ parquet


def test_a_slice_of_parquet_reads_the_row_groups_that_hold_it() -> None:
    """``[1:4]`` out of row groups of two gives those three rows in order."""
    raw = parquet_set(IMAGES, LABELS, row_group_size=2)
    _, blobs = read_bytes(raw, {"rows": [1, 4]})
    assert np.array_equal(blobs["images"], FIRST[1:4])
    assert blobs["labels"].tolist() == LABELS[1:4].tolist()


def test_names_in_the_metadata_of_parquet_are_told() -> None:
    """An exporter's class names come along; metadata of another kind is passed over."""
    bodies = [encoded(image) for image in IMAGES]
    features = {"label": {"names": list(NAMES), "_type": "ClassLabel"}}
    kept = {"huggingface": json.dumps({"info": {"features": features}})}
    facts, _ = read_bytes(parquet_of(table({"img": bodies, "fine_label": LABELS})))
    assert "class_names" not in facts
    facts, _ = read_bytes(parquet_of(table({"image": bodies, "label": LABELS}, kept)))
    assert facts["class_names"] == list(NAMES)
    for odd in ("[" * 5000, '{"info": []}', '{"info": {"features": {"label": {"names": [1]}}}}'):
        told = {"huggingface": odd}
        facts, _ = read_bytes(parquet_of(table({"image": bodies, "label": LABELS}, told)))
        assert "class_names" not in facts


def test_without_its_library_parquet_is_refused_with_the_way_to_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The extra is named when it is not installed."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    found = refusal(FORMS["parquet"])
    assert found.code == "DATA_EXTRA_MISSING"
    assert "pip install 'assay[parquet]'" in found.remedy


BODIES = [encoded(image) for image in IMAGES]
ODD_TABLES = {
    "no images": ({"label": LABELS}, "DATA_ARRAY_MISSING"),
    "no labels": ({"image": BODIES}, "DATA_ARRAY_MISSING"),
    "text labels": ({"image": BODIES, "label": ["cat"] * 6}, "DATA_LABELS_INVALID"),
    "a label missing": ({"image": BODIES, "label": [0, 1, None, 1, 0, 2]}, "DATA_LABELS_INVALID"),
    "no label for a test set": ({"image": BODIES, "label": LABELS * 0 - 1}, "DATA_LABELS_INVALID"),
    "a picture missing": ({"image": [*BODIES[:5], None], "label": LABELS}, "DATA_IMAGE_BROKEN"),
    "paths": ({"image": ["a.png"] * 6, "label": LABELS}, "DATA_DTYPE_UNSUPPORTED"),
    "lists": ({"image": [[1, 2]] * 6, "label": LABELS}, "DATA_DTYPE_UNSUPPORTED"),
    "paths in a struct": (
        {"image": [{"bytes": None, "path": "a.png"}] * 5 + [{"bytes": b"x"}], "label": LABELS},
        "DATA_IMAGE_BROKEN",
    ),
}


@pytest.mark.parametrize(("columns", "code"), ODD_TABLES.values(), ids=ODD_TABLES.keys())
def test_tables_that_hold_no_set_have_codes(columns: dict[str, Any], code: str) -> None:
    """Columns that are missing, of another type or with holes are told apart."""
    assert refusal(parquet_of(table(columns))).code == code
