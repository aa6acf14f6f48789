"""Frames keep to their caps, whatever the other side sends."""

import os
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from service.sandbox.frames import (
    BLOB,
    CONTROL,
    CONTROL_CAP,
    HEADER,
    MOST_DEPTH,
    Broken,
    Channel,
    Late,
    Overflow,
    pair,
)

Ends = tuple[Channel, Channel]


@pytest.fixture
def ends() -> Iterator[Ends]:
    """Two connected channels, closed afterwards."""
    one, other = pair()
    yield one, other
    one.close()
    other.close()


def test_control_and_files_arrive_together(ends: Ends) -> None:
    """An open file sent beside a control frame can be read on the other side."""
    one, other = ends
    read, write = os.pipe()
    one.send({"hello": 1}, [read])
    os.write(write, b"content")
    heard = other.receive()
    assert heard.body == {"hello": 1}
    assert os.read(heard.files[0], 7) == b"content"
    for file in (read, write, *heard.files):
        os.close(file)


def test_blob_arrives_whole(ends: Ends) -> None:
    """A blob of several pieces arrives byte for byte."""
    one, other = ends
    body = os.urandom(3_000_000)
    thread = threading.Thread(target=one.send_blob, args=(body,))
    thread.start()
    assert b"".join(other.receive_blob(len(body))) == body
    thread.join()


def test_blob_of_another_length_is_an_overflow(ends: Ends) -> None:
    """A child that sends more than it announced is caught at the header."""
    one, other = ends
    one.send_blob(b"12345")
    with pytest.raises(Overflow):
        next(other.receive_blob(4))


def test_oversized_control_is_refused_before_it_is_read(ends: Ends) -> None:
    """A header that announces more than the cap ends the channel; nothing is buffered."""
    one, other = ends
    one.socket.sendall(HEADER.pack(CONTROL, CONTROL_CAP + 1))
    with pytest.raises(Overflow):
        other.receive()
    with pytest.raises(Overflow):
        one.send({"text": "x" * CONTROL_CAP})


@pytest.mark.parametrize("raw", [b"not json", b"[1]", b'"text"'])
def test_control_must_be_a_json_object(ends: Ends, raw: bytes) -> None:
    """Anything but an object is a broken channel, not a crash."""
    one, other = ends
    one.socket.sendall(HEADER.pack(CONTROL, len(raw)) + raw)
    with pytest.raises(Broken):
        other.receive()


def test_blob_where_control_is_due_is_broken(ends: Ends) -> None:
    """Frames come in the order the protocol knows."""
    one, other = ends
    one.socket.sendall(HEADER.pack(BLOB, 2) + b"{}")
    with pytest.raises(Broken):
        other.receive()


def test_closed_end_is_broken_on_both_paths(ends: Ends) -> None:
    """An end that is gone shows as Broken when reading, in a frame or between two."""
    one, other = ends
    one.socket.sendall(HEADER.pack(CONTROL, 100) + b"half")
    one.close()
    with pytest.raises(Broken):
        other.receive()
    with pytest.raises(Broken):
        other.send({"late": True})


def test_deadline_ends_the_wait(ends: Ends) -> None:
    """A silent other side costs no more than the deadline."""
    _, other = ends
    other.deadline = time.monotonic() + 0.05
    with pytest.raises(Late):
        other.receive()
    with pytest.raises(Late):
        other.send({})


@pytest.mark.parametrize(
    "raw",
    [
        b'{"value":NaN}',
        b'{"value":[-Infinity]}',
        b'{"value":1e999}',
        b'{"a":' * 40 + b"1" + b"}" * 40,
        b'{"a":' + b"[" * 20_000 + b"]" * 20_000 + b"}",
    ],
    ids=["NaN", "infinity", "too large a number", "deep", "very deep"],
)
def test_what_the_next_could_not_read_is_broken_here(ends: Ends, raw: bytes) -> None:
    """Nothing passes that this process could not write, or the next one not read, again."""
    one, other = ends
    one.socket.sendall(HEADER.pack(CONTROL, len(raw)) + raw)
    with pytest.raises(Broken):
        other.receive()


def test_nested_frames_of_our_own_pass(ends: Ends) -> None:
    """Control: what is deep but not too deep arrives as it was sent."""
    one, other = ends
    body: dict[str, Any] = {"at": 0}
    for level in range(MOST_DEPTH - 2):
        body = {"at": level, "in": [body] if level % 2 else body, "value": 0.5}
        if level > MOST_DEPTH // 2:
            break
    one.send(body)
    assert other.receive().body == body


def test_nan_never_leaves(ends: Ends) -> None:
    """A control frame is JSON, which has no NaN."""
    one, _ = ends
    with pytest.raises(ValueError, match="JSON"):
        one.send({"value": float("nan")})
