"""Blobs: visible when whole and verified, whatever happens on the way."""

import asyncio
import hashlib
import os
import random
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from service.errors import AssayError, Code
from service.store.blobs import ORPHAN_SECONDS, PIECE, Blobs

UPLOADER = Path(__file__).parent / "uploading_process.py"
NAME = "projects/local/uploads/1"
UPLOAD_SIZE = 3 << 20
PIECES_BEFORE_THE_KILL = 15


def content(size: int) -> bytes:
    """Bytes that are the same whenever the size is."""
    return random.Random(size).randbytes(size)  # noqa: S311 - test data


def digest_of(data: bytes) -> str:
    """The digest that names these bytes."""
    return hashlib.sha256(data).hexdigest()


DATA = content(300_000)
DIGEST = digest_of(DATA)


def files_in(root: Path) -> list[Path]:
    """Every file under a folder."""
    return [path for path in root.rglob("*") if path.is_file()]


async def upload(blobs: Blobs, data: bytes, *, name: str = NAME) -> None:
    """Send everything that is still missing, in pieces, without finishing."""
    have = blobs.committed_size(name)
    while have < len(data):
        have = await blobs.append(name, have, data[have : have + 64_000], size=len(data))


# ------------------------------------------------------------------------------------- uploading


async def test_an_upload_is_visible_when_it_is_finished(blobs: Blobs, tmp_path: Path) -> None:
    """Before that there is no blob, after it no part."""
    await upload(blobs, DATA)
    assert not blobs.has(DIGEST)
    await blobs.finish(NAME, DIGEST, len(DATA))
    assert blobs.has(DIGEST)
    assert blobs.local_path(DIGEST).read_bytes() == DATA
    assert await blobs.read_bytes(DIGEST) == DATA
    assert files_in(tmp_path / "blobs") == [blobs.local_path(DIGEST)]


async def test_an_upload_resumes_in_another_process(blobs: Blobs, tmp_path: Path) -> None:
    """A service that starts again knows how far it came, and what the first bytes were."""
    await blobs.append(NAME, 0, DATA[:100_000], size=len(DATA))
    again = await Blobs.open(tmp_path / "blobs", max_size=8 << 20)
    assert again.committed_size(NAME) == 100_000
    await upload(again, DATA)
    await again.finish(NAME, DIGEST, len(DATA))
    assert again.local_path(DIGEST).read_bytes() == DATA


async def test_an_empty_file_can_be_uploaded(blobs: Blobs) -> None:
    """Zero bytes have a digest too."""
    await blobs.finish(NAME, digest_of(b""), 0)
    assert await blobs.read_bytes(digest_of(b"")) == b""


@pytest.mark.parametrize("offset", [0, 99_999, 100_001, 200_000])
async def test_a_piece_must_begin_where_the_last_one_ended(blobs: Blobs, offset: int) -> None:
    """Neither repeated nor missing bytes get in; the answer says where to go on."""
    await blobs.append(NAME, 0, DATA[:100_000], size=len(DATA))
    with pytest.raises(AssayError) as refused:
        await blobs.append(NAME, offset, b"x", size=len(DATA))
    assert refused.value.code is Code.UPLOAD_OFFSET_MISMATCH
    assert refused.value.details == {"committed": "100000"}
    await upload(blobs, DATA)
    await blobs.finish(NAME, DIGEST, len(DATA))


async def test_other_bytes_than_announced_leave_nothing(blobs: Blobs, tmp_path: Path) -> None:
    """A wrong digest removes the part; the upload begins again from zero."""
    wrong = bytes([DATA[0] ^ 1]) + DATA[1:]
    await upload(blobs, wrong)
    with pytest.raises(AssayError) as refused:
        await blobs.finish(NAME, DIGEST, len(DATA))
    assert refused.value.code is Code.BLOB_DIGEST_MISMATCH
    assert not blobs.has(DIGEST)
    assert files_in(tmp_path / "blobs") == []
    assert blobs.committed_size(NAME) == 0
    await upload(blobs, DATA)
    await blobs.finish(NAME, DIGEST, len(DATA))


async def test_an_upload_that_stops_short_can_go_on(blobs: Blobs) -> None:
    """Finishing too early is refused and costs nothing."""
    await blobs.append(NAME, 0, DATA[:-1], size=len(DATA))
    with pytest.raises(AssayError) as refused:
        await blobs.finish(NAME, DIGEST, len(DATA))
    assert refused.value.code is Code.BLOB_TRUNCATED
    assert not blobs.has(DIGEST)
    assert blobs.committed_size(NAME) == len(DATA) - 1
    await upload(blobs, DATA)
    await blobs.finish(NAME, DIGEST, len(DATA))


