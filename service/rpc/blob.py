# ruff: noqa: N802 - rpc methods are named by the proto
"""BlobService."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

from assay.v1 import blob_service_pb2 as pb
from assay.v1.blob_service_pb2_grpc import BlobServiceServicer
from service.rpc import names
from service.rpc.handlers import Context
from service.rpc.ports import Blobs, Piece, UploadTarget
from service.wire import blobs as wire
from service.wire.fields import invalid


class BlobServicer(BlobServiceServicer):
    """Content-addressed bytes."""

    def __init__(self, api: Blobs) -> None:
        self._api = api

    async def FindMissingBlobs(
        self, request: pb.FindMissingBlobsRequest, context: Context
    ) -> pb.FindMissingBlobsResponse:
        """Which blobs must be sent."""
        project, files = wire.missing_request_from_pb(request)
        missing = await self._api.missing_blobs(project, files)
        return pb.FindMissingBlobsResponse(missing=[wire.file_to_pb(file) for file in missing])

    async def WriteBlob(
        self, request: AsyncIterator[pb.WriteBlobRequest], context: Context
    ) -> pb.WriteBlobResponse:
        """Append to an upload."""
        target, pieces = await _upload(request)
        return wire.write_result_to_pb(await self._api.write_blob(target, pieces))

    async def QueryWriteStatus(
        self, request: pb.QueryWriteStatusRequest, context: Context
    ) -> pb.QueryWriteStatusResponse:
        """How far an upload came."""
        target = names.parse_upload(request.resource_name)
        return wire.upload_status_to_pb(await self._api.upload_status(target))

    async def ReadBlob(
        self, request: pb.ReadBlobRequest, context: Context
    ) -> AsyncGenerator[pb.ReadBlobResponse, None]:
        """The bytes of a blob."""
        project, digest, offset, limit = wire.read_request_from_pb(request)
        reading = self._api.read_blob(project, digest, offset=offset, limit=limit)
        async with aclosing(reading) as pieces:
            async for data in pieces:
                yield pb.ReadBlobResponse(data=data)


async def _upload(
    requests: AsyncIterator[pb.WriteBlobRequest],
) -> tuple[UploadTarget, AsyncIterator[Piece]]:
    """Where the upload goes, by its first message, and all of its pieces."""
    stream = aiter(requests)
    first = await anext(stream, None)
    if first is None:
        raise invalid("resource_name", "never came: the stream was empty")
    return names.parse_upload(first.resource_name), _pieces(first, stream)


async def _pieces(
    first: pb.WriteBlobRequest, following: AsyncIterator[pb.WriteBlobRequest]
) -> AsyncIterator[Piece]:
    yield wire.piece_from_pb(first)
    async for request in following:
        if request.resource_name not in {"", first.resource_name}:
            raise invalid("resource_name", "changed within the stream")
        yield wire.piece_from_pb(request)
