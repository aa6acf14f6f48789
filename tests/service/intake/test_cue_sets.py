"""Pictures with two labels each: taken as they are meant, or refused with a code of their own."""

import hashlib
import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from analyzers.contract import Array, Refusal
from service.intake.dataset_child import dataset

SHAPE = np.array([0, 1, 2, 1], np.int64)
TEXTURE = np.array([2, 2, 0, 4], np.int32)
IMAGES = np.random.default_rng(0).integers(0, 256, (4, 8, 6, 3), np.uint8)
WHOLE = {"images": IMAGES, "shape": SHAPE, "texture": TEXTURE}


def read(
    path: Path, arrays: dict[str, Array], **body: object
) -> tuple[dict[str, object], dict[str, Array]]:
    """An npz file through the reader, as a child would."""
    np.savez(path / "cues.npz", allow_pickle=False, **arrays)
    return read_file(path / "cues.npz", **body)


def read_file(path: Path, **body: object) -> tuple[dict[str, object], dict[str, Array]]:
    """Any file through the reader, as pictures with cues in conflict."""
    with path.open("rb") as file:
        return dataset({"cues": True, **body}, {"file": file.fileno()})


def refused(path: Path, arrays: dict[str, Array]) -> Refusal:
    """What is said of arrays that are no such set."""
    with pytest.raises(Refusal) as caught:
        read(path, arrays)
    return caught.value


def test_both_labels_are_taken(tmp_path: Path) -> None:
    """Labels name the shape, textures the texture; classes are as many as either needs."""
    facts, blobs = read(tmp_path, WHOLE)
    assert (facts["n"], facts["classes"], facts["shape"]) == (4, 5, [3, 8, 6])
    assert np.array_equal(blobs["images"], IMAGES.transpose(0, 3, 1, 2))
    assert np.array_equal(blobs["labels"], SHAPE)
    assert np.array_equal(blobs["textures"], TEXTURE)
    assert blobs["textures"].dtype == np.int64


def test_a_slice_is_of_both(tmp_path: Path) -> None:
    """Rows 1 and 2."""
    _, blobs = read(tmp_path, WHOLE, rows=[1, 3])
    assert blobs["labels"].tolist() == [1, 2]
    assert blobs["textures"].tolist() == [2, 0]


def test_either_label_makes_another_set(tmp_path: Path) -> None:
    """The digest covers both, and no order."""
    turned = {name: values[::-1] for name, values in WHOLE.items()}
    digests = [
        read(tmp_path, arrays)[0]["digest"]
        for arrays in (
            WHOLE,
            turned,
            {**WHOLE, "shape": np.array([0, 1, 2, 2])},
            {**WHOLE, "texture": np.array([2, 2, 0, 3])},
        )
    ]
    assert digests[0] == digests[1]
    assert len(set(digests)) == 3


def test_one_texture_for_all_is_fine(tmp_path: Path) -> None:
    """Many shapes of one texture are a fair set, as is one shape of many textures."""
    for name in ("shape", "texture"):
        facts, _ = read(tmp_path, {**WHOLE, name: np.full(4, 3)})
        assert facts["n"] == 4


def test_what_is_no_such_set_is_refused(tmp_path: Path) -> None:
    """Each with its code, and with the call that writes the file."""
    plain = {"images": IMAGES, "labels": SHAPE}
    missing = refused(tmp_path, plain)
    assert missing.code == "DATA_ARRAY_MISSING"
    assert "no array named 'shape'; it holds images, labels" in missing.sentence
    assert "texture=texture" in missing.remedy
    assert "'texture'" in refused(tmp_path, {**plain, "shape": SHAPE}).sentence
    short = refused(tmp_path, {**WHOLE, "texture": TEXTURE[:3]})
    assert (short.code, short.sentence) == (
        "DATA_COUNT_MISMATCH",
        "There are 4 images and 3 labels of the texture.",
    )
    assert refused(tmp_path, {**WHOLE, "texture": -TEXTURE}).code == "DATA_LABELS_INVALID"
    assert refused(tmp_path, {**WHOLE, "shape": np.eye(4)}).code == "DATA_LABELS_INVALID"


def test_forms_with_one_label_are_refused(tmp_path: Path) -> None:
    """A zip of class folders has no room for a second one; neither has Parquet."""
    png = io.BytesIO()
    Image.fromarray(IMAGES[0]).save(png, "PNG")
    with zipfile.ZipFile(tmp_path / "folders.zip", "w") as archive:
        archive.writestr("cat/one.png", png.getvalue())
    (tmp_path / "rows.parquet").write_bytes(b"PAR1" + bytes(40) + b"PAR1")
    for name, form in (("folders.zip", "folders of pictures"), ("rows.parquet", "Parquet files")):
        with pytest.raises(Refusal) as caught:
            read_file(tmp_path / name)
        assert caught.value.code == "DATA_ARRAY_MISSING"
        assert f"and {form} hold one" in caught.value.sentence


def test_the_same_file_as_plain_data_is_what_it_was(tmp_path: Path) -> None:
    """Without being asked for, a second label is one array too many, and no more."""
    np.savez(tmp_path / "data.npz", images=IMAGES, labels=SHAPE, texture=TEXTURE)
    with (tmp_path / "data.npz").open("rb") as file:
        facts, blobs = dataset({}, {"file": file.fileno()})
    assert set(blobs) == {"images", "labels", "ids"}
    ids = sorted(bytes(one) for one in blobs["ids"])
    assert facts["digest"] == hashlib.sha256(b"".join(ids)).hexdigest()
