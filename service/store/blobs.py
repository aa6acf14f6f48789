"""Bytes by content: uploaded in pieces, resumable, visible only when whole and verified."""

import asyncio
import hashlib
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

import obstore
from obstore.exceptions import AlreadyExistsError, NotFoundError
from obstore.store import LocalStore

from analyzers.contract import Digest
from service.errors import AssayError, Code

PIECE = 1 << 20
_ORPHAN_SECONDS = 3600


class Blobs:
    """A content-addressed store in one folder; parts of uploads wait beside it."""

    def __init__(self, root: Path, max_size: int) -> None:
        """Use a folder that exists; ``open`` makes one."""
        self._root = root
        self._max_size = max_size
        self._store = LocalStore(str(root), mkdir=True)

    @classmethod
    async def open(cls, root: Path, *, max_size: int) -> "Blobs":
        """Make the folders and clear away what crashed uploads left behind."""
        (root / "parts").mkdir(parents=True, exist_ok=True)
        await asyncio.to_thread(_clear, root / "parts")
        return cls(root, max_size)

    # ---------------------------------------------------------------------------- uploading

    def committed_size(self, upload: str) -> int:
        """Bytes of an upload that are here; the next piece begins there."""
        try:
            return self._part(upload).stat().st_size
        except FileNotFoundError:
            return 0

    def refuse_size(self, size: int) -> None:
        """Raise BLOB_TOO_LARGE before the first byte of what is too large."""
        if size > self._max_size:
            raise AssayError(
                Code.BLOB_TOO_LARGE,
                f"The file has {size} bytes; at most {self._max_size} are taken.",
                "Use a smaller file, or give the service a larger limit.",
            )

    async def append(self, upload: str, offset: int, data: bytes, *, size: int) -> int:
        """Append a piece at the committed size; the new committed size."""
        return await asyncio.to_thread(self._append, upload, offset, data, size)

    async def finish(self, upload: str, digest: Digest, size: int) -> None:
        """Verify a whole upload and make it visible; what is wrong leaves nothing behind."""
        part = self._part(upload)
        have = self.committed_size(upload)
        if have < size:
            raise AssayError(
                Code.BLOB_TRUNCATED,
                f"The upload ended after {have} of {size} bytes.",
                "Send the rest: it resumes where it stopped.",
            )
        found = await asyncio.to_thread(_digest_of, part)
        if found != digest:
            part.unlink(missing_ok=True)
            raise AssayError(
                Code.BLOB_DIGEST_MISMATCH,
                "The bytes that arrived are not the ones that were announced.",
                "Send the file again; if it changed meanwhile, hash it anew.",
            )
        await self.adopt(part, digest)

    # ------------------------------------------------------------------------ keeping, reading

    async def adopt(self, path: Path, digest: Digest) -> None:
        """Take over a file whose digest was verified, in the same file system."""
        await asyncio.to_thread(self._place, path, digest)

    async def put_bytes(self, data: bytes) -> Digest:
        """Keep some bytes; their digest."""
        digest = hashlib.sha256(data).hexdigest()
        try:
            await obstore.put_async(self._store, _key(digest), data, mode="create")
        except AlreadyExistsError:
            pass  # the same bytes are here already
        return digest

    async def read_bytes(self, digest: Digest) -> bytes:
        """The whole of a blob, verified."""
        try:
            found = await obstore.get_async(self._store, _key(digest))
        except (NotFoundError, FileNotFoundError) as error:
            raise _missing(digest) from error
        data = bytes(await found.bytes_async())
        if hashlib.sha256(data).hexdigest() != digest:
            raise AssayError(
                Code.BLOB_DIGEST_MISMATCH,
                "A stored file is damaged: its bytes do not match its digest.",
                "Restore the store from a backup, or run the audit again.",
            )
        return data

    async def read(self, digest: Digest, *, offset: int, limit: int) -> AsyncIterator[bytes]:
        """Bytes from ``offset``, at most ``limit`` (0: to the end), piece by piece."""
        path = self.local_path(digest)
        size = path.stat().st_size
        end = size if limit <= 0 else min(size, offset + limit)
        for start in range(min(offset, end), end, PIECE):
            found = await obstore.get_range_async(
                self._store, _key(digest), start=start, end=min(end, start + PIECE)
            )
            yield bytes(found)

    def has(self, digest: Digest) -> bool:
        """Whether a blob is here."""
        return (self._root / _key(digest)).exists()

    def local_path(self, digest: Digest) -> Path:
        """A file with these bytes, for a child to read."""
        path = self._root / _key(digest)
        if not path.exists():
            raise _missing(digest)
        return path

    # ------------------------------------------------------------------------------ internals

    def _part(self, upload: str) -> Path:
        return self._root / "parts" / upload

    def _append(self, upload: str, offset: int, data: bytes, size: int) -> int:
        with self._part(upload).open("ab") as part:
            have = part.tell()
            if offset != have:
                raise AssayError(
                    Code.UPLOAD_OFFSET_MISMATCH,
                    f"The piece begins at byte {offset}, and {have} bytes have arrived.",
                    "Ask how far the upload came, and send on from there.",
                    committed=str(have),
                )
            if have + len(data) > size:
                raise AssayError(
                    Code.BLOB_TOO_LARGE,
                    "More bytes arrived than were announced.",
                    "Announce the size of the file as it is, and send it again.",
                )
            part.write(data)
            return have + len(data)

    def _place(self, path: Path, digest: Digest) -> None:
        target = self._root / _key(digest)
        if target.exists():
            path.unlink(missing_ok=True)
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        with path.open("rb") as file:
            os.fsync(file.fileno())
        path.replace(target)
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _key(digest: Digest) -> str:
    return f"sha256/{digest[:2]}/{digest}"


def _digest_of(path: Path) -> Digest:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _clear(parts: Path) -> None:
    limit = time.time() - _ORPHAN_SECONDS
    for part in parts.iterdir():
        if part.stat().st_mtime < limit:
            part.unlink(missing_ok=True)


def _missing(digest: Digest) -> AssayError:
    return AssayError(
        Code.BLOB_MISSING,
        f"The service has no file {digest[:12]}.",
        "Upload it first.",
        digest=digest,
    )
