"""Blobs: what is asked about, what is written, what is read."""

from __future__ import annotations

import re
from collections.abc import Sequence

from assay.v1 import blob_service_pb2, common_pb2
from service.rpc import names
from service.rpc.ports import FileRef, Limits, Piece, UploadStatus, UploadTarget
from service.wire.fields import checked_whole, invalid


def file_to_pb(file: FileRef) -> common_pb2.BlobRef:
    """Bytes by content."""
    return common_pb2.BlobRef(sha256=file.digest, size_bytes=file.size)


def file_from_pb(message: common_pb2.BlobRef, field: str) -> FileRef:
    """Bytes by content."""
    if not re.fullmatch("[0-9a-f]{64}", message.sha256):
        raise invalid(f"{field}.sha256", "is no SHA-256 in lower-case hex")
    return FileRef(message.sha256, checked_whole(message.size_bytes, f"{field}.size_bytes"))


def missing_request_to_pb(
    project: str, files: Sequence[FileRef]
) -> blob_service_pb2.FindMissingBlobsRequest:
    """Which blobs are asked about."""
    return blob_service_pb2.FindMissingBlobsRequest(
        parent=names.parent_of(project), blobs=[file_to_pb(file) for file in files]
    )


def missing_request_from_pb(
    request: blob_service_pb2.FindMissingBlobsRequest,
) -> tuple[str, list[FileRef]]:
    """Project and blobs asked about."""
    most = Limits().max_page
    if not 1 <= len(request.blobs) <= most:
        raise invalid("blobs", f"holds {len(request.blobs)} items, not 1 to {most}")
    return names.project_of(request.parent), [file_from_pb(file, "blobs") for file in request.blobs]


def piece_to_pb(piece: Piece, target: UploadTarget) -> blob_service_pb2.WriteBlobRequest:
    """A piece of an upload."""
    return blob_service_pb2.WriteBlobRequest(
        resource_name=names.upload_name(target),
        offset=piece.offset,
        data=piece.data,
        finish=piece.finish,
    )


def piece_from_pb(request: blob_service_pb2.WriteBlobRequest) -> Piece:
    """A piece of an upload."""
    most = Limits().max_chunk
    if len(request.data) > most:
        raise invalid("data", f"has {len(request.data)} bytes, more than {most}")
    return Piece(checked_whole(request.offset, "offset"), request.data, request.finish)


def upload_status_to_pb(status: UploadStatus) -> blob_service_pb2.QueryWriteStatusResponse:
    """How far an upload came."""
    return blob_service_pb2.QueryWriteStatusResponse(
        committed_bytes=status.committed, complete=status.complete
    )


def write_result_to_pb(status: UploadStatus) -> blob_service_pb2.WriteBlobResponse:
    """How far an upload came by this stream."""
    return blob_service_pb2.WriteBlobResponse(
        committed_bytes=status.committed, complete=status.complete
    )


def upload_status_from_pb(
    message: blob_service_pb2.QueryWriteStatusResponse | blob_service_pb2.WriteBlobResponse,
) -> UploadStatus:
    """How far an upload came."""
    return UploadStatus(message.committed_bytes, message.complete)


def read_request_to_pb(
    project: str, digest: str, *, offset: int, limit: int
) -> blob_service_pb2.ReadBlobRequest:
    """Which bytes are wanted."""
    return blob_service_pb2.ReadBlobRequest(
        name=names.blob_name(project, digest), offset=offset, limit=limit
    )


def read_request_from_pb(
    request: blob_service_pb2.ReadBlobRequest,
) -> tuple[str, str, int, int]:
    """Project, digest, offset and limit."""
    project, digest = names.parse_blob(request.name)
    offset = checked_whole(request.offset, "offset")
    return project, digest, offset, checked_whole(request.limit, "limit")
