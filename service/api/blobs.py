"""Bytes by content: what a project must still send, uploads that resume, reading."""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence

from analyzers.contract import Digest
from service.api.parts import Parts
from service.errors import AssayError, Code
from service.rpc import ports
from service.rpc.names import upload_name


class BlobApi:
    """Answers for blobs. A project sees only what it uploaded or what was made for it."""

    def __init__(self, parts: Parts) -> None:
        """Share the service's parts."""
        self._parts = parts

    async def missing_blobs(
        self, project: str, files: Sequence[ports.FileRef]
    ) -> Sequence[ports.FileRef]:
        """Those that the project must still send, in the order asked."""
        return [one for one in files if not await self._parts.owns(project, one.digest)]

    async def write_blob(
        self, target: ports.UploadTarget, pieces: AsyncIterator[ports.Piece]
    ) -> ports.UploadStatus:
        """Append pieces; what arrived before a cut stays and can be resumed."""
        blobs, file = self._parts.blobs, target.file
        if await self._parts.owns(target.project, file.digest):
            return ports.UploadStatus(file.size, complete=True)
        blobs.refuse_size(file.size)
        # Project and file are in the name: an id that two of them share is still two uploads.
        upload = upload_name(target)
        committed = blobs.committed_size(upload)
        async for piece in pieces:
            committed = await blobs.append(upload, piece.offset, piece.data, size=file.size)
            self._parts.metrics.upload_bytes.inc(len(piece.data))
            if piece.finish:
                await blobs.finish(upload, file.digest, file.size)
                await self._parts.catalogue.own_blob(target.project, file.digest, file.size)
                return ports.UploadStatus(file.size, complete=True)
        return ports.UploadStatus(committed, complete=False)

    async def upload_status(self, target: ports.UploadTarget) -> ports.UploadStatus:
        """How far an upload came; 0 for one never heard of."""
        if await self._parts.owns(target.project, target.file.digest):
            return ports.UploadStatus(target.file.size, complete=True)
        committed = self._parts.blobs.committed_size(upload_name(target))
        return ports.UploadStatus(committed, complete=False)

    async def read_blob(
        self, project: str, digest: Digest, *, offset: int, limit: int
    ) -> AsyncGenerator[bytes, None]:
        """Bytes from ``offset``, at most ``limit`` (0: to the end), in pieces."""
        if not await self._parts.owns(project, digest):
            raise AssayError(
                Code.BLOB_MISSING,
                f"The project has no file {digest[:12]}.",
                "Upload it first, or ask for a file that a report names.",
                digest=digest,
            )
        async for piece in self._parts.blobs.read(digest, offset=offset, limit=limit):
            yield piece
