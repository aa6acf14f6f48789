"""More misdeeds of a measuring child: the ones that end it, or the one that confirms it."""

import contextlib
import os
import signal
import socket
import stat
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from analyzers.contract import Array, Batch, Partial, Shard, Subject, Tell
from service.sandbox.frames import BLOB, CONTROL, HEADER


def measure(
    shard: Shard, subject: Subject, batch: Batch, inputs: Mapping[str, Array], tell: Tell
) -> Partial:
    """Do what ``params.do`` says."""
    del inputs, subject
    tell(0, 1, "about to begin")
    return DEEDS[str(shard.params["do"])](shard, batch)


def stand(shard: Shard, batch: Batch) -> Partial:
    """Behave: every picture stands."""
    del shard
    states: dict[str, list[object]] = {
        "row": list(batch.rows),
        "state": ["standing"] * len(batch.rows),
    }
    return Partial("measured", numbers={"pid": os.getpid()}, samples=states)


def linger(shard: Shard, batch: Batch) -> Partial:
    """Behave, and take a while over it."""
    time.sleep(float(str(shard.params["nap"])))
    return stand(shard, batch)


def die(shard: Shard, batch: Batch) -> Partial:
    """End by a signal of choice."""
    del batch
    os.kill(os.getpid(), int(str(shard.params["signal"])))
    raise AssertionError


def die_while_sending(shard: Shard, batch: Batch) -> Partial:
    """Send a tensor that takes a while, and be killed in the middle of it."""
    del shard, batch
    timer = threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGKILL))
    timer.start()
    return Partial("measured", blobs={"large": np.zeros(600 << 20, np.uint8)})


def half_a_tensor(shard: Shard, batch: Batch) -> Partial:
    """Announce a tensor, send half of it, and be gone."""
    stream = _channel()
    head = (
        b'{"type":"partial","outcome":"measured","numbers":{},"samples":{},"passes":{},'
        b'"claims":null,"note":"","blobs":[{"name":"half","dtype":"uint8","shape":[1000000]}]}'
    )
    stream.sendall(HEADER.pack(CONTROL, len(head)) + head)
    stream.sendall(HEADER.pack(BLOB, 1_000_000) + b"\0" * 500_000)
    os.kill(os.getpid(), signal.SIGKILL)
    return stand(shard, batch)


def say(shard: Shard, batch: Batch) -> Partial:
    """Put any bytes on the channel as one control frame, then wait to be ended."""
    del batch
    raw = str(shard.params["raw"]).encode()
    _channel().sendall(HEADER.pack(CONTROL, len(raw)) + raw)
    time.sleep(600)
    raise AssertionError


def hand_over(shard: Shard, batch: Batch) -> Partial:
    """Hand a file to the supervisor, which wants none."""
    raw = b'{"type":"ready","level":1}'
    with Path("/dev/null").open("rb") as file:
        header = HEADER.pack(CONTROL, len(raw))
        socket.send_fds(_channel(), [header], [file.fileno()])
        _channel().sendall(raw)
    time.sleep(600)
    return stand(shard, batch)


def claim(shard: Shard, batch: Batch) -> Partial:
    """Claim every picture, unmoved."""
    del shard
    states: dict[str, list[object]] = {
        "row": list(batch.rows),
        "state": ["claimed"] * len(batch.rows),
    }
    return Partial("measured", samples=states, blobs={"w": batch.images}, claims="w")


def _channel() -> socket.socket:
    """The one socket that this process holds."""
    for number in held_files():
        if stat.S_ISSOCK(os.fstat(number).st_mode):
            return socket.socket(fileno=os.dup(number))
    raise AssertionError


def held_files() -> list[int]:
    """Open descriptors beside the standard streams; a locked child may not list them."""
    found: list[int] = []
    for number in range(3, 256):
        with contextlib.suppress(OSError):
            os.fstat(number)
            found.append(number)
    return found


DEEDS: Mapping[str, Callable[[Shard, Batch], Partial]] = {
    one.__name__: one
    for one in (
        stand,
        linger,
        die,
        die_while_sending,
        half_a_tensor,
        say,
        hand_over,
        claim,
    )
}


def shard_body(deed: str, rows: int, **params: object) -> dict[str, object]:
    """The body of a request that makes a child do one of these."""
    config = {"norm": "Linf", "eps": "8/255", "knowledge": "white"}
    shard = Shard(
        "toy", "1", config, "5" * 64, "d" * 64, (0, rows), {"do": deed, **params}, {}, 0, "cpu"
    )
    return {
        "shard": shard.as_json(),
        "measure": "tests.support.deeds:measure",
        "positions": list(range(rows)),
        "ids": ["00"] * rows,
        "inputs": {},
    }
