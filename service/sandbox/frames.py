"""Frames on a stream socket: control (JSON, at most 1 MiB) and blob (declared length).

Every header carries the kind and the length of what follows; open files travel beside the
header of a control frame. Whoever receives checks a length before reading a byte of it.
"""

import json
import math
import os
import socket
import struct
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

HEADER = struct.Struct("!cQ")
CONTROL = b"C"
BLOB = b"B"
CONTROL_CAP = 1 << 20
MOST_FILES = 16
MOST_DEPTH = 32
"""Levels of nesting in a control frame."""
_TOO_DEEP = "a control frame that nests too deep"
_PIECE = 1 << 18


class Broken(Exception):  # noqa: N818 - named for what the other side did to the channel
    """The other side closed the channel or spoke out of turn."""


class Overflow(Broken):
    """The other side announced more than its cap, or what nobody could pass on."""


class Late(Broken):
    """The other side said nothing until the deadline."""


class Control(NamedTuple):
    """One control frame, with the open files that came with it."""

    body: Mapping[str, Any]
    files: Sequence[int]


class Channel:
    """One end of a frame channel. Blocking, with a deadline; not for use by several threads."""

    def __init__(self, stream: socket.socket) -> None:
        """Take over a connected stream socket."""
        self.socket = stream
        self.deadline: float | None = None

    def close(self) -> None:
        """Close this end; the other side sees the channel end."""
        self.socket.close()

    def send(self, body: Mapping[str, Any], files: Sequence[int] = ()) -> None:
        """Send a control frame, with open files beside it."""
        raw = json.dumps(body, separators=(",", ":"), allow_nan=False).encode()
        if len(raw) > CONTROL_CAP:
            message = f"a control frame of {len(raw)} bytes"
            raise Overflow(message)
        header = HEADER.pack(CONTROL, len(raw))
        self._arm()
        try:
            sent = socket.send_fds(self.socket, [header], list(files)) if files else 0
            self.socket.sendall(header[sent:] + raw)
        except TimeoutError as error:
            raise Late from error
        except OSError as error:
            raise Broken(str(error)) from error

    def send_blob(self, body: bytes | memoryview) -> None:
        """Send one blob frame; a control frame has announced it before."""
        self._arm()
        try:
            self.socket.sendall(HEADER.pack(BLOB, len(body)))
            self.socket.sendall(body)
        except TimeoutError as error:
            raise Late from error
        except OSError as error:
            raise Broken(str(error)) from error

    def receive(self) -> Control:
        """Wait for a control frame."""
        header, files = self._header()
        kind, length = HEADER.unpack(header)
        if kind != CONTROL or length > CONTROL_CAP:
            self._drop(files)
            message = f"a frame of kind {kind!r} with {length} bytes where control was due"
            raise Overflow(message) if kind == CONTROL else Broken(message)
        try:
            return Control(read_json(b"".join(self._pieces(length))), files)
        except Broken:
            self._drop(files)
            raise

    def receive_blob(self, length: int) -> Iterator[bytes]:
        """Yield the pieces of a blob frame that must hold exactly ``length`` bytes."""
        header, files = self._header()
        self._drop(files)
        if HEADER.unpack(header) != (BLOB, length):
            message = "a blob of another length than announced"
            raise Overflow(message)
        yield from self._pieces(length)

    def _header(self) -> tuple[bytes, list[int]]:
        header, files = b"", list[int]()
        while len(header) < HEADER.size:
            self._arm()
            try:
                piece, more, *_ = socket.recv_fds(
                    self.socket, HEADER.size - len(header), MOST_FILES
                )
            except TimeoutError as error:
                raise Late from error
            except OSError as error:
                raise Broken(str(error)) from error
            files.extend(more)
            if not piece:
                self._drop(files)
                message = "the channel ended"
                raise Broken(message)
            header += piece
        return header, files

    def _pieces(self, length: int) -> Iterator[bytes]:
        left = length
        while left:
            self._arm()
            try:
                piece = self.socket.recv(min(left, _PIECE))
            except TimeoutError as error:
                raise Late from error
            except OSError as error:
                raise Broken(str(error)) from error
            if not piece:
                message = "the channel ended inside a frame"
                raise Broken(message)
            left -= len(piece)
            yield piece

    def _arm(self) -> None:
        if self.deadline is None:
            self.socket.settimeout(None)
            return
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise Late
        self.socket.settimeout(left)

    @staticmethod
    def _drop(files: Sequence[int]) -> None:
        for file in files:
            os.close(file)


def read_json(raw: bytes) -> dict[str, Any]:
    """An object of plain JSON, no deeper than anybody here speaks.

    What one process passes on, the next must be able to read and to write again.
    """
    try:
        body = json.loads(raw, parse_constant=_no_number, parse_float=_finite)
    except ValueError as error:
        message = "a control frame that is not JSON"
        raise Broken(message) from error
    except RecursionError as error:
        raise Overflow(_TOO_DEEP) from error
    if not isinstance(body, dict):
        message = "a control frame that is no object"
        raise Broken(message)
    layer: list[Any] = [body]
    for _ in range(MOST_DEPTH):
        layer = [part for one in layer for part in _parts(one)]
        if not layer:
            return body  # pyright: ignore[reportUnknownVariableType]  # JSON object
    raise Overflow(_TOO_DEEP)


def _parts(value: Any) -> list[Any]:  # noqa: ANN401 - JSON
    inside: Any = value.values() if isinstance(value, dict) else value  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]  # JSON
    return [one for one in inside if isinstance(one, dict | list)]


def _finite(written: str) -> float:
    found = float(written)
    return found if math.isfinite(found) else _no_number(written[:40])


def _no_number(name: str) -> float:
    message = f"{name} in a control frame"
    raise Overflow(message)


def pair() -> tuple[Channel, Channel]:
    """Two connected ends."""
    one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    return Channel(one), Channel(other)
