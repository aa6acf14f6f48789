"""The service that the command line starts when no server is named: one a home folder.

It listens on a Unix socket in a folder of its owner alone, holds a lock file while it lives, and
ends by itself when nobody has needed it for a while. Later calls join it.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from service.errors import AssayError, Code
from service.settings import prepare_home
from service.version import VERSION

IDLE_SECONDS = 300.0
START_SECONDS = 60.0
_LONGEST_SOCKET_PATH = 100  # the kernel's limit is 107 bytes, with room for a suffix


@dataclass(frozen=True)
class Place:
    """Where an embedded service of one home folder lives."""

    home: Path

    @property
    def lock(self) -> Path:
        """Held by the service for as long as it lives."""
        return self.home / "service.lock"

    @property
    def card(self) -> Path:
        """Who holds the lock: process id and version."""
        return self.home / "service.json"

    @property
    def log(self) -> Path:
        """What the service wrote."""
        return self.home / "service.log"

    @property
    def socket(self) -> Path:
        """The service's socket; in a short folder when the home's path is too long for one."""
        near = self.home / "service.sock"
        if len(str(near)) <= _LONGEST_SOCKET_PATH:
            return near
        digest = hashlib.sha256(str(self.home).encode()).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"assay-{os.getuid()}-{digest}" / "service.sock"

    @property
    def address(self) -> str:
        """The address that a client dials."""
        return f"unix:{self.socket}"

    def answers(self) -> bool:
        """Whether a service listens."""
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(str(self.socket))
            except OSError:
                return False
            return True


def join(home: Path) -> str:
    """The address of the home's service, started when there is none."""
    prepare_home(home)
    place = Place(home)
    _retire_other_version(place)
    if not place.answers():
        _await(place, _launch(place))
    return place.address


@contextlib.contextmanager
def only_one(home: Path) -> Generator[Place]:
    """Be the one service of this home, or raise IN_USE."""
    prepare_home(home)
    place = Place(home)
    place.socket.parent.mkdir(mode=0o700, exist_ok=True)
    owner = place.socket.parent.stat()
    if owner.st_uid != os.getuid() or owner.st_mode & 0o077:
        raise AssayError(
            Code.INTERNAL,
            f"The folder {place.socket.parent} for the service's socket belongs to others too.",
            "Remove it, or choose another folder with ASSAY_HOME.",
        )
    with place.lock.open("a") as lock:
        _hold(lock, home)
        place.card.write_text(json.dumps({"pid": os.getpid(), "version": VERSION}))
        place.socket.unlink(missing_ok=True)
        try:
            yield place
        finally:
            place.socket.unlink(missing_ok=True)
            place.card.unlink(missing_ok=True)


def _hold(lock: IO[str], home: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise AssayError(
            Code.IN_USE,
            f"Another service already uses the folder {home}.",
            "Join it by leaving out --server, or choose another folder with ASSAY_HOME.",
        ) from error


def _retire_other_version(place: Place) -> None:
    """A service of another version would judge by other rules: ask it to end."""
    try:
        card = json.loads(place.card.read_text())
    except (OSError, ValueError):
        return
    if card.get("version") == VERSION or not _held(place):
        return
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(int(card["pid"]), signal.SIGTERM)
    limit = time.monotonic() + START_SECONDS
    while _held(place) and time.monotonic() < limit:
        time.sleep(0.05)


def _held(place: Place) -> bool:
    try:
        with place.lock.open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False


def _launch(place: Place) -> int:
    root = str(Path(__file__).resolve().parents[1])
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); "
        "from service.serve import embedded; embedded(sys.argv[2])"
    )
    # Spawned rather than opened as a subprocess: it is meant to outlive this process.
    with place.log.open("ab") as log:
        return os.posix_spawn(
            sys.executable,
            [sys.executable, "-c", program, root, str(place.home)],
            dict(os.environ),
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_DUP2, log.fileno(), 1),
                (os.POSIX_SPAWN_DUP2, log.fileno(), 2),
            ],
            setsid=True,
        )


def _await(place: Place, process: int) -> None:
    limit = time.monotonic() + START_SECONDS
    while not place.answers():
        ended, _ = os.waitpid(process, os.WNOHANG) if process else (0, 0)
        process = 0 if ended else process
        # One that found the home taken ends at once too, and then another is about to answer.
        if not process and not _held(place):
            raise AssayError(
                Code.UNREACHABLE,
                "The service ended as it started.",
                f"See the last line of {place.log} for the reason.",
            )
        if time.monotonic() > limit:
            raise AssayError(
                Code.UNREACHABLE,
                f"The service did not start within {START_SECONDS:.0f} seconds.",
                f"See {place.log} for the reason.",
            )
        time.sleep(0.05)
