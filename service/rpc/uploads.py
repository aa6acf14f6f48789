"""Sending a file: only what is missing, and after a cut from where it ended."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal
from uuid import NAMESPACE_OID, uuid4, uuid5

from assay.v1 import blob_service_pb2 as pb
from assay.v1.blob_service_pb2_grpc import BlobServiceStub
from service.errors import AssayError, Code
from service.rpc.calls import told
from service.rpc.names import upload_name
from service.rpc.ports import FileRef, Limits, Piece, UploadStatus, UploadTarget
from service.wire.blobs import (
    file_from_pb,
    missing_request_to_pb,
    piece_to_pb,
    upload_status_from_pb,
)

FileKind = Literal["model", "data"]
Sent = Callable[[int, int], None]
"""``sent(bytes so far, bytes in all)``; called from a thread of gRPC's."""

CHUNK = Limits().preferred_chunk
TRIES = 5
PAUSE_S = 0.2
_HASH_CHUNK = 1 << 20
_RESUMABLE = frozenset(
    {Code.UNREACHABLE, Code.DRAINING, Code.STORE_UNAVAILABLE, Code.UPLOAD_OFFSET_MISMATCH}
)
_NOT_A_FILE = {"model": Code.MODEL_NOT_A_FILE, "data": Code.DATA_NOT_A_FILE}
_EMPTY = {"model": Code.MODEL_EMPTY, "data": Code.DATA_EMPTY}


def hashed(path: Path, kind: FileKind) -> FileRef:
    """Digest and size of a file that can be sent."""
    if not path.exists():
        raise AssayError(
            Code.FILE_NOT_FOUND, f"There is no file {path}.", "Check the path.", path=str(path)
        )
    if not path.is_file():
        raise AssayError(
            _NOT_A_FILE[kind],
            f"{path} is no regular file.",
            f"Name the one file that holds the {kind}.",
            path=str(path),
        )
    digest, size = hashlib.sha256(), 0
    with _opened(path) as file:
        while chunk := file.read(_HASH_CHUNK):
            digest.update(chunk)
            size += len(chunk)
    if not size:
        raise AssayError(_EMPTY[kind], f"{path} is empty.", "Write the file again.", path=str(path))
    return FileRef(digest.hexdigest(), size)


@dataclass
class Upload:
    """One file on its way to one project."""

    stub: BlobServiceStub
    address: str
    project: str
    path: Path
    file: FileRef
    sent: Sent

    def run(self, timeout_s: float, before: Callable[[], None] | None = None) -> None:
        """Send the file unless the server has it; ``before()`` is called first, and may raise."""
        if self._missing(timeout_s):
            if before is not None:
                before()
            self._send(timeout_s)
        self.sent(self.file.size, self.file.size)

    def _missing(self, timeout_s: float) -> bool:
        request = missing_request_to_pb(self.project, [self.file])
        with told(self.address):
            missing = self.stub.FindMissingBlobs(request, timeout=timeout_s).missing
        return self.file in [file_from_pb(blob, "missing") for blob in missing]

    def _send(self, timeout_s: float) -> None:
        """Go on after cuts, and give up only when several tries in a row moved nothing."""
        failures, furthest = 0, 0
        while True:
            committed, failure = self._attempt(self._target(failures), timeout_s)
            if failure is None:
                return
            failures = 0 if committed > furthest else failures + 1
            furthest = max(furthest, committed)
            if failure.code not in _RESUMABLE or failures >= TRIES:
                raise failure
            time.sleep(PAUSE_S * 2**failures)

    def _attempt(self, target: UploadTarget, timeout_s: float) -> tuple[int, AssayError | None]:
        """Where this try began, and why it did not end well."""
        committed = 0
        try:
            status = self._status(target, timeout_s)
            committed = status.committed
            if status.complete or self._stream(target, committed).complete:
                return committed, None
        except AssayError as error:
            return committed, error
        return committed, AssayError(
            Code.UNREACHABLE, f"{self.address} ended the upload early.", "Try again."
        )

    def _target(self, failures: int) -> UploadTarget:
        """The same upload for the same bytes, so that another process resumes what this one began.

        When someone else is writing to it, which shows in offsets that do not match, begin one of
        our own.
        """
        shared = uuid5(NAMESPACE_OID, f"{self.project}/{self.file.digest}/{self.file.size}")
        upload = shared if failures < TRIES - 2 else uuid4()
        return UploadTarget(self.project, str(upload), self.file)

    def _status(self, target: UploadTarget, timeout_s: float) -> UploadStatus:
        request = pb.QueryWriteStatusRequest(resource_name=upload_name(target))
        with told(self.address):
            return upload_status_from_pb(self.stub.QueryWriteStatus(request, timeout=timeout_s))

    def _stream(self, target: UploadTarget, offset: int) -> UploadStatus:
        with _opened(self.path) as file, told(self.address):
            file.seek(offset)
            return upload_status_from_pb(self.stub.WriteBlob(self._requests(file, target, offset)))

    def _requests(
        self, file: BinaryIO, target: UploadTarget, offset: int
    ) -> Iterator[pb.WriteBlobRequest]:
        """Chunks up to the end of the file, of which the last one says so."""
        chunk, following = _read(file), _read(file)
        while following:
            yield piece_to_pb(Piece(offset, chunk, finish=False), target)
            offset += len(chunk)
            self.sent(min(offset, self.file.size), self.file.size)
            chunk, following = following, _read(file)
        yield piece_to_pb(Piece(offset, chunk, finish=True), target)


def _read(file: BinaryIO) -> bytes:
    try:
        return file.read(CHUNK)
    except ValueError:  # closed: the server answered before it had read everything
        return b""


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise AssayError(
            Code.FILE_NOT_FOUND,
            f"{path} cannot be read: {error.strerror}.",
            "Check that it is there and that you may read it.",
            path=str(path),
        ) from None
