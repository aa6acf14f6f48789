"""The parts of a running service that its answers are made from."""

from dataclasses import dataclass

from analyzers.contract import Digest
from service.core.canonical import digest as content_digest
from service.errors import AssayError, Code
from service.executors.interface import Executor
from service.live import Live
from service.observe import Metrics
from service.rpc.ports import FileRef
from service.runner import Runner
from service.settings import Settings
from service.store.blobs import Blobs
from service.store.catalogue import Catalogue
from service.store.queue import Queue
from service.store.records import RequestKey
from service.taking_in import TakingIn


@dataclass(frozen=True)
class Parts:
    """Everything that an answer may need."""

    settings: Settings
    catalogue: Catalogue
    queue: Queue
    blobs: Blobs
    executor: Executor
    taking_in: TakingIn
    runner: Runner
    live: Live
    metrics: Metrics

    async def owns(self, project: str, digest: Digest) -> bool:
        """Whether a project may see a blob, and it is really here."""
        size = await self.catalogue.blob_size(project, digest)
        return size is not None and self.blobs.has(digest)

    async def need_blob(self, project: str, file: FileRef) -> None:
        """Refuse a wish about bytes that the project has not uploaded."""
        if not await self.owns(project, file.digest):
            raise AssayError(
                Code.BLOB_MISSING,
                f"The file {file.digest[:12]} has not been uploaded.",
                "Upload it first.",
                digest=file.digest,
            )

    async def keep(self, project: str, data: bytes) -> Digest:
        """Keep bytes that the service made for a project."""
        digest = await self.blobs.put_bytes(data)
        await self.catalogue.own_blob(project, digest, len(data))
        return digest


def deletion_key(request_id: str, method: str, name: str) -> RequestKey | None:
    """What makes a repeated wish to remove something end like the first one did."""
    if not request_id:
        return None
    return RequestKey(request_id, method, content_digest({"name": name}))
