"""What the runner asks of any executor: submit a job, follow its events, cancel it."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol


@dataclass(frozen=True)
class Tensor:
    """A tensor that a job produced: a verified file in the spool, to be adopted or dropped."""

    dtype: str
    shape: tuple[int, ...]
    digest: str
    size: int
    path: Path


@dataclass(frozen=True)
class Opening:
    """What a session is opened with: the facts of subject and data, and their blobs."""

    body: Mapping[str, Any]
    files: Mapping[str, str]


@dataclass(frozen=True)
class Request:
    """One job. Resources travel beside the body and never enter a key."""

    stage: str
    body: Mapping[str, Any]
    files: Mapping[str, str] = field(default_factory=dict[str, str])
    session: str = ""
    """Jobs of one session share a child; empty for a job that stands alone."""
    opening: Opening | None = None
    seconds: float = 600.0
    blob_cap: int = 1 << 30
    limits: Mapping[str, int] = field(default_factory=dict[str, int])


@dataclass(frozen=True)
class Progress:
    """Work in flight."""

    done: int
    total: int
    note: str


@dataclass(frozen=True)
class Result:
    """How a job ended well."""

    facts: Mapping[str, Any]
    tensors: Mapping[str, Tensor]
    retries: int


def limits_on(device: str, limits: Mapping[str, int]) -> Mapping[str, int]:
    """What a child that runs a model may take: a GPU asks for more address space and calls."""
    return {**limits, **({"gpu": 1} if device == "cuda" else {})}


class Job(Protocol):
    """A submitted job."""

    def events(self) -> AsyncIterator[Progress | Result]:
        """Progress, then one Result; an AssayError when it ended otherwise."""
        ...

    async def cancel(self) -> None:
        """Give it up; ``events`` then ends with CANCELLED."""
        ...


class Executor(Protocol):
    """A place where jobs run."""

    async def start(self) -> None:
        """Be ready for jobs."""
        ...

    async def stop(self) -> None:
        """End every job and child."""
        ...

    async def submit(self, request: Request) -> Job:
        """Start or queue a job."""
        ...

    async def close_session(self, session: str) -> None:
        """End the child of a session."""
        ...

    @property
    def engine(self) -> Mapping[str, str]:
        """The engine class of results from here."""
        ...

    @property
    def placement(self) -> Mapping[str, str]:
        """Where models run, what was asked for, and why it is not that."""
        ...

    @property
    def sandbox_level(self) -> int:
        """How tightly children are locked."""
        ...

    @property
    def sandbox_gap(self) -> str:
        """Why children are not locked tighter; empty when they are."""
        ...


def sandbox_told(executor: Executor) -> dict[str, str]:
    """The lock as health, logs and evidence tell it."""
    return {"level": f"L{executor.sandbox_level}", "gap": executor.sandbox_gap}
