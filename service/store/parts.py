"""The bytes of one upload that have arrived, hashed on their way in. Everything here blocks."""

import hashlib
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

from analyzers.contract import Digest
from service.errors import AssayError, Code

_READ = 1 << 20


class Part:
    """One upload on its way.

    Its lock is held in the thread that does the work: a call whose caller has gone away runs on
    there, and the next one must wait for it. It is held through publishing too, for then file and
    blob are one, and nothing may be added.
    """

    def __init__(self, path: Path) -> None:
        """Stand for a file that may be there from before; nothing is read yet."""
        self.touched = time.monotonic()
        self.closed = False
        """Published or refused: its name is free for another upload."""
        self._path = path
        self._lock = threading.Lock()
        self._hash = hashlib.sha256()
        self._size: int | None = None
        self._failure: Exception | None = None

    @property
    def size(self) -> int:
        """Bytes that are here; the next piece begins there."""
        if self.closed:
            return 0
        return _size_of(self._path) if self._size is None else self._size

    def append(self, offset: int, data: bytes, *, size: int) -> int:
        """Add the bytes that come next, of ``size`` in all; how many there are then."""
        with self._lock:
            have = self._load()
            if offset != have or self.closed:
                raise _wrong_offset(offset, have)
            if have + len(data) > size:
                raise AssayError(
                    Code.BLOB_TOO_LARGE,
                    "More bytes arrived than were announced.",
                    "Announce the size of the file as it is, and send it again.",
                )
            self._write(have, data)
            self._hash.update(data)
            self._size = have + len(data)
            return self._size

    def finish(self, digest: Digest, publish: Callable[[Path], None], *, size: int) -> None:
        """Publish the bytes, if they are the announced ones; whoever waited hears the same."""
        with self._lock:
            if self.closed:
                if self._failure is not None:
                    raise self._failure
                return
            have = self._load()
            if have < size:
                raise _truncated(have, size)
            try:
                self._publish(digest, publish, size=size)
            except Exception as error:
                self._failure = error
                raise
            finally:
                self.closed = True

    def _publish(self, digest: Digest, publish: Callable[[Path], None], *, size: int) -> None:
        if self._size != size or self._hash.hexdigest() != digest:
            self._path.unlink(missing_ok=True)
            raise AssayError(
                Code.BLOB_DIGEST_MISMATCH,
                "The bytes that arrived are not the ones that were announced.",
                "Send the file again; if it changed meanwhile, hash it anew.",
            )
        self._write(size, b"")
        publish(self._path)

    def _load(self) -> int:
        """Take up what an earlier process, or an earlier life of this one, left behind."""
        self.touched = time.monotonic()
        if self._size is None:
            found, size = hashlib.sha256(), 0
            if self._path.exists():
                with self._path.open("rb") as file:
                    while data := file.read(_READ):
                        found.update(data)
                        size += len(data)
            self._hash, self._size = found, size
        return self._size

    def _write(self, have: int, data: bytes) -> None:
        file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            left = memoryview(data)
            while left:
                left = left[os.pwrite(file, left, have + len(data) - len(left)) :]
        except OSError as error:
            raise disk_refuses() from error
        finally:
            os.close(file)


def disk_refuses() -> AssayError:
    """That bytes could not be kept."""
    return AssayError(
        Code.STORE_UNAVAILABLE,
        "The service's disk takes no more bytes.",
        "Make room on it, then try again: an upload resumes where it stopped.",
    )


def _size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _truncated(have: int, size: int) -> AssayError:
    return AssayError(
        Code.BLOB_TRUNCATED,
        f"The upload ended after {have} of {size} bytes.",
        "Send the rest: it resumes where it stopped.",
        committed=str(have),
    )


def _wrong_offset(offset: int, have: int) -> AssayError:
    return AssayError(
        Code.UPLOAD_OFFSET_MISMATCH,
        f"The piece begins at byte {offset}, and {have} bytes have arrived.",
        "Ask how far the upload came, and send on from there.",
        committed=str(have),
    )
