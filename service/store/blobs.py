"""Bytes by content: uploaded in pieces, resumable, visible only when whole and verified."""

import asyncio
import hashlib
import os
import re
import time
from collections.abc import AsyncGenerator
from pathlib import Path
from uuid import uuid4

import obstore
from obstore.store import LocalStore

from analyzers.contract import Digest
from service.errors import AssayError, Code
from service.store.parts import Part, disk_refuses

PIECE = 1 << 20
ORPHAN_SECONDS = 3600
_DIGEST = re.compile(r"[0-9a-f]{64}")


class Blobs:
    """A content-addressed store in one folder; parts of uploads wait beside it."""

    def __init__(self, root: Path, max_size: int) -> None:
        """Use a folder that exists; ``open`` makes one."""
        self._root = root
        self._parts_folder = root / "parts"
        self._max_size = max_size
        self._store = LocalStore(root)
        self._parts: dict[str, Part] = {}

    @classmethod
    async def open(cls, root: Path, *, max_size: int) -> "Blobs":
        """Make the folders and clear away what crashed uploads left behind."""
        await asyncio.to_thread(_prepare, root)
        blobs = cls(root, max_size)
        await asyncio.to_thread(blobs.clear_orphans)
        return blobs

    # ---------------------------------------------------------------------------- uploading

    def committed_size(self, upload: str) -> int:
        """Bytes of an upload that are here; the next piece begins there."""
        part = self._parts.get(upload)
        return (part or Part(self._part_path(upload))).size

    def refuse_size(self, size: int) -> None:
        """Raise BLOB_TOO_LARGE before the first byte of what is too large."""
        if size > self._max_size:
            raise AssayError(
                Code.BLOB_TOO_LARGE,
                f"The file has {size} bytes; at most {self._max_size} are taken.",
                "Use a smaller file. An ONNX model is one message, which ends at 2 GiB; data can "
                "be given as several files.",
            )

    async def append(self, upload: str, offset: int, data: bytes, *, size: int) -> int:
        """Append a piece at the committed size; the new committed size.

        ``upload`` is any text; whoever knows it may go on with the upload, so it should name the
        project and the file too.
        """
        self.refuse_size(size)
        part = self._part(upload)
        return await asyncio.to_thread(part.append, offset, data, size=size)

    async def finish(self, upload: str, digest: Digest, size: int) -> None:
        """Verify a whole upload and make it visible; what is wrong leaves nothing behind.

        The bytes must have come, even when the blob is here: another project sent it then, and
        to know its digest is not to have it.
        """
        part = self._parts.get(upload) or self._part(upload)  # closed by a call beside this one

        def publish(path: Path) -> None:
            self._publish(path, digest)

        try:
            await asyncio.to_thread(part.finish, digest, publish, size=size)
        finally:
            if part.closed and self._parts.get(upload) is part:
                del self._parts[upload]

    def clear_orphans(self, older_s: float = ORPHAN_SECONDS) -> None:
        """Remove what nobody went on with for a while."""
        limit = time.time() - older_s
        for path in self._parts_folder.iterdir():
            if path.stat().st_mtime < limit:
                path.unlink(missing_ok=True)

    # ------------------------------------------------------------------------ keeping, reading

    async def adopt(self, path: Path, digest: Digest) -> None:
        """Take over a file whose digest was verified, in the same file system."""
        await asyncio.to_thread(self._publish, path, digest)

    async def put_bytes(self, data: bytes) -> Digest:
        """Keep some bytes; their digest."""
        return await asyncio.to_thread(self._put, data)

    async def read_bytes(self, digest: Digest) -> bytes:
        """The whole of a blob, verified."""
        return b"".join([piece async for piece in self.read(digest, offset=0, limit=0)])

    async def read(self, digest: Digest, *, offset: int, limit: int) -> AsyncGenerator[bytes, None]:
        """Bytes from ``offset``, at most ``limit`` (0: to the end), piece by piece.

        Of a blob that is read as a whole, the last piece comes only when all were the right ones.
        """
        size = self.local_path(digest).stat().st_size
        end = size if limit <= 0 else min(size, offset + limit)
        check = hashlib.sha256() if (offset, end) == (0, size) else None
        for start in range(offset, end, PIECE):
            stop = min(end, start + PIECE)
            try:
                piece = bytes(
                    await obstore.get_range_async(self._store, _key(digest), start=start, end=stop)
                )
            except FileNotFoundError as error:
                raise _missing(digest) from error
            if check is not None:
                await asyncio.to_thread(check.update, piece)
                if stop == end and check.hexdigest() != digest:
                    raise self._damaged(digest)
            yield piece

    def has(self, digest: Digest) -> bool:
        """Whether a blob is here."""
        return (self._root / _key(digest)).is_file()

    def local_path(self, digest: Digest) -> Path:
        """A file with these bytes, for a child to read."""
        path = self._root / _key(digest)
        if not path.is_file():
            raise _missing(digest)
        return path

    # ------------------------------------------------------------------------------ internals

    def _part(self, upload: str) -> Part:
        found = self._parts.get(upload)
        if found is None or found.closed:
            idle = time.monotonic() - ORPHAN_SECONDS
            self._parts = {name: one for name, one in self._parts.items() if one.touched > idle}
            found = self._parts[upload] = Part(self._part_path(upload))
        return found

    def _part_path(self, upload: str) -> Path:
        return self._parts_folder / hashlib.sha256(upload.encode()).hexdigest()

    def _put(self, data: bytes) -> Digest:
        digest = hashlib.sha256(data).hexdigest()
        if not self.has(digest):
            path = self._parts_folder / str(uuid4())
            try:
                path.write_bytes(data)
            except OSError as error:
                path.unlink(missing_ok=True)
                raise disk_refuses() from error
            self._publish(path, digest)
        return digest

    def _publish(self, path: Path, digest: Digest) -> None:
        """Give a verified file its name. Blocks.

        A hard link is the one step that shows a file whole or not at all and never replaces
        another; each fsync makes durable what the next step builds on.
        """
        target = self._root / _key(digest)
        if target.exists() and not path.exists():
            return  # taken over before
        try:
            _sync(path)
            if not target.parent.is_dir():
                target.parent.mkdir(exist_ok=True)
                _sync(target.parent.parent)
            if not target.exists():
                os.link(path, target)
        except FileExistsError:
            pass  # somebody else published the same bytes a moment ago
        except FileNotFoundError:
            raise
        except OSError as error:
            raise disk_refuses() from error
        path.unlink(missing_ok=True)
        _sync(target.parent)

    def _damaged(self, digest: Digest) -> AssayError:
        """Put a damaged file aside, so that the same bytes can be sent or measured again."""
        path = self._root / _key(digest)
        path.replace(path.with_suffix(".damaged"))
        return AssayError(
            Code.BLOB_DIGEST_MISMATCH,
            "A stored file is damaged: its bytes do not match its digest.",
            "Send the file again, or run the audit again; the damaged one was put aside.",
            digest=digest,
        )


def _prepare(root: Path) -> None:
    for folder in (root, root / "parts", root / "sha256"):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)


def _sync(path: Path) -> None:
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def _key(digest: Digest) -> str:
    if not _DIGEST.fullmatch(digest):
        raise _missing(digest)
    return f"sha256/{digest[:2]}/{digest}"


def _missing(digest: Digest) -> AssayError:
    return AssayError(
        Code.BLOB_MISSING,
        f"The service has no file {digest[:12]!r}.",
        "Upload it first.",
        digest=digest[:64],
    )
