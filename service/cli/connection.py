"""Reaching a service: the one that was named, or this home's own."""

import platform
from collections.abc import Generator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING

from service.cli.terminal import note
from service.errors import AssayError, Code

if TYPE_CHECKING:
    from service.client import Client

_PARTS = ("torch", "onnx", "onnxruntime", "sqlalchemy", "obstore", "starlette", "uvicorn")
_READY_SECONDS = 10.0


@contextmanager
def connected(server: str | None) -> "Generator[Client]":
    """A client of the service at ``server``, or of the home's own, started when there is none."""
    from service.client import Client

    with Client(server or _own()) as client:
        client.wait_until_ready(_READY_SECONDS)
        yield client


def at_hand(server: str | None) -> bool:
    """Whether nothing needs to be started first."""
    if server is not None or platform.system() != "Linux":
        return server is not None
    from service.embedded import Place
    from service.settings import default_home

    return Place(default_home()).answers()


def _own() -> str:
    need_server_part()
    from service.embedded import Place, join
    from service.settings import default_home

    home = default_home()
    if not Place(home).socket.exists():
        note("Starting the service on this machine.")
    return join(home)


def need_server_part() -> None:
    """Refuse, with the way out, where a service cannot run."""
    if platform.system() != "Linux":
        raise AssayError(
            Code.UNREACHABLE,
            f"The service runs on Linux, and this is {platform.system() or 'another system'}.",
            "Name a service on a Linux machine with --server HOST:PORT; `assay judge` works here.",
        )
    missing = [name for name in _PARTS if find_spec(name) is None]
    if missing:
        raise AssayError(
            Code.UNREACHABLE,
            f"The service is not installed on this machine: {', '.join(missing)} is missing.",
            "Install it with pip install 'assay[server]', or name a running one with --server "
            "HOST:PORT.",
        )
