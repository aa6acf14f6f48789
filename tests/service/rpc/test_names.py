"""Names are taken apart by one pattern each, and put together the same way."""

import pytest

from service.errors import AssayError, Code
from service.rpc import names
from service.rpc.ports import FileRef, UploadTarget

DIGEST = "0" * 64
UPLOAD = "0b54f0a4-34b2-4d2a-9c5e-0d1f0a0c0b0a"


@pytest.mark.parametrize("collection", ["models", "evalSets", "audits"])
def test_a_resource_name_comes_apart_and_together(collection: names.Collection) -> None:
    """What is printed is what was parsed, and its operation leads back to it."""
    text = f"projects/team-7/{collection}/0197-a"
    name = names.parse_name(text)
    assert name == ("team-7", collection, "0197-a")
    assert str(name) == text
    assert names.resource_of(names.operation_name(text)) == name


def test_operations_are_named_after_collection_and_id() -> None:
    """The collection travels inside the operation's id."""
    operation = names.operation_name("projects/p/evalSets/7")
    assert operation == "projects/p/operations/evalSets.7"


BROKEN = [
    "",
    "models/m",
    "projects//models/m",
    "projects/p/models/",
    "projects/p/models/m/",
    "projects/p/models/m\n",
    "projects/P/models/m",
    "projects/p/models/../../x",
    "projects/p/models/M",
    "projects/p/models/" + "m" * 64,
    "projects/7p/models/m",
    "projects/p/endpoints/m",
    "/projects/p/models/m",
    "projects/p/models/m\x00",
]


@pytest.mark.parametrize("text", BROKEN)
def test_anything_else_is_no_name(text: str) -> None:
    """Names become parts of paths and keys: nothing that is not plain gets through."""
    with pytest.raises(AssayError) as refused:
        names.parse_name(text, field="model")
    assert refused.value.code is Code.NAME_INVALID
    assert refused.value.details == {"field": "model"}


def test_a_name_of_another_collection_is_refused() -> None:
    """An audit's name is not taken where a model's belongs."""
    with pytest.raises(AssayError, match=r"projects/\{project\}/models/\{id\}"):
        names.parse_name("projects/p/audits/a", "models")


@pytest.mark.parametrize("text", ["operations/models.m", "projects/p/operations/models.m.n", "x"])
def test_other_operations_are_refused(text: str) -> None:
    """Operations of other services do not exist here."""
    with pytest.raises(AssayError, match=r"operations/\{collection\}"):
        names.resource_of(text)


def test_an_upload_name_comes_apart_and_together() -> None:
    """Project, upload, digest and size all survive."""
    target = UploadTarget("team-7", UPLOAD, FileRef(DIGEST, 10**12))
    assert names.parse_upload(names.upload_name(target)) == target


@pytest.mark.parametrize(
    "text",
    [
        f"projects/p/uploads/{UPLOAD}/blobs/{DIGEST}",
        f"projects/p/uploads/{UPLOAD}/blobs/{DIGEST}/-1",
        f"projects/p/uploads/{UPLOAD}/blobs/{DIGEST}/01",
        f"projects/p/uploads/{UPLOAD}/blobs/{DIGEST[:-1]}/5",
        f"projects/p/uploads/{'-' * 36}/blobs/{DIGEST}/5",
        f"projects/p/uploads/me/blobs/{DIGEST}/5",
    ],
)
def test_a_wrong_upload_name_is_refused(text: str) -> None:
    """Each part has one spelling, so that one upload has one name."""
    with pytest.raises(AssayError) as refused:
        names.parse_upload(text)
    assert refused.value.code is Code.NAME_INVALID


def test_blobs_and_projects_are_named() -> None:
    """The two short forms."""
    assert names.parse_blob(names.blob_name("p", DIGEST)) == ("p", DIGEST)
    assert names.project_of(names.parent_of("p")) == "p"
