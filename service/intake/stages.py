"""One stage of intake: a file through a child of its own, and what it made into the store."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final, Protocol

from analyzers.contract import Digest, Json
from service.executors.interface import Executor, Request, Result, Tensor

DATA_SECONDS: Final = 600.0
LOOK_SECONDS: Final = 120.0
MODEL_SECONDS: Final = 900.0
"""Networks of a hundred million weights take minutes to export and to check, on one thread."""


class BlobShelf(Protocol):
    """What intake needs of the blob store."""

    def local_path(self, digest: Digest) -> Path:
        """A readable file with these bytes."""
        ...

    async def adopt(self, path: Path, digest: Digest) -> None:
        """Take over a spooled file under its digest."""
        ...


class Stages:
    """Runs stages; remembers nothing itself."""

    def __init__(self, executor: Executor, blobs: BlobShelf, limits: Mapping[str, int]) -> None:
        """Use an executor's children and a blob store."""
        self._executor = executor
        self._blobs = blobs
        self._limits = limits

    @property
    def level(self) -> int:
        """How tightly the children are locked."""
        return self._executor.sandbox_level

    async def run(
        self, stage: str, body: Mapping[str, Json], file: Digest, seconds: float
    ) -> Result:
        """What a child makes of a file; its refusal is raised."""
        request = Request(
            stage,
            body,
            {"file": str(self._blobs.local_path(file))},
            seconds=seconds,
            limits=self._limits,
        )
        job = await self._executor.submit(request)
        async for event in job.events():
            if isinstance(event, Result):
                return event
        message = "a job ended without a result"
        raise RuntimeError(message)

    async def keep(self, tensor: Tensor) -> Digest:
        """Take over what a child made."""
        await self._blobs.adopt(tensor.path, tensor.digest)
        return tensor.digest

    async def keep_all(self, tensors: Mapping[str, Tensor]) -> dict[str, Digest]:
        """The same for all of them, by their names."""
        return {name: await self.keep(tensor) for name, tensor in tensors.items()}

    def head(self, file: Digest, most: int) -> tuple[bytes, int]:
        """The first bytes of a file, and how long it is."""
        path = self._blobs.local_path(file)
        with path.open("rb") as stream:
            return stream.read(most), path.stat().st_size