async def test_a_file_that_is_too_large_is_refused_before_its_first_byte(
    blobs: Blobs, tmp_path: Path
) -> None:
    """By its announced size alone; one of exactly the largest size is taken."""
    too_large = (8 << 20) + 1
    blobs.refuse_size(too_large - 1)
    with pytest.raises(AssayError) as refused:
        blobs.refuse_size(too_large)
    with pytest.raises(AssayError) as appended:
        await blobs.append(NAME, 0, b"x", size=too_large)
    assert refused.value.code is appended.value.code is Code.BLOB_TOO_LARGE
    assert files_in(tmp_path / "blobs") == []


async def test_more_bytes_than_announced_are_refused(blobs: Blobs) -> None:
    """A piece that goes beyond the size is not written at all."""
    await blobs.append(NAME, 0, DATA[:100], size=150)
    with pytest.raises(AssayError) as refused:
        await blobs.append(NAME, 100, DATA[100:151], size=150)
    assert refused.value.code is Code.BLOB_TOO_LARGE
    assert blobs.committed_size(NAME) == 100


async def test_uploads_do_not_meet(blobs: Blobs, tmp_path: Path) -> None:
    """Two uploads of the same file have parts of their own and end as one blob."""
    await upload(blobs, DATA, name="one")
    await blobs.append("two", 0, DATA[:7], size=len(DATA))
    assert blobs.committed_size("two") == 7
    await blobs.finish("one", DIGEST, len(DATA))
    await upload(blobs, DATA, name="two")
    await blobs.finish("two", DIGEST, len(DATA))
    assert files_in(tmp_path / "blobs") == [blobs.local_path(DIGEST)]


async def test_to_know_a_digest_is_not_to_have_the_bytes(blobs: Blobs) -> None:
    """An upload without its bytes does not finish, even when somebody else's blob is here."""
    await blobs.put_bytes(DATA)
    with pytest.raises(AssayError) as refused:
        await blobs.finish("of another project", DIGEST, len(DATA))
    assert refused.value.code is Code.BLOB_TRUNCATED


@pytest.mark.parametrize("name", ["../../etc/passwd", "/tmp/x", "a" * 5000, "ä/\n", ""])  # noqa: S108 - a hostile name
async def test_the_name_of_an_upload_is_never_a_path(
    blobs: Blobs, tmp_path: Path, name: str
) -> None:
    """Any text names an upload, and its part lies among the parts."""
    await blobs.append(name, 0, b"x", size=2)
    (part,) = files_in(tmp_path)
    assert part.parent == tmp_path / "blobs" / "parts"
    assert blobs.committed_size(name) == 1


@pytest.mark.parametrize("digest", ["", "..", "../parts/x", "A" * 64, "a" * 63, "a" * 64 + "\n"])
async def test_only_a_digest_names_a_blob(blobs: Blobs, digest: str) -> None:
    """Anything else is a blob that is not here."""
    with pytest.raises(AssayError) as refused:
        blobs.local_path(digest)
    assert refused.value.code is Code.BLOB_MISSING


# ------------------------------------------------------------------------------ crashes and races


