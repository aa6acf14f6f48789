"""Uploads of two projects, uploads that go wrong, and uploads that go on."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from service.errors import AssayError, Code
from service.rpc.ports import FileRef, Piece, UploadStatus, UploadTarget
from support.api_parts import Desk, desk

UPLOAD = "11111111-2222-3333-4444-555555555555"
DATA = b"0123456789"


def target(data: bytes, project: str = "local") -> UploadTarget:
    """The upload of some bytes."""
    return UploadTarget(project, UPLOAD, FileRef(hashlib.sha256(data).hexdigest(), len(data)))


async def send(at: Desk, where: UploadTarget, *pieces: Piece) -> UploadStatus:
    """Send pieces as a client would."""

    async def stream() -> AsyncIterator[Piece]:
        for piece in pieces:
            yield piece

    return await at.api.write_blob(where, stream())


def test_projects_do_not_see_each_others_blobs(tmp_path: Path) -> None:
    """What one project uploaded is missing for another, and cannot be read by it."""

    async def act() -> tuple[list[int], Code]:
        async with desk(tmp_path) as at:
            await send(at, target(DATA), Piece(0, DATA, finish=True))
            file = target(DATA).file
            counts = [len(await at.api.missing_blobs(one, [file])) for one in ("local", "other")]
            with pytest.raises(AssayError) as caught:
                await anext(at.api.read_blob("other", file.digest, offset=0, limit=0))
            return counts, caught.value.code

    assert asyncio.run(act()) == ([0, 1], Code.BLOB_MISSING)


def test_one_upload_id_in_two_projects_is_two_uploads(tmp_path: Path) -> None:
    """The same UUID elsewhere begins at nothing; the bytes of another are never continued."""

    async def act() -> list[int]:
        async with desk(tmp_path) as at:
            await send(at, target(DATA), Piece(0, DATA[:4], finish=False))
            other = [target(DATA, "other"), target(b"another file")]
            return [(await at.api.upload_status(one)).committed for one in [target(DATA), *other]]

    assert asyncio.run(act()) == [4, 0, 0]


def test_an_upload_that_was_cut_goes_on(tmp_path: Path) -> None:
    """What arrived stays; the rest makes it whole, and a range of it can be read."""

    async def act() -> tuple[UploadStatus, UploadStatus, bytes]:
        async with desk(tmp_path) as at:
            cut = await send(at, target(DATA), Piece(0, DATA[:4], finish=False))
            whole = await send(at, target(DATA), Piece(4, DATA[4:], finish=True))
            pieces = at.api.read_blob("local", target(DATA).file.digest, offset=2, limit=3)
            return cut, whole, b"".join([piece async for piece in pieces])

    cut, whole, read = asyncio.run(act())
    assert (cut.committed, cut.complete) == (4, False)
    assert (whole.committed, whole.complete) == (10, True)
    assert read == b"234"


@pytest.mark.parametrize(
    ("pieces", "code"),
    [
        ([Piece(3, DATA, finish=True)], Code.UPLOAD_OFFSET_MISMATCH),
        ([Piece(0, DATA[:5], finish=True)], Code.BLOB_TRUNCATED),
        ([Piece(0, b"012345678X", finish=True)], Code.BLOB_DIGEST_MISMATCH),
        ([Piece(0, DATA + b"!", finish=True)], Code.BLOB_TOO_LARGE),
    ],
)
def test_wrong_uploads_are_refused(tmp_path: Path, pieces: list[Piece], code: Code) -> None:
    """A gap, a short, another and a long file are refused by name, and nothing is visible."""

    async def act() -> tuple[Code, int]:
        async with desk(tmp_path) as at:
            with pytest.raises(AssayError) as caught:
                await send(at, target(DATA), *pieces)
            return caught.value.code, len(await at.api.missing_blobs("local", [target(DATA).file]))

    assert asyncio.run(act()) == (code, 1)


def test_what_is_announced_too_large_is_refused_before_its_first_byte(tmp_path: Path) -> None:
    """The limit is checked against the announced size; no piece needs to come."""

    async def act() -> Code:
        async with desk(tmp_path, max_blob=8) as at:
            with pytest.raises(AssayError) as caught:
                await send(at, target(DATA))
            return caught.value.code

    assert asyncio.run(act()) is Code.BLOB_TOO_LARGE
