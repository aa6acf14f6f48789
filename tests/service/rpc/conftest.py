"""A server and a client for every test of the gRPC surface."""

from collections.abc import Iterator

import pytest

from service.client import Client
from support.rpc_server import Served, serving


@pytest.fixture
def served() -> Iterator[Served]:
    """A server of its own for each test."""
    with serving() as running:
        yield running


@pytest.fixture
def client(served: Served) -> Iterator[Client]:
    """A client of that server."""
    with served.client() as calling:
        yield calling