def killed_in_the_middle(root: Path, name: str, how: str) -> int:
    """Bytes that an uploading process told of before it was killed with a piece in its hands."""
    worker = subprocess.Popen(
        [sys.executable, str(UPLOADER), str(root), name, str(UPLOAD_SIZE), how],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert worker.stdin is not None
    assert worker.stdout is not None
    worker.stdin.write("go\n" * (PIECES_BEFORE_THE_KILL + 1))
    worker.stdin.flush()
    told = [worker.stdout.readline() for _ in range(PIECES_BEFORE_THE_KILL)]
    worker.kill()
    told += worker.communicate()[0].split()
    return int(told[-1])


async def test_a_killed_upload_shows_nothing_and_resumes(blobs: Blobs, tmp_path: Path) -> None:
    """After ``kill -9`` every byte that was acknowledged is there, and no blob is."""
    data = content(UPLOAD_SIZE)
    told = await asyncio.to_thread(killed_in_the_middle, tmp_path / "blobs", NAME, "guarded")
    assert 0 < told < UPLOAD_SIZE
    assert not blobs.has(digest_of(data))
    have = blobs.committed_size(NAME)
    assert told <= have < UPLOAD_SIZE
    await upload(blobs, data)
    await blobs.finish(NAME, digest_of(data), len(data))
    assert await blobs.read_bytes(digest_of(data)) == data


async def test_without_a_part_a_killed_upload_would_show_half_a_blob(
    blobs: Blobs, tmp_path: Path
) -> None:
    """The control: written under its own name, the blob is there before it is whole."""
    digest = digest_of(content(UPLOAD_SIZE))
    await asyncio.to_thread(killed_in_the_middle, tmp_path / "blobs", digest, "naive")
    assert blobs.has(digest)
    assert blobs.local_path(digest).stat().st_size < UPLOAD_SIZE


async def test_a_crash_before_publishing_leaves_an_upload_to_be_finished(
    blobs: Blobs, tmp_path: Path
) -> None:
    """All bytes were there and nothing else: the next process needs no byte again."""
    await upload(blobs, DATA)
    again = await Blobs.open(tmp_path / "blobs", max_size=8 << 20)
    assert not again.has(DIGEST)
    assert again.committed_size(NAME) == len(DATA)
    await again.finish(NAME, DIGEST, len(DATA))
    assert await again.read_bytes(DIGEST) == DATA


async def test_a_crash_while_publishing_is_mended_by_finishing_again(
    blobs: Blobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the two steps of publishing the blob is whole under its name; the part goes later."""

    def crash(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    await upload(blobs, DATA)
    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", crash)
        with pytest.raises(KeyboardInterrupt):
            blobs._publish(blobs._part_path(NAME), DIGEST)  # pyright: ignore[reportPrivateUsage]  # stops inside it
    again = await Blobs.open(tmp_path / "blobs", max_size=8 << 20)
    assert again.local_path(DIGEST).read_bytes() == DATA
    assert again.committed_size(NAME) == len(DATA)
    await again.finish(NAME, DIGEST, len(DATA))
    assert files_in(tmp_path / "blobs") == [again.local_path(DIGEST)]


async def test_bytes_are_durable_before_they_are_visible(
    blobs: Blobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is synced, then named, then its folder is synced; all of it off the event loop."""
    seen: list[tuple[str, str]] = []
    threads: set[threading.Thread] = set()

    def noted(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def run(first: Any, *rest: Any) -> Any:  # noqa: ANN401 - stands for any of the calls
            target = f"/proc/self/fd/{first}" if isinstance(first, int) else first
            seen.append((name, "folder" if Path(target).resolve().is_dir() else "file"))
            threads.add(threading.current_thread())
            return real(first, *rest)

        return run

    await upload(blobs, DATA)
    for name in ("fsync", "link"):
        monkeypatch.setattr(os, name, noted(name, getattr(os, name)))
    await blobs.finish(NAME, DIGEST, len(DATA))
    assert seen[0] == ("fsync", "file")
    assert seen[-2:] == [("link", "file"), ("fsync", "folder")]
    assert ("fsync", "folder") in seen[:-2], "the new folder's own name must be durable too"
    assert threading.main_thread() not in threads


async def test_the_same_piece_sent_twice_at_once_counts_once(
    blobs: Blobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of them is appended, the others are told where the upload stands."""
    really_open = os.open

    def slow_open(*arguments: Any) -> int:  # noqa: ANN401 - whatever os.open takes
        time.sleep(0.02)  # so that all of them are in the middle of it together
        return really_open(*arguments)

    monkeypatch.setattr(os, "open", slow_open)
    answers = await asyncio.gather(
        *(blobs.append(NAME, 0, DATA[:50_000], size=len(DATA)) for _ in range(6)),
        return_exceptions=True,
    )
    assert answers.count(50_000) == 1
    refused = [one for one in answers if isinstance(one, AssayError)]
    assert [one.code for one in refused] == [Code.UPLOAD_OFFSET_MISMATCH] * 5
    await upload(blobs, DATA)
    await blobs.finish(NAME, DIGEST, len(DATA))


async def test_an_upload_may_be_finished_twice_at_once(blobs: Blobs, tmp_path: Path) -> None:
    """Both callers hear that it is whole; there is one blob and it is right."""
    await upload(blobs, DATA)
    await asyncio.gather(*(blobs.finish(NAME, DIGEST, len(DATA)) for _ in range(4)))
    assert files_in(tmp_path / "blobs") == [blobs.local_path(DIGEST)]
    assert await blobs.read_bytes(DIGEST) == DATA


async def test_an_upload_finished_a_moment_ago_is_still_known(blobs: Blobs) -> None:
    """Who asks between the end of the work and its return to the first caller hears the same."""
    await upload(blobs, DATA)
    first = asyncio.create_task(blobs.finish(NAME, DIGEST, len(DATA)))
    await asyncio.sleep(0)
    while blobs.committed_size(NAME):
        time.sleep(0.001)
    await blobs.finish(NAME, DIGEST, len(DATA))
    await first


async def test_a_caller_that_goes_away_leaves_a_sound_upload(blobs: Blobs) -> None:
    """Calls cancelled in the middle of a piece neither tear it nor write it twice."""
    have = 0
    while have < len(DATA):
        piece = DATA[have : have + 20_000]
        task = asyncio.create_task(blobs.append(NAME, have, piece, size=len(DATA)))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        try:
            have = await blobs.append(NAME, have, piece, size=len(DATA))
        except AssayError as error:
            have = int(error.details["committed"])
    await blobs.finish(NAME, DIGEST, len(DATA))


async def test_a_full_disk_is_an_answer_and_the_upload_resumes(blobs: Blobs) -> None:
    """What could not be written whole is as if it had never come."""
    await blobs.append(NAME, 0, DATA[:50_000], size=len(DATA))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (120_000, hard))
    try:
        with pytest.raises(AssayError) as refused:
            await blobs.append(NAME, 50_000, DATA[50_000:], size=len(DATA))
        with pytest.raises(AssayError) as put:
            await blobs.put_bytes(DATA)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert refused.value.code is put.value.code is Code.STORE_UNAVAILABLE
    assert blobs.committed_size(NAME) == 50_000
    await upload(blobs, DATA)
    await blobs.finish(NAME, DIGEST, len(DATA))
    assert await blobs.read_bytes(DIGEST) == DATA


async def test_what_nobody_goes_on_with_is_cleared_away(blobs: Blobs, tmp_path: Path) -> None:
    """Parts older than an hour are gone after a start; younger ones and blobs stay."""
    await blobs.append("old", 0, b"x", size=2)
    (old,) = files_in(tmp_path)
    await blobs.append("young", 0, b"y", size=2)
    await blobs.put_bytes(DATA)
    past = time.time() - ORPHAN_SECONDS - 5
    os.utime(old, (past, past))
    os.utime(blobs.local_path(DIGEST), (past, past))
    again = await Blobs.open(tmp_path / "blobs", max_size=8 << 20)
    assert (again.committed_size("old"), again.committed_size("young")) == (0, 1)
    assert again.has(DIGEST)


# ------------------------------------------------------------------------------ keeping, reading


async def test_bytes_are_kept_under_their_digest(blobs: Blobs, tmp_path: Path) -> None:
    """Twice the same bytes are one blob."""
    assert await blobs.put_bytes(DATA) == await blobs.put_bytes(DATA) == DIGEST
    assert files_in(tmp_path / "blobs") == [blobs.local_path(DIGEST)]


async def test_a_spooled_file_is_taken_over(blobs: Blobs, tmp_path: Path) -> None:
    """It moves and is not copied; a second one of the same bytes is dropped."""
    first, second = tmp_path / "one", tmp_path / "two"
    first.write_bytes(DATA)
    second.write_bytes(DATA)
    inodes = {first.stat().st_ino, second.stat().st_ino}
    await asyncio.gather(blobs.adopt(first, DIGEST), blobs.adopt(second, DIGEST))
    kept = blobs.local_path(DIGEST).stat()
    assert kept.st_ino in inodes
    assert kept.st_nlink == 1
    assert not first.exists()
    assert not second.exists()
    await blobs.adopt(first, DIGEST)
    with pytest.raises(FileNotFoundError):
        await blobs.adopt(first, "0" * 64)


@pytest.mark.parametrize(
    ("offset", "limit"), [(0, 0), (0, 10), (5, 0), (PIECE - 3, 9), (PIECE, PIECE), (2 * PIECE, 99)]
)
async def test_any_range_can_be_read_in_pieces(blobs: Blobs, offset: int, limit: int) -> None:
    """The pieces are the range, none is larger than promised; beyond the end there is nothing."""
    data = content(2 * PIECE + 77)
    digest = await blobs.put_bytes(data)
    pieces = [one async for one in blobs.read(digest, offset=offset, limit=limit)]
    assert b"".join(pieces) == data[offset : offset + limit if limit else None]
    assert max(map(len, pieces)) <= PIECE
    assert [one async for one in blobs.read(digest, offset=len(data) + 1, limit=5)] == []


@pytest.mark.parametrize("size", [300_000, 2 * PIECE + 5])
async def test_damage_is_noticed_and_can_be_mended(blobs: Blobs, size: int) -> None:
    """A reader of the whole never gets the last piece of wrong bytes; sent again, it is right."""
    data = content(size)
    digest = await blobs.put_bytes(data)
    path = blobs.local_path(digest)
    path.write_bytes(bytes([data[0] ^ 1]) + data[1:])
    got: list[bytes] = []
    with pytest.raises(AssayError) as refused:
        got.extend([one async for one in blobs.read(digest, offset=0, limit=0)])
    assert refused.value.code is Code.BLOB_DIGEST_MISMATCH
    assert not blobs.has(digest)
    await blobs.put_bytes(data)
    assert await blobs.read_bytes(digest) == data


async def test_a_blob_that_is_not_here_says_so(blobs: Blobs) -> None:
    """For its path, its bytes and its pieces alike."""
    for attempt in (
        blobs.read_bytes("0" * 64),
        anext(blobs.read("0" * 64, offset=3, limit=4)),
    ):
        with pytest.raises(AssayError) as refused:
            await attempt
        assert refused.value.code is Code.BLOB_MISSING
    assert not blobs.has("0" * 64)
