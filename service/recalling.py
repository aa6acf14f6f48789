"""Results of shards out of the store: whole, or not at all."""

from collections.abc import Sequence

from analyzers.contract import Digest
from service.audit_run import Kept, kept_from_json
from service.store.blobs import Blobs
from service.store.queue import Queue


async def recalled(
    queue: Queue, blobs: Blobs, project: str, keys: Sequence[Digest]
) -> dict[Digest, Kept]:
    """What audits of the project committed under these keys, where all tensors are there."""
    found = await queue.steps(project, keys)
    kept = {key: kept_from_json(body) for key, body in found.items()}
    return {key: one for key, one in kept.items() if all(map(blobs.has, one.done.blobs.values()))}
