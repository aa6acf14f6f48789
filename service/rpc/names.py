"""Names of resources: slash separated, collection and id in turn (AIP-122)."""

import re
from typing import Literal, NamedTuple, get_args
from uuid import UUID

from service.errors import AssayError, Code
from service.rpc.ports import FileRef, UploadTarget

Collection = Literal["models", "evalSets", "audits"]

_PROJECT = r"(?P<project>[a-z][a-z0-9-]{0,62})"
_ID = r"(?P<id>[a-z0-9][a-z0-9-]{0,62})"
_DIGEST = r"(?P<digest>[0-9a-f]{64})"
_COLLECTION = rf"(?P<collection>{'|'.join(get_args(Collection))})"

_PARENT = re.compile(rf"projects/{_PROJECT}")
_RESOURCE = re.compile(rf"projects/{_PROJECT}/{_COLLECTION}/{_ID}")
_OPERATION = re.compile(rf"projects/{_PROJECT}/operations/{_COLLECTION}\.{_ID}")
_BLOB = re.compile(rf"projects/{_PROJECT}/blobs/{_DIGEST}")
_UPLOAD = re.compile(
    rf"projects/{_PROJECT}/uploads/(?P<id>[0-9a-f-]{{36}})/blobs/{_DIGEST}/(?P<size>0|[1-9][0-9]{{0,17}})"
)


class Name(NamedTuple):
    """A resource's name in its parts."""

    project: str
    collection: Collection
    id: str

    def __str__(self) -> str:
        """The name as it travels."""
        return f"projects/{self.project}/{self.collection}/{self.id}"


def parse_name(text: str, collection: Collection | None = None, *, field: str = "name") -> Name:
    """Take a resource's name apart; without ``collection`` any of them will do."""
    wanted = collection or "{collection}"
    found = _match(_RESOURCE, text, field=field, pattern=f"projects/{{project}}/{wanted}/{{id}}")
    name = Name(found["project"], _collection(found["collection"]), found["id"])
    if collection not in {None, name.collection}:
        raise _invalid(text, field=field, pattern=f"projects/{{project}}/{collection}/{{id}}")
    return name


def project_of(text: str, field: str = "parent") -> str:
    """The project that a parent names."""
    return _match(_PARENT, text, field=field, pattern="projects/{project}")["project"]


def parent_of(project: str) -> str:
    """The name of a project."""
    return f"projects/{project}"


def operation_name(resource: str) -> str:
    """The operation that makes a resource; an operation is a view over its row."""
    name = parse_name(resource)
    return f"projects/{name.project}/operations/{name.collection}.{name.id}"


def resource_of(operation: str) -> Name:
    """The resource that an operation makes."""
    pattern = "projects/{project}/operations/{collection}.{id}"
    found = _match(_OPERATION, operation, field="name", pattern=pattern)
    return Name(found["project"], _collection(found["collection"]), found["id"])


def blob_name(project: str, digest: str) -> str:
    """The name under which a blob is read."""
    return f"projects/{project}/blobs/{digest}"


def parse_blob(text: str) -> tuple[str, str]:
    """Project and digest of a blob's name."""
    found = _match(_BLOB, text, field="name", pattern="projects/{project}/blobs/{sha256}")
    return found["project"], found["digest"]


def upload_name(target: UploadTarget) -> str:
    """The name under which a blob is written."""
    file = target.file
    return f"projects/{target.project}/uploads/{target.id}/blobs/{file.digest}/{file.size}"


def parse_upload(text: str) -> UploadTarget:
    """Take an upload's name apart."""
    pattern = "projects/{project}/uploads/{uuid}/blobs/{sha256}/{size}"
    found = _match(_UPLOAD, text, field="resource_name", pattern=pattern)
    try:
        upload = str(UUID(found["id"]))
    except ValueError:
        raise _invalid(text, field="resource_name", pattern=pattern) from None
    return UploadTarget(found["project"], upload, FileRef(found["digest"], int(found["size"])))


def _collection(text: str) -> Collection:
    return next(word for word in get_args(Collection) if word == text)


def _match(shape: re.Pattern[str], text: str, *, field: str, pattern: str) -> dict[str, str]:
    found = shape.fullmatch(text)
    if found is None:
        raise _invalid(text, field=field, pattern=pattern)
    return found.groupdict()


def _invalid(text: str, *, field: str, pattern: str) -> AssayError:
    return AssayError(
        Code.NAME_INVALID,
        f"{field} is {text[:120]!r}, which is no name of the form {pattern}.",
        "Use a name as the service gave it; ids are lower-case letters, digits and hyphens.",
        field=field,
    )
